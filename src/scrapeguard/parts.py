"""Everything a guard is made of, built from one configuration; the guard swaps it whole on reload."""

from dataclasses import dataclass

from scrapeguard.config import Config
from scrapeguard.evidence.log import Evidence, EvidenceLog
from scrapeguard.facts.networks import Networks
from scrapeguard.facts.reader import FactsReader, FactsSettings
from scrapeguard.model import Mode, Store
from scrapeguard.notices import Notices, NoticeSettings
from scrapeguard.policy import Lists, Policy
from scrapeguard.responses import Responses, ResponseSettings
from scrapeguard.signals import DETECTORS, Panel
from scrapeguard.stores import StoreSettings, open_store


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


def build(config: Config) -> Parts:
    """The parts for a configuration, opened and ready. Raises ConfigError."""
    return _assemble(config, None)


def rebuild(config: Config, old: Parts) -> Parts:
    """New parts that keep the counts, standings and evidence of the old. Raises ConfigError and changes nothing then."""
    return _assemble(config, old)
