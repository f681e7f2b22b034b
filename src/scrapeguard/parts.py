"""Everything a guard is made of, built from one configuration; the guard swaps it whole on reload."""

from dataclasses import dataclass, replace

from starlette.types import ASGIApp

from scrapeguard.config import Config
from scrapeguard.decoys import Decoys, traps
from scrapeguard.decoys import configured as decoys_of
from scrapeguard.decoys.page import DecoyPage
from scrapeguard.errors import ConfigError
from scrapeguard.evidence.capture import Capture, CaptureSettings
from scrapeguard.evidence.duty import Duty
from scrapeguard.evidence.keeper import KeeperSettings
from scrapeguard.evidence.log import EvidenceLog, EvidenceSettings
from scrapeguard.facts.crawlers import Crawlers, CrawlerSettings
from scrapeguard.facts.networks import Networks
from scrapeguard.facts.passes import ChallengeSettings, Passes
from scrapeguard.facts.reader import FactsReader, FactsSettings
from scrapeguard.facts.shared import shared_secret
from scrapeguard.model import Facts, Mode, Rung, Store, Verdict
from scrapeguard.notices import Notices, NoticeSettings
from scrapeguard.notices import configured as notices_of
from scrapeguard.policy import Lists, Policy
from scrapeguard.responses import Responses, ResponseSettings
from scrapeguard.responses.pit import TarpitSettings
from scrapeguard.sidecar import ProxySettings, ServerSettings
from scrapeguard.signals import DETECTORS, Panel
from scrapeguard.stores import StoreSettings, check, open_store


@dataclass(frozen=True, slots=True)
class GuardSettings:
    """[guard]"""

    mode: Mode = "enforce"


@dataclass(frozen=True, slots=True)
class ListSettings:
    """[lists]: addresses and networks ("192.0.2.7", "198.51.100.0/24", "2001:db8::/32")."""

    deny: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SelfTestSettings:
    """[selftest]"""

    every_minutes: int = 0  # 0 = only when `scrapeguard selftest` is run


@dataclass(frozen=True, slots=True)
class Parts:
    """One configuration at work."""

    config: Config
    mode: Mode
    reader: FactsReader
    store: Store
    panel: Panel
    policy: Policy
    lists: Lists
    notices: Notices
    responses: Responses
    evidence: EvidenceLog
    keeper: KeeperSettings
    crawlers: Crawlers
    passes: Passes
    selftest: SelfTestSettings
    capture: Capture | None  # None = off
    decoys: Decoys | None

    def answer(self, verdict: Verdict, facts: Facts, *, hold: bool) -> ASGIApp | None:
        """What is answered instead of the site, if anything; `hold` as in Responses."""
        if verdict.rung is not Rung.ALLOW:
            return self.responses.answer(verdict, facts, hold=hold)
        if self.decoys is not None and self.decoys.holds(facts.path) and not facts.websocket:
            return DecoyPage(self.decoys, facts.path)
        return None


def build(config: Config) -> Parts:
    """The parts for a configuration, at work. Raises ConfigError."""
    return _activate(examine(config))


def rebuild(config: Config, old: Parts) -> Parts:
    """New parts that keep the counts, standings and evidence of the old; a ConfigError changes nothing."""
    return _activate(_assemble(config, old))


def examine(config: Config) -> Parts:
    """The parts for a configuration, not yet at work: nothing is connected, nothing written. Raises ConfigError."""
    return _assemble(config, None)


def keep(parts: Parts) -> Duty | None:
    """Begin to keep the evidence, if this configuration has any and lets its workers do so."""
    directory = parts.evidence.directory
    if directory is None or not parts.keeper.run:
        return None
    evidence = parts.evidence
    return Duty(directory, parts.keeper, parts.config.folder, evidence.retention_days)


def _activate(parts: Parts) -> Parts:
    directory = parts.evidence.directory
    if directory is not None and parts.passes.made:
        parts.passes.adopt(shared_secret(directory) or parts.passes.made)

    def tell() -> None:
        parts.evidence.activate(parts.mode, parts.config, parts.notices.published())

    tell()
    parts.notices.on_change(tell)
    return parts


def _responses(config: Config, telling: NoticeSettings, passes: Passes, policy: Policy) -> Responses:
    holding, answering = config.section("tarpit", TarpitSettings), config.section("responses", ResponseSettings)
    contact, terms = telling.contact, telling.terms_url
    return Responses(answering, contact, terms, holding=holding, passes=passes, begins=policy.challenge)


def _assemble(config: Config, old: Parts | None) -> Parts:
    guard = config.section("guard", GuardSettings)
    listed = config.section("lists", ListSettings)
    policy = config.section("policy", Policy)
    panel = Panel({name: config.section(f"signals.{name}", detector) for name, detector in DETECTORS.items()})
    reading = config.section("facts", FactsSettings)
    decoys = decoys_of(config)
    reading = replace(reading, traps=traps(config))
    notices = notices_of(config, reading.traps)
    knowing = config.section("crawlers", CrawlerSettings)
    crawlers = Crawlers(knowing, config.path, old.crawlers if old else None)
    passes = Passes(config.section("challenge", ChallengeSettings), old.passes.made if old else None)
    reader = FactsReader(reading, notices.forbidden, crawlers.identify, passes)
    responses = _responses(config, notices.settings, passes, policy)
    lists = Lists(Networks(listed.deny, "lists.deny"), Networks(listed.allow, "lists.allow"))
    storing, recording = config.section("store", StoreSettings), config.section("evidence", EvidenceSettings)
    keeper = config.section("keeper", KeeperSettings)
    config.section("server", ServerSettings)  # valid behind every door; our servers find them in the configuration
    config.section("proxy", ProxySettings)
    selftest = config.section("selftest", SelfTestSettings)
    capturing = config.section("capture", CaptureSettings)
    config.finish()
    check(panel.plan)
    check(panel.closer)

    if old is None:
        evidence = EvidenceLog(recording, config.path)
        store = open_store(storing, evidence.event)
    else:
        evidence, store = old.evidence, old.store
        for name, now in (("store", storing), ("evidence", recording), ("keeper", keeper)):
            if now != old.config.known()[name]:
                raise ConfigError(f"{config.source}: [{name}] has changed.", "That takes effect with a restart only.")
    capture = Capture(capturing) if capturing.exchanges and evidence.directory is not None else None
    judging = (reader, store, panel, policy, lists)
    return Parts(
        config, guard.mode, *judging, notices, responses, evidence, keeper, crawlers, passes, selftest, capture, decoys
    )
