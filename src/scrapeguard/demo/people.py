"""Those who are welcome: people with their browsers, a feed reader, a monitor. To stop one of them is a bug."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from scrapeguard.demo.browser import Browser, chromium, firefox, phone
from scrapeguard.demo.visitor import Visitor

LINUX, WINDOWS, MAC = "X11; Linux x86_64", "Windows NT 10.0; Win64; x64", "Macintosh; Intel Mac OS X 10_15_7"
OFFICE = "127.1.20.5"  # three people share it


@dataclass(frozen=True, slots=True)
class Role:
    """Somebody who comes to the site, and what they do there."""

    name: str
    kind: Literal["person", "machine", "robot", "scraper"]
    doing: str
    address: str
    play: Callable[[Visitor], Awaitable[None]]

    @property
    def welcome(self) -> bool:
        return self.kind != "scraper"


async def browse(visitor: Visitor) -> None:
    """Looks at things, goes back, looks at other things."""
    browser = Browser(visitor, chromium(WINDOWS))
    await browser.open("/")
    await browser.read()
    for page in (1, 4):
        found = await browser.open(f"/catalogue?page={page}")
        await browser.read(2)
        for link in (found[3], found[11], found[7], found[16]):
            await browser.open(link)
            await browser.read()
            browser.back()


async def tabs(visitor: Visitor) -> None:
    """Opens twelve tabs in a row, then reads them one by one."""
    browser = Browser(visitor, firefox(LINUX), start=3)
    found = await browser.open("/catalogue?page=9")
    await browser.read()
    for link in found[2:14]:
        await browser.tab(link)
    await browser.read(8)
    await browser.open("/catalogue?page=10")


async def page_through(visitor: Visitor) -> None:
    """Turns the pages of the catalogue on a phone and opens what catches the eye."""
    browser = Browser(visitor, phone(), start=5)
    await browser.open("/")
    for page in range(1, 9):
        found = await browser.open(f"/catalogue?page={page}")
        await browser.read()
        if page % 3 == 0:
            await browser.open(found[page])
            await browser.read(2)
            browser.back()


async def without_script(visitor: Visitor) -> None:
    """Reads with JavaScript switched off."""
    browser = Browser(visitor, firefox(WINDOWS), script=False, start=7)
    found = await browser.open("/catalogue?page=21")
    for link in (found[5], found[1], found[12], found[6], found[19], found[8]):
        await browser.read()
        await browser.open(link)
        browser.back()


async def hurry(visitor: Visitor) -> None:
    """Knows what they want and clicks through thirty minerals without reading much."""
    browser = Browser(visitor, chromium(MAC), start=1)
    for page in (12, 15, 28):
        found = await browser.open(f"/catalogue?page={page}")
        for number in (4, 17, 9, 2, 13, 6, 19, 11, 1, 15):
            await browser.open(found[number])
            await asyncio.sleep(0.12 + number % 5 * 0.07)
            browser.back()


async def compare(visitor: Visitor) -> None:
    """Compares two minerals, again and again."""
    browser = Browser(visitor, chromium(LINUX, 155), start=2)
    for _ in range(4):
        await browser.open("/item/40")
        await browser.read()
        await browser.open("/item/433")
        await browser.read()


async def read_feed(visitor: Visitor) -> None:
    """Polls the feed."""
    headers = {"User-Agent": "newsboat/2.21.0 (Linux x86_64)", "Accept": "*/*", "Accept-Encoding": "gzip, deflate"}
    for _ in range(6):
        await visitor.get("/feed.xml", headers)
        await asyncio.sleep(1.5)


async def monitor(visitor: Visitor) -> None:
    """Asks every second whether the site is up."""
    agent = "Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)"
    for _ in range(10):
        await visitor.get("/health", {"User-Agent": agent, "Accept": "*/*", "Connection": "keep-alive"})
        await asyncio.sleep(1)


PEOPLE = (
    Role("Ana", "person", "looks around, uses the back button", OFFICE, browse),
    Role("Ben", "person", "opens twelve tabs in a row", OFFICE, tabs),
    Role("Cleo", "person", "compares two minerals again and again", OFFICE, compare),
    Role("Dai", "person", "turns pages on a phone", "127.2.30.9", page_through),
    Role("Emil", "person", "reads with JavaScript switched off", "127.3.40.2", without_script),
    Role("Fay", "person", "is in a hurry", "127.4.50.7", hurry),
    Role("newsboat", "machine", "polls the feed", "127.5.60.3", read_feed),
    Role("UptimeRobot", "machine", "asks whether the site is up", "127.6.70.4", monitor),
)
