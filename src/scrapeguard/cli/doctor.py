"""`doctor`: is this machine, with this configuration, fit to guard a site and keep evidence."""

import asyncio
import ctypes
import importlib.util
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

import click

from scrapeguard import config as configuration
from scrapeguard import parts as building
from scrapeguard.config import Config
from scrapeguard.errors import ConfigError, ScrapeGuardError
from scrapeguard.evidence import overblock
from scrapeguard.evidence.keeper import KeeperSettings
from scrapeguard.evidence.log import EvidenceSettings
from scrapeguard.facts.reader import FactsSettings
from scrapeguard.parts import Parts
from scrapeguard.stores import StoreSettings, about

PACKAGES = (
    "starlette",
    "uvicorn",
    "ua-parser",
    "ua-parser-rs",
    "user-agents",
    "cryptography",
    "altcha",
    "redis",
    "zstandard",
)
ROOM = (100 << 20, 1 << 30)  # bytes free on the evidence disk below which it is a failure, and a warning
COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}
UNSYNCHRONISED = 5  # TIME_ERROR, see adjtimex(2)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: how it is, in a sentence, and what to do about it."""

    name: str
    state: Literal["ok", "warn", "fail"]
    said: str
    advice: str = ""


@click.command()
@click.option("--config", "file", type=click.Path(), help="The configuration to look at; the defaults without it.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def doctor(context: click.Context, file: str | None, as_json: bool) -> None:
    """Look at this machine and a configuration: versions, store, evidence disk, clock, robots.txt, proxies.

    Nothing is changed. Exit code 0: nothing failed; 1: something did.
    """
    findings = [*machine(os.environ), *configured(file)]
    failed = any(finding.state == "fail" for finding in findings)
    if as_json:
        click.echo(json.dumps({"ok": not failed, "checks": [asdict(finding) for finding in findings]}))
    else:
        for finding in findings:
            state = click.style(f"{finding.state:4}", fg=COLOURS[finding.state])
            click.echo(f"{state}  {finding.name:13}  {finding.said}")
            if finding.advice:
                click.echo(f"{'':21}{finding.advice}")
    context.exit(int(failed))


def machine(environment: Mapping[str, str]) -> Iterator[Finding]:
    """What does not depend on a configuration."""
    yield Finding("python", "ok", f"Python {platform.python_version()} on {platform.platform(terse=True)}")
    there = {name: version for name in PACKAGES if (version := installed(name))}
    yield Finding("packages", "ok", ", ".join(f"{name} {version}" for name, version in there.items()))
    if importlib.util.find_spec("ua_parser_rs"):
        yield Finding("agents", "ok", "ua-parser has its native accelerator.")
    else:
        advice = "Install it: pip install 'ua-parser[regex]'."
        yield Finding(
            "agents", "warn", "ua-parser has no accelerator; each new user agent costs a millisecond.", advice
        )
    yield clock()
    yield uvicorn(environment.get("FORWARDED_ALLOW_IPS", ""))


def configured(file: str | None) -> Iterator[Finding]:
    """What a configuration asks for, and whether it is there."""
    try:
        config = configuration.load(file)
        parts = building.examine(config)
    except ConfigError as error:
        yield Finding("configuration", "fail", error.message, error.hint)
        return
    yield Finding("configuration", "ok", f"{config.source} is valid, digest {config.digest[:12]}.")
    known = config.known()
    storing, recording, reading = known["store"], known["evidence"], known["facts"]
    assert isinstance(storing, StoreSettings)
    assert isinstance(recording, EvidenceSettings)
    assert isinstance(reading, FactsSettings)
    yield asyncio.run(store(storing))
    yield evidence(recording, config)
    yield from people(recording, config)
    yield notices(parts)
    yield proxies(reading)
    yield challenge(parts)


def installed(package: str) -> str:
    """The version of a package, "" when it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def clock() -> Finding:
    """Whether the kernel believes that its clock is kept right by somebody."""
    if sys.platform != "linux":
        return Finding(
            "clock", "warn", "Whether the clock is synchronised cannot be told here.", "Look at it yourself."
        )
    state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(1024))  # modes = 0: it only reads
    if state < 0:
        return Finding("clock", "warn", "The kernel does not tell whether the clock is synchronised.", "Look yourself.")
    if state == UNSYNCHRONISED:
        advice = "Run chrony or systemd-timesyncd: the other side will ask how the times of the records were kept."
        return Finding("clock", "warn", "The kernel says that its clock is not synchronised.", advice)
    return Finding("clock", "ok", "The kernel says that its clock is synchronised.")


def uvicorn(trusted: str) -> Finding:
    """uvicorn's own trust in forwarding headers, which comes before ours and knows nothing of facts.trusted_proxies."""
    if "*" in trusted:
        said = "FORWARDED_ALLOW_IPS is *: uvicorn lets any visitor choose an address through X-Forwarded-For."
        return Finding("uvicorn", "fail", said, "Unset it, and start uvicorn with --no-proxy-headers.")
    said = "uvicorn rewrites the peer's address from X-Forwarded-For of 127.0.0.1 unless told not to."
    return Finding(
        "uvicorn", "ok", said, "Start it with --no-proxy-headers and name your proxies in facts.trusted_proxies."
    )


async def store(settings: StoreSettings) -> Finding:
    """Whether the store answers, and what it is."""
    try:
        return Finding("store", "ok", await about(settings))
    except ScrapeGuardError as error:
        return Finding("store", "fail", error.message, error.hint)


def evidence(settings: EvidenceSettings, config: Config) -> Finding:
    """Whether records can be written where they should be, and for how long."""
    if not settings.directory:
        return Finding("evidence", "warn", "No evidence is kept.", "Set evidence.directory to keep some.")
    directory = config.path(settings.directory)
    place = next(folder for folder in (directory, *directory.absolute().parents) if folder.exists())
    if not writable(place):
        return Finding(
            "evidence", "fail", f"{place} cannot be written.", "Give its owner and mode to the server's user."
        )
    free = shutil.disk_usage(place).free
    said = f"{directory} can be written; {free / (1 << 30):.1f} GiB are free."
    if free < ROOM[1]:
        return Finding(
            "evidence", "fail" if free < ROOM[0] else "warn", said, "Make room: a million records take about 1 GB."
        )
    return Finding("evidence", "ok", said)


def people(settings: EvidenceSettings, config: Config) -> Iterator[Finding]:
    """Whether those who were measured in the last hour behave like people, as far as there is evidence."""
    keeping = config.known()["keeper"]
    assert isinstance(keeping, KeeperSettings)
    try:
        found = overblock.look(config.path(settings.directory), time.time_ns() // 1000) if settings.directory else None
    except OSError:
        found = None  # the finding about the evidence says so
    if found is not None and found.alarming(keeping.people_least, keeping.people_percent):
        advice = f"Limits may be too tight, or many people share an address: {', '.join(found.detectors)} spoke."
        yield Finding("people", "warn", f"{found.sentence()}.", advice)
    elif found is not None and found.measured:
        yield Finding("people", "ok", f"{found.sentence()}.")


def writable(folder: Path) -> bool:
    """Whether a file can be made in a folder; it is gone at once."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def notices(parts: Parts) -> Finding:
    """What we publish about what robots may do."""
    published = parts.notices.offered()
    if not published:
        return Finding(
            "notices", "warn", "No notice is published by us.", "See [notices]: robots tells robots the rules."
        )
    return Finding("notices", "ok", ", ".join(f"{name} ({len(data)} bytes)" for name, data in published.items()))


def challenge(parts: Parts) -> Finding:
    """Whether visitors are asked a challenge, and with whose secret its passes are signed."""
    settings = parts.passes.settings
    if not parts.policy.challenge:
        return Finding("challenge", "ok", "Nobody is asked a challenge (policy.challenge is 0).")
    said = f"It is asked from a score of {parts.policy.challenge} on; behind a proxy, route {settings.prefix} to us."
    if settings.secret:
        return Finding("challenge", "ok", said)
    if parts.evidence.directory is None:
        advice = "Set challenge.secret, unless there is one process: others would not believe its passes."
        return Finding("challenge", "warn", said, advice)
    advice = "Its secret is shared by the processes of this host; on several hosts, set challenge.secret."
    return Finding("challenge", "ok", said, advice)


def proxies(settings: FactsSettings) -> Finding:
    """Whose word about the visitor's address is taken."""
    if settings.trusted_proxies:
        return Finding(
            "proxies", "ok", f"{settings.forwarded_header} is believed from {', '.join(settings.trusted_proxies)}."
        )
    advice = "Behind a proxy, set facts.trusted_proxies: all visitors would be one address, that of the proxy."
    return Finding("proxies", "ok", "No proxy is trusted; the peer's address is the visitor's.", advice)
