"""User agents: how many known crawlers are told from people, and how many browsers are taken for robots.

    python -m benchmarks.detection.agents

The lists are reference data that is no part of this project: see DATA. "Told from people" is any kind but browser, app
and unknown; "taken for robots" is any kind but browser, app and reader. What is wrong is printed, to be looked at.
"""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from scrapeguard.facts.agent import classify

DATA = Path(os.environ.get("SCRAPEGUARD_DATA") or Path(__file__).parents[3] / "shared" / "data") / "ua"
PERSONAL, BROWSING = ("browser", "app", "unknown"), ("browser", "app", "reader")


def listed(name: str) -> Iterator[tuple[str, str]]:
    """(section, agent) of a YAML file of lists of strings."""
    section = ""
    for line in (DATA / name).read_text("utf-8").splitlines():
        if not line.startswith(" "):
            section = line.rstrip(":")
        elif line.strip().startswith("- "):
            text = line.strip()[2:]
            yield section, json.loads(text) if text.startswith('"') else text.strip("'")


def crawler_user_agents() -> list[str]:
    entries = json.loads((DATA / "crawler-user-agents.json").read_text("utf-8"))
    return [raw for entry in entries for raw in entry["instances"]]


CRAWLERS: dict[str, Callable[[], list[str]]] = {
    "crawler-user-agents": crawler_user_agents,
    "isbot, crawlers": lambda: [raw for _, raw in listed("isbot-crawlers.yml")],
    "ai.robots.txt": lambda: list(json.loads((DATA / "ai-robots-txt.json").read_text("utf-8"))),
}
BROWSERS: dict[str, Callable[[], list[str]]] = {
    "user-agents and top-user-agents": lambda: (DATA / "browsers-npm-user-agents.txt").read_text("utf-8").splitlines(),
    "isbot, browsers and apps": lambda: [raw for _, raw in listed("isbot-browsers.yml")],
}


@click.command()
@click.option("--show", is_flag=True, help="print every agent that is not taken for what its list says")
def main(show: bool) -> None:
    """Print the table."""
    click.echo("| list | agents | right | share |\n|---|---|---|---|")
    wrong: list[str] = []
    for kinds, lists, right in (
        ("crawlers", CRAWLERS, lambda kind: kind not in PERSONAL),
        ("browsers", BROWSERS, lambda kind: kind in BROWSING),
    ):
        for name, read in lists.items():
            agents = read()
            mistaken = [raw for raw in agents if not right(classify(raw).kind)]
            share = 100 * (len(agents) - len(mistaken)) / len(agents)
            click.echo(f"| {kinds}: {name} | {len(agents)} | {len(agents) - len(mistaken)} | {share:.2f} % |")
            wrong += [f"{kinds}: {classify(raw).kind}: {raw}" for raw in mistaken]
    if show:
        click.echo("\n" + "\n".join(wrong))


if __name__ == "__main__":
    main()
