"""Actors: who comes back under another address is joined by what can be shown; strangers and imitators are not."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from building import BLOCKED, FINE, HELD, REFUSED, SECOND, SERVED, SLOWED, signal
from linking import BOT, POPULAR, Busy, facts, people, rotation, subjects, walk

from scrapeguard.evidence.actors import MOST_LINKS, REMEMBERED, Linker
from scrapeguard.evidence.chance import count_at_most, share_at_most
from scrapeguard.evidence.incident import Incident
from scrapeguard.evidence.incidents import incidents, members
from scrapeguard.evidence.log import EvidenceLog, EvidenceSettings
from scrapeguard.evidence.reading import segments
from scrapeguard.evidence.rejections import reject
from scrapeguard.model import Rung, Verdict


def only(folder: Path) -> Incident:
    (found,) = incidents(folder)
    return found


def alone(folder: Path) -> bool:
    """Whether every incident is of one address."""
    return all(len(each.found.subjects) == 1 for each in incidents(folder))


def test_who_goes_on_from_the_next_address_after_each_block_is_one_actor(tmp_path: Path) -> None:
    used = rotation(tmp_path, addresses=5)
    found = only(tmp_path)
    assert found.found.subjects == tuple(sorted(subjects(used)))
    assert len(found.taken.objects) == 100
    assert {entry.address for entry in members(tmp_path, found.found)} == set(used)
    walked = [link for link in found.found.links if link.reason == "walk"]
    assert [link.apart for link in walked] == [4 * SECOND] * 4
    assert [link.first.reference for link in walked] == ["7H2K-9QXA"] * 4


def test_each_link_says_how_often_it_would_join_strangers_and_from_how_many_that_is_known(tmp_path: Path) -> None:
    rotation(tmp_path, crowd=300)
    errors = {link.reason: link.error for link in only(tmp_path).found.links}
    assert (errors["return"].shared, errors["return"].of, errors["return"].arrivals) == (0, 300, 0)
    assert 3500 < errors["return"].seconds <= 3600
    assert errors["walk"].ppm < errors["return"].ppm < 5_000


def test_a_crowd_of_2000_with_one_popular_browser_is_not_joined(tmp_path: Path) -> None:
    """One scraper uses the crowd's browser; people arrive all the time, also seconds after its blocks."""
    log = Busy(tmp_path)
    people(log, 2000)
    for hundred in range(10):
        walk(log, "203.0.113.7", 100 + hundred * 300, hundred * 30, POPULAR)
    log.close()
    found = only(tmp_path)
    assert found.found.subjects == ("address:203.0.113.7",)
    assert all(link.weak and link.error.ppm > 10_000 for link in found.found.links)
    assert len(found.found.links) < 50


def test_people_of_the_crowd_who_are_stopped_themselves_are_not_joined_either(tmp_path: Path) -> None:
    log = Busy(tmp_path)
    people(log, 500)
    for person in range(30):
        log.request(facts(1000 + person, f"/story/{person * 7}", f"198.51.100.{person + 1}"), SLOWED, REFUSED)
    log.close()
    assert len(incidents(tmp_path)) == 30
    assert alone(tmp_path)


def test_an_office_is_not_joined_though_nobody_elsewhere_looks_like_it(tmp_path: Path) -> None:
    log = Busy(tmp_path)
    people(log, 500)
    for desk in range(20):
        address, odd = f"203.0.113.{desk + 1}", desk in (3, 9, 12)
        log.request(facts(1000 + desk * 60, f"/story/{desk}", address, "0ff1ce"), FINE, SERVED)
        if odd:
            log.request(facts(1010 + desk * 60, f"/story/{desk}", address, "0ff1ce"), SLOWED, REFUSED)
    log.close()
    assert len(incidents(tmp_path)) == 3
    assert alone(tmp_path)


def test_rare_looks_in_one_network_join_who_is_odd_there_and_nobody_elsewhere(tmp_path: Path) -> None:
    log = Busy(tmp_path)
    people(log, 1500)
    for number, address in enumerate(("203.0.113.7", "203.0.113.8", "192.0.2.9")):
        log.request(facts(1000 + number * 300, f"/story/{number * 100}", address, BOT), BLOCKED, REFUSED)
    log.close()
    assert [each.found.subjects for each in incidents(tmp_path)] == [
        ("address:203.0.113.7", "address:203.0.113.8"),
        ("address:192.0.2.9",),
    ]


def test_one_session_at_two_addresses_joins_them(tmp_path: Path) -> None:
    log = Busy(tmp_path)
    people(log, 300)
    for number, address in enumerate(("203.0.113.7", "192.0.2.9")):
        made = facts(1000 + number * 300, f"/story/{number * 100}", address, f"0{number}", credential="5e5510")
        log.request(made, FINE if number else BLOCKED, SERVED if number else REFUSED)
    log.close()
    found = only(tmp_path)
    assert found.found.subjects == ("address:192.0.2.9", "address:203.0.113.7")
    assert [link.reason for link in found.found.links] == ["account"]


def test_a_key_that_the_sites_own_pages_send_joins_nobody(tmp_path: Path) -> None:
    log = Busy(tmp_path)
    for person in range(300):
        log.request(facts(person, "/api", f"198.51.{person % 4}.{person // 4 + 1}", credential="pub11c"), FINE, SERVED)
    log.request(facts(400, "/api", "203.0.113.7", BOT, credential="pub11c"), BLOCKED, REFUSED)
    log.close()
    assert alone(tmp_path)


def test_who_comes_back_quietly_belongs_to_it_for_an_hour(tmp_path: Path) -> None:
    log = Busy(tmp_path)
    people(log, 300)
    end = walk(log, "203.0.113.7", 100, 0)
    for number in range(100):
        log.request(facts(end + 5 + number * 60, f"/item/{21 + number}", "192.0.2.9", BOT), FINE, SERVED)
    log.close()
    found = only(tmp_path)
    assert found.found.subjects == ("address:192.0.2.9", "address:203.0.113.7")
    assert found.who["address:192.0.2.9"].requests == 61


def test_a_link_that_the_operator_rejects_is_told_and_not_followed(tmp_path: Path) -> None:
    rotation(tmp_path, addresses=3)
    before = only(tmp_path)
    (last, *others) = [link for link in before.found.links if link.second.subject == "address:203.0.115.9"]
    for link in (last, *others):
        reject(
            EvidenceLog(EvidenceSettings(directory=str(tmp_path)), Path),
            link.id,
            link.reason,
            "J. Doe",
            "a customer of ours",
        )
    first, second = incidents(tmp_path)
    assert first.found.id == before.found.id
    assert first.found.subjects == ("address:203.0.113.7", "address:203.0.114.8")
    assert second.found.subjects == ("address:203.0.115.9",)
    told = [link for link in second.told()["links"] if link["rejected"]]  # type: ignore[union-attr,index,call-overload]
    assert [link["rejected"]["who"] for link in told] == ["J. Doe"] * 2  # type: ignore[index,call-overload]


def test_an_imitator_elsewhere_and_at_another_time_is_not_joined(tmp_path: Path) -> None:
    """Poisoning: a third party sends the actor's headers to be found in its incident, or to be taken for it."""
    log = Busy(tmp_path)
    people(log, 300)
    end = walk(log, "203.0.113.7", 100, 0)
    log.request(facts(end + 600, "/story/7", "192.0.2.66", BOT), BLOCKED, REFUSED)
    log.close()
    assert alone(tmp_path)


def test_imitators_who_come_all_the_time_make_the_links_uncertain_and_join_nobody(tmp_path: Path) -> None:
    log = Busy(tmp_path)
    people(log, 300)
    for number in range(400):
        log.request(facts(number * 9, f"/story/{number}", f"192.0.{number // 200}.{number % 200}", BOT), FINE, SERVED)
    end = walk(log, "203.0.113.7", 100, 0)
    walk(log, "203.0.114.8", end + 9, 500)
    log.close()
    assert alone(tmp_path)


def test_who_insists_where_many_begin_makes_no_link_of_another_less_sure(tmp_path: Path) -> None:
    """Refused 200 times by one measure, at a place where people come all the time: one trial, not 200."""
    log = Busy(tmp_path)
    people(log, 300)
    log.request(facts(500, "/page/5", "192.0.2.9", "1" * 16), BLOCKED, REFUSED)
    for again in range(1, 200):
        log.request(facts(500 + again, "/page/5", "192.0.2.9", "1" * 16), HELD, REFUSED)
        log.request(facts(500.5 + again, "/page/4", f"198.51.100.{again}"), FINE, SERVED)
    end = walk(log, "203.0.113.7", 1000, 0)
    walk(log, "203.0.114.8", end + 4, 20)
    log.close()
    joined = [each.found for each in incidents(tmp_path) if len(each.found.subjects) > 1]
    assert [each.subjects for each in joined] == [("address:203.0.113.7", "address:203.0.114.8")]
    assert all(link.error.trials <= 6 for link in joined[0].links if link.reason == "walk")


def test_a_chain_of_links_cannot_be_made_between_two_strangers_by_visiting_both(tmp_path: Path) -> None:
    """A third party who is blocked where both were is joined to neither: looks differ, and nobody came in time."""
    log = Busy(tmp_path)
    people(log, 300)
    for number, address in enumerate(("203.0.113.7", "192.0.2.9", "198.51.100.66")):
        log.request(facts(100 + number * 400, "/item/1", address, f"{number}"), BLOCKED, REFUSED)
    log.close()
    assert alone(tmp_path)


@pytest.mark.parametrize("workers", [1, 3])
def test_the_order_and_number_of_writers_change_no_link(tmp_path: Path, workers: int) -> None:
    log = Busy(tmp_path, workers)
    people(log, 300)
    second = 1000.0
    for number in range(3):
        second = walk(log, f"203.0.{113 + number}.7", second, number * 20) + 4
    log.close()
    assert len(only(tmp_path).found.subjects) == 3


def test_in_observe_mode_nobody_comes_back_from_anything(tmp_path: Path) -> None:
    log = Busy(tmp_path)
    people(log, 300)
    observed = Verdict(Rung.ALLOW, Rung.BLOCK, "signals", (signal(),), 9, 900, "observe")
    for number in range(3):
        log.request(facts(1000 + number * 4, f"/item/{number}", f"203.0.{113 + number}.7", BOT), observed, SERVED)
    log.close()
    assert alone(tmp_path)


def test_the_detector_that_sees_a_walk_go_on_is_believed_as_far_as_it_names_a_refusal(tmp_path: Path) -> None:
    log = Busy(tmp_path)
    people(log, 300)
    walk(log, "203.0.113.7", 100, 0, BOT)
    for number, reference in enumerate(("ST0P-0000", "XXXX-XXXX")):
        address = f"192.0.{2 + number}.9"
        for page in range(3):
            log.request(facts(300 + number + page, f"/item/{21 + page}", address, BOT), FINE, SERVED)
        named = replace(signal("continued", 5), reason=f"goes on 3 further: the measure of reference {reference}")
        verdict = Verdict(Rung.BLOCK, Rung.BLOCK, "signals", (named,), 9, 900)
        log.request(facts(304 + number, "/item/24", address, BOT), verdict, REFUSED)
    log.close()
    (joined,) = [each for each in incidents(tmp_path) if len(each.found.subjects) == 2]
    assert [link.reason for link in joined.found.links if link.holds] == ["continued"]
    assert joined.found.subjects == ("address:192.0.2.9", "address:203.0.113.7")


def test_strangers_are_joined_no_more_often_than_is_said(tmp_path: Path) -> None:
    """One person of a hundred is refused, in 50 logs: one in a hundred may be joined with who comes next by chance."""
    wrong = 0
    for seed in range(50):
        log = Busy(tmp_path / str(seed))
        people(log, 100, 1200, seed)
        log.request(facts(600, f"/story/{seed * 17 % 900}", "203.0.113.7"), BLOCKED, REFUSED)
        log.close()
        wrong += not alone(tmp_path / str(seed))
    assert wrong <= 3


FLOOD = """
import resource, sys, time
from pathlib import Path
from scrapeguard.evidence.incidents import find
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
began = time.process_time()
found = find(Path(sys.argv[1]))
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(len(found), max(len(each.subjects) for each in found), grown)
"""


def test_a_flood_of_identities_takes_bounded_memory(tmp_path: Path) -> None:
    """20,000 addresses, each refused once and gone on from by the next one second later."""
    log = Busy(tmp_path)
    people(log, 300)
    for number in range(20_000):
        address = f"10.{number // 62_500}.{number // 250 % 250}.{number % 250 + 1}"
        log.request(facts(1000 + number, f"/item/{number}", address, BOT), BLOCKED, REFUSED)
    log.close()
    size = sum(path.stat().st_size for path in segments(tmp_path)) >> 10
    done = subprocess.run([sys.executable, "-c", FLOOD, str(tmp_path)], capture_output=True, text=True, check=True)
    found, largest, grown = map(int, done.stdout.split())
    assert found >= 20
    assert 1 < largest <= 1_000
    assert size > 20_000
    assert grown < 60_000


def test_the_tables_of_the_linker_have_a_bound() -> None:
    linker = Linker(SECOND * 1800)
    assert MOST_LINKS <= 5_000
    assert REMEMBERED <= 4_096
    assert not linker.links


def test_the_limits_of_shares_and_counts_are_those_of_the_score_interval() -> None:
    """Compared with the equation that the interval solves: |p - limit| = z * sqrt(limit * (1 - limit) / n)."""
    for count, of in ((0, 100), (3, 100), (50, 100), (99, 100)):
        limit = share_at_most(count, of)
        assert abs((limit - count / of) - 1.6449 * (limit * (1 - limit) / of) ** 0.5) < 1e-9
    for count in (0, 1, 10, 1000):
        limit = count_at_most(count)
        assert abs((limit - count) - 1.6449 * limit**0.5) < 1e-6
    assert share_at_most(0, 0) == 1.0
