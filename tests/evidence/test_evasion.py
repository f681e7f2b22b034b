"""Evasion: told, stopped, came back, to the second; what is observed apart from what is inferred, with its error."""

from dataclasses import replace
from pathlib import Path

from building import BLOCKED, FINE, FIREFOX, HELD, REFUSED, SECOND, SERVED, START, open_log, signal
from linking import BOT, CHROME, NOTICE, Busy, facts, people, rotation, walk

from scrapeguard.config import Config
from scrapeguard.evidence.evasion import LISTED, Step
from scrapeguard.evidence.incident import Incident
from scrapeguard.evidence.incidents import incidents
from scrapeguard.evidence.log import EvidenceLog, EvidenceSettings, now
from scrapeguard.model import Attempt, Outcome, Pass, Resource, Rung, Signal, Verdict
from scrapeguard.policy import Policy

ASKED = Outcome(200, 60, 90, complete=True)
CHALLENGED = Verdict(Rung.CHALLENGE, Rung.CHALLENGE, "signals", (signal(),), 6, 900)
ME = "203.0.113.7"


def only(folder: Path) -> Incident:
    (found,) = incidents(folder)
    return found


def steps(folder: Path, *kinds: str) -> list[Step]:
    return [step for step in only(folder).evasion.steps() if not kinds or step.kind in kinds]


def said(detector: str, reason: str, weight: int = 9) -> Verdict:
    made: Signal = replace(signal(detector, weight), reason=reason)
    return Verdict(Rung.BLOCK, Rung.BLOCK, "signals", (made,), weight, 900)


def test_the_story_is_told_in_order_each_step_with_its_record(tmp_path: Path) -> None:
    rotation(tmp_path, addresses=2)
    told = steps(tmp_path)
    assert [step.kind for step in told] == ["notice", "stopped", "again", "moved", "stopped", "again"]
    assert [step.reference for step in told][1:3] == ["ST0P-0000", "7H2K-9QXA"]
    assert [step.time for step in told] == sorted(step.time for step in told)
    assert (told[2].since, told[2].after, told[2].values["held"]) == ("ST0P-0000", SECOND, "yes")
    moved = told[3]
    assert (moved.subject, moved.values["from"], moved.after) == ("address:203.0.114.8", f"address:{ME}", 4 * SECOND)


def test_what_is_observed_has_no_error_and_what_is_inferred_has_the_links(tmp_path: Path) -> None:
    rotation(tmp_path, addresses=2)
    found = only(tmp_path)
    (moved,) = [step for step in found.evasion.steps() if step.kind == "moved"]
    surest = min(found.found.links, key=lambda link: link.error.ppm)
    assert (moved.ppm, moved.values["link"]) == (surest.error.ppm, surest.id)
    assert all(step.ppm is None for step in found.evasion.steps() if step.kind != "moved")
    assert all(step["inferred"] is (step["kind"] == "moved") for step in found.told()["evasion"])  # type: ignore[union-attr,index,call-overload]


def test_the_same_address_is_said_to_be_back_when_the_measure_was_over(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    log.request(facts(0, "/item/1", ME, reference="ST0P-0001"), BLOCKED, REFUSED)
    log.request(facts(1000, "/item/2", ME), FINE, SERVED)
    log.request(facts(1100, "/item/2", ME), BLOCKED, REFUSED)
    log.close()
    (back,) = steps(tmp_path, "again")
    assert (back.values["held"], back.after, back.since) == ("no", 1000 * SECOND, "ST0P-0001")


def test_a_forged_crawler_and_a_forged_browser_are_told_once_an_address_with_what_was_seen(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    for second in range(3):
        log.request(facts(second, "/a", ME), said("impostor", "says Googlebot from 203.0.113.7"), REFUSED)
        log.request(facts(second + 0.5, "/a", ME), said("headers", "Chrome 140 without Sec-Fetch-Mode"), REFUSED)
    log.close()
    assert [(step.kind, step.values["reason"]) for step in steps(tmp_path, "impostor", "forged")] == [
        ("impostor", "says Googlebot from 203.0.113.7"),
        ("forged", "Chrome 140 without Sec-Fetch-Mode"),
    ]


def test_a_trap_counts_as_evasion_only_after_robots_txt_was_read(tmp_path: Path) -> None:
    for name, second, expected in (("before", 20.0, 0), ("after", 0.0, 1)):
        log = open_log(tmp_path / name)
        log.request(facts(second, "/robots.txt", ME, resource=Resource.NOTICE, reference="R0B0-0001"), NOTICE, ASKED)
        trapped = facts(10, "/trap/1", ME, trapped=True)
        log.request(trapped, said("trap", "followed a link that no person sees"), REFUSED)
        log.close()
        told = steps(tmp_path / name, "trap")
        assert len(told) == expected
        if told:
            assert (told[0].since, told[0].after, told[0].values["path"]) == ("R0B0-0001", 10 * SECOND, "/trap/1")


def test_a_trap_after_our_own_robots_txt_is_told_too(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    asked = facts(0.0, "/robots.txt", ME, resource=Resource.NOTICE, reference="R0B0-0001")
    log.request(asked, NOTICE, ASKED, told=("robots.txt", "ab" * 32))
    log.request(facts(10, "/trap/1", ME, trapped=True), said("trap", "followed a link that no person sees"), REFUSED)
    log.close()
    assert [step.since for step in steps(tmp_path, "trap")] == ["R0B0-0001"]


def test_a_cookie_dropped_at_each_challenge_is_told_and_one_that_is_kept_is_not(tmp_path: Path) -> None:
    for name, passed in (("dropped", None), ("kept", Pass("ab" * 9, "work", START // SECOND, START // SECOND + 900))):
        log = open_log(tmp_path / name)
        for second in range(5):
            made = replace(facts(second, f"/item/{second}", ME), passed=passed)
            log.request(made, CHALLENGED, Outcome(403, 900, 90, complete=True))
        log.close()
        assert [step.values["count"] for step in steps(tmp_path / name, "cookieless")] == (
            ["3"] if name == "dropped" else []
        )


def test_a_challenge_solved_here_and_its_pass_used_there_joins_the_two(tmp_path: Path) -> None:
    log = Busy(tmp_path)
    people(log, 300)
    given = Pass("cd" * 9, "work", START // SECOND + 1000, START // SECOND + 5000)
    log.request(facts(1000, "/item/1", ME, BOT, reference="CHAL-0001"), CHALLENGED, REFUSED)
    solved = Outcome(303, 0, 90, complete=True, attempt=Attempt(True, "work", "", "CHAL-0001", 2, given))
    log.request(facts(1002, "/.sg/answer", ME, BOT, reference="S01V-0001"), FINE, solved)
    used = replace(facts(1030, "/item/2", "192.0.2.9", "0ther", reference="V5ED-0001"), passed=given)
    log.request(used, FINE, SERVED)
    log.close()
    told = steps(tmp_path)
    assert [step.kind for step in told] == ["challenged", "again", "solved", "carried"]
    assert (told[-1].since, told[-1].after, told[-1].reference) == ("S01V-0001", 28 * SECOND, "V5ED-0001")
    assert only(tmp_path).found.subjects == ("address:192.0.2.9", f"address:{ME}")


def test_data_without_a_page_is_told_and_with_pages_is_not(tmp_path: Path) -> None:
    for name, page in (("api", False), ("site", True)):
        log = open_log(tmp_path / name)
        if page:
            log.request(facts(0, "/", ME), FINE, SERVED)
        for second in range(25):
            log.request(facts(second, f"/api/{second}", ME, resource=Resource.DATA), FINE, SERVED)
        log.request(facts(30, "/api/30", ME, resource=Resource.DATA), BLOCKED, REFUSED)
        log.close()
        assert [step.values["count"] for step in steps(tmp_path / name, "api")] == ([] if page else ["26"])


def test_another_agent_after_a_measure_is_told_with_both(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    log.request(facts(0, "/item/1", ME, raw="catalogue-bot/1.0"), BLOCKED, REFUSED)
    log.request(facts(5, "/item/1", ME, raw=CHROME), HELD, REFUSED)
    log.request(facts(6, "/item/1", ME, raw=FIREFOX), HELD, REFUSED)
    log.close()
    (told,) = steps(tmp_path, "agent")
    assert (told.values["old"], told.values["new"]) == ("catalogue-bot/1.0", CHROME)


def change(log: EvidenceLog, limit: int) -> None:
    config = Config({"policy": {"block": limit}})
    config.section("policy", Policy)
    log.activate("enforce", config, {})


def adapted(folder: Path, before: float, after: float, changed: bool = True) -> list[Step]:
    """So many seconds between requests for two stretches before and one after the rules changed."""
    log = EvidenceLog(EvidenceSettings(directory=str(folder)), Path)
    change(log, 9)
    start = (now() - START) / SECOND
    second = -1100.0
    while second < 500:
        made = facts(start + second, f"/item/{int(second * 10)}", ME)
        log.request(made, BLOCKED if int(second) % 100 == 0 else FINE, SERVED)
        second += before if second < 0 else after
    if changed:
        change(log, 8)
    log.close()
    return steps(folder, "adapted")


def test_who_slows_down_after_a_rule_change_is_said_to_have_how_fast_and_how_often_it_does_anyway(
    tmp_path: Path,
) -> None:
    (told,) = adapted(tmp_path / "slower", 2, 20)
    assert told.values["how"] == "slower"
    assert (told.values["before_ms"], told.values["after_ms"]) == ("2000", "20000")
    assert told.after is not None
    assert 60 * SECOND < told.after < 120 * SECOND
    assert told.values["by_itself"] == "0"
    assert told.ppm is not None
    assert told.ppm > 300_000  # hardly anything to compare with, and it says so


def test_who_goes_on_as_before_did_not_adapt(tmp_path: Path) -> None:
    assert adapted(tmp_path / "same", 2, 2) == []
    assert adapted(tmp_path / "unchanged", 2, 20, changed=False) == []


def test_a_thousand_measures_are_counted_and_fifty_told(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    for second in range(1000):
        log.request(facts(second, f"/item/{second}", ME), BLOCKED, REFUSED)
    log.close()
    found = only(tmp_path)
    assert found.evasion.counts["stopped"] == 1000
    assert len([step for step in found.evasion.steps() if step.kind == "stopped"]) == LISTED


def test_a_person_who_is_stopped_and_leaves_has_evaded_nothing(tmp_path: Path) -> None:
    log = Busy(tmp_path)
    people(log, 100)
    log.request(facts(100, "/about", ME), BLOCKED, REFUSED)
    log.close()
    assert [step.kind for step in steps(tmp_path)] == ["stopped"]


def test_hostile_words_in_a_story_are_cut_and_stay_words(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    hostile = "<script>\x1b[31m{subject}{0}" * 60
    log.request(facts(0, "/item/1", ME, raw=FIREFOX), BLOCKED, REFUSED)
    log.request(facts(1, "/item/1", ME, raw=hostile), HELD, REFUSED)
    log.close()
    (told,) = steps(tmp_path, "agent")
    assert len(told.values["new"]) == 300


def test_links_between_walks_are_told_only_where_they_are_followed(tmp_path: Path) -> None:
    log = Busy(tmp_path)
    people(log, 300)
    walk(log, ME, 100, 0)
    log.request(facts(1500, "/item/900", "192.0.2.9", "0ther"), BLOCKED, REFUSED)
    log.close()
    assert all(not each.evasion.counts["moved"] for each in incidents(tmp_path))
