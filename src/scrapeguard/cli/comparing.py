"""`replay --compare`: two configurations beside each other, for people and for programs."""

import json

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from scrapeguard.doors.compare import Comparison, Difference, Side, summary
from scrapeguard.exports.words import many, printable


def show(told: Comparison, top: int, as_json: bool) -> None:
    """Print a comparison."""
    if as_json:
        click.echo(json.dumps(summary(told), indent=2))
        return
    console = Console()
    if told.differences[:top]:
        console.print(_table(told.differences[:top]))
    if len(told.differences) > top:
        console.print(f"… and {len(told.differences) - top:,} more; --top {len(told.differences)} lists them all.")
    for side in (told.before, told.after):
        console.print(Text(printable(_sentence(side))))
    changed = many(len(told.differences), "client")
    console.print(
        f"Of {told.clients:,} clients, {changed} would fare differently: "
        f"{told.harsher:,} more harshly, {told.milder:,} more mildly."
    )
    console.print(
        "Marks of a person: fetches the assets of its pages, sends referers, pauses irregularly. An estimate."
    )


def _sentence(side: Side) -> str:
    said = f"{side.config}: {many(side.stopped, 'client')} stopped, {many(side.refused, 'request')} refused; "
    if not side.people:
        return said + "none of those stopped has all the marks of a person."
    names = ", ".join(side.people[:5]) + (", …" if len(side.people) > 5 else "")
    return said + f"{len(side.people):,} of those stopped ({side.share:.1%}) have all the marks of a person: {names}."


def _table(differences: tuple[Difference, ...]) -> Table:
    table = Table(title="Clients that would fare differently", title_justify="left", expand=True)
    for heading in ("before", "after", "client"):
        table.add_column(heading, no_wrap=True)
    table.add_column("requests", justify="right", no_wrap=True)
    table.add_column("marks of a person", no_wrap=True)
    table.add_column("why, and who it says it is", ratio=1)
    for one in differences:
        track = one.track
        why = "; ".join(f"{name}: {reason}" for name, reason in track.reasons.items()) or "on a list"
        table.add_row(
            one.before.label,
            one.after.label,
            Text(printable(track.address)),
            f"{track.requests:,}",
            Text(", ".join(track.marks), style="yellow" if one.person else "dim"),
            Text(printable(f"{why[:300]}\n{(track.agent or 'no agent')[:120]}")),
        )
    return table
