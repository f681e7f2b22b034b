"""`notices init`: a few questions, and a robots.txt and the lines of a configuration from the answers."""

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from scrapeguard import config as configuration
from scrapeguard.errors import InputError
from scrapeguard.notices import Notices, Purposes, configured

STANCES = click.Choice(["allow", "refuse", "unstated"])
QUESTIONS = {
    "search": "Index the site for search engines",
    "ai_train": "Collect the data to train models, or to sell",
    "ai_input": "Fetch pages to answer an assistant's user",
    "archive": "Keep copies in public archives",
    "preview": "Show previews of links",
}
EXPIRES = timedelta(days=330)  # RFC 9116 recommends less than a year


@click.command()
@click.argument("directory", default=".", type=click.Path(file_okay=False))
@click.option("--url", help="The site's address, such as https://shop.example.")
@click.option("--owner", help="Who publishes the data.")
@click.option("--contact", help="Whom to ask for a licence, such as mailto:data@shop.example.")
@click.option("--terms", help="URL or path of the terms; /terms gets a page of ours, a draft for your lawyers.")
@click.option("--search", type=STANCES)
@click.option("--ai-train", type=STANCES)
@click.option("--ai-input", type=STANCES)
@click.option("--archive", type=STANCES)
@click.option("--preview", type=STANCES)
@click.option("--yes", is_flag=True, help="Ask nothing: take the options, and the defaults. Overwrites nothing.")
def init(
    directory: str, url: str | None, owner: str | None, contact: str | None, terms: str | None, yes: bool,
    **given: str | None,
) -> None:  # fmt: skip
    """Ask what robots may do, and write robots/robots.txt and the lines for scrapeguard.toml in DIRECTORY.

    A file that is there already is left alone unless you say otherwise; its robots.txt is used as it is. Run
    `scrapeguard notices lint` after you have changed one of them.
    """
    site = {"url": url, "owner": owner, "contact": contact, "terms": terms}
    if not yes:
        for name, question, usual in (
            ("url", "The site's address, such as https://shop.example", ""),
            ("owner", "Who publishes the data", ""),
            ("contact", "Whom to ask for a licence, such as mailto:data@shop.example", ""),
            ("terms", "Where the terms are (a URL or a path)", "/terms"),
        ):
            if site[name] is None:
                site[name] = click.prompt(question, default=usual, show_default=bool(usual))
    usual_stances = Purposes().stances()
    policy = {
        name: given[name] or (usual if yes else click.prompt(f"{QUESTIONS[name]}?", default=usual, type=STANCES))
        for name, usual in usual_stances.items()
    }
    tables = settings({name: value or "" for name, value in site.items()}, policy)
    folder = Path(directory)
    published = configured(configuration.load({"notices": tables}), ())  # refuses what cannot be published
    try:
        write(folder, tables, published, ask=not yes)
    except OSError as error:
        raise InputError(f"{directory}: cannot be written ({error.strerror}).", "Name another folder.") from error


def settings(site: dict[str, str], policy: dict[str, str]) -> dict[str, object]:
    """[notices] and [notices.policy]: everything is published that the answers are enough for."""
    https, terms = site["url"].startswith("https://"), site["terms"]
    reachable = site["contact"].startswith(("mailto:", "https://")) or "@" in site["contact"]
    possible = {
        "tdm": policy["ai_train"] != "unstated",
        "license": https,
        "terms": terms.startswith("/"),
        "security": reachable,
    }
    tables: dict[str, object] = {
        "url": site["url"].rstrip("/"),
        "owner": site["owner"],
        "contact": site["contact"],
        "terms_url": terms,
        "publish": [name for name, wanted in possible.items() if wanted],
        "headers": ["link", "tdm", "usage"],
    }
    if reachable:
        expires = datetime.fromtimestamp(time.time(), UTC) + EXPIRES
        tables["security_expires"] = f"{expires:%Y-%m-%d}T00:00:00Z"
    return {**tables, "policy": policy}


def write(folder: Path, tables: dict[str, object], published: Notices, *, ask: bool) -> None:
    """Write what is not there yet, and say what was done and what is left to do. Raises OSError."""
    robots, config = folder / "robots" / "robots.txt", folder / "scrapeguard.toml"
    robots.parent.mkdir(parents=True, exist_ok=True)
    if not robots.exists() or (ask and click.confirm(f"{robots} exists. Overwrite it?")):
        robots.write_bytes(published.offered()["robots.txt"])
        click.echo(f"{robots} is written.")
    else:
        click.echo(f"{robots} is left as it was, and used as it is.")
    lines = toml({"robots": "robots/robots.txt", **tables})
    old = config.read_text("utf-8") if config.exists() else ""
    if "[notices" in old or (old and not (ask and click.confirm(f"{config} exists. Append [notices] to it?"))):
        click.echo(f"{config} is left as it was; put these lines into it:\n\n{lines}")
    else:
        config.write_text(f"{old.rstrip()}\n\n{lines}" if old else lines, "utf-8")
        click.echo(f"[notices] and [notices.policy] are in {config}.")
    click.echo(f"Now: scrapeguard notices lint --config {config}")


def toml(tables: dict[str, object]) -> str:
    """The two sections; a JSON text or list is one in TOML too."""
    policy = tables["policy"]
    assert isinstance(policy, dict)
    own = {name: value for name, value in tables.items() if name != "policy" and value != ""}
    parts = [f"[{title}]\n{_lines(table)}" for title, table in (("notices", own), ("notices.policy", policy))]
    return "\n".join(parts)


def _lines(table: dict[str, object]) -> str:
    return "".join(f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in table.items())
