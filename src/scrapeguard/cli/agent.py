"""`agent`: what a user agent is: its kind, its name, who runs it, and the token it looks up in robots.txt."""

import json
import sys

import click
from rich.console import Console
from rich.table import Table

from scrapeguard.facts.agent import catalogue, classify
from scrapeguard.facts.catalogue import Crawler
from scrapeguard.model import Agent


@click.command()
@click.argument("agents", nargs=-1, metavar="[AGENT]...")
@click.option("--batch", is_flag=True, help="Read one agent a line from standard input and print JSON lines.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list.")
def agent(agents: tuple[str, ...], batch: bool, as_json: bool) -> None:
    """Say what each AGENT (the value of a User-Agent header) is.

    The kind is one of browser, app, reader, preview, monitor, library, crawler, headless, unknown. A name proves
    nothing: anybody can send it. For a robot that is known, the answer says how its claim can be checked.

    \b
    scrapeguard agent "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
    cut -d'"' -f6 access.log | sort -u | scrapeguard agent --batch
    """
    if batch == bool(agents):
        raise click.UsageError("Name agents, or feed them to --batch, one a line.")
    if batch:
        for line in sys.stdin.buffer:
            click.echo(json.dumps(answer(line.decode("utf-8", "replace").rstrip("\r\n"))))
    elif as_json:
        click.echo(json.dumps([answer(raw) for raw in agents]))
    else:
        for raw in agents:
            tell(classify(raw))


def answer(raw: str) -> dict[str, object]:
    """What `--json` and `--batch` print about one agent; `agent` is as given."""
    found = classify(raw)
    return {
        "agent": raw,
        "kind": found.kind,
        "name": found.name,
        "operator": found.operator,
        "version": found.version,
        "token": found.token,
    }


def known(found: Agent) -> Crawler | None:
    """The entry of the catalogue behind an agent."""
    matching = (crawler for crawler in catalogue().crawlers if crawler.token == found.token)
    return next(matching, None)


def tell(found: Agent) -> None:
    """Print one agent for people."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    crawler = known(found)
    rows = {
        "kind": found.kind,
        "name": found.name,
        "version": found.version,
        "system": found.system,
        "operator": found.operator,
        "purpose": crawler.purpose if crawler else "",
        "robots.txt token": found.token,
        "comes from": ", ".join(crawler.rdns) if crawler else "",
        "addresses": crawler.ranges if crawler else "",
    }
    for name, value in rows.items():
        if value not in (None, ""):
            table.add_row(name, str(value))
    Console(markup=False, highlight=False).print(table)
