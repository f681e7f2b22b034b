"""`explain`: why somebody was answered as he was, by the reference on the page he was shown."""

import json
from pathlib import Path

import click

from scrapeguard.cli.evidence import DIRECTORY
from scrapeguard.evidence import finding
from scrapeguard.evidence import incidents as view
from scrapeguard.evidence.access import looking
from scrapeguard.exports import explanation
from scrapeguard.exports.words import printable


@click.command()
@click.argument("reference")
@click.argument("directory", default=DIRECTORY, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list, one object a record.")
def explain(reference: str, directory: Path, as_json: bool) -> None:
    """Explain the decision with this REFERENCE, from the evidence in DIRECTORY.

    The reference is on every refusal; a visitor may quote it with or without dashes, in capitals or not. The answer
    says what was seen, what each signal weighed, which limits were in force, what the smallest change is that would
    have changed the decision, what the visitor was told, and which other addresses are taken for the same actor.
    """
    told = []
    with looking(directory, "explain", reference=reference):
        for found in finding.find(directory, reference):
            placed = finding.placing(directory, found) if found.cause == "standing" else None
            incident = view.containing(directory, found) if found.odd else None
            told.append(explanation.explain(found, placed, finding.force(directory, found), incident))
    if as_json:
        click.echo(json.dumps([explanation.fields(one) for one in told], indent=2))
        return
    if len(told) > 1:
        click.echo(
            f"{len(told)} records have this reference: of several logs, or of guards that are not one another's."
        )
    for one in told:
        for sentence in explanation.sentences(one):
            click.echo(printable(sentence).replace("\n", "\\n"))
        click.echo("")
