"""`incidents`, `show`, `export` and `verify`: what the evidence says, packed for others, and checked."""

import json
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from scrapeguard.errors import InputError
from scrapeguard.evidence import incidents as view
from scrapeguard.evidence.incident import Incident
from scrapeguard.evidence.log import EvidenceSettings
from scrapeguard.evidence.verify import INVALID, UNANCHORED, Result, load_key
from scrapeguard.evidence.verify import verify as check
from scrapeguard.exports.bundle import export as pack
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
    console.print(f"{many(len(found), 'incident')} in {directory}" + (": `show ID` says more." if found else "."))


@click.command()
@click.argument("incident")
@directory_option
@idle_option
@json_option
def show(incident: str, directory: Path, idle: int | None, as_json: bool) -> None:
    """Show one INCIDENT, by its id or the beginning of it: what was taken, refused, and how the actor came back."""
    found = view.incident(directory, incident, idle or view.configured_idle(directory))
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
@directory_option
@idle_option
@json_option
def export(incident: str, out: Path | None, directory: Path, idle: int | None, as_json: bool) -> None:
    """Pack one INCIDENT into a zip that somebody else can check without you.

    It holds the actor's records byte for byte, the notices and settings in force, a signed manifest, a report to read
    and a README that says how to check it all with common tools. Other visitors appear as digests only.
    """
    minutes = idle or view.configured_idle(directory)
    found = view.incident(directory, incident, minutes)
    bundle = pack(directory, found, out or Path(f"incident-{found.found.id}.zip"), minutes)
    if as_json:
        fields = {"path": str(bundle.path), "sha256": bundle.digest, "size": bundle.size, "key": bundle.key}
        click.echo(json.dumps({"incident": found.found.id, **fields}))
        return
    click.echo(f"{bundle.path}  ({size(bundle.size)})")
    click.echo(f"SHA-256 of the zip    {bundle.digest}")
    click.echo(f"the signer's key      {bundle.key}")
    click.echo("Give both numbers to the other side by another road than the bundle: a letter, a contract, your site.")


@click.command()
@click.argument("bundle", type=click.Path())
@click.option("--key", metavar="KEY", help="The signer's public key: a PEM file, or its 64 hex digits.")
@json_option
def verify(bundle: str, key: str | None, as_json: bool) -> None:
    """Check a BUNDLE: nothing changed, dropped, added or re-ordered, and signed by the KEY you got by another road.

    \b
    Exit codes
      0  verified, with the key you gave
      1  invalid; the step, the file and the line are named
      2  not a bundle, or the key cannot be used
      3  consistent, but only by the key that came with the bundle: anybody could have made it
      4  consistent, and the log itself says that records are missing
    """
    try:
        given = None if key is None else load_key(Path(key).read_text("ascii") if Path(key).is_file() else key)
    except (ValueError, OSError) as error:
        raise InputError(f"--key cannot be used: {error}.", "Give a PEM file, or 64 hex digits.") from error
    result = check(bundle, given)
    if as_json:
        click.echo(json.dumps(_told(result)))
    else:
        _print(result)
    sys.exit(result.code)


def _console() -> Console:
    """As wide as the terminal; wide enough for everything when the output goes elsewhere."""
    return Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else 160)


def _row(each: Incident) -> tuple[str, ...]:
    return (
        each.found.id[:8],
        printable(each.found.actor.removeprefix("address:")),
        moment(each.first)[:16],
        each.imposed.label if each.placed else f"({each.intended.label})",  # in brackets: only observed
        number(each.requests),
        number(len(each.taken.objects)),
        size(each.taken.bytes),
        number(each.refused),
    )


def _facts(each: Incident) -> list[tuple[str, str]]:
    taken, after = each.taken, each.after
    facts = [
        ("incident", each.found.id),
        ("actor", each.found.actor),
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
    for placed in each.measures[:20]:
        back = "no request after it" if placed.back is None else f"next request {lasting(placed.back)} later"
        told = f"{placed.rung.label} for {placed.seconds} s ({placed.cause}), {back}, {placed.refused} more refused"
        facts.append((moment(placed.time), told))
    if each.placed:
        facts.append(
            ("came back", f"{number(each.returned)} requests after the first measure, {size(after.bytes)} taken")
        )
    else:
        facts.append(("measures", f"none; what was observed would have been: {each.intended.label}"))
    return facts


def _told(result: Result) -> dict[str, object]:
    return {
        "verdict": result.verdict,
        "code": result.code,
        "anchored": result.anchored,
        "key": result.key,
        "steps": [{"name": name, "looked": looked} for name, looked in result.steps],
        "failed": result.failed,
        "problem": result.problem,
        "file": result.file,
        "line": result.line,
        "gaps": result.gaps,
    }


def _print(result: Result) -> None:
    for place, (name, looked) in enumerate(result.steps, 1):
        click.echo(f"{place}. {name:<13} {printable(looked)}")
    if result.code == INVALID:
        where = f"{result.file}, line {result.line}" if result.line else result.file
        click.echo(
            f"{len(result.steps) + 1}. {result.failed:<13} FAILED {printable(where)}: {printable(result.problem)}"
        )
    elif result.problem:
        click.echo(printable(result.problem), err=True)
    click.secho(result.verdict, bold=True)
    if result.code == UNANCHORED:
        click.echo("Give --key with the signer's key, from another road than the bundle, to know who signed it.")
