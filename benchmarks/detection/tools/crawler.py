"""One crawler with many libraries and styles; runs in the tools' own environment.

crawler.py LIBRARY STYLE URL REQUESTS [--agent TEXT] [--headers chrome] [--pause SECONDS] [--evade] [--agents]
"""

import argparse
import asyncio
import random
import re
import time
import urllib.request
from collections import deque

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0 Safari/537.36"
)
COPIED = {
    "sec-ch-ua": '"Chromium";v="150", "Google Chrome";v="150", "Not_A Brand";v="99"',
    "sec-ch-ua-mobile": "?0",
    "sec-ch-ua-platform": '"Windows"',
    "Upgrade-Insecure-Requests": "1",
    "User-Agent": CHROME.format(150),
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8",
    "Sec-Fetch-Site": "none",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-User": "?1",
    "Sec-Fetch-Dest": "document",
    "Accept-Encoding": "gzip, deflate",
    "Accept-Language": "en-US,en;q=0.9",
}
LINKS = re.compile(r'href="(/[^"]*)"')
GIVE_UP = 40  # refusals in a row


class Blocking:
    """requests, httpx and curl_cffi have one shape; urllib is put into it."""

    def __init__(self, library: str, headers: dict[str, str]) -> None:
        self.library, self.headers = library, headers
        self.renew()

    def renew(self) -> None:
        if self.library == "requests":
            import requests

            self.session = requests.Session()
        elif self.library == "httpx":
            import httpx

            self.session = httpx.Client(follow_redirects=True)
        elif self.library.startswith("curl_cffi"):
            from curl_cffi import requests

            self.session = requests.Session(impersonate=self.library.partition(":")[2])

    def get(self, url: str, headers: dict[str, str]) -> tuple[int, str]:
        headers = self.headers | headers
        if self.library == "urllib":
            try:
                with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=20) as answer:
                    return answer.status, answer.read().decode()
            except urllib.error.HTTPError as error:
                return error.code, ""
        answer = self.session.get(url, headers=headers, timeout=20)
        return answer.status_code, answer.text


def targets(style: str, count: int, seed: str) -> list[str]:
    ids = list(range(1, 5001))
    if style == "up":
        return [f"/item/{n}" for n in ids[:count]]
    if style == "down":
        return [f"/item/{n}" for n in ids[::-1][:count]]
    if style == "shuffled":
        random.Random(seed).shuffle(ids)
        return [f"/item/{n}" for n in ids[:count]]
    if style == "search":
        return [f"/search?q=a&page={n}" for n in range(1, min(count, 160))]
    if style == "api":
        return [f"/api/items?page={n}" for n in range(1, min(count, 250) + 1)]
    if style == "api-items":
        return [f"/api/items/{n}" for n in ids[:count]]
    raise SystemExit(f"no style {style!r}")


def breadth_first(crawler: Blocking, url: str, count: int, each) -> None:
    queue, seen = deque(["/"]), {"/"}
    while queue and count:
        count -= 1
        for link in LINKS.findall(each(queue.popleft())):
            link = link.replace("&amp;", "&")
            if link not in seen and not link.startswith("/static"):
                seen.add(link)
                queue.append(link)


async def burst(library: str, url: str, paths: list[str], headers: dict[str, str], width: int) -> None:
    """Many at a time, with aiohttp or httpx."""
    gate = asyncio.Semaphore(width)
    if library == "aiohttp":
        import aiohttp

        client = aiohttp.ClientSession(headers=headers)
    else:
        import httpx

        client = httpx.AsyncClient(headers=headers)

    async def one(path: str) -> None:
        async with gate:
            if library == "aiohttp":
                async with client.get(url + path) as answer:
                    await answer.read()
            else:
                await client.get(url + path)

    async with client:
        await asyncio.gather(*[one(path) for path in paths], return_exceptions=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("library", "style", "url"):
        parser.add_argument(name)
    parser.add_argument("count", type=int)
    parser.add_argument("--agent", default="")
    parser.add_argument("--headers", default="")
    parser.add_argument("--pause", type=float, default=0)
    parser.add_argument("--width", type=int, default=0)
    parser.add_argument("--evade", action="store_true", help="a new connection, so a new address, after a refusal")
    parser.add_argument("--agents", action="store_true", help="another agent with each request")
    parser.add_argument("--fresh", action="store_true", help="a new connection with each request")
    asked = parser.parse_args()
    headers = dict(COPIED) if asked.headers == "chrome" else {}
    if asked.agent:
        headers["User-Agent"] = asked.agent
    if asked.width:
        asyncio.run(burst(asked.library, asked.url, targets(asked.style, asked.count, asked.url), headers, asked.width))
        return

    crawler = Blocking(asked.library, headers)
    refused = 0
    chance = random.Random(5)

    def each(path: str) -> str:
        nonlocal refused
        if refused >= GIVE_UP:
            return ""
        extra = {"User-Agent": CHROME.format(chance.randrange(120, 157))} if asked.agents else {}
        status, text = crawler.get(asked.url + path, extra)
        refused = refused + 1 if status in (403, 429) else 0
        if (refused and asked.evade) or asked.fresh:
            crawler.renew()
        time.sleep(asked.pause and asked.pause * (0.5 + chance.random()))
        return text

    if asked.style == "bfs":
        breadth_first(crawler, asked.url, asked.count, each)
    elif asked.style == "sitemap":
        for place in re.findall(r"<loc>[^<]*?(/item/\d+)</loc>", each("/sitemap.xml"))[: asked.count]:
            each(place)
    else:
        for path in targets(asked.style, asked.count, asked.url):
            each(path)


if __name__ == "__main__":
    main()
