"""`check`: is this configuration valid, where does it differ from the defaults, and what in it may surprise."""

import ipaddress
import json
from collections.abc import Iterator

import click
from rich.console import Console
from rich.table import Table

from scrapeguard import config as configuration
from scrapeguard import parts
from scrapeguard.config import Config, Difference
from scrapeguard.decoys import traps
from scrapeguard.errors import ConfigError
from scrapeguard.evidence.log import EvidenceSettings
from scrapeguard.evidence.settings import settings as evidence_settings
from scrapeguard.facts.crawlers import CrawlerSettings
from scrapeguard.facts.passes import ChallengeSettings
from scrapeguard.facts.reader import FactsSettings
from scrapeguard.notices import NoticeSettings
from scrapeguard.policy import Policy
from scrapeguard.stores import StoreSettings


@click.command()
@click.argument("file", required=False, type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def check(context: click.Context, file: str | None, as_json: bool) -> None:
    """Check the configuration FILE (the built-in defaults without one); nothing is connected or written.

    Says whether it is valid, which settings are not at their defaults, and what in it may surprise you.
    Exit code 0: valid; 2: not valid.
    """
    try:
        config = configuration.load(file)
        checked = parts.examine(config)
    except ConfigError as error:
        if not as_json:
            raise
        click.echo(json.dumps({"file": file, "valid": False, "error": error.message, "hint": error.hint}))
        context.exit(2)
    warnings = list(surprises(config, checked.mode))
    if as_json:
        click.echo(json.dumps(report(config, warnings)))
    else:
        tell(config, warnings)


def report(config: Config, warnings: list[str]) -> dict[str, object]:
    """What `--json` prints about a valid configuration."""
    differences = [
        {"section": it.section, "setting": it.setting, "value": shown(it, config), "default": it.default}
        for it in config.differences()
    ]
    return {
        "file": config.source,
        "valid": True,
        "digest": config.digest,
        "differences": differences,
        "warnings": warnings,
    }


def tell(config: Config, warnings: list[str]) -> None:
    """Print the same for people."""
    click.echo(f"{click.style('valid', fg='green')}: {config.source}")
    differences = config.differences()
    if differences:
        table = Table("setting", "value", "default", box=None, header_style="bold")
        for it in differences:
            table.add_row(f"{it.section}.{it.setting}", written(shown(it, config)), written(it.default))
        Console(markup=False, highlight=False).print(table)
    else:
        click.echo("Every setting is at its default.")
    for warning in warnings:
        click.echo(f"{click.style('note', fg='yellow')}: {warning}")


def shown(difference: Difference, config: Config) -> object:
    """The value of a setting; of a secret, or of a URL with a password, what the evidence may say about it."""
    if not isinstance(difference.value, str):
        return difference.value
    return json.loads(evidence_settings(config))[difference.section][difference.setting]


def written(value: object) -> str:
    """A value as one would write it in the file."""
    return json.dumps(value, ensure_ascii=False)


def surprises(config: Config, mode: str) -> Iterator[str]:
    """Sentences about what is allowed and may still not be what the operator wants."""
    known = config.known()
    facts, store, evidence, notices = known["facts"], known["store"], known["evidence"], known["notices"]
    assert isinstance(facts, FactsSettings)
    assert isinstance(store, StoreSettings)
    assert isinstance(evidence, EvidenceSettings)
    assert isinstance(notices, NoticeSettings)
    crawlers = known["crawlers"]
    assert isinstance(crawlers, CrawlerSettings)
    shared = not store.url.startswith("memory:")
    if mode != "enforce":
        yield f'guard.mode is "{mode}": nobody is stopped, and no record counts as a protection measure.'
    for name, settings in known.items():
        if name.startswith("signals.") and ("mode", "off") in configuration.values(settings):
            yield f'[{name}] is off, so what it looks for is not recorded either; mode = "observe" would keep it.'
    for entry in facts.trusted_proxies:
        if ipaddress.ip_network(entry, strict=False).prefixlen == 0:
            yield f"facts.trusted_proxies has {entry}: any visitor can then choose which address is counted."
    if not shared:
        yield "store.url is memory: several worker processes count each on its own; redis:// gives one count for all."
    if shared and facts.session_cookies and not facts.secret:
        yield "facts.secret is empty: each process digests sessions with a key of its own, so they are counted apart."
    if crawlers.verify and not crawlers.dns and not any(config.path(crawlers.directory).glob("*.json")):
        yield "crawlers.dns is off, and no newer list of addresses is there: no impostor is found out."
    if not evidence.directory:
        yield "evidence.directory is empty: nothing is kept, so nothing can be shown later."
    yield from unsigned(config, shared=shared)
    yield from untold(notices, traps(config))


def unsigned(config: Config, *, shared: bool) -> Iterator[str]:
    """Where several processes or hosts would not believe each other's passes, so that visitors are asked for ever."""
    known = config.known()
    policy, challenge, evidence = known["policy"], known["challenge"], known["evidence"]
    assert isinstance(policy, Policy)
    assert isinstance(challenge, ChallengeSettings)
    assert isinstance(evidence, EvidenceSettings)
    if not policy.challenge or challenge.secret:
        return
    if shared:
        yield "challenge.secret is empty: hosts that share the store would not believe each other's passes; set one."
    elif not evidence.directory:
        yield "challenge.secret is empty, and no folder to share one: several workers would ask again and again."


def untold(notices: NoticeSettings, traps: tuple[str, ...]) -> Iterator[str]:
    """What visitors are told, or not told, that the operator may not expect."""
    if traps and not notices.robots and notices.serve_robots:
        yield "There are traps or decoys, so our robots.txt, which forbids them, is told in place of the site's own."
    if not notices.contact:
        yield "notices.contact is empty: a person who is stopped by mistake is told nobody to ask."
    if not notices.terms_url:
        yield "notices.terms_url is empty: refusals cannot say which terms they rest on."
