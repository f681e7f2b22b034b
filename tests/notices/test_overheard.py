"""A site that has a robots.txt keeps it, and nobody is held to another; ours is told where there is none."""

import asyncio
import gzip
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import opened
import pytest
from building import facts
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scrapeguard.guard import ScrapeGuard
from scrapeguard.model import Agent
from scrapeguard.notices import Notices, NoticeSettings
from scrapeguard.notices.overheard import CHANGES, HOSTS, Own

OWN = b"User-agent: *\nDisallow: /private\n"
GPTBOT = Agent("GPTBot", "crawler", "GPTBot", None, "", "", "GPTBot")
Reply = tuple[int, str, bytes]


def app(reply: Callable[[Scope], Reply], seen: list[Scope] | None = None) -> ASGIApp:
    """A site that answers with status, content type and body."""

    async def site(scope: Scope, receive: Receive, send: Send) -> None:
        if seen is not None:
            seen.append(scope)
        status, kind, body = reply(scope) if scope["path"] == "/robots.txt" else (200, "text/html", b"<p>hello")
        headers = [(b"content-type", kind.encode()), (b"x-mine", b"1")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body[:5], "more_body": True})
        await send({"type": "http.response.body", "body": body[5:]})

    return site


def visit(
    guard: ScrapeGuard, paths: list[str], host: str = "shop.example", method: str = "GET", **more: str
) -> list[tuple[int, dict[str, str], bytes]]:
    """What each request gets; then the guard is closed."""

    async def one(path: str) -> tuple[int, dict[str, str], bytes]:
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        headers = [(b"host", host.encode()), *((k.replace("_", "-").encode(), v.encode()) for k, v in more.items())]
        scope = {
            "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b"",
            "headers": headers, "client": ("192.0.2.7", 1), "state": {},
        }  # fmt: skip
        await guard(scope, receive, send)
        body = b"".join(message.get("body", b"") for message in sent[1:])
        return sent[0]["status"], {k.decode(): v.decode() for k, v in sent[0]["headers"]}, body

    async def all_of_them() -> list[tuple[int, dict[str, str], bytes]]:
        answers = [await one(path) for path in paths]
        await guard.close()
        return answers

    return asyncio.run(all_of_them())


def guarded(site: ASGIApp, folder: Path, **tables: Any) -> ScrapeGuard:
    return ScrapeGuard(site, {"evidence": {"directory": str(folder)}, **tables})


def records(folder: Path, kind: str) -> list[dict[str, Any]]:
    return [record["what"] for record in opened.records(folder) if record["k"] == kind]


def test_the_sites_own_file_passes_byte_for_byte_even_to_the_blocked_and_is_put_on_record(tmp_path: Path) -> None:
    guard = guarded(app(lambda _: (200, "text/plain; charset=utf-8", OWN)), tmp_path, lists={"deny": ["192.0.2.7"]})
    (status, headers, body), (refused, _, _) = visit(guard, ["/robots.txt", "/item/1"])
    assert (status, headers["x-mine"], body, refused) == (200, "1", OWN, 403)
    (told,) = records(tmp_path, "notice.published")
    assert told == {"digest": sha256(OWN).hexdigest(), "name": "robots.txt", "size": len(OWN)}
    assert (tmp_path / "notices" / told["digest"]).read_bytes() == OWN
    asked = records(tmp_path, "request")[0]
    assert asked["verdict"]["cause"] == "notice"
    assert asked["told"] == {"digest": sha256(OWN).hexdigest()[:16], "name": "robots.txt"}
    assert asked["notices"] != records(tmp_path, "request")[0]["config"]


def test_nobody_is_held_to_our_file_where_the_site_has_its_own(tmp_path: Path) -> None:
    guard = guarded(app(lambda _: (200, "text/plain", OWN)), tmp_path)
    assert guard.parts.notices.forbidden("shop.example", GPTBOT, "/item/1")
    visit(guard, ["/item/1"])  # the first request of anybody lets the guard ask
    assert guard.parts.notices.forbidden("shop.example", GPTBOT, "/item/1") == ""
    assert guard.parts.notices.forbidden("shop.example", GPTBOT, "/private/1") == "Disallow: /private"


@pytest.mark.parametrize(
    "reply",
    [(404, "text/plain", b"no"), (403, "text/plain", b"no"), (200, "text/html", b"<div id=app>"), (204, "", b"")],
)
def test_ours_is_told_where_the_site_has_none(reply: Reply, tmp_path: Path) -> None:
    guard = guarded(app(lambda _: reply), tmp_path)
    ((status, headers, body),) = visit(guard, ["/robots.txt"])
    assert status == 200
    assert b"GPTBot" in body
    assert "x-mine" not in headers
    assert [it["digest"] for it in records(tmp_path, "notice.published")] == [sha256(body).hexdigest()]
    assert guard.parts.notices.forbidden("shop.example", GPTBOT, "/item/1") == "Disallow: /"


@pytest.mark.parametrize("status", [301, 302, 500, 503])
def test_a_redirect_and_a_failure_of_the_site_pass_and_nothing_is_learnt(status: int, tmp_path: Path) -> None:
    guard = guarded(app(lambda _: (status, "text/plain", b"elsewhere")), tmp_path)
    assert visit(guard, ["/robots.txt"])[0][::2] == (status, b"elsewhere")
    assert records(tmp_path, "notice.published") == []
    assert "told" not in records(tmp_path, "request")[0]


def test_each_version_is_put_on_record_once(tmp_path: Path) -> None:
    versions = iter([b"a: 1", b"a: 1", b"User-agent: *\nDisallow: /b\n", b"a: 1"])
    guard = guarded(app(lambda _: (200, "text/plain", next(versions))), tmp_path)
    guard.parts.notices.asking(facts(), guard.app, {"headers": []}).close()  # type: ignore[union-attr]
    visit(guard, ["/robots.txt"] * 4)
    assert [it["size"] for it in records(tmp_path, "notice.published")] == [4, 27, 4]
    first, second, third, fourth = (it["told"]["digest"] for it in records(tmp_path, "request"))
    assert first == second == fourth != third


def test_the_file_is_heard_whole_whatever_the_client_would_take(tmp_path: Path) -> None:
    def reply(scope: Scope) -> Reply:
        names = {name for name, _ in scope["headers"]}
        return (200, "text/plain", gzip.compress(OWN) if names & {b"accept-encoding", b"range"} else OWN)

    guard = guarded(app(reply), tmp_path)
    wish = {"accept_encoding": "gzip", "range": "bytes=0-3", "if_none_match": "*"}
    assert visit(guard, ["/robots.txt"], **wish)[0][::2] == (200, OWN)


def test_the_site_is_asked_once_for_each_host_by_nobody_in_particular(tmp_path: Path) -> None:
    seen: list[Scope] = []
    guard = guarded(app(lambda _: (200, "text/plain", OWN), seen), tmp_path)
    visit(guard, ["/item/1", "/item/2"], cookie="session=secret")
    asked = [scope for scope in seen if scope["path"] == "/robots.txt"]
    assert [scope["headers"] for scope in asked] == [[(b"host", b"shop.example")]]
    assert asked[0]["state"] is not seen[0]["state"]


def test_a_site_that_fails_or_hangs_when_it_is_asked_harms_nobody(tmp_path: Path) -> None:
    async def site(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/robots.txt":
            return
        await app(lambda _: (200, "text/plain", OWN))(scope, receive, send)

    assert visit(guarded(site, tmp_path), ["/item/1"])[0][0] == 200


def test_with_traps_ours_is_told_in_place_of_the_sites_own(tmp_path: Path) -> None:
    guard = guarded(app(lambda _: (200, "text/plain", OWN)), tmp_path, facts={"traps": ["/trap/*"]})
    assert b"Disallow: /trap/*" in visit(guard, ["/robots.txt"])[0][2]


def test_made_up_hosts_and_a_file_that_never_stays_the_same_fill_no_memory() -> None:
    calls: list[None] = []
    own = Own(b"ours", lambda: calls.append(None))
    for number in range(1000):
        own.hear(f"{number}.example", b"User-agent: *\n")
        own.wonders(f"{number}.example")
    assert (len(own.rules), len(own.asked), len(calls)) == (HOSTS, HOSTS, 1)
    for number in range(1000):
        own.hear("shop.example", f"# {number}\n".encode())
    assert len(calls) <= CHANGES + 1


def test_a_head_is_answered_like_a_get_without_its_body(tmp_path: Path) -> None:
    guard = guarded(app(lambda _: (404, "text/plain", b"")), tmp_path)
    status, headers, body = visit(guard, ["/robots.txt"], method="HEAD")[0]
    assert (status, body) == (200, b"")
    assert int(headers["content-length"]) > 500


def test_a_file_that_the_operator_names_is_not_asked_of_the_site(tmp_path: Path) -> None:
    (tmp_path / "own.txt").write_bytes(b"User-agent: *\n")
    notices = Notices(NoticeSettings(robots="own.txt"), tmp_path.joinpath)
    site = app(lambda _: (200, "text/plain", OWN))
    assert notices.asking(facts(), site, {"headers": []}) is None
    assert notices.through(facts(path="/robots.txt"), site) is site
    assert notices.answer(facts(path="/robots.txt")) is not None
