"""Capture keeps a few exchanges of odd visitors and nothing secret; off by default, bounded, and can be erased."""

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import pytest
from building import BLOCKED, FINE, facts, signal
from opened import records

from scrapeguard import ScrapeGuard
from scrapeguard.errors import ConfigError
from scrapeguard.evidence.capture import MOST_BODY, Capture, CaptureSettings
from scrapeguard.evidence.subject import erase, report
from scrapeguard.model import Rung, Verdict

HTML = b"text/html; charset=utf-8"
NOTED = Verdict(Rung.ALLOW, Rung.ALLOW, "none", (signal(weight=1),), 1)
TOOL = (b"user-agent", b"python-requests/2.32")
Headers = list[tuple[bytes, bytes]]


def exchanged(
    folder: Path,
    *requests: tuple[bytes, Headers],
    body: bytes = b"<p>a page</p>",
    kind: bytes = HTML,
    **capture: object,
) -> list[dict[str, Any]]:
    """What was captured of these requests (query, headers), each met with `body`."""

    async def site(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-type", kind), (b"set-cookie", b"sid=5ecret"), (b"x-own", b"5ecret")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for part in (body[: len(body) // 2], body[len(body) // 2 :]):
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body"})

    async def visit() -> None:
        tables = {"evidence": {"directory": str(folder)}, "keeper": {"run": False}, "capture": capture}
        guard = ScrapeGuard(site, tables)

        async def receive() -> Any:
            raise AssertionError("the body of a request is nobody's business here")

        async def send(message: Any) -> None: ...

        for query, headers in requests:
            scope = {
                "type": "http", "http_version": "1.1", "method": "GET", "scheme": "https", "path": "/item/1",
                "raw_path": b"/item/1", "query_string": query, "client": ("192.0.2.7", 40123),
                "headers": [(b"host", b"shop.example"), *headers],
            }  # fmt: skip
            await guard(scope, receive, send)
        await guard.close()

    asyncio.run(visit())
    return [each["opened"]["exchange"] for each in records(folder) if "exchange" in each.get("opened", {})]


def decoded(exchange: dict[str, Any], part: str) -> bytes:
    return base64.b64decode(exchange[part])


def test_nothing_is_captured_unless_it_is_switched_on(tmp_path: Path) -> None:
    assert exchanged(tmp_path, (b"", [TOOL])) == []


def test_an_exchange_is_kept_as_it_was_seen(tmp_path: Path) -> None:
    (exchange,) = exchanged(tmp_path, (b"page=2", [TOOL]), exchanges=3)
    assert decoded(exchange, "request").splitlines()[:3] == [
        b"GET /item/1?page=2 HTTP/1.1",
        b"host: shop.example",
        b"user-agent: python-requests/2.32",
    ]
    assert decoded(exchange, "response").startswith(b"HTTP/1.1 200\r\ncontent-type: text/html; charset=utf-8\r\n")
    assert decoded(exchange, "response").endswith(b"\r\n\r\n")
    assert decoded(exchange, "body") == b"<p>a page</p>"
    assert (exchange["uri"], exchange["cut"], exchange["left_out"]) == ("https://shop.example/item/1?page=2", [], "")


def test_an_ordinary_visitor_is_never_captured(tmp_path: Path) -> None:
    capture = Capture(CaptureSettings(exchanges=5))

    async def send(_: Any) -> None: ...

    assert capture.begin(facts(), FINE, {}, send) is None
    assert capture.begin(facts(), NOTED, {}, send) is not None


def test_no_secret_is_ever_captured(tmp_path: Path) -> None:
    secrets = [(b"cookie", b"sid=5ecret"), (b"x-csrf", b"5ecret"), (b"referer", b"https://else.example/?q=5ecret")]
    (exchange,) = exchanged(tmp_path, (b"token=5ecret&page=2", [TOOL, *secrets]), exchanges=3)
    for part in ("request", "response"):
        assert b"5ecret" not in decoded(exchange, part)
    assert "5ecret" not in exchange["uri"]
    assert b"\r\ncookie: *\r\n" in decoded(exchange, "request")
    assert b"\r\nset-cookie: *\r\nx-own: *\r\n" in decoded(exchange, "response")


def test_the_answer_to_a_credential_is_not_kept(tmp_path: Path) -> None:
    (exchange,) = exchanged(tmp_path, (b"", [TOOL, (b"authorization", b"Bearer 5ecret")]), exchanges=3)
    assert (exchange["body"], exchange["left_out"], exchange["size"]) == ("", "credential", 13)
    assert b"5ecret" not in decoded(exchange, "request")


def test_a_body_is_kept_only_of_the_types_that_are_named_and_up_to_its_limit(tmp_path: Path) -> None:
    (image,) = exchanged(tmp_path / "a", (b"", [TOOL]), kind=b"image/png", exchanges=3)
    assert (image["body"], image["left_out"]) == ("", "type")
    (long,) = exchanged(tmp_path / "b", (b"", [TOOL]), body=b"x" * 5000, exchanges=3, bytes=1000)
    assert (len(decoded(long, "body")), long["size"], long["cut"]) == (1000, 5000, ["body"])


def test_the_largest_exchange_still_fits_its_record(tmp_path: Path) -> None:
    many: Headers = [(b"accept-language", b"\xff" * 900)] * 200
    query = b"q=" + b"%e4" * 4000
    kept = exchanged(tmp_path, (query, [TOOL, *many]), body=b"\xff" * 100_000, exchanges=3, bytes=MOST_BODY)
    assert [(each["cut"], each["size"]) for each in kept] == [(["body", "request"], 100_000)]
    assert len(json.dumps(kept[0])) < 62_000


def test_a_line_end_in_a_header_makes_no_header(tmp_path: Path) -> None:
    odd = (b"accept", b"x\r\nauthorization: mine\0")
    (exchange,) = exchanged(tmp_path, (b"a b\n", [TOOL, odd]), exchanges=3)
    assert b"\r\naccept: xauthorization: mine\r\n" in decoded(exchange, "request")
    assert decoded(exchange, "request").startswith(b"GET /item/1?a%20b%0A HTTP/1.1\r\n")


def test_a_visitor_has_a_few_exchanges_an_hour_on_each_rung_and_all_have_their_limit(tmp_path: Path) -> None:
    capture = Capture(CaptureSettings(exchanges=2, per_hour=7))

    async def send(_: Any) -> None: ...

    def count(*of: tuple[float, str, Verdict]) -> int:
        return sum(capture.begin(facts(at, address=who), verdict, {}, send) is not None for at, who, verdict in of)

    assert count(*[(0, "192.0.2.7", NOTED)] * 5) == 2
    assert count(*[(0, "192.0.2.7", BLOCKED)] * 5) == 2
    assert count(*[(0, f"192.0.2.{number}", NOTED) for number in range(10, 30)]) == 3
    assert count((3600, "192.0.2.7", NOTED)) == 1


def test_erasing_a_subject_erases_its_exchanges(tmp_path: Path) -> None:
    assert len(exchanged(tmp_path, (b"", [TOOL]), exchanges=3)) == 1
    assert "exchange" in report(tmp_path, "192.0.2.7").records[0]
    erase(tmp_path, "192.0.2.7")
    assert report(tmp_path, "192.0.2.7").records == []
    assert not [each for each in records(tmp_path) if each.get("opened")]


def test_more_than_fits_is_refused_at_once() -> None:
    with pytest.raises(ConfigError, match="at most 32768"):
        ScrapeGuard(lambda *_: None, {"capture": {"bytes": 99_999}})  # type: ignore[arg-type]
