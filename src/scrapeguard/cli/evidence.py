"""`incidents`, `show`, `export` and `verify`: what the evidence says, packed for others, and checked."""

import json
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from scrapeguard import config as configuration
from scrapeguard.cli.progress import progress
from scrapeguard.errors import InputError
from scrapeguard.evidence import incidents as view
from scrapeguard.evidence import verify as verifying
from scrapeguard.evidence.access import looking
from scrapeguard.evidence.incident import Incident
from scrapeguard.evidence.keeper import KeeperSettings
from scrapeguard.evidence.log import EvidenceSettings
from scrapeguard.evidence.who import Who
from scrapeguard.exports.bundle import Extras, price
from scrapeguard.exports.bundle import export as pack
from scrapeguard.exports.english import SAID
from scrapeguard.exports.keeping import Keeping
from scrapeguard.exports.loss import catalogue as counted
from scrapeguard.exports.timeline import name_of, percent, phrase
from scrapeguard.exports.words import lasting, many, moment, number, printable, size

DIRECTORY = EvidenceSettings().directory

directory_option = click.option(
    "--evidence",
    "-e",
    "directory",
    default=DIRECTORY,
    show_default=True,
    type=click.Path(path_type=Path),
    help="The evidence directory ([evidence] directory in the config).",
)
idle_option = click.option(
    "--idle",
    type=click.IntRange(1, 100_000),
    help="Minutes without anything odd that end an incident [default: idle_minutes of the config in force].",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")


@click.command()
@click.argument("directory", default=DIRECTORY, type=click.Path(path_type=Path))
@idle_option
@json_option
def incidents(directory: Path, idle: int | None, as_json: bool) -> None:
    """List the incidents in an evidence DIRECTORY.

    An incident is what one actor did, from an hour before the first odd request to the last. A request is odd when
    it met a measure or its signals asked for one. Nothing is stored: the list is read from the log each time, and an
    incident keeps its id while it grows.

    \b
      scrapeguard incidents
      scrapeguard show 4f1c          # the beginning of an id is enough
      scrapeguard export 4f1c --out case.zip
    """
    with looking(directory, "incidents"):
        found = view.incidents(directory, idle or view.configured_idle(directory))
    if as_json:
        click.echo(json.dumps([each.told() for each in found]))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("id", "actor", "first", "rung"):
        table.add_column(name, overflow="fold", no_wrap=name != "actor")
    for name in ("requests", "taken", "bytes", "refused"):
        table.add_column(name, justify="right", no_wrap=True)
    for each in found:
        table.add_row(*_row(each))
    console = _console()
    if found:
        console.print(table)
    where = "" if directory == Path(DIRECTORY) else f" -e {directory}"
    more = f": `scrapeguard show ID{where}` says more." if found else "."
    console.print(f"{many(len(found), 'incident')} in {directory}{more}")


@click.command()
@click.argument("incident")
@directory_option
@idle_option
@json_option
def show(incident: str, directory: Path, idle: int | None, as_json: bool) -> None:
    """Show one INCIDENT, by its id or the beginning of it: what was taken, refused, and how the actor came back."""
    with looking(directory, "show", incident=incident) as about:
        found = view.incident(directory, incident, idle or view.configured_idle(directory))
        about["incident"] = found.found.id
    if as_json:
        click.echo(json.dumps(found.told()))
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in _facts(found):
        table.add_row(name, printable(value))
    _console().print(table)


@click.command()
@click.argument("incident")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="The zip to write [incident-ID.zip].")
@click.option("--config", "-c", type=click.Path(path_type=Path), help="The configuration, for [keeper].")
@click.option("--licence-price", metavar="PRICE", help="What a licence for one object costs, such as '0.05 EUR'.")
@click.option("--catalogue", metavar="N|SITEMAP", help="How many objects the site publishes, or a sitemap to count.")
@click.option("--pdf", is_flag=True, help="Print the reports to PDF too (needs Chromium).")
@directory_option
@idle_option
@json_option
def export(
    incident: str,
    out: Path | None,
    config: Path | None,
    licence_price: str | None,
    catalogue: str | None,
    pdf: bool,
    directory: Path,
    idle: int | None,
    as_json: bool,
) -> None:
    """Pack one INCIDENT into a zip that somebody else can check without you.

    It holds the actor's records byte for byte with the tree they are in, the notices and settings in force, reports to
    read in English and Chinese, drafts of statements, and a README that says how to check it all with common tools.
    Other visitors appear as digests only. The export itself is recorded, and the log committed to and stamped before.
    """
    minutes = idle or view.configured_idle(directory)
    with looking(directory, "export", incident=incident) as about:
        found = view.named(directory, incident, minutes)
        about["incident"] = found.id
        loaded = configuration.load(config)
        keeping = Keeping(loaded.section("keeper", KeeperSettings), loaded.folder)
        extras = Extras(*price(licence_price), pdf, counted(catalogue))
        bundle = pack(directory, found, out or Path(f"incident-{found.id}.zip"), minutes, keeping, extras)
    if as_json:
        fields = {"path": str(bundle.path), "sha256": bundle.digest, "size": bundle.size, "key": bundle.key}
        click.echo(json.dumps({"incident": found.id, "stamps": bundle.stamps, **fields}))
        return
    click.echo(f"{bundle.path}  ({size(bundle.size)}, {many(bundle.stamps, 'time stamp')} on its seal)")
    click.echo(f"SHA-256 of the zip    {bundle.digest}")
    click.echo(f"the log's key         {bundle.key}")
    click.echo("Give both to the other side by another road than the bundle: a letter, a contract, your site.")


@click.command()
@click.argument("bundle", type=click.Path())
@click.option("--key", metavar="VKEY", multiple=True, help="The log's public key (or a file with it).")
@click.option("--tsa-root", metavar="PEM", multiple=True, help="The root of a time-stamp authority you trust.")
@click.option("--witness", metavar="VKEY", multiple=True, help="The public key of a witness you trust.")
@click.option(
    "--max-delay",
    type=click.IntRange(1),
    default=verifying.MAX_DELAY,
    show_default=True,
    help="Seconds from an event to the first time stamp over it.",
)
@json_option
def verify(
    bundle: str,
    key: tuple[str, ...],
    tsa_root: tuple[str, ...],
    witness: tuple[str, ...],
    max_delay: int,
    as_json: bool,
) -> None:
    """Check a BUNDLE (the zip, or the folder it was unpacked to) with what you got by another road than the bundle.

    The same as `python verify.py BUNDLE`, which runs alone.

    \b
    Verdicts and exit codes
      ANCHORED 0               all checks hold, by your key, and an authority you trust stamped it
      WITNESSED 0              and a witness you trust saw the log
      INVALID 1                a check fails: it is named, with the file and the line
      (none) 2                 this is no bundle, or what you brought cannot be used
      CONSISTENT-UNANCHORED 3  all checks hold, but not by what you brought along
      INCOMPLETE 4             all checks hold, and something is known to be missing
    """
    try:
        brought = verifying.trust(key, tsa_root, witness, max_delay)
    except (ValueError, OSError) as error:
        raise InputError(
            f"What you brought along cannot be used: {error}.", "A vkey looks like name+1a2b3c4d+AbCd…, a root is PEM."
        ) from error
    with progress("verifying", quiet=as_json) as told_of:
        result = verifying.verify(bundle, brought, told_of)
    if as_json:
        click.echo(json.dumps(result.told()))
    elif result.code == verifying.UNUSABLE:
        click.echo(printable(result.problem), err=True)
    else:
        for line in verifying.told(result):
            click.echo(printable(line))
    sys.exit(result.code)


def _console() -> Console:
    """As wide as the terminal; wide enough for everything when the output goes elsewhere."""
    return Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else 160)


def _row(each: Incident) -> tuple[str, ...]:
    return (
        each.found.id[:8],
        printable(each.found.actor.removeprefix("address:")) + (f" +{len(each.who) - 1}" if len(each.who) > 1 else ""),
        moment(each.first)[:16],
        each.imposed.label if each.placed else f"({each.intended.label})",  # in brackets: only observed
        number(each.requests),
        number(len(each.taken.objects)),
        size(each.taken.bytes),
        number(each.refused),
    )


def _whom(who: Who) -> str:
    """One address of several, with its ports and networks."""
    ports = "" if who.first_port is None else f", ports {who.first_port} to {who.last_port}"
    return f"{name_of(who.subject)}  {moment(who.first)} to {moment(who.last)}, {many(who.requests, 'request')}{ports}"


def _facts(each: Incident) -> list[tuple[str, str]]:
    taken, after = each.taken, each.after
    facts = [
        ("incident", each.found.id),
        ("actor", "\n".join(map(_whom, list(each.who.values())[:20]))),
        ("when", f"{moment(each.first)} to {moment(each.last)} ({lasting(each.last - each.first)})"),
        ("mode", ", ".join(each.most("modes"))),
        ("hosts", ", ".join(each.most("hosts"))),
        ("agents", "\n".join(f"{number(count)} × {agent or '(none)'}" for agent, count in each.most("agents").items())),
        ("requests", f"{number(each.requests)} for {number(len(each.objects))} different objects"),
        ("taken", f"{number(len(taken.objects))} different pages or data objects, {size(taken.bytes)}"),
        ("statuses", ", ".join(f"{number(count)} × {status}" for status, count in each.most("statuses").items())),
        ("robots.txt", f"asked for {many(each.robots_asked, 'time')}" if each.robots_asked else "never asked for"),
        ("forbidden", f"{number(each.forbidden)} served against robots.txt"),
        ("refused", number(each.refused)),
    ]
    facts += [(f"signal {name}", f"{number(one.count)} × {one.reason}") for name, one in each.detected.items()]
    for step in each.evasion.steps()[:40]:
        sure = "" if step.ppm is None else f" [inferred; wrong at most in {percent(step.ppm)}]"
        facts.append((moment(step.time), f"{name_of(step.subject)}  {phrase(step, each, SAID)}{sure}"))
    told = f"{number(each.returned)} requests after the first measure, {size(after.bytes)} taken"
    none = f"none; what was observed would have been: {each.intended.label}"
    facts.append(("came back", told) if each.placed else ("measures", none))
    return facts
