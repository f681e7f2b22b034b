"""Capture: a few whole exchanges of odd visitors, request and answer, sealed with the records they belong to.

Off unless `exchanges` is set. An exchange is one more group of its record, so the record commits to it, the day's key
seals it, and retention, holds and erasure reach it. Its value:

    {"body":"<base64>","cut":["body"],"left_out":"","request":"<base64>","response":"<base64>","size":51200,"uri":"http…"}

    request, response  the first line and the headers; a header that is not listed here shows its name, and "*"
    body               the answer's, as far as it was kept; `size` is what was sent of it
    cut                which of the three were longer than what is kept
    left_out           why there is no body: "type", "credential", "unseen"; "" = it is there

A request's body is never read here, and no answer's body is kept of a request that carries a credential.
"""

import base64
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from scrapeguard.evidence import redact
from scrapeguard.evidence.canonical import canonical
from scrapeguard.model import Facts, Rung, Verdict

MOST_BODY = 32_768  # bytes; with both heads it fits a line of a bundle
HEAD = 4_096  # bytes kept of each head
HOUR = 3_600_000_000  # microseconds
SHOWN = frozenset(
    b"accept accept-charset accept-encoding accept-language access-control-request-headers cache-control connection "
    b"access-control-request-method content-length content-type dnt expect from host if-modified-since if-none-match "
    b"if-range max-forwards origin pragma priority range save-data sec-ch-ua sec-ch-ua-arch sec-ch-ua-bitness "
    b"sec-ch-ua-full-version-list sec-ch-ua-mobile sec-ch-ua-model sec-ch-ua-platform sec-ch-ua-platform-version "
    b"sec-fetch-dest sec-fetch-mode sec-fetch-site sec-fetch-user sec-gpc signature-agent signature-input te "
    b"transfer-encoding upgrade upgrade-insecure-requests user-agent via x-requested-with "
    b"accept-ranges age allow content-disposition content-encoding content-language content-location content-range "
    b"content-signal content-security-policy date etag expires last-modified retry-after server tdm-policy "
    b"tdm-reservation vary x-content-type-options x-robots-tag".split()
)
ADDRESSES = frozenset((b"referer", b"location"))  # shown without what may be secret in them

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class CaptureSettings:
    """[capture]"""

    exchanges: int = 0  # of each visitor, hour and rung, of each worker; 0 = none
    per_hour: int = 500  # of all visitors together, of each worker
    bytes: int = 16_384  # of an answer's body
    types: tuple[str, ...] = ("text/", "application/json", "application/problem+json", "application/xml")

    def __post_init__(self) -> None:
        if self.bytes > MOST_BODY:
            raise ValueError(f"bytes is {self.bytes}; at most {MOST_BODY} fit into the evidence.")


class Capture:
    """Says which exchanges are captured, and counts them. Memory is bounded by `per_hour`."""

    def __init__(self, settings: CaptureSettings) -> None:
        self._settings = settings
        self._types = tuple(kind.lower().encode("latin-1", "replace") for kind in settings.types)
        self._hour = 0
        self._counts: Counter[tuple[str, Rung]] = Counter()
        self._total = 0

    def begin(self, facts: Facts, verdict: Verdict, scope: Mapping[str, Any], send: Send) -> "Tape | None":
        """A tape for this exchange, to send the answer through; None when it is not one to capture."""
        if not (verdict.signals or verdict.rung is not Rung.ALLOW) or facts.websocket:
            return None
        hour, key = facts.time // HOUR, (facts.client.key, verdict.rung)
        if hour != self._hour:
            self._hour, self._total = hour, 0
            self._counts.clear()
        if self._total >= self._settings.per_hour or self._counts[key] >= self._settings.exchanges:
            return None
        self._counts[key] += 1
        self._total += 1
        ours = verdict.rung is not Rung.ALLOW  # a refusal has nothing of anybody's account in it
        types = self._types if ours or facts.credential is None else None
        return Tape(send, facts, scope, types, self._settings.bytes)


class Tape:
    """A `send` that keeps what went through it, as far as it may be kept."""

    __slots__ = ("_body", "_facts", "_headers", "_left_out", "_most", "_scope", "_send", "_size", "_status", "_types")

    def __init__(
        self, send: Send, facts: Facts, scope: Mapping[str, Any], types: tuple[bytes, ...] | None, most: int
    ) -> None:
        self._send, self._facts, self._scope, self._types, self._most = send, facts, scope, types, most
        self._status, self._size, self._left_out = 0, 0, "credential" if types is None else ""
        self._headers: list[tuple[bytes, bytes]] = []
        self._body = bytearray()

    async def __call__(self, message: Message) -> None:
        await self._send(message)
        kind = message["type"]
        if kind == "http.response.body":
            body = message.get("body", b"")
            self._size += len(body)
            if not self._left_out and len(self._body) < self._most:
                self._body += body[: self._most - len(self._body)]
        elif kind == "http.response.start":
            self._status, self._headers = message["status"], list(message.get("headers", ()))
            declared = next((value for name, value in self._headers if name.lower() == b"content-type"), b"")
            if not self._left_out and not declared.lower().startswith(self._types or ()):
                self._left_out = "type"
        elif kind in ("http.response.pathsend", "http.response.zerocopysend"):
            self._left_out = self._left_out or "unseen"

    def told(self) -> str:
        """The exchange as the value of its group, canonical."""
        facts, cut = self._facts, []
        version = f"HTTP/{_plain(str(self._scope.get('http_version', '1.1')))}"
        target = f"{_target(facts.path)}?{_target(facts.query)}" if facts.query else _target(facts.path)
        own = facts.host or ""
        request, long = _head(f"{_plain(facts.method[:32])} {target} {version}", self._scope.get("headers", ()), own)
        cut += ["request"] if long else []
        response, long = _head(f"HTTP/1.1 {self._status}", self._headers, own) if self._status else (b"", False)
        cut += ["response"] if long else []
        if not self._left_out and self._size > len(self._body):
            cut.insert(0, "body")
        return canonical(
            {
                "body": _base64(self._body),
                "cut": cut,
                "left_out": self._left_out,
                "request": _base64(request),
                "response": _base64(response),
                "size": self._size,
                "uri": f"{_plain(facts.scheme or 'http')}://{_plain(own or 'unknown')}{target}",
            }
        )


def _target(text: str) -> str:
    """A path or query fit for a request line, without the values that may be secret."""
    return _plain(redact.query(text[:1024]))


def _plain(text: str) -> str:
    """Printable ASCII without spaces; everything else percent-encoded."""
    return "".join(c if "!" <= c <= "~" else "".join(f"%{b:02X}" for b in c.encode("utf-8", "replace")) for c in text)


def _head(first: str, headers: Iterable[tuple[bytes, bytes]], host: str) -> tuple[bytes, bool]:
    """The first line and the headers, as far as HEAD bytes hold them, and whether that is not all."""
    lines, size, long = [first.encode()], len(first), False
    for name, value in headers:
        line = _one_line(name) + b": " + _one_line(_shown(name.lower(), value, host))
        size += len(line) + 2
        if size > HEAD:
            long = True
            break
        lines.append(line)
    return b"\r\n".join(lines) + b"\r\n\r\n", long


def _shown(name: bytes, value: bytes, host: str) -> bytes:
    if name in SHOWN:
        return value
    if name in ADDRESSES:
        return redact.referer(value[:1024].decode("latin-1"), host).encode("latin-1", "replace")
    return redact.WITHHELD.encode()


def _one_line(value: bytes) -> bytes:
    """What cannot end a line of a head."""
    return value.translate(None, b"\r\n\0")


def _base64(data: bytes | bytearray) -> str:
    return base64.b64encode(data).decode()
