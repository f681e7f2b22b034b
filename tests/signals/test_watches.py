"""What the detectors have counted."""

from dataclasses import replace

import pytest
from building import facts

from scrapeguard.model import Headers, Outcome, Resource
from scrapeguard.signals import DETECTORS
from scrapeguard.signals.misses import Misses
from scrapeguard.signals.watches import (
    browser_of,
    by_worker,
    further,
    led_here,
    of_page,
    opened_by,
    robots_txt,
    served_by,
    taken_by,
)

PAGE = facts(path="/item/1", referer="")
BARE = facts(path="/api/1", query="since=5", resource=Resource.DATA, referer="")
NONE: list[tuple[bytes, bytes]] = []


def test_a_page_is_taken_whoever_asks_and_an_asset_never() -> None:
    assert taken_by(PAGE) == taken_by(replace(PAGE, referer="https://shop.example/")) == "/item/1"
    assert taken_by(replace(PAGE, resource=Resource.ASSET)) is None
    assert taken_by(replace(PAGE, resource=Resource.FEED)) is None
    assert taken_by(replace(PAGE, resource=Resource.NOTICE)) is None


def test_data_without_a_page_is_taken_and_data_of_a_page_is_served_without_its_query() -> None:
    led = replace(BARE, referer="https://shop.example/live")
    assert (taken_by(BARE), served_by(BARE)) == ("/api/1?since=5", None)
    assert (taken_by(led), served_by(led)) == (None, "/api/1")


@pytest.mark.parametrize(
    ("headers", "referer", "answer"),
    [
        (None, None, True),  # a log without the field: nothing to accuse anybody of
        (None, "", False),  # a log with the field, empty
        (None, "https://a.example/", True),
        (NONE, "", False),
        ([(b"sec-fetch-site", b"same-origin")], "", True),  # a page that sends no referer
        ([(b"sec-fetch-site", b"none")], "", False),
    ],
)
def test_whether_a_page_asked(headers: list[tuple[bytes, bytes]] | None, referer: str | None, answer: bool) -> None:
    request = replace(BARE, referer=referer, headers=None if headers is None else Headers(headers))
    assert of_page(request) is answer


CLICK = [(b"sec-fetch-site", b"same-origin"), (b"sec-fetch-mode", b"navigate"), (b"sec-fetch-dest", b"document")]
FETCH = [(b"sec-fetch-site", b"same-origin"), (b"sec-fetch-mode", b"cors"), (b"sec-fetch-dest", b"empty")]
HERE = "https://shop.example/catalogue"


@pytest.mark.parametrize(
    ("headers", "referer", "answer"),
    [
        (CLICK, HERE, True),
        (NONE, HERE, True),  # over http, or an older browser
        (None, HERE, True),  # a log
        (CLICK, "https://search.example/", False),
        ([(b"sec-fetch-site", b"none"), *CLICK[1:]], HERE, False),
        ([(b"sec-fetch-site", b"cross-site"), *CLICK[1:]], HERE, False),
        (FETCH, HERE, False),  # nobody opened it
        (CLICK, "", False),
        ([*CLICK, (b"cookie", b"sid=1")], "", True),  # a site, or a person, that wants no referer
        (NONE, "", False),
        (None, None, False),
    ],
)
def test_whether_a_page_of_this_site_led_here(
    headers: list[tuple[bytes, bytes]] | None, referer: str | None, answer: bool
) -> None:
    assert led_here(replace(PAGE, referer=referer, headers=None if headers is None else Headers(headers))) is answer


@pytest.mark.parametrize("headers", [FETCH, [*CLICK, (b"sec-purpose", b"prefetch")]])
def test_what_a_script_fetches_is_served_and_not_opened(headers: list[tuple[bytes, bytes]]) -> None:
    fetched = replace(facts(path="/suggest", query="q=sp", referer=HERE), headers=Headers(headers))
    assert (opened_by(fetched), served_by(fetched), taken_by(fetched)) == (None, "/suggest?q=sp", "/suggest")
    elsewhere = replace(fetched, headers=Headers([(b"sec-fetch-site", b"cross-site"), *headers[1:]]))
    other = replace(fetched, headers=Headers([pair for pair in headers if pair[0] != b"sec-fetch-site"]))
    for request in (elsewhere, other):
        assert (opened_by(request), served_by(request)) == ("/suggest?q=sp", None)


def test_a_worker_has_its_script_as_referer() -> None:
    fetched = replace(PAGE, headers=Headers(FETCH))
    assert by_worker(replace(fetched, referer="https://shop.example/worker.js"))
    assert not by_worker(replace(fetched, referer=HERE))
    assert not by_worker(replace(PAGE, headers=Headers(CLICK), referer="https://shop.example/worker.js"))


def test_a_browser_is_told_by_its_oldest_cookie_when_it_fetches_assets() -> None:
    image = replace(PAGE, resource=Resource.ASSET, headers=Headers([(b"cookie", b"sid=1; _ga_X=99")]))
    assert browser_of(image) == "sid=1"
    assert browser_of(replace(image, headers=Headers(NONE), credential="3f9a")) == "3f9a"
    assert browser_of(replace(image, headers=None, agent=None)) is None
    assert browser_of(replace(image, resource=Resource.PAGE)) is None


def test_where_a_site_has_no_assets_a_browser_is_told_by_its_pages() -> None:
    assert browser_of(replace(PAGE, has_assets=False)) == PAGE.agent.raw if PAGE.agent else False
    assert browser_of(replace(PAGE, has_assets=None)) is None


def test_one_person_may_look_like_two_and_a_forger_like_thirty_at_most() -> None:
    assert [further(number) for number in (None, 0, 1, 2, 3, 30, 32, 33, 5000)] == [0, 0, 0, 0, 1, 28, 30, 30, 30]


def test_only_robots_txt_counts_as_reading_it() -> None:
    notice = replace(PAGE, resource=Resource.NOTICE)
    assert robots_txt(replace(notice, path="/robots.txt")) == 1
    assert robots_txt(replace(notice, path="/.well-known/security.txt")) == 0


@pytest.mark.parametrize(("status", "missed"), [(404, True), (410, True), (400, True), (200, False), (304, False)])
def test_what_is_not_there_is_missed(status: int, missed: bool) -> None:
    take = Misses().watches()[0].take
    assert (take(PAGE, Outcome(status, 0, 0, True)) is not None) is missed


@pytest.mark.parametrize("status", [0, 401, 403, 408, 425, 429, 500, 503])
def test_refusals_accidents_and_outages_are_not_missed(status: int) -> None:
    assert Misses().watches()[0].take(PAGE, Outcome(status, 0, 0, True)) is None


def test_watches_of_equal_name_are_the_same() -> None:
    """They share their state, so two that differ would count for each other."""
    known = {}
    for detector in DETECTORS.values():
        for watch in detector().watches():
            assert known.setdefault(watch.name, watch) == watch
