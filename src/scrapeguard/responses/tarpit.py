"""Tarpit: 429. All is told at once, but the end of the answer is long in coming.

A program waits for that end; a person can read the page at once. Whoever cannot be held is refused at once.
"""

from collections.abc import Awaitable
from dataclasses import dataclass

from starlette.types import Receive, Scope, Send

from scrapeguard.model import Facts, Verdict
from scrapeguard.responses.block import block
from scrapeguard.responses.page import Words
from scrapeguard.responses.pit import Pit
from scrapeguard.responses.preferences import Language
from scrapeguard.responses.refusal import ABNORMAL_USAGE, Fields, House, Refusal

WORDS: dict[Language, Words] = {
    "en": Words(
        "Your requests are answered slowly",
        "Requests from your network look like the work of a program that copies this site, so this is all you get, and "
        "the connection stays open for a while. You need not wait for more.",
    ),
    "zh": Words(
        "您的请求将被缓慢应答",
        "来自您所在网络的请求看起来像是程序在大量复制本网站的内容，因此您只会收到此页面，连接会保持一段时间。您无需继续等待。",
    ),
}
UNBUFFERED: Fields = [(b"x-accel-buffering", b"no")]  # nginx would keep the bytes to itself


@dataclass(frozen=True, slots=True)
class Tarpit:
    """One slow refusal, as an ASGI app."""

    pit: Pit
    house: House
    verdict: Verdict
    facts: Facts

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http" or scope["method"] == "HEAD" or not self.pit.room():
            return block(self.house, self.verdict, self.facts)(scope, receive, send)
        return self.pit.hold(self.begin, receive, send)

    async def begin(self, send: Send) -> None:
        """All that there is to tell, and no end."""
        words = (429, ABNORMAL_USAGE, "Abnormal usage detected", WORDS)
        fields, body = Refusal(self.house, *words, self.verdict, self.facts).content()
        fields = [pair for pair in fields if pair[0] != b"content-length"] + UNBUFFERED
        await send({"type": "http.response.start", "status": 429, "headers": fields})
        await send({"type": "http.response.body", "body": body, "more_body": True})
