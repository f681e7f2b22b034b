"""Those who copy: a robot that asks first and obeys, and three that do not."""

import asyncio

from scrapeguard.demo.browser import LINKS, chromium
from scrapeguard.demo.people import WINDOWS, Role
from scrapeguard.demo.site import ITEMS
from scrapeguard.demo.visitor import Visitor
from scrapeguard.notices.robots import parse
from scrapeguard.notices.rules import encoded

REQUESTS = {
    "User-Agent": "python-requests/2.34.2",
    "Accept-Encoding": "gzip, deflate",
    "Accept": "*/*",
    "Connection": "keep-alive",
}
PATIENCE = 5  # so many refusals in a row, and a scraper gives up


async def polite(visitor: Visitor) -> None:
    """Asks robots.txt, takes a few pages it may take, with pauses."""
    agent = "MineralMapBot/1.2 (+http://mineralmap.example/bot)"
    headers = {"User-Agent": agent, "Accept": "text/html", "Accept-Encoding": "gzip", "Connection": "keep-alive"}
    rules = parse((await visitor.get("/robots.txt", headers)).body).group("MineralMapBot")
    for path in ("/", "/catalogue?page=1", "/item/7", "/trap/prices", "/item/15", "/catalogue?page=2", "/item/31"):
        rule = rules.rule(encoded(path.encode()))
        if rule is None or rule.allow:
            await asyncio.sleep(1.1)
            await visitor.get(path, headers)


async def naive(visitor: Visitor) -> None:
    """Follows every link it finds, seen by people or not, as fast as it can."""
    queue, known, refused = ["/"], {"/"}, 0
    while queue and refused < PATIENCE:
        answer = await visitor.get(queue.pop(0), REQUESTS)
        refused = refused + 1 if answer.refused else 0
        found = [] if answer.refused else [link for link in LINKS.findall(answer.text) if link not in known]
        known.update(found)
        queue.extend(found)
        await asyncio.sleep(0.02)


async def walker(visitor: Visitor) -> None:
    """Calls itself Chrome and counts: item 1, item 2, item 3 …"""
    headers = REQUESTS | {"User-Agent": chromium(WINDOWS).headers["User-Agent"]}
    refused = 0
    for number in range(1, ITEMS + 1):
        answer = await visitor.get(f"/item/{number}", headers)
        refused = refused + 1 if answer.refused else 0
        if refused == PATIENCE:
            return
        await asyncio.sleep(0.05 + number % 7 * 0.01)


async def mover(visitor: Visitor) -> None:
    """Sends all that Chrome sends and takes the API's records; stopped, it insists, then comes back from elsewhere.

    It asks for robots.txt first, as copying programs do that look for a sitemap: so it is on record that it was told.
    The version that it names is one that people's browsers have long been updated from.
    """
    engine, elsewhere = chromium(WINDOWS, 149), ["127.9.2.77", "127.9.3.78"]
    await visitor.get("/robots.txt", engine.request("fetch", ""))
    number, refused = 1, 0
    while number <= ITEMS:
        answer = await visitor.get(f"/api/items/{number}", engine.request("fetch", "/catalogue"))
        if not answer.refused:
            number, refused = number + 1, 0
        elif refused < PATIENCE:
            refused += 1
        elif elsewhere:
            visitor.move(elsewhere.pop(0))
            refused = 0
        else:
            return
        await asyncio.sleep(0.03 + number % 5 * 0.01)


SCRAPERS = (
    Role("MineralMapBot", "robot", "asks robots.txt and obeys it", "127.7.80.6", polite),
    Role("naive", "scraper", "follows every link with python-requests", "127.8.90.11", naive),
    Role("walker", "scraper", "walks the ids and calls itself Chrome", "127.8.91.12", walker),
    Role("mover", "scraper", "sends what Chrome sends, and changes its address when stopped", "127.9.1.76", mover),
)
