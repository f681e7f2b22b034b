"""The same traffic through every door: the same verdicts for the visitor, and the same evidence."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fronts import PROXIES, Site, ask, auth, front
from proxying import sidecar
from serving import CHROME, Served, serve, wait_until

CONFIG = """
[facts]
trusted_proxies = ["127.0.0.1"]
session_cookies = ["sid"]
secret = "the same behind every door"
traps = ["/trap/*"]
[lists]
deny = ["127.0.5.6"]
[signals.pace]
limit = 6
distinct = 3
"""
APP = """
import os
from scrapeguard import ScrapeGuard

async def site(scope, receive, send):
    if scope["type"] == "lifespan":
        for _ in range(2):
            await send({"type": (await receive())["type"] + ".complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"8")]})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else b"the site"})

app = ScrapeGuard(site, os.environ["GUARD_CONFIG"])
"""
KEEPS_ORDER = ("mounted", "sidecar", "nginx", "haproxy", "apache2")  # of headers; Caddy sorts them
CURL = {"User-Agent": "curl/8.5.0", "Accept": "*/*"}
READER = CHROME | {"Cookie": "sid=42", "Referer": "http://127.0.0.1/", "X-Forwarded-For": "198.51.100.7"}
UNLIKE = ("bytes", "complete", "micros", "ref", "status", "config", "notices", "peer", "port", "source")

Request = tuple[str, str, str, dict[str, str], bytes]
TABLE: list[Request] = [
    ("127.0.5.1", "GET", "/", CHROME, b""),
    ("127.0.5.1", "GET", "/style.css?v=3", CHROME, b""),
    ("127.0.5.1", "POST", "/search?q=a%20b&utm_source=x", READER, b"words"),
    ("127.0.5.1", "HEAD", "/feed.xml", CHROME, b""),
    ("127.0.5.2", "GET", "/robots.txt", CURL, b""),
    ("127.0.5.2", "GET", "/trap/1", CURL, b""),
    *[("127.0.5.3", "GET", f"/item/{number}", CURL, b"") for number in range(10)],
    ("127.0.5.4", "GET", "/%7Euser/..%2Fx?q=%00&q=%ff", {"User-Agent": "Mozilla/5.0"}, b""),
    ("127.0.5.4", "GET", "/api/items?page=2", READER | {"User-Agent": "Googlebot/2.1"}, b""),
    ("127.0.5.4", "GET", "/", {}, b""),
    ("127.0.5.6", "GET", "/", CHROME, b""),
    ("127.0.5.6", "POST", "/", CURL, b"x" * 1000),
    ("127.0.5.6", "GET", "/robots.txt", CHROME, b""),
]


@dataclass
class Outcome:
    statuses: list[int]
    kinds: list[str | None]  # of what the guard itself answered
    records: list[dict[str, Any]]


@contextmanager
def opened(door: str, folder: Path) -> Iterator[tuple[Served, Served]]:
    """A door: where visitors come, and where the evidence is."""
    if door == "mounted":
        folder.mkdir()
        (folder / "shop.py").write_text(APP, "utf-8")
        with serve("shop:app", folder / "it", CONFIG + "[keeper]\nrun = false\n", apps=folder) as served:
            yield served, served
        return
    with ExitStack() as stack:
        site = Site()
        stack.callback(site.close)
        if door == "sidecar":
            place = stack.enter_context(sidecar(folder, f"http://127.0.0.1:{site.port}", config=CONFIG))
            yield place, place
        else:
            folder.mkdir()
            deciding = stack.enter_context(auth(folder / "auth", CONFIG))
            yield stack.enter_context(front(door, folder / "it", deciding, site)), deciding


def traffic(place: Served, evidence: Served) -> Outcome:
    answers = [ask(place, method, path, address, headers, body) for address, method, path, headers, body in TABLE]

    def records() -> list[dict[str, Any]]:
        return sorted((it for it in evidence.records() if it["k"] == "request"), key=lambda it: int(it["t"]))

    wait_until(lambda: len(records()) >= len(TABLE), evidence)
    kinds = [it.getheader("Content-Type") if it.status != 200 else None for it in answers]
    return Outcome([it.status for it in answers], kinds, records())


def seen(record: dict[str, Any], door: str) -> dict[str, Any]:
    """What does not depend on the door: all but how it is connected, what the site sent, and how long it took."""
    what = {name: value for name, value in record["what"].items() if name not in UNLIKE}
    who = {name: value for name, value in record["who"].items() if name not in UNLIKE}
    if door not in KEEPS_ORDER:
        del who["fingerprint"]
    return what | {"who": who}


@pytest.fixture(scope="module")
def mounted(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    with opened("mounted", tmp_path_factory.mktemp("mounted") / "it") as (place, evidence):
        return traffic(place, evidence)


def test_the_table_has_every_answer_of_the_guard(mounted: Outcome) -> None:
    assert set(mounted.statuses) == {200, 403, 429}
    assert {it["what"]["verdict"]["cause"] for it in mounted.records} >= {"none", "signals", "standing", "deny-list"}
    assert len({it["who"].get("credential") for it in mounted.records}) == 2


@pytest.mark.parametrize("door", ["sidecar", *PROXIES])
def test_every_door_gives_the_same_verdicts_and_the_same_evidence(door: str, mounted: Outcome, tmp_path: Path) -> None:
    with opened(door, tmp_path / "it") as (place, evidence):
        got = traffic(place, evidence)
    assert got.statuses == mounted.statuses
    assert got.kinds == mounted.kinds
    for mine, theirs in zip(got.records, mounted.records, strict=True):
        assert seen(mine, door) == seen(theirs, door)
