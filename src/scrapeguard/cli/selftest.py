"""`selftest`: does each detector still see what it is there for, does a person pass, is a challenge solved?"""

import asyncio
import json
from pathlib import Path

import click

from scrapeguard import config
from scrapeguard import parts as building
from scrapeguard import selftest as testing


@click.command()
@click.argument("settings", required=False, metavar="[CONFIG]", type=click.Path(path_type=Path))
@click.option("--record", is_flag=True, help="Write the result into the evidence of CONFIG.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def selftest(settings: Path | None, record: bool, as_json: bool) -> None:
    """Fire each detector of CONFIG with made-up traffic, let a person's visit pass, and solve a challenge.

    Nothing reaches a site and no visitor is counted: it runs on a store of its own, under addresses that nobody has.
    A detector that stays silent, a person who is stopped, or a challenge that cannot be solved, or twice with one
    solution, is an alarm: exit code 1. `[selftest] every_minutes` does
    the same in a running guard.
    """
    loaded = config.load(settings)
    parts = building.build(loaded) if record else building.examine(loaded)
    results = asyncio.run(testing.run(parts, testing.now()))
    if record:
        parts.evidence.event("selftest.result", testing.told(results))
        parts.evidence.close()
    if as_json:
        rows = {one.name: {"state": one.state, "requests": one.requests, "said": one.said} for one in results}
        click.echo(json.dumps({"good": all(one.good for one in results), "results": rows}, indent=2))
    else:
        for one in results:
            click.secho(f"{one.state:8}", fg="green" if one.good else "red", nl=False)
            click.echo(f" {one.name:10} {one.said}{f' (after {one.requests:,})' if one.state == 'fired' else ''}")
    raise SystemExit(0 if all(one.good for one in results) else 1)
