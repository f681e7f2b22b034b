"""One fingerprint over many addresses: a fleet is seen, a crowd of people with the same browser is not wronged."""

import asyncio
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import pytest

from scrapeguard.config import load
from scrapeguard.guard import Judge
from scrapeguard.model import Rung, Verdict
from scrapeguard.parts import examine
from scrapeguard.selftest.traffic import ASSET, COMMON, HOST, PAGE, Request
from scrapeguard.signals.continued import REFERENCE

NOW = 1_790_000_000_000_000
ITEMS = 5000
SHOP = (b"referer", b"https://" + HOST + b"/catalogue")
TYPED = (*COMMON, *(pair for pair in PAGE if pair[0] != b"sec-fetch-site"), (b"sec-fetch-site", b"none"))
POPULAR = [1 / rank for rank in range(1, ITEMS + 1)]  # Zipf's law


@dataclass(slots=True)
class Found:
    """What became of some traffic: pages let through, and those that were not; every signal's reason."""

    let: int = 0
    stopped: list[Request] = field(default_factory=list)
    signals: dict[str, list[str]] = field(default_factory=dict)
    by_address: dict[str, int] = field(default_factory=dict)

    def note(self, request: Request, verdict: Verdict) -> None:
        self.by_address[request.address] = self.by_address.get(request.address, 0) + 1
        for signal in verdict.signals:
            self.signals.setdefault(signal.detector, []).append(signal.reason)
        if verdict.rung is not Rung.ALLOW:
            self.stopped.append(request)
        elif "/item/" in request.path:
            self.let += 1


def judged(traffic: Iterable[Request], watched: str = "", assets: bool | None = True, **settings: object) -> Found:
    """All traffic in the order of time through one judge; what became of the addresses that begin with `watched`."""
    parts = examine(load({"evidence": {"directory": ""}, "facts": {"session_cookies": ["sid"]}, "signals": settings}))
    judge = Judge(parts.store, parts.panel, parts.policy, parts.lists, parts.mode)
    found = Found()

    async def run() -> None:
        for request in sorted(traffic, key=lambda one: one.time):
            facts = parts.reader.read(request.scope(), NOW + round(request.time * 1_000_000))
            verdict = await judge(replace(facts, has_assets=assets))
            if request.address.startswith(watched):
                found.note(request, verdict)

    asyncio.run(run())
    return found


def fleet(
    addresses: int, numbers: Iterable[int], pause: float = 1.0, form: str = "/item/{}", cookie: bytes = b""
) -> Iterator[Request]:
    """Pages only, from one address or another, each of a network of its own."""
    chance = random.Random(addresses)
    sent = (*TYPED, (b"cookie", cookie)) if cookie else TYPED
    for turn, number in enumerate(numbers):
        which = chance.randrange(addresses)
        yield Request(turn * pause, form.format(number), sent, f"198.{18 + which // 250}.{which % 250}.9")


def shuffled(seed: int = 1) -> list[int]:
    return random.Random(seed).sample(range(1, ITEMS + 1), ITEMS)


def crowd(people: int, warm: float, hours: float = 1.0) -> Iterator[Request]:
    """People with one and the same browser; so many of them have the site's assets from before, and fetch none."""
    chance = random.Random(people)
    for person in range(people):
        address = f"203.{person // 250}.{person % 250}.7"
        now, cached, came_by_link = chance.random() * 3600 * hours, chance.random() < warm, chance.random() < 0.8
        for turn in range(1 + int(chance.expovariate(1 / 4))):
            path = f"/item/{chance.choices(range(1, ITEMS + 1), POPULAR)[0]}"
            yield Request(now, path, (*COMMON, *PAGE, SHOP) if turn or came_by_link else TYPED, address)
            if not cached:
                yield Request(now + 0.2, f"/static{path}.jpg", (*COMMON, *ASSET, SHOP), address)
            now += 30 * chance.lognormvariate(-0.3, 0.8)


def test_a_walk_that_goes_on_over_five_hundred_addresses_is_stopped_at_once() -> None:
    found = judged(fleet(500, range(1, 2000)))
    assert found.let < 60
    assert "goes on with a walk of 26 steps, 1 apart, that other addresses" in found.signals["rotation"][0]


@pytest.mark.parametrize(("addresses", "most"), [(5, 250), (50, 400), (500, 1500)])
def test_a_fleet_that_shares_a_shuffled_catalogue_is_stopped(addresses: int, most: int) -> None:
    assert judged(fleet(addresses, shuffled())).let < most


def test_a_fleet_that_asks_again_for_what_it_was_refused_gets_no_more() -> None:
    """Refusals are not counted as taken twice, or else whoever tries again would look like a crowd."""
    first = judged(fleet(50, shuffled()[:1500]))
    refused = [int(one.path.rpartition("/")[2]) for one in first.stopped]
    found = judged(fleet(50, [*shuffled()[:1500], *refused, *refused, *refused]))
    assert found.let < 500


def test_a_session_that_is_used_from_many_networks_is_stopped() -> None:
    """Every address has another agent, so that nothing but the session tells that they are one."""
    traffic = [
        replace(
            request,
            headers=tuple(
                (name, value.replace(b"/120.", b"/%d." % (60 + int(request.address.split(".")[2]))))
                for name, value in request.headers
            ),
        )
        for request in fleet(20, shuffled()[:1500], cookie=b"sid=one")
    ]
    found = judged(traffic)
    assert found.let < 400
    assert any("by one session from" in reason for reason in found.signals["rotation"])


def test_one_address_with_ever_new_agents_is_stopped() -> None:
    chance = random.Random(3)
    traffic = [
        replace(one, headers=((b"user-agent", b"Mozilla/5.0 Gecko Firefox/%d.0" % chance.randrange(90, 150)), *PAGE))
        for one in fleet(1, shuffled()[:100], pause=9.0)
    ]
    found = judged(traffic, headers={"mode": "off"})
    assert found.let < 15
    assert "different agents in a day on one address" in found.signals["rotation"][0]


@pytest.mark.parametrize("warm", [0.0, 0.5])
def test_two_thousand_people_with_one_fingerprint_are_let_be(warm: float) -> None:
    found = judged(crowd(2000, warm))
    assert not found.stopped
    assert found.signals.keys() <= {"assets"}


def test_people_who_look_like_a_walking_fleet_are_let_be_while_it_is_stopped() -> None:
    traffic = [*crowd(1000, 0.1), *fleet(500, range(1, 3000))]
    assert not judged(traffic, watched="203.").stopped
    assert judged(traffic, watched="198.").let < 200


def test_people_who_look_like_a_shuffling_fleet_are_let_be() -> None:
    assert not judged([*crowd(1000, 0.1), *fleet(50, shuffled()[:3000])], watched="203.").stopped


def test_a_change_of_address_after_a_measure_is_linked_within_twenty_requests() -> None:
    """It walks on, and names the measure that it goes on from."""
    traffic, which = [], 0
    for number in range(1, 200):  # twenty from each address, then the next one
        which = number // 20
        traffic.append(Request(number * 2.0, f"/item/{number}", TYPED[1:], f"198.18.{which}.9"))
    found = judged(traffic, sequence={"limit": 10, "weight": 4}, rotation={"mode": "off"})
    assert found.stopped
    said = found.signals["continued"][0]
    assert REFERENCE.search(said)
    assert "goes on" in said


def test_an_office_that_shares_an_address_and_a_browser_is_let_be() -> None:
    one = [replace(request, address="203.0.113.9") for request in crowd(30, 0.0)]
    assert not judged(one).signals.get("rotation")
    assert not judged(one).stopped


def test_an_app_that_asks_for_the_data_of_thousands_of_users_is_let_be() -> None:
    sent = ((b"user-agent", b"okhttp/4.12.0"), (b"accept", b"application/json"))
    traffic = [
        Request(turn * 1.0, f"/api/users/{number}", sent, f"203.{turn // 250}.{turn % 250}.7")
        for turn, number in enumerate(shuffled()[:1500])
    ]
    assert not judged(traffic).stopped


def test_a_fleet_that_forges_links_is_stopped_later() -> None:
    """What a page leads to may be a warm cache; so a fleet of many is stopped soon, a small one after a while."""
    traffic = [replace(one, headers=(*COMMON, *PAGE, SHOP)) for one in fleet(50, shuffled())]
    assert judged(traffic).let < 500
    traffic = [replace(one, headers=(*COMMON, *PAGE, SHOP)) for one in fleet(5, shuffled())]
    assert judged(traffic).let < 300


def test_those_who_open_many_pages_from_their_bookmarks_are_let_be() -> None:
    """A thousand readers of feeds, with one browser and a warm cache: each opens a few different pages a day."""
    chance = random.Random(4)
    traffic = [
        Request(chance.random() * 80_000, f"/item/{chance.randrange(90_000)}", TYPED, f"203.{n // 250}.{n % 250}.7")
        for n in range(1000)
        for _ in range(chance.choice((1, 1, 1, 2, 2, 4)) if n % 5 == 0 else 1)
    ]
    assert not judged(traffic).stopped


@pytest.mark.parametrize("warm", [0.0, 0.5])
def test_before_it_is_known_whether_a_site_has_assets_fleets_are_seen_and_people_let_be(warm: float) -> None:
    assert judged(fleet(50, shuffled()[:2000]), assets=None).let < 400
    assert judged(fleet(500, range(1, 1000)), assets=None).let < 60
    assert not judged(crowd(200, warm), assets=None).stopped


@pytest.mark.parametrize("assets", [None, False])
def test_where_assets_come_from_elsewhere_a_crowd_is_let_be(assets: bool | None) -> None:
    """Everybody takes pages only; it is learnt from the first few hundred visitors that nobody takes assets here."""
    assert not judged(crowd(400 if assets is None else 2000, 1.0), assets=assets).stopped


def stripped(traffic: Iterable[Request]) -> list[Request]:
    """The same, behind a proxy that removes what it does not know: all of it looks odd, and alike."""
    return [
        replace(one, headers=tuple(pair for pair in one.headers if not pair[0].startswith(b"sec-"))) for one in traffic
    ]


def test_people_whose_proxy_strips_headers_are_let_be_where_somebody_who_looks_like_them_was_stopped() -> None:
    """That both look odd is one oddity: a third page from a bookmark, with a warm cache, stops nobody."""
    moves = [replace(one, address=f"198.18.{turn // 34}.9") for turn, one in enumerate(fleet(1, shuffled()[:102]))]
    opened = [
        Request(60 + person * 9.0 + turn * 15.0, f"/item/{person * 100 + turn * 37}", TYPED, f"203.200.{person}.7")
        for person in range(8)
        for turn in range(6)
    ]
    traffic = stripped([*crowd(300, 0.3), *opened, *moves])
    people = judged(traffic, watched="203.")
    assert not people.stopped
    assert "continued" in people.signals
    assert "continued" in judged(traffic, watched="198.").signals


def test_a_fleet_that_looks_odd_and_walks_is_stopped_at_once() -> None:
    found = judged(stripped(fleet(40, range(1, 1000))))
    assert found.let < 60
    assert "continued" in found.signals
