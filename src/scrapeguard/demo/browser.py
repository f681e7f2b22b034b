"""A browser as seen from the wire: its headers in its order, the assets of each page, a cache, a back button."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import unescape
from typing import Literal

from scrapeguard.demo.site import HOST
from scrapeguard.demo.visitor import Answer, Visitor

Kind = Literal["page", "style", "script", "image", "fetch"]
ASSETS = re.compile(r'<(link rel=stylesheet|link rel=icon|script defer|img)[^>]*? (?:href|src)="([^"]+)"')
STOCK = re.compile(r'data-stock="([^"]+)"')
LINKS = re.compile(r'<a href="([^"]+)"')
KINDS: dict[str, Kind] = {"link rel=stylesheet": "style", "script defer": "script"}
PAUSES = (0.31, 0.62, 0.24, 0.47, 0.85, 0.22, 0.39, 0.71, 0.28, 0.54)  # reading, compressed; never regular


@dataclass(frozen=True, slots=True)
class Engine:
    """What one browser sends over plain http: names in order; an empty value is filled in or left out."""

    headers: Mapping[str, str]
    accept: Mapping[Kind, str]

    def request(self, kind: Kind, referer: str) -> dict[str, str]:
        """The headers of one request of this kind."""
        page = {"Upgrade-Insecure-Requests": "1"} if kind == "page" else {}
        own = {"Accept": self.accept[kind], "Referer": f"http://{HOST}{referer}" if referer else ""} | page
        return {name: text for name, value in self.headers.items() if (text := own.get(name, value))}


def chromium(system: str, version: int = 156) -> Engine:
    """Chromium and its relatives."""
    agent = f"Mozilla/5.0 ({system}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{version}.0.0.0 Safari/537.36"
    return Engine(
        {
            "Connection": "keep-alive",
            "Upgrade-Insecure-Requests": "",
            "User-Agent": agent,
            "Accept": "",
            "Referer": "",
            "Accept-Encoding": "gzip, deflate",
            "Accept-Language": "en-US,en;q=0.9",
        },
        {
            "page": "text/html,application/xhtml+xml,application/xml;q=0.9,image/jxl,image/avif,image/webp,image/apng,"
            "*/*;q=0.8,application/signed-exchange;v=b3;q=0.7",
            "style": "text/css,*/*;q=0.1",
            "script": "*/*",
            "image": "image/jxl,image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
            "fetch": "*/*",
        },
    )


def firefox(system: str) -> Engine:
    return Engine(
        {
            "User-Agent": f"Mozilla/5.0 ({system}; rv:153.0) Gecko/20100101 Firefox/153.0",
            "Accept": "",
            "Accept-Language": "de,en-US;q=0.7,en;q=0.3",
            "Accept-Encoding": "gzip, deflate",
            "Connection": "keep-alive",
            "Referer": "",
            "Upgrade-Insecure-Requests": "",
        },
        {
            "page": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "style": "text/css,*/*;q=0.1",
            "script": "*/*",
            "image": "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5",
            "fetch": "*/*",
        },
    )


def phone() -> Engine:
    """Safari on a telephone."""
    agent = (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
        "Version/26.2 Mobile/15E148 Safari/604.1"
    )
    return Engine(
        {
            "Upgrade-Insecure-Requests": "",
            "Accept": "",
            "User-Agent": agent,
            "Referer": "",
            "Accept-Language": "zh-CN,zh-Hans;q=0.9",
            "Accept-Encoding": "gzip, deflate",
            "Connection": "keep-alive",
        },
        {
            "page": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "style": "text/css,*/*;q=0.1",
            "script": "*/*",
            "image": "image/webp,image/avif,image/jxl,image/heic,image/heic-sequence,video/*;q=0.8,image/png,"
            "image/svg+xml,image/*;q=0.8,*/*;q=0.5",
            "fetch": "*/*",
        },
    )


@dataclass(slots=True)
class Browser:
    """A person's browser. `start` shifts the rhythm of reading, so that no two people pause alike."""

    visitor: Visitor
    engine: Engine
    script: bool = True
    start: int = 0
    here: str = ""
    cache: set[str] = field(default_factory=set)
    trail: list[str] = field(default_factory=list)

    async def open(self, path: str) -> list[str]:
        """Go to a page, with what belongs to it; answer the links a person sees on it."""
        answer = await self._load(path)
        if self.here:
            self.trail.append(self.here)
        self.here = path
        return links(answer.text)

    async def tab(self, path: str) -> None:
        """Open a page in a tab behind this one, and stay here."""
        await self._load(path)

    def back(self) -> None:
        """The back button: the page is still in memory, so nothing is asked of the site."""
        self.here = self.trail.pop()

    async def read(self, times: int = 1) -> None:
        """Pause as somebody who reads."""
        for pause in PAUSES[self.start % len(PAUSES) :][:times]:
            await asyncio.sleep(pause)
        self.start += times

    async def _load(self, path: str) -> Answer:
        answer = await self.visitor.get(path, self.engine.request("page", self.here))
        for tag, asset in ASSETS.findall(answer.text):
            kind = KINDS.get(tag, "image")
            if asset not in self.cache and (self.script or kind != "script"):
                self.cache.add(asset)
                await self.visitor.get(asset, self.engine.request(kind, path))
        for data in STOCK.findall(answer.text) if self.script else ():
            await self.visitor.get(data, self.engine.request("fetch", path))
        return answer


def links(text: str) -> list[str]:
    """The links of a page that a person sees."""
    return [unescape(link) for link in LINKS.findall(text.partition("<p class=aside")[0])]
