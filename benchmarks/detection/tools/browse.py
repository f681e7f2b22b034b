"""Chromium under remote control, as a scraper or as people; runs in the tools' own environment.

browse.py scrape playwright|selenium URL PAGES [--no-assets] [--hide]   headless; hidden, it says that it is Chrome
browse.py people NAME=URL …                                      one browser with a window, one profile a person
"""

import asyncio
import random
import sys
from collections.abc import Awaitable, Callable

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]


async def scrape_playwright(url: str, pages: int, assets: bool, hide: bool) -> None:
    from playwright.async_api import Error, async_playwright

    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        page = await browser.new_page(**(_hidden(browser.version.partition(".")[0]) if hide else {}))
        if not assets:
            await page.route("**/*", lambda route: route.continue_() if _document(route) else route.abort())
        for number in range(1, pages + 1):
            try:
                await page.goto(f"{url}/item/{number * 37 % 5000 + 1}", wait_until="load", timeout=8000)
            except Error:
                continue
        await browser.close()


def _hidden(version: str) -> dict[str, object]:
    """What a page sends that a headless browser would say otherwise."""
    agent = (
        f"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{version}.0.0.0 Safari/537.36"
    )
    brands = f'"Chromium";v="{version}", "Google Chrome";v="{version}", "Not_A Brand";v="99"'
    return {
        "user_agent": f"{agent} Safari/537.36",
        "extra_http_headers": {"sec-ch-ua": brands, "accept-language": "en-US,en;q=0.9"},
    }


def _document(route) -> bool:
    return route.request.resource_type == "document"


def scrape_selenium(url: str, pages: int, assets: bool) -> None:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in [*FLAGS, "--headless=new"]:
        options.add_argument(flag)
    driver = webdriver.Chrome(options, Service("/usr/bin/chromedriver"))
    if not assets:
        driver.execute_cdp_cmd("Network.enable", {})
        driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*.css", "*.js", "*.svg"]})
    for number in range(1, pages + 1):
        driver.get(f"{url}/item/{number * 37 % 5000 + 1}")
    driver.quit()


class Person:
    """Somebody with a profile of their own; pauses are theirs, too."""

    def __init__(self, context, page, url: str, name: str) -> None:
        self.context, self.page, self.url = context, page, url
        self.chance = random.Random(name)

    async def open(self, path: str) -> None:
        await self.page.goto(self.url + path)

    async def read(self, least: float = 1.0, most: float = 5.0) -> None:
        await asyncio.sleep(self.chance.uniform(least, most))

    async def click(self, kind: str) -> None:
        """Follow one of the visible links of a kind ("item" or "turn")."""
        links = self.page.locator(f"a.{kind}")
        await links.nth(self.chance.randrange(await links.count())).click()
        await self.page.wait_for_load_state()

    async def back(self) -> None:
        await self.page.go_back()


async def reader(me: Person) -> None:
    await me.open("/")
    for _ in range(3):
        await me.read()
        await me.click("turn")
        for _ in range(3):
            await me.read()
            await me.click("item")
            await me.read()
            await me.back()


async def tabs(me: Person) -> None:
    await me.open("/catalogue?page=9")
    links = await me.page.locator("a.item").evaluate_all("all => all.slice(0, 15).map(a => a.href)")
    for link in links:
        tab = await me.context.new_page()
        await tab.goto(link)
        await asyncio.sleep(0.2)
    await me.read(8, 12)
    await me.click("turn")


async def seeker(me: Person) -> None:
    await me.open("/")
    for word in ("spar", "alba", "jura", "12", "kestgem", "fenn"):
        await me.page.fill("input[name=q]", word)
        await me.page.press("input[name=q]", "Enter")
        await me.page.wait_for_load_state()
        await me.read()
        await me.click("item")
        await me.read()


async def fast(me: Person) -> None:
    """Sixty minerals with hardly a glance at each."""
    await me.open("/catalogue?page=30")
    for turn in range(60):
        await me.click("item")
        await me.read(0.3, 1.2)
        if turn % 2:
            await me.back()


async def pager(me: Person) -> None:
    """Turns twenty pages of results, one after the other."""
    for number in range(1, 21):
        await me.open(f"/catalogue?page={number}")
        await me.read(0.8, 4)


async def poll(me: Person) -> None:
    await me.open("/live")
    await asyncio.sleep(60)


PEOPLE: dict[str, tuple[Callable[[Person], Awaitable[None]], str, bool]] = {
    # what they do, on which device, with JavaScript
    "reader": (reader, "", True),
    "tabs": (tabs, "", True),
    "seeker": (seeker, "", True),
    "fast": (fast, "", True),
    "pager": (pager, "", True),
    "poll": (poll, "", True),
    "phone": (reader, "Pixel 7", True),
    "noscript": (reader, "", False),
    "private": (reader, "", True),
}


async def people(places: dict[str, str]) -> None:
    from playwright.async_api import async_playwright

    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=CHROMIUM, headless=False, args=FLAGS)

        async def one(name: str, url: str) -> None:
            act, device, script = PEOPLE[name.partition("-")[0]]
            options = {**(driver.devices[device] if device else {}), "java_script_enabled": script}
            context = await browser.new_context(**options)
            if name.startswith("private"):  # neither cookies nor referer
                await context.route("**/*", _private)
            me = Person(context, await context.new_page(), url, name)
            await act(me)
            await context.close()

        ends = await asyncio.gather(*[one(*place) for place in places.items()], return_exceptions=True)
        await browser.close()
    for name, end in zip(places, ends, strict=True):
        if isinstance(end, BaseException):
            print(f"{name}: {end}", file=sys.stderr)


async def _private(route) -> None:
    kept = {name: value for name, value in route.request.headers.items() if name not in ("cookie", "referer")}
    await route.continue_(headers=kept)


def main() -> None:
    what, *rest = sys.argv[1:]
    if what == "people":
        asyncio.run(people(dict(place.split("=", 1) for place in rest)))
        return
    library, url, pages, *options = rest
    assets = "--no-assets" not in options
    if library == "playwright":
        asyncio.run(scrape_playwright(url, int(pages), assets, "--hide" in sys.argv))
    else:
        scrape_selenium(url, int(pages), assets)


if __name__ == "__main__":
    main()
