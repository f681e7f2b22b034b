"""`scrapeguard demo`: a site, its visitors and its scrapers on this machine, and a bundle that verifies."""

import json
import time
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from scrapeguard.demo import proof, story
from scrapeguard.demo.authority import stamping
from scrapeguard.demo.proof import Proof
from scrapeguard.demo.story import Part
from scrapeguard.evidence.incident import Incident
from scrapeguard.evidence.incidents import incidents
from scrapeguard.exports.english import SAID
from scrapeguard.exports.timeline import name_of, percent, phrase
from scrapeguard.exports.words import clock

TOLD = ("notice", "stopped", "challenged", "moved")  # steps of evasion that the story tells; the report tells all


@click.command()
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("demo-output"),
    show_default=True,
    help="Where evidence, bundle and report go; an earlier demo there is replaced.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of the story.")
@click.option("--quiet", is_flag=True, help="Print the outcome only.")
@click.pass_context
def demo(context: click.Context, out: Path, as_json: bool, quiet: bool) -> None:
    """Guard a site, catch scrapers, hand over a bundle that verifies: in half a minute, on this machine alone.

    A catalogue is served on a loopback port behind the guard with its default limits. People, hundreds of passers-by,
    a feed reader, a monitor and a robot that asks robots.txt visit it, and three scrapers copy it, all over real HTTP,
    each from an address of its own in 127.0.0.0/8; one of the scrapers changes it. People pause shorter than people
    do, which makes them more suspicious, not less.

    Exit code 0: nobody welcome was refused, every scraper was, the bundle verified and its changed copy did not.
    1: something of that is not so.
    """
    began = time.monotonic()
    console = Console(stderr=as_json, quiet=as_json or quiet, highlight=False)
    folder = story.prepare(out)

    def tell(who: str, what: str) -> None:
        console.print(f"[dim]{time.monotonic() - began:5.1f} s[/]  [bold]{escape(who):14}[/]{escape(what)}")

    with stamping(folder) as authority:
        if authority is None:
            tell("", "openssl is missing or refuses: nobody time-stamps the evidence, so the bundle stays unanchored.")
        parts = story.play(folder / "evidence", tell, authority)
        found = incidents(folder / "evidence")
        chosen = max(found, key=lambda each: (each.refused, each.requests), default=None)
        proven = None if chosen is None else proof.prove(folder, chosen, authority)
    ok = all(part.as_it_should_be for part in parts) and proven is not None and proven.as_it_should_be
    summary = _summary(parts, found, proven, folder, ok, time.monotonic() - began)
    (folder / story.MARKER).write_text(json.dumps(summary, indent=2) + "\n", "utf-8")
    if as_json:
        click.echo(json.dumps(summary))
    else:
        _print(Console(highlight=False), parts, found, proven, folder, ok)
    context.exit(0 if ok else 1)


def _summary(
    parts: list[Part], found: list[Incident], proven: Proof | None, folder: Path, ok: bool, seconds: float
) -> dict[str, object]:
    return {
        "ok": ok,
        "seconds": round(seconds, 1),
        "directory": str(folder),
        "visitors": [part.told() for part in parts],
        "incidents": [incident.told() for incident in found],
        "proof": None if proven is None else proven.told(),
    }


def _print(
    console: Console, parts: list[Part], found: list[Incident], proven: Proof | None, folder: Path, ok: bool
) -> None:
    console.print()
    console.print(_visitors(parts))
    console.print(_incidents(found))
    for each in found:
        if len(each.found.subjects) > 1:
            _evasion(console, each)
    if proven is not None:
        _proof(console, proven)
    place = escape(str(folder))
    console.print(f"\nLook further: scrapeguard incidents {place}/evidence")
    console.print("[green]As it should be.[/]" if ok else "[red]Not as it should be: please report this bug.[/]")
    report = escape(str((folder / proof.REPORT).absolute()))
    console.print(f"The report, for reading: {report}", soft_wrap=True)


def _evasion(console: Console, incident: Incident) -> None:
    """That several addresses are one actor, how sure that is, and what it did when it was stopped."""
    surely = max((link.error.ppm for link in incident.found.links if link.holds), default=0)
    others = len(incident.found.subjects) - 1
    console.print(
        f"\n[bold]{escape(name_of(incident.found.actor))} and {others} more are one actor[/]: told, stopped, came back "
        f"elsewhere. Each link would join strangers in {percent(surely)} of cases at most."
    )
    for step in incident.evasion.steps():
        if step.kind in TOLD:
            said = escape(phrase(step, incident, SAID))
            console.print(f"  {clock(step.time)}  {escape(name_of(step.subject)):13} {said}")


def _proof(console: Console, proven: Proof) -> None:
    console.print(
        f"\n[bold]Incident {proven.incident} is handed over[/] in {escape(str(proven.bundle))}, and verified:"
    )
    for name, looked in proven.verified.steps:
        console.print(f"  {escape(name):13} {escape(looked)}")
    console.print(f"  [green]{proven.verified.verdict}[/] {escape(proven.verified.problem)}")
    root = "" if proven.root is None else f" --tsa-root {proven.root}"
    console.print(escape(f"  Again: scrapeguard verify {proven.bundle} --key '{proven.key}'{root}"), soft_wrap=True)
    console.print("[bold]One digit of a copy is changed[/], and the copy verified:")
    console.print(f"  [red]{proven.changed.verdict}[/] {escape(proven.changed.file)}: {escape(proven.changed.problem)}")


def _visitors(parts: list[Part]) -> Table:
    table = Table(title="Who came, and what became of them", title_justify="left", box=None, pad_edge=False)
    for heading in ("visitor", "what they do", "requests", "refused", "first at", ""):
        table.add_column(heading, justify="right" if heading in ("requests", "refused", "first at") else "left")
    for part in parts:
        table.add_row(
            part.name,
            part.doing,
            str(part.requests),
            str(part.refused),
            "" if part.first_refusal is None else str(part.first_refusal),
            "[green]right[/]" if part.as_it_should_be else "[red]WRONG[/]",
        )
    return table


def _incidents(found: list[Incident]) -> Table:
    """An incident a paragraph, so that the reasons can be read on a terminal of any width."""
    table = Table(title="Incidents, from the evidence alone", title_justify="left", box=None, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for each in found:
        figures = f"{each.requests} requests, {each.taken.requests} served, {each.refused} refused"
        reasons = "; ".join(detected.reason for detected in each.detected.values())
        table.add_row(each.found.id, f"[bold]{escape(each.found.actor)}[/]  {figures}\n{escape(reasons)}")
    return table
