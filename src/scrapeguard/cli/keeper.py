"""`keeper`, `fsck` and `keys`: keep the evidence log, check it from the disk, and look after its key."""

import json
import os
import signal
import threading
from pathlib import Path

import click

from scrapeguard import config as configuration
from scrapeguard.cli.progress import progress
from scrapeguard.errors import EvidenceError, InputError
from scrapeguard.evidence import fsck as checking
from scrapeguard.evidence import keys as keyring
from scrapeguard.evidence.duty import run
from scrapeguard.evidence.hour import now
from scrapeguard.evidence.keeper import Keeper, KeeperSettings, elect
from scrapeguard.evidence.log import EvidenceLog, EvidenceSettings
from scrapeguard.evidence.stamps import roots
from scrapeguard.exports.words import many, moment, number

config_option = click.option("--config", "-c", type=click.Path(path_type=Path), help="The configuration file.")
NUMBERS = ("logs", "leaves", "stamps", "writers", "pending", "opened", "sealed", "erased", "faults")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")


class Place:
    """Where a configuration keeps its evidence, and how."""

    def __init__(self, config: Path | None) -> None:
        loaded = configuration.load(config)
        self.base = loaded.folder
        self.keeper = loaded.section("keeper", KeeperSettings)
        self.log = EvidenceLog(loaded.section("evidence", EvidenceSettings), loaded.path)
        if self.log.directory is None:
            raise EvidenceError(f"{loaded.source}: [evidence] directory is empty.", "There is nothing to keep.")
        self.directory = self.log.directory


@click.command()
@config_option
@click.option("--once", is_flag=True, help="Commit to what is there, anchor it, and end.")
def keeper(config: Path | None, once: bool) -> None:
    """Keep the evidence alone: commit to the workers' records, sign, have it stamped.

    Workers elect one of themselves for this unless [keeper] run is false. Ends on SIGTERM or Ctrl-C, having
    committed to everything.
    """
    place = Place(config)
    lock = elect(place.directory)
    if lock is None:
        raise EvidenceError(f"{place.directory} has a keeper already.", "One is enough: stop it first, or leave it.")
    stop = threading.Event()
    if once:
        stop.set()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: stop.set())
    kept = Keeper(place.directory, place.keeper, place.log.event, now(), place.base, place.log.retention_days)
    try:
        run(kept, stop)
    finally:
        place.log.close()
        os.close(lock)
    committed = kept.sequencer.checkpoint
    click.echo(f"{committed.origin}: {many(committed.size, 'record')} committed to.")


@click.command()
@click.argument("directory", required=False, type=click.Path(path_type=Path))
@config_option
@click.option(
    "--tsa-root", type=click.Path(path_type=Path), multiple=True, help="PEM root to check time stamps against."
)
@json_option
def fsck(directory: Path | None, config: Path | None, tsa_root: tuple[Path, ...], as_json: bool) -> None:
    """Check an evidence DIRECTORY from the disk alone: every record, tile, root, signature and chain.

    Without DIRECTORY it is the one that the configuration names. Nothing is changed. Exit code 1 when anything is
    wrong, with each place.
    """
    place = Place(config)
    looked = directory or place.directory
    if not any((looked / folder).is_dir() for folder in ("records", "log")):
        raise InputError(f"{looked} holds no evidence.", "Name the directory that [evidence] in the config names.")
    stamps = roots(tsa_root) if tsa_root else roots([place.base / path for path in place.keeper.authority_roots])
    with progress("checking", quiet=as_json) as told_of:
        found = checking.check(looked, stamps, told_of)
    if as_json:
        told = {name: getattr(found, name) for name in NUMBERS}
        click.echo(json.dumps({"directory": str(looked), "sound": not found.faults, **told}))
    else:
        for fault in found.faults:
            click.echo(fault, err=True)
        click.echo(
            f"{looked}: {many(found.leaves, 'record')} of {many(found.writers, 'writer')} in "
            f"{many(found.logs, 'log')}, {many(found.stamps, 'time stamp')} checked, "
            f"{many(found.pending, 'record')} not committed to yet; openings: {number(found.opened)} checked, "
            f"{number(found.sealed)} sealed for good, {number(found.erased)} erased: "
            + (f"{many(len(found.faults), 'fault')}." if found.faults else "sound.")
        )
    if found.faults:
        raise SystemExit(1)


@click.group()
def keys() -> None:
    """The key that signs the evidence log: make it, show it, put a new one in its place."""


@keys.command()
@config_option
@json_option
def init(config: Path | None, as_json: bool) -> None:
    """Make the log's key, if there is none, and print the public one.

    Publish what it prints (in the terms, in DNS, with a lawyer) before there is a dispute: a bundle proves most to
    somebody who has had the key all along.
    """
    place = Place(config)
    keyring.ensure(place.directory, place.keeper.name(), now())
    _tell(place, as_json)


@keys.command()
@config_option
@json_option
def show(config: Path | None, as_json: bool) -> None:
    """Print the public key, as C2SP tools read it, and the keys before it."""
    place = Place(config)
    keyring.load(place.directory, place.keeper.name())
    _tell(place, as_json)


@keys.command()
@config_option
@json_option
def rotate(config: Path | None, as_json: bool) -> None:
    """Put a new key in place of the log's. Both sign the change, and both sign the log for [keeper] overlap_days."""
    place = Place(config)
    change = keyring.rotate(place.directory, place.keeper.name(), now())
    place.log.event("key.rotated", {"new": str(change.new), "old": str(change.old)})
    place.log.close()
    _tell(place, as_json)


def _tell(place: Place, as_json: bool) -> None:
    changes = list(keyring.history(place.directory))
    if as_json:
        told = [{"from": moment(change.time), "vkey": str(change.new)} for change in changes]
        click.echo(json.dumps({"name": place.keeper.name(), "keys": told}))
        return
    click.echo(str(changes[-1].new))
    for change in reversed(changes[:-1]):
        click.echo(f"  before: {change.new} (from {moment(change.time)})", err=True)
