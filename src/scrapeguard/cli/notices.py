"""`notices`: what is published about what robots may do: begin it, look at it, find where it contradicts itself."""

import hashlib
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from scrapeguard import config as configuration
from scrapeguard.cli.notices_init import init
from scrapeguard.decoys import traps
from scrapeguard.errors import ConfigError, InputError
from scrapeguard.notices import Notices, configured
from scrapeguard.notices.lint import Contradiction, lint_robots, lint_tdm


@click.group()
def notices() -> None:
    """Publish what robots may do: robots.txt, TDM reservation, licence, terms, headers; from one policy."""


notices.add_command(init)


@notices.command()
@click.argument("files", nargs=-1, type=click.Path())
@click.option("--config", "settings", type=click.Path(), help="The configuration; its policy is what all are held to.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def lint(context: click.Context, files: tuple[str, ...], settings: str | None, as_json: bool) -> None:
    """Find contradictions in what a configuration publishes, or in FILES of the site: robots.txt, tdmrep.json.

    Such as: a robot may fetch what is reserved; a signal says yes where a Disallow says no; a single competitor is
    shut out; a group forgets what all are forbidden; words that no robot can read; an expired security.txt.
    Exit code 0: none; 1: some, each with its place and what to do.
    """
    found = list(contradictions(files, settings))
    if as_json:
        listed = [{"place": it.place, "text": it.text, "hint": it.hint} for it in found]
        click.echo(json.dumps({"contradictions": listed}))
    else:
        for it in found:
            click.echo(f"{click.style(it.place, bold=True)}: {it.text} {click.style(it.hint, fg='cyan')}")
        click.echo(f"{len(found)} contradictions." if found else click.style("No contradiction.", fg="green"))
    context.exit(1 if found else 0)


@notices.command()
@click.argument("name", required=False)
@click.option("--config", "settings", type=click.Path(), help="The configuration.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def show(name: str | None, settings: str | None, as_json: bool) -> None:
    """List what a configuration publishes, with the digest that the evidence names; or print the one called NAME."""
    told = read(settings)
    published, places = told.offered(), told.paths()
    if name is not None:
        if name not in published:
            raise InputError(f"There is no notice {name!r}.", configuration.meant(name, published))
        click.echo(published[name], nl=False)
        return
    rows = [
        {"name": it, "path": places.get(it), "bytes": len(body), "digest": hashlib.sha256(body).hexdigest()}
        for it, body in published.items()
    ]
    if as_json:
        click.echo(json.dumps({"notices": rows}))
        return
    table = Table("notice", "served at", "bytes", "SHA-256", box=None, header_style="bold")
    for row in rows:
        table.add_row(str(row["name"]), str(row["path"] or "every answer"), str(row["bytes"]), str(row["digest"])[:16])
    Console(markup=False, highlight=False).print(table)


def read(settings: str | None) -> Notices:
    """The notices of a configuration. Raises ConfigError."""
    config = configuration.load(settings)
    return configured(config, traps(config))


def contradictions(files: tuple[str, ...], settings: str | None) -> Iterator[Contradiction]:
    """Those in the files; without files, those in what the configuration publishes. Raises InputError."""
    config = configuration.load(settings)
    try:
        told = configured(config, traps(config))
    except ConfigError as error:  # a robots.txt that is too long, or leads into a trap
        yield Contradiction(config.source, error.message, error.hint)
        return
    if not files:
        yield from told.lint(datetime.fromtimestamp(time.time(), UTC))
    for file in files:
        try:
            data = Path(file).read_bytes()
        except (OSError, ValueError) as error:
            raise InputError(f"{file!r} cannot be read.", "Name a robots.txt or a tdmrep.json.") from error
        if file.endswith(".json"):
            yield from lint_tdm(file, data)
        else:
            yield from lint_robots(file, data, told.settings, told.policy)
