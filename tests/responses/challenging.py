"""A guarded site and visitors with cookies, in this process, for what happens around a challenge."""

import asyncio
import html
import json
import re
import time
from base64 import b64encode
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from solving import solved
from starlette.types import Message, Receive, Scope, Send

from scrapeguard.guard import ScrapeGuard
from scrapeguard.model import Rung

CHROME = {
    "host": "shop.example",
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/156.0.0.0 Safari/537.36",
    "accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8",
    "sec-fetch-site": "none",
    "sec-fetch-mode": "navigate",
    "sec-fetch-dest": "document",
    "accept-encoding": "gzip, deflate, br",
    "accept-language": "en-US,en;q=0.9",
}
EASY = {
    "calculations": 60,
    "calculations_most": 240,
    "cost": 10,
    "wait_seconds": 5,
    "secret": "sixteen characters and more",
}
FORM = {"content_type": "application/x-www-form-urlencoded", "origin": "https://shop.example"}


async def site(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"the page"})


def guarded(directory: str = "", deny: tuple[str, ...] | list[str] = (), **challenge: Any) -> ScrapeGuard:
    tables = {"evidence": {"directory": directory}, "challenge": EASY | challenge, "lists": {"deny": list(deny)}}
    return ScrapeGuard(site, tables)


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def task(self) -> dict[str, str]:
        """The data of the page's task."""
        found = re.search(r'<div id="task"(.*?)>\n', self.text, re.DOTALL)
        assert found is not None, self.text
        return {name: html.unescape(value) for name, value in re.findall(r' data-(\w+)="(.*?)"', found[1], re.DOTALL)}

    @property
    def wait(self) -> str:
        found = re.search(r'name="wait" value="(.*?)"', self.text)
        assert found is not None
        return found[1]


@dataclass
class Visitor:
    """Somebody with a browser, or with something that says so."""

    guard: ScrapeGuard
    address: str = "192.0.2.7"
    headers: dict[str, str] = field(default_factory=lambda: dict(CHROME))
    cookies: dict[str, str] = field(default_factory=dict)
    keeps_cookies: bool = True
    root: str = ""

    def ask(self, path: str, method: str = "GET", body: bytes = b"", **headers: str | None) -> Answer:
        return asyncio.run(self.asked(path, method, body, **headers))

    async def asked(self, path: str, method: str = "GET", body: bytes = b"", **headers: str | None) -> Answer:
        said = self.headers | {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookies:
            said["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        route, _, query = path.partition("?")
        scope = {
            "type": "http", "method": method, "scheme": "https", "path": route, "raw_path": route.encode("latin-1"),
            "query_string": query.encode("latin-1"), "root_path": self.root, "client": (self.address, 4000),
            "headers": [(k.encode(), v.encode("latin-1")) for k, v in said.items() if v is not None],
        }  # fmt: skip
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body}

        async def send(message: Message) -> None:
            sent.append(message)

        await self.guard(scope, receive, send)
        answer = Answer(
            sent[0]["status"],
            {name.decode(): value.decode() for name, value in sent[0]["headers"]},
            b"".join(message.get("body", b"") for message in sent[1:]),
        )
        self._keep(answer.headers.get("set-cookie", ""))
        return answer

    def _keep(self, cookie: str) -> None:
        name, given, value = cookie.partition(";")[0].partition("=")
        if given and self.keeps_cookies:
            self.cookies[name] = value

    def suspected(self, rung: Rung = Rung.CHALLENGE) -> "Visitor":
        """The same, from an address that stands on a rung."""
        placed = self.guard.parts.store.place(f"address:{self.address}", rung, 900, time.time_ns() // 1000)
        asyncio.run(placed)
        return self

    def solve(self, page: Answer, to: str = "/item/1") -> Answer:
        return self.submit(work=solved(page.task["challenge"]), to=to)

    def submit(self, **fields: str) -> Answer:
        return self.ask(f"{self.root}/.sg/pass", "POST", urlencode(fields).encode(), **FORM)


def packed(told: object) -> str:
    return b64encode(json.dumps(told).encode()).decode()
