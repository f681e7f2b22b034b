"""Each detector at the edges of its limits: silent at the limit, heard beyond it, without an opinion on None."""

from dataclasses import replace

import pytest
from building import agent, client, facts

from scrapeguard.model import AgentKind, Detector, Facts, Gaps, Headers, Resource, Seen, Steps
from scrapeguard.signals import DETECTORS
from scrapeguard.signals.agent import Declared
from scrapeguard.signals.api import Api
from scrapeguard.signals.assets import Assets
from scrapeguard.signals.breadth import Breadth
from scrapeguard.signals.cadence import Cadence
from scrapeguard.signals.coverage import Coverage
from scrapeguard.signals.misses import Misses
from scrapeguard.signals.pace import Pace
from scrapeguard.signals.robots import Robots
from scrapeguard.signals.sequence import Sequence
from scrapeguard.signals.trap import Trap

PERSON = facts()


def by(kind: AgentKind, raw: str = "tool/1.0", operator: str = "", forbidden: str = "") -> Facts:
    """A request of an agent of this kind."""
    return replace(facts(forbidden=forbidden), agent=replace(agent(raw, kind), operator=operator, name="tool"))


BARE = replace(PERSON, has_assets=True)
DATA = replace(BARE, resource=Resource.DATA, path="/api/items", headers=Headers([]), referer="")
KEYED = replace(DATA, credential="k")
LED = replace(DATA, referer="https://shop.example/")
HERE = "https://shop.example/catalogue"
BROWSING = Headers([(b"sec-fetch-site", b"same-origin"), (b"sec-fetch-mode", b"navigate")])
CLICKED = replace(BARE, referer=HERE, headers=BROWSING)
ELSEWHERE = replace(CLICKED, referer="https://search.example/")
UNCOOKED = replace(CLICKED, referer="")
HIDDEN = replace(UNCOOKED, headers=Headers([*BROWSING.raw.items(), (b"cookie", b"sid=1")]))
FETCHED = replace(
    CLICKED, headers=Headers([*BROWSING.raw.items(), (b"sec-fetch-mode", b"cors"), (b"sec-fetch-dest", b"empty")])
)
AHEAD = replace(FETCHED, headers=Headers([*FETCHED.headers.raw.items(), (b"sec-purpose", b"prefetch")]))


def walk(run: int, family: str = "x") -> Steps:
    return Steps(run, 1, family)


EDGES = {  # name: (detector, facts, silent with, heard with, weight then)
    "pace": (Pace(), PERSON, (120, 20, 0, 1, 0), (121, 20, 0, 1, 0), 4),
    "pace, of two browsers": (Pace(), PERSON, (120, 99, 0, 2, 0), (121, 99, 0, 2, 0), 4),
    "pace, of an office": (Pace(), PERSON, (680, 99, 0, 30, 0), (681, 99, 0, 30, 0), 4),
    "pace, of a crowd that is not believed": (Pace(), PERSON, (720, 99, 0, 900, 0), (721, 99, 0, 900, 0), 4),
    "pace, of many panels": (Pace(), PERSON, (600, 1, 60, 1, 0), (601, 1, 60, 1, 0), 4),
    "pace, of data that does not repeat": (Pace(), PERSON, (120, 1, 80, 1, 0), (121, 1, 80, 1, 0), 4),
    "pace, of a poll": (Pace(), PERSON, (600, 10, 9, 1, 0), (601, 10, 9, 1, 0), 4),
    "pace, of a loaded page's scripts": (Pace(), PERSON, (300, 1, 290, 1, 5), (301, 1, 290, 1, 5), 4),
    "pace, of scripts without a page": (Pace(), PERSON, (120, 1, 110, 1, 0), (121, 1, 110, 1, 0), 4),
    "pace, of pages with a little data": (Pace(), PERSON, (120, 60, 60, 1, 600), (121, 60, 60, 1, 600), 4),
    "breadth": (Breadth(), PERSON, (100, 100, 100, 1, 0), (101, 100, 0, 1, 0), 2),
    "breadth, fast": (Breadth(), PERSON, (100, 120, 0, 1, 0), (121, 121, 0, 1, 0), 4),
    "breadth, of data that pages ask for": (Breadth(), PERSON, (0, 0, 100, 1, 0), (0, 0, 101, 1, 0), 2),
    "breadth, of a few data for each page": (Breadth(), PERSON, (99, 99, 990, 1, 0), (101, 99, 990, 1, 0), 2),
    "breadth, of data of loaded pages": (Breadth(), PERSON, (1, 0, 140, 1, 2), (1, 0, 141, 1, 2), 2),
    "breadth, of an album": (Breadth(), CLICKED, (100, 240, 0, 1, 120), (241, 240, 0, 1, 121), 4),
    "breadth, of an album nobody looks at": (Breadth(), CLICKED, (100, 120, 0, 1, 9), (200, 121, 0, 1, 9), 4),
    "breadth, of much of it": (Breadth(), PERSON, (0, 0, 100, 1, 0), (0, 0, 1001, 1, 0), 4),
    "breadth, of an office": (Breadth(), PERSON, (660, 99, 0, 30, 0), (661, 99, 0, 30, 0), 2),
    "breadth, heavy": (Breadth(), PERSON, (100, 0, 0, 1, 0), (241, 120, 0, 1, 0), 4),
    "breadth, of a search engine": (
        Breadth(),
        by("crawler", operator="Google"),
        (1200, 900, 0, 1, 0),
        (1201, 9, 0, 1, 0),
        4,
    ),
    "breadth, of a preview": (Breadth(), by("preview"), (1200, 900, 0, 1, 0), (1201, 900, 0, 1, 0), 4),
    "breadth, of a crawler nobody knows": (Breadth(), by("crawler"), (100, 100, 0, 1, 0), (101, 100, 0, 1, 0), 2),
    "sequence": (Sequence(), PERSON, (walk(25), 0, 0, 0), (walk(26), 0, 0, 0), 2),
    "sequence, with no step": (Sequence(), PERSON, (walk(99, ""), 0, 0, 0), (walk(99, ""), 0, 0, 0), None),
    "sequence, by links": (Sequence(), CLICKED, (walk(25), 0, 0, 0), (walk(26), 0, 0, 0), 1),
    "sequence, by links without referer": (
        Sequence(),
        HIDDEN,
        (walk(25), 0, 0, 0),
        (walk(26), 0, 0, 0),
        1,
    ),
    "sequence, by a word alone": (Sequence(), UNCOOKED, (walk(25), 0, 0, 0), (walk(26), 0, 0, 0), 2),
    "sequence, from elsewhere": (Sequence(), ELSEWHERE, (walk(25), 0, 0, 0), (walk(26), 0, 0, 0), 2),
    "sequence, of an album": (Sequence(), CLICKED, (walk(99), 50, 0, 0), (walk(99), 50, 0, 0), None),
    "sequence, of a script": (Sequence(), FETCHED, (walk(25), 0, 0, 0), (walk(26), 0, 0, 0), 1),
    "sequence, fetched ahead": (Sequence(), AHEAD, (walk(25), 0, 0, 0), (walk(26), 0, 0, 0), 1),
    "sequence, of data": (Sequence(), LED, (walk(25), 0, 0, 9), (walk(26), 0, 0, 9), 2),
    "sequence, of data of each page": (
        Sequence(),
        LED,
        (walk(25), 0, 9, 90),
        (walk(26), 0, 9, 90),
        1,
    ),
    "sequence, of data of one page": (Sequence(), LED, (walk(25), 0, 9, 91), (walk(26), 0, 9, 91), 2),
    "sequence, of data with pictures": (
        Sequence(),
        LED,
        (walk(25), 90, 0, 0),
        (walk(26), 90, 0, 0),
        1,
    ),
    "cadence, of an app": (Cadence(), by("app"), (Gaps(40, 1000, 0), 90), (Gaps(40, 1000, 0), 90), None),
    "cadence": (Cadence(), PERSON, (Gaps(40, 1000, 310), 20), (Gaps(40, 1000, 300), 20), 1),
    "cadence, fixed": (Cadence(), PERSON, (Gaps(29, 1000, 0), 20), (Gaps(30, 1000, 100), 20), 2),
    "cadence, of a page that reloads": (Cadence(), PERSON, (Gaps(40, 1000, 0), 19), (Gaps(40, 1000, 0), 20), 2),
    "cadence, of one instant": (Cadence(), PERSON, (Gaps(40, 0, 0), 40), (Gaps(40, 1, 0), 40), 2),
    "robots": (Robots(), by("crawler", forbidden="/x"), (None, 1), (4, 0), 2),
    "robots, again and again": (Robots(), by("crawler", forbidden="/x"), (None, 0), (5, 0), 4),
    "robots, allowed": (Robots(), by("crawler"), (9, 1), (None, 0), None),
    "robots, a browser that read it": (Robots(), facts(forbidden="/x"), (4, 1), (5, 1), 2),
    "robots, a browser that did not": (Robots(), facts(forbidden="/x"), (900, 0), (900, 0), None),
    "robots, an agent nobody knows": (Robots(), by("unknown", forbidden="/x"), (None, 0), (5, 0), 2),
    "robots, no agent at all": (Robots(), by("unknown", "", forbidden="/x"), (None, 0), (5, 0), 4),
    "coverage, of a day": (Coverage(), BARE, (200, 600, 0, 0, 0, 0), (201, 201, 0, 0, 0, 0), 3),
    "coverage, of a week": (Coverage(), BARE, (60, 600, 6, 0, 0, 0), (61, 601, 6, 0, 0, 0), 3),
    "coverage, of half as much again": (Coverage(), BARE, (200, 600, 0, 0, 0, 0), (301, 301, 0, 0, 0, 0), 4),
    "coverage, with assets": (Coverage(), BARE, (1000, 3000, 999, 1, 0, 0), (1001, 1001, 999, 1, 0, 0), 2),
    "coverage, of an office": (Coverage(), BARE, (2600, 2600, 999, 10, 0, 0), (2601, 2601, 999, 10, 0, 0), 2),
    "coverage, of a catalogue that is known": (
        Coverage(catalogue=2000),
        BARE,
        (100, 100, 0, 0, 0, 0),
        (101, 101, 0, 0, 0, 0),
        3,
    ),
    "coverage, of a small catalogue": (Coverage(catalogue=100), BARE, (50, 50, 0, 0, 0, 0), (51, 51, 0, 0, 0, 0), 3),
    "coverage, of a search engine": (
        Coverage(),
        by("crawler", operator="Google"),
        (9999, 9999, 0, 0, 0, 0),
        (None,) * 6,
        None,
    ),
    "coverage, by links": (Coverage(), CLICKED, (200, 600, 0, 0, 9, 0), (201, 201, 0, 0, 9, 0), 2),
    "coverage, by links, of half as much": (Coverage(), CLICKED, (200, 600, 0, 0, 9, 0), (301, 301, 0, 0, 9, 0), 4),
    "coverage, fetched ahead": (Coverage(), AHEAD, (900, 900, 20, 1, 9, 400), (1001, 1001, 20, 1, 9, 400), 1),
    "coverage, ahead of nothing": (Coverage(), AHEAD, (200, 200, 0, 1, 9, 0), (301, 301, 0, 1, 9, 400), 4),
    "api": (Api(), DATA, (100, 0, 100, 0), (101, 0, 101, 0), 4),
    "api, in lists": (Api(), replace(DATA, query="page=4"), (5, 0, 5, 0), (6, 0, 6, 0), 4),
    "api, in lists of fifty": (
        Api(),
        replace(DATA, query="a=1&limit=50"),
        (2, 0, 2, 0),
        (3, 0, 3, 0),
        4,
    ),
    "api, with a page's referer": (Api(), LED, (0, 200, 0, 0), (0, 201, 0, 0), 2),
    "api, beside a page": (Api(), LED, (0, 900, 1, 0), (None,) * 4, None),
    "api, that is public": (Api(routes={"/api/*": "public"}), DATA, (900, 0, 9, 0), (None,) * 4, None),
    "api, without the login it needs": (Api(routes={"/api/*": "login"}), DATA, (5, 0, 5, 0), (6, 0, 6, 0), 2),
    "api, with a key": (
        Api(routes={"/api/*": "signed"}),
        replace(DATA, credential="k"),
        (900, 0, 9, 0),
        (None,) * 4,
        None,
    ),
    "trap": (Trap(), PERSON, (0,), (1,), 2),
    "trap, twice": (Trap(), PERSON, (0,), (2,), 4),
    "agent": (Declared(), by("browser"), (900, 0, 0, 0), (900, 0, 0, 0), None),
    "agent, of a known crawler": (Declared(), by("crawler", operator="Google"), (900, 0, 0, 0), (None, 0, 0, 0), None),
    "agent, of an app": (Declared(), by("app"), (900, 0, 0, 0), (900, 0, 0, 0), None),
    "agent, of something nobody knows": (Declared(), by("unknown"), (11, 1, 0, 0), (11, 0, 0, 0), 5),
    "misses": (Misses(), PERSON, (12, 12), (13, 26), 2),
    "misses, among what was there": (Misses(), PERSON, (13, 27), (13, 13), 2),
    "misses, many": (Misses(), PERSON, (12, 12), (41, 50), 4),
    "misses, of a search engine": (Misses(), by("crawler", operator="Google"), (900, 900), (900, 900), None),
    "assets": (Assets(), PERSON, (30, 0, 0), (31, 0, 0), 2),
    "assets, a few": (Assets(), PERSON, (40, 0, 4), (41, 0, 4), 2),
    "assets, by links": (Assets(), CLICKED, (30, 0, 0), (31, 0, 0), 1),
    "assets, from elsewhere": (Assets(), ELSEWHERE, (30, 0, 0), (31, 0, 0), 2),
    "assets, fetched ahead": (Assets(), AHEAD, (1, 29, 0), (1, 30, 0), 2),
    "assets, some data of each page": (Assets(), LED, (10, 20, 0), (11, 20, 0), 1),
    "assets, much data of one page": (Assets(), LED, (1, 150, 1), (1, 151, 1), 2),
    "assets, data as well": (Assets(), PERSON, (10, 20, 0), (10, 21, 0), 2),
    "assets, where the site has none": (Assets(), replace(PERSON, has_assets=False), (99, 0, 0), (99, 0, 0), None),
    "assets, where nobody knows": (Assets(), replace(PERSON, has_assets=None), (99, 0, 0), (99, 0, 0), None),
    "assets, of no browser": (Assets(), by("library"), (99, 0, 0), (99, 0, 0), None),
}


@pytest.mark.parametrize("name", EDGES)
def test_silent_at_the_limit_and_heard_beyond(name: str) -> None:
    detector, request, at, beyond, weight = EDGES[name]
    assert detector.detect(request, at) is None
    signal = detector.detect(request, beyond)
    if weight is None:
        assert signal is None
    else:
        assert signal is not None
        assert (signal.weight, signal.detector) == (weight, name.partition(",")[0])
        assert str(signal.seen) in signal.reason or signal.detector == "agent"


@pytest.mark.parametrize("name", DETECTORS)
def test_nothing_is_said_where_nothing_is_known(name: str) -> None:
    """A store that is gone, a subject that cannot be told, a door that sees neither agent nor headers."""
    detector: Detector = DETECTORS[name]()
    blind = replace(PERSON, agent=None, headers=None, referer=None, forbidden=None, has_assets=None)
    nothing: tuple[Seen, ...] = (None,) * len(detector.watches())
    for request in (blind, replace(blind, client=client("")), replace(PERSON, headers=None)):
        assert detector.detect(request, nothing) is None


def test_a_tool_is_named_at_once_and_heavy_once_it_collects() -> None:
    for raw in ("curl/8.5.0", ""):
        request = by("library" if raw else "unknown", raw)
        weights = [signal.weight for n in (1, 10, 11) if (signal := Declared().detect(request, (n, 0, 0, 0)))]
        assert weights == [1, 1, 5]


def test_a_headless_browser_is_heavy_sooner() -> None:
    weights = [signal.weight for n in (3, 4) if (signal := Declared().detect(by("headless"), (n, 9, 0, 0)))]
    assert weights == [1, 5]


def test_a_headless_browser_whose_scripts_ask_for_much_collects_too() -> None:
    weights = [signal.weight for n in (119, 120) if (signal := Declared().detect(by("headless"), (1, 9, 0, n)))]
    assert weights == [1, 5]


def test_a_crawler_nobody_knows_is_named_and_judged_by_what_it_does_once_it_has_read_robots_txt() -> None:
    weights = [signal.weight for asked in (0, 1) if (signal := Declared().detect(by("crawler"), (900, 0, asked, 0)))]
    assert weights == [5, 0]


def test_a_client_with_a_key_is_not_told_off_by_robots_txt() -> None:
    request = replace(by("library", forbidden="/api/"), credential="3f9a")
    assert Robots().detect(request, (900, 1)) is None


def test_fetching_ahead_is_no_trap() -> None:
    take = Trap().watches()[0].take
    trapped = facts(path="/trap/1", trapped=True)
    ahead = [(b"sec-purpose", b"prefetch;prerender"), (b"purpose", b"prefetch"), (b"x-moz", b"prefetch")]
    assert take(trapped) == "/trap/1"
    assert [take(replace(trapped, headers=Headers([pair]))) for pair in ahead] == [None] * 3
    assert take(facts(path="/item/1", resource=Resource.PAGE)) is None
