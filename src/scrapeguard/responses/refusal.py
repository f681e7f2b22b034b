"""A refusal: what is told to whoever is not served, as a page for people and as problem+json for programs (RFC 9457).

It is the notice that somebody may be asked about later, so it says what happened and why, the reference of the
record, whom to ask, what the terms are and when to try again; and no cache keeps it.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

from starlette.types import Receive, Scope, Send

from scrapeguard.model import Facts, Verdict
from scrapeguard.responses.page import PHRASES, POLICY, Page, Words
from scrapeguard.responses.preferences import Language, language, wants_page
from scrapeguard.responses.tasks import Tasks

ABNORMAL_USAGE = "https://iana.org/assignments/http-problem-types#abnormal-usage-detected"

SCRIPT = Path(__file__).with_name("work.js")

Fields = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class House:
    """What is the same in every refusal of a site."""

    contact: str
    terms: str
    language: Language  # for whoever asks for none of ours
    pages: dict[Language, Page]
    fields: Fields  # response headers
    tasks: Tasks
    script: bytes  # of the challenge's page

    @classmethod
    def of(cls, site: str, contact: str, terms: str, preferred: Language, tasks: Tasks) -> "House":
        fields: Fields = [
            (b"cache-control", b"no-store"),
            (b"vary", b"Accept, Accept-Language"),
            (b"x-content-type-options", b"nosniff"),
            (b"x-robots-tag", b"noindex"),
            (b"referrer-policy", b"no-referrer"),
        ]
        if terms:
            fields.append((b"link", f'<{terms}>; rel="terms-of-service"'.encode()))
        pages: dict[Language, Page] = {"en": Page("en", site, contact, terms), "zh": Page("zh", site, contact, terms)}
        return cls(contact, terms, preferred, pages, fields, tasks, SCRIPT.read_bytes())


@dataclass(frozen=True, slots=True)
class Refusal:
    """One refusal, as an ASGI app for HTTP and WebSockets."""

    house: House
    status: int
    problem: str  # the problem type
    title: str  # of the problem
    words: dict[Language, Words]  # for the page
    verdict: Verdict
    facts: Facts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._refuse_websocket(scope, receive, send)
            return
        fields, body = self.content()
        await send({"type": "http.response.start", "status": self.status, "headers": fields})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def _refuse_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Before it is accepted: with this answer where the server can send one, with its own 403 elsewhere."""
        if (await receive())["type"] != "websocket.connect":
            return
        if "websocket.http.response" not in (scope.get("extensions") or {}):
            await send({"type": "websocket.close"})
            return
        fields, body = self.content()
        await send({"type": "websocket.http.response.start", "status": self.status, "headers": fields})
        await send({"type": "websocket.http.response.body", "body": body})

    def content(self) -> tuple[Fields, bytes]:
        """Headers and body, as a page or as data."""
        headers, seconds = self.facts.headers, self._seconds()
        if headers is not None and wants_page(headers.get("accept")):
            spoken = language(headers.get("accept-language"), self.house.language)
            page = self.house.pages[spoken]
            held = self.verdict.cause == "standing"
            reasons, again = self.reasons(), page.again(seconds)
            body = page.render(self.words[spoken], reasons, held, self.facts.reference, again)
            own: Fields = [
                (b"content-type", b"text/html; charset=utf-8"),
                (b"content-language", page.tag.encode()),
                (b"content-security-policy", POLICY),
            ]
        else:
            body = self._problem(seconds)
            own = [(b"content-type", b"application/problem+json"), (b"content-language", b"en")]
        own.append((b"content-length", str(len(body)).encode()))
        if seconds:
            own.append((b"retry-after", str(seconds).encode()))
        return self.house.fields + own, body

    def _seconds(self) -> int:
        """When to try again; a tenth later for some than for others, lest they all return at once. 0 = it does not end.

        The difference follows from the reference, so that the same verdict is always answered alike.
        """
        seconds = self.verdict.seconds
        return seconds + crc32(self.facts.reference.encode()) % (seconds // 10 + 1) if seconds else 0

    def reasons(self) -> list[str]:
        """The sentences of the signals that counted; a detector that only observes imposes nothing."""
        return [signal.reason for signal in self.verdict.signals if signal.mode == "enforce"]

    def _problem(self, seconds: int) -> bytes:
        reasons = self.reasons()
        if self.verdict.cause == "standing":
            reasons.append(PHRASES["en"].standing)
        members: dict[str, object] = {
            "type": self.problem,
            "title": self.title,
            "status": self.status,
            "detail": self.words["en"].lead,
            "instance": f"urn:scrapeguard:{self.facts.reference}",
            "reference": self.facts.reference,
            "reasons": reasons,
            "violated-policies": [it.detector for it in self.verdict.signals if it.mode == "enforce"],
        }
        if self.house.contact:
            members["contact"] = self.house.contact
        if self.house.terms:
            members["terms"] = self.house.terms
        if seconds:
            members["retry_after"] = seconds
        return json.dumps(members).encode()
