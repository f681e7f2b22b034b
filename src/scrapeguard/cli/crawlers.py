"""`crawlers`: the robots we know, whether an address is really one of them, and newer lists of their addresses."""

import asyncio
import json
import time
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from scrapeguard import config
from scrapeguard.errors import InputError
from scrapeguard.facts import address as addresses
from scrapeguard.facts.agent import catalogue, classify
from scrapeguard.facts.crawlers import Crawlers, CrawlerSettings, open_resolver
from scrapeguard.facts.refresh import over_https, refresh
from scrapeguard.model import Client

config_option = click.option("--config", "settings", type=click.Path(path_type=Path), help="Your scrapeguard.toml.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
HOW = {
    "ranges": "the operator publishes this address",
    "dns": "forward-confirmed reverse DNS",
    "": "nothing that is known of it settles this",
}


@click.group()
def crawlers() -> None:
    """Known crawlers: who they are, how each is verified, and what they come for."""


def opened(settings: Path | None) -> Crawlers:
    """The crawlers as a configuration knows them, without DNS. Raises ConfigError."""
    loaded = config.load(settings)
    known = loaded.section("crawlers", CrawlerSettings)
    return Crawlers(CrawlerSettings(True, known.directory, known.stale_days), loaded.path)


@crawlers.command("list")
@config_option
@json_option
def list_(settings: Path | None, as_json: bool) -> None:
    """List the known crawlers, with how a claim to be one is checked, and how old that knowledge is."""
    known, now = opened(settings), _now()
    rows = []
    for crawler in catalogue().crawlers:
        if not crawler.operator:
            continue
        found = known.lists.get(crawler.ranges)
        rows.append(
            {
                "token": crawler.token,
                "operator": crawler.operator,
                "use": crawler.use,
                "purpose": crawler.purpose,
                "names": list(crawler.rdns),
                "list": crawler.ranges,
                "prefixes": len(found.prefixes) if found else 0,
                "days": (now - found.time) // 86_400_000_000 if found else None,
                "stale": known.stale(found.time, now) if found else None,
                "refutable": crawler.complete,
            }
        )
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("crawler", "operator", "use", "verified by", "a false claim"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(str(row["token"]), str(row["operator"]), str(row["use"]), _method(row), _refuted(row))
    Console(markup=False, highlight=False).print(table)


def _method(row: dict[str, object]) -> str:
    said = [f"{row['prefixes']:,} prefixes, {row['days']} days old"] if row["prefixes"] else []
    if row["stale"]:
        said[0] += ", stale"
    if row["list"] and not row["prefixes"]:
        said.append("a list that is not here; run crawlers update")
    names = row["names"]
    said += [f"names {', '.join(names)}"] if isinstance(names, list) and names else []
    return "; ".join(said) or "nothing"


def _refuted(row: dict[str, object]) -> str:
    if not row["refutable"]:
        return "stays unknown"
    by = (["DNS"] if row["names"] else []) + (["its list"] if row["prefixes"] and not row["stale"] else [])
    return f"is refuted by {' or '.join(by)}" if by else "stays unknown until the list is updated"


@crawlers.command()
@click.argument("address")
@click.argument("agent")
@click.option("--dns", is_flag=True, help="Ask DNS as well (the servers of the configuration, or this machine's).")
@config_option
@json_option
def check(address: str, agent: str, dns: bool, settings: Path | None, as_json: bool) -> None:
    """Is a request from ADDRESS by the user agent AGENT really from the crawler that AGENT names?

    \b
    scrapeguard crawlers check 66.249.64.5 "Mozilla/5.0 (compatible; Googlebot/2.1)"

    Exit code: 0 verified, 1 refuted, 3 unknown or no claim.
    """
    parsed = addresses.parse(address)
    if parsed is None:
        raise InputError(f"{address!r} is no address.", "Write it like 192.0.2.7 or 2001:db8::1.")
    client = Client(str(parsed), *addresses.keys(parsed), None, None, "peer")
    known, claimed = opened(settings), classify(agent)
    found = known.identify(claimed, client, _now())
    state, method = (found.state, found.method) if found else ("none", "")
    crawler = next((one for one in catalogue().crawlers if one.operator and one.token == claimed.token), None)
    if dns and found and crawler and crawler.rdns and state != "verified":
        servers = config.load(settings).section("crawlers", CrawlerSettings).dns_servers
        answer = asyncio.run(open_resolver(servers).check(client.address, crawler.rdns))
        if answer == "verified" or (answer == "refuted" and crawler.complete):
            state, method = answer, "dns"
    if as_json:
        told = {"address": client.address, "state": state, "method": method}
        click.echo(json.dumps({**told, "token": claimed.token, "operator": claimed.operator}))
    elif found is None:
        click.echo(f"{claimed.name or agent!r} does not claim to be a crawler of a known operator.")
    else:
        click.echo(f"{client.address} as {found.token} of {found.operator}: {state}; {_how(state, method)}.")
    raise SystemExit({"verified": 0, "refuted": 1}.get(state, 3))


def _how(state: str, method: str) -> str:
    if state == "refuted":
        return (
            "its operator publishes other addresses" if method == "ranges" else "its names do not lead to the operator"
        )
    return HOW[method]


@crawlers.command()
@click.option("--accept", is_flag=True, help="Take lists that have grown or shrunk by more than half, too.")
@click.option("--directory", type=click.Path(path_type=Path), help="Instead of [crawlers] directory.")
@config_option
@json_option
def update(accept: bool, directory: Path | None, settings: Path | None, as_json: bool) -> None:
    """Fetch the lists of addresses that operators publish; a running guard takes them with its next reload (SIGHUP).

    Each list is checked before it takes the place of the one before: all of it must be public, no part wider than
    a /8 (IPv6: /16), and its size must not have changed by more than half. Run it daily; a list that was fetched within
    the hour is not fetched again.
    """
    loaded = config.load(settings)
    known = loaded.section("crawlers", CrawlerSettings)
    folder = directory or loaded.path(known.directory)
    urls = [crawler.ranges for crawler in catalogue().crawlers if crawler.ranges]
    done = refresh(urls, opened(settings).lists, folder, datetime.now(UTC), over_https, accept)
    if as_json:
        rows = [{"url": one.url, "result": one.result, "prefixes": one.prefixes, "said": one.said} for one in done]
        click.echo(json.dumps(rows, indent=2))
    else:
        for one in done:
            click.echo(f"{one.result:8} {one.prefixes:>6,}  {one.url}{f'  {one.said}' if one.said else ''}")
    if any(one.result in ("refused", "failed") for one in done):
        raise SystemExit(1)


def _now() -> int:
    return time.time_ns() // 1000
