"""The incident and the report tell which version of each notice somebody was told, or that he never asked."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from building import BLOCKED, FINE, LATER, REFUSED, SECOND, SERVED, SLOWED, START, facts, open_log

from scrapeguard.evidence.incidents import incidents
from scrapeguard.exports.heard import table
from scrapeguard.exports.loss import Loss
from scrapeguard.exports.sources import LANGUAGES, Says
from scrapeguard.model import Outcome, Resource, Rung, Verdict

NOTICE = Verdict(Rung.ALLOW, Rung.ALLOW, "notice")
OLD, NEW, TERMS = ("robots.txt", "a" * 64), ("robots.txt", "b" * 64), ("terms", "c" * 64)


def scraper(folder: Path, *, asks: bool) -> None:
    """Asks twice for robots.txt, once more after it has changed; takes something; is refused twice."""
    log = open_log(folder)
    for second, version in ((0, OLD), (1, OLD), (2, NEW)) if asks else ():
        asked = facts(second, "/robots.txt", resource=Resource.NOTICE)
        log.request(asked, NOTICE, Outcome(304 if second == 1 else 200, 60, 90, complete=True), told=version)
    log.request(facts(3), FINE, SERVED)
    log.request(facts(4), SLOWED, LATER, told=TERMS)
    log.request(facts(5), BLOCKED, REFUSED, told=TERMS)
    log.close()


def version(of: tuple[str, str], asked: bool, first: int, last: int, times: int) -> dict[str, object]:
    return {
        "asked": asked,
        "digest": of[1][:16],
        "first": START + first * SECOND,
        "last": START + last * SECOND,
        "name": of[0],
        "subjects": 1,
        "times": times,
    }


def test_each_version_is_told_with_its_times_and_so_is_what_refusals_led_to(tmp_path: Path) -> None:
    scraper(tmp_path, asks=True)
    (found,) = incidents(tmp_path)
    assert found.told()["notices"] == [
        version(OLD, True, 0, 1, 2),
        version(NEW, True, 2, 2, 1),
        version(TERMS, False, 4, 5, 2),
    ]
    assert [each.digest for each in found.heard.asked()] == ["a" * 16, "b" * 16]


def test_who_never_asked_was_told_by_refusals_only(tmp_path: Path) -> None:
    scraper(tmp_path, asks=False)
    (found,) = incidents(tmp_path)
    assert found.told()["notices"] == [version(TERMS, False, 4, 5, 2)]
    assert found.heard.asked() == []
    assert found.told()["robots"] == {"asked": 0, "first": None}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_report_has_them_as_a_table_with_nothing_unescaped(language: str, tmp_path: Path) -> None:
    log = open_log(tmp_path)
    log.request(facts(1, "/robots.txt"), NOTICE, SERVED, told=("robots.txt@<b>", "d" * 64))
    log.request(facts(2), BLOCKED, REFUSED)
    log.close()
    (found,) = incidents(tmp_path)
    html = table(SimpleNamespace(incident=found), Says(LANGUAGES[language]))  # type: ignore[arg-type]
    assert "d" * 16 in html
    assert "robots.txt@&lt;b&gt;" in html
    assert html.count("<tr>") == 2


def test_no_visitor_can_make_up_a_version(tmp_path: Path) -> None:
    """What was told comes from us alone; only so many versions are listed all the same."""
    log = open_log(tmp_path)
    for number in range(200):
        log.request(facts(number, "/robots.txt"), NOTICE, SERVED, told=("robots.txt", f"{number:064d}"[::-1]))
    log.request(facts(200), BLOCKED, REFUSED)
    log.close()
    (found,) = incidents(tmp_path)
    assert len(found.heard.versions) == 50


def test_a_held_connection_is_told_and_is_no_work_of_the_site(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    caught = Verdict(Rung.TARPIT, Rung.TARPIT, "signals", (), 6, 900)
    log.request(facts(1), FINE, SERVED)
    log.request(facts(2), caught, Outcome(429, 900, 60_000_000, complete=True))
    log.close()
    (found,) = incidents(tmp_path)
    assert (found.held, found.micros) == (60_000_000, SERVED.micros)
    loss = Loss(found)
    loss.survey(tmp_path)
    assert loss.loads["during"].micros == SERVED.micros
