"""Fingerprints: one client has one, whatever it asks for; another order or agent has another."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from scrapeguard.facts.fingerprint import digest
from scrapeguard.model import Headers

DATA = Path(os.environ.get("SCRAPEGUARD_DATA") or Path(__file__).parents[3] / "shared" / "data") / "tool-requests"


def of(*names: str, agent: str = "x", attested: str = "") -> str | None:
    return digest(agent, Headers([(name.encode(), b"v") for name in names]), attested)


def test_without_headers_there_is_none() -> None:
    assert digest("curl/8", None) is None
    assert re.fullmatch("[0-9a-f]{16}", of() or "")


def test_what_varies_from_request_to_request_changes_nothing() -> None:
    stable = ("host", "user-agent", "accept", "accept-language")
    for name in ("cookie", "referer", "range", "if-none-match", "content-length", "x-forwarded-for", "sec-fetch-user"):
        assert of(*stable, name) == of(*stable)
        assert of(name, *stable) == of(*stable)


def test_order_agent_names_and_handshake_tell_clients_apart() -> None:
    assert len({of("accept", "dnt"), of("dnt", "accept"), of("accept"), of("accept", "dnt", agent="y")}) == 4
    assert of("accept", attested="t13d1516h2_8daaf6152771_e5627efa2ab1") != of("accept")


def test_a_hostile_header_does_not_stay_in_memory_nor_fails() -> None:
    assert of(*[f"name-{n}" for n in range(500)]) != of(*[f"name-{n}" for n in range(499)])
    assert of("a" * 8192) != of("b" * 8192)
    assert of("\udcff".encode("utf-8", "surrogatepass").decode("latin-1"), agent="\udcff")


def captured(path: Path) -> Iterator[tuple[str, Headers]]:
    """The requests in a capture: agent and headers."""
    for block in re.split(r"^=== .*\n", path.read_text("latin-1"), flags=re.MULTILINE)[1:]:
        lines = [line.partition(":") for line in block.split("\n\n")[0].splitlines()[1:]]
        headers = Headers([(name.lower().encode(), value.strip().encode()) for name, _, value in lines])
        yield headers.get("user-agent") or "", headers


@pytest.mark.skipif(not DATA.exists(), reason=f"{DATA} is missing: no requests of real browsers")
@pytest.mark.parametrize(
    "name", ["chromium-headful-xvfb", "firefox-headful-xvfb", "selenium_headful", "scrapy_default"]
)
def test_a_real_client_has_one_fingerprint_for_pages_pictures_and_scripts(name: str) -> None:
    seen = [digest(agent, headers) for agent, headers in captured(DATA / f"{name}.txt")]
    assert len(seen) >= 6
    assert len(set(seen)) == 1


@pytest.mark.skipif(not DATA.exists(), reason=f"{DATA} is missing: no requests of real tools")
def test_a_tool_in_a_browsers_clothes_has_another_fingerprint_than_the_browser() -> None:
    agent, headers = next(captured(DATA / "chromium-headful-xvfb.txt"))
    for name in ("scrapy_stealth_ua", "requests_browser_ua"):
        _, other = next(captured(DATA / f"{name}.txt"))
        assert digest(agent, other) != digest(agent, headers)
