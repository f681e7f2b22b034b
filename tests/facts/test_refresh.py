"""Newer lists, fetched from a real web server: what is odd leaves the list before in force."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from websites import website

from scrapeguard.errors import InputError
from scrapeguard.facts import ranges
from scrapeguard.facts.refresh import fetch, over_https, refresh

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)
Pages = dict[str, tuple[int, bytes]]


@pytest.fixture(scope="module")
def site() -> Iterator[tuple[str, Pages]]:
    pages: Pages = {}

    with website(lambda path: pages.get(path, (404, b""))) as url:
        yield url, pages


def get(url: str) -> bytes:
    parts = urlsplit(url)
    return fetch(HTTPConnection(parts.hostname or "", parts.port, timeout=5), url)


def listed(*prefixes: str) -> tuple[int, bytes]:
    return 200, json.dumps({"prefixes": [{"ipv4Prefix": prefix} for prefix in prefixes]}).encode()


def test_a_fetched_list_is_used_and_the_one_before_is_kept(site: tuple[str, Pages], tmp_path: Path) -> None:
    base, pages = site
    url = f"{base}/bot.json"
    pages["/bot.json"] = listed("8.8.8.0/24", "8.8.4.0/24")
    (first,) = refresh([url], {}, tmp_path, NOW, get)
    assert (first.result, first.prefixes) == ("new", 2)
    before = ranges.load(tmp_path)
    assert before[url].prefixes == ("8.8.8.0/24", "8.8.4.0/24")
    assert before[url].time == NOW.timestamp() * 1_000_000

    (file,) = tmp_path.glob("*.json")
    os.utime(file, (NOW.timestamp(), NOW.timestamp()))
    (soon,) = refresh([url], before, tmp_path, NOW + timedelta(minutes=59), get)
    assert soon.result == "recent"

    pages["/bot.json"] = listed("8.8.8.0/24", "9.9.9.0/24", "9.9.8.0/24")
    (later,) = refresh([url], before, tmp_path, NOW + timedelta(days=1), get)
    assert (later.result, later.prefixes) == ("new", 3)
    assert len(ranges.load(tmp_path)[url].prefixes) == 3
    assert len(list((tmp_path / "earlier").iterdir())) == 1


@pytest.mark.parametrize(
    ("answer", "result", "said"),
    [
        (listed("10.0.0.0/8"), "refused", "no part of the public internet"),
        (listed("0.0.0.0/0"), "refused", "wider than /8"),
        ((200, b"<html>sorry</html>"), "refused", "is not JSON"),
        (listed("8.8.8.0/24"), "refused", "it had 4 prefixes and has 1"),
        ((500, b""), "failed", "was answered with 500"),
        ((302, b""), "failed", "was answered with 302"),
    ],
)
def test_what_is_odd_leaves_the_list_before_in_force(
    site: tuple[str, Pages], tmp_path: Path, answer: tuple[int, bytes], result: str, said: str
) -> None:
    base, pages = site
    url = f"{base}/odd.json"
    before = {url: ranges.RangeList(url, 0, ("8.8.8.0/24", "8.8.4.0/24", "9.9.9.0/24", "9.9.8.0/24"))}
    pages["/odd.json"] = answer
    (one,) = refresh([url], before, tmp_path, NOW, get)
    assert (one.result, one.prefixes) == (result, 4)
    assert said in one.said
    assert list(tmp_path.glob("*.json")) == []


def test_a_list_that_shrank_is_taken_where_the_operator_of_the_site_accepts_it(
    site: tuple[str, Pages], tmp_path: Path
) -> None:
    base, pages = site
    url = f"{base}/small.json"
    pages["/small.json"] = listed("8.8.8.0/24")
    before = {url: ranges.RangeList(url, 0, ("8.8.8.0/24", "8.8.4.0/24", "9.9.9.0/24", "9.9.8.0/24"))}
    assert refresh([url], before, tmp_path, NOW, get, accept=True)[0].result == "new"


def test_a_server_that_is_gone_fails_and_plain_http_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be fetched"):
        get("http://127.0.0.1:1/bot.json")
    with pytest.raises(InputError, match="is not https"):
        over_https("http://example.com/bot.json")
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        refresh([], {}, file / "folder", NOW, get)
