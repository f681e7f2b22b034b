"""The report tells what the log itself says is missing, in both languages, and says so when there is nothing."""

import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from building import SECOND, open_log
from bundling import begun, bundled, exported, scene, unpacked

from scrapeguard.exports import chinese, english
from scrapeguard.exports.lacking import LISTED, Lacking
from scrapeguard.exports.words import moment

NOON = 1_795_521_600_000_000
CUT = {"damage": (), "damaged": 2, "head": "0" * 64, "records": 9, "segment": "<a>.jsonl", "seq": 8, "unopened": 0}
TROUBLES: list[tuple[str, dict[str, Any]]] = [
    ("gap", {"count": 1234, "error": "ENOSPC", "first": NOON, "last": NOON + 9 * SECOND, "unsynced": 2}),
    ("recovery", {**CUT, "last": NOON, "torn": {"bytes": 40}, "unwritten": {"ms": 50, "records": 512}}),
    ("damage", {"file": "b.jsonl", "offset": 4096}),
    ("clock", {"error_us": None, "step_us": -3_600_000_000, "synchronised": "no"}),
    ("anchor", {"ahead_us": 3_600 * SECOND, "by": ("tsa",), "origin": "x", "size": 1}),
    ("anchor", {"ahead_us": 3_700 * SECOND, "by": ("tsa",), "origin": "x", "size": 2}),
    ("gap.start", {"start": NOON}),
    ("gap.end", {"end": NOON + 60 * SECOND, "missed": 7, "start": NOON}),
    ("anchor.delayed", {"by": "slow", "error": "timed out"}),
    ("anchor.resumed", {"by": "slow", "since": NOON}),
    ("anchor.delayed", {"by": "other", "error": "timed out"}),
]
KINDS = ["gap", "unsynced", "cut", "torn", "damage", "step", "ahead", "alone", "silent", "silent"]


def record(kind: str, what: dict[str, Any], time: int = NOON + 3_600 * SECOND) -> dict[str, Any]:
    return {"k": kind, "t": time, "what": what}


def lacking(*records: dict[str, Any]) -> Lacking:
    found = Lacking()
    for number, each in enumerate(records):
        found.add(f"2026-11/{number}", each)
    return found


def test_each_trouble_is_told_once_with_when_it_began_and_ended() -> None:
    found = lacking(*(record(*each) for each in TROUBLES))
    told = [(name, values) for _, name, values in found.troubles.values()]
    assert [name for name, _ in told] == KINDS
    assert found.count == len(KINDS)
    values = dict(told[:-1])
    assert values["gap"] == {
        "count": "1,234", "error": "ENOSPC", "since": moment(NOON), "until": moment(NOON + 9 * SECOND),
    }  # fmt: skip
    assert values["cut"]["last"] == moment(NOON)
    assert (values["cut"]["records"], values["cut"]["ms"]) == ("512", "50")
    assert values["alone"] == {"since": moment(NOON), "until": moment(NOON + 60 * SECOND)}
    assert values["silent"]["until"] == moment(NOON + 3_600 * SECOND)
    assert told[-1][1]["until"] == "?"


def test_what_is_no_trouble_is_not_told() -> None:
    fine = [
        record("clock", {"error_us": 1, "step_us": 0, "synchronised": "yes"}),
        record("anchor", {"ahead_us": None, "by": ("witness",), "origin": "x", "size": 1}),
        record("anchor", {"ahead_us": -2 * SECOND, "by": ("tsa",), "origin": "x", "size": 1}),
        record("anchor", {"by": ("tsa",), "origin": "x", "size": 1}),
        record("anchor.delayed", {"by": "tsa", "error": "timed out"}, NOON),
        record("anchor.resumed", {"by": "tsa", "since": NOON}, NOON + 60 * SECOND),
        record("window.close", {}),
    ]
    assert lacking(*fine) == Lacking()


def test_only_a_process_of_which_nobody_knows_whether_it_took_anything_along_is_not_serious() -> None:
    cut = {**CUT, "damaged": 0, "last": NOON, "torn": None, "unwritten": None}
    assert not lacking(record("recovery", cut)).serious
    assert lacking(record("recovery", {**cut, "damaged": 1})).serious


def test_however_many_there_are_they_are_counted() -> None:
    found = lacking(*(record("damage", {"file": "x", "offset": n}) for n in range(3 * LISTED)))
    assert (len(found.troubles), found.count) == (LISTED, 3 * LISTED)


@pytest.mark.parametrize("words", [english, chinese])
def test_every_trouble_has_a_sentence_that_uses_all_that_is_known_of_it(words: Any) -> None:
    for kind, what in TROUBLES:
        for _, name, values in lacking(record(kind, what)).troubles.values():
            said = words.SAID[f"lacking_{name}"].format(**values)
            assert [value for value in values.values() if value not in said] == []
    behind = lacking(record("anchor", {"ahead_us": -900 * SECOND, "by": ("tsa",), "origin": "x", "size": 1}))
    ((_, name, values),) = behind.troubles.values()
    assert "900" in words.SAID[f"lacking_{name}"].format(**values)


def test_the_reports_tell_them_with_their_leaf_and_escape_names(tmp_path: Path) -> None:
    scene(tmp_path / "evidence")
    log = open_log(tmp_path / "evidence")
    cut = {"last": begun(60 * SECOND), "torn": None, "unwritten": {"ms": 50, "records": 512}}
    log.event("recovery", {**CUT, **cut, "damaged": 0})
    log.close()
    files = unpacked(exported(tmp_path).path)
    for language, words in (("en", english), ("zh", chinese)):
        page = files[f"data/analysis/report.{language}.html"].decode()
        assert "<a>" not in page
        assert "<a>.jsonl" in unescape(page)
        assert words.SAID["no_lacking"] not in page
        beginning, _, _ = words.SAID["lacking_cut"].partition("{segment}")
        said, _, leaf = page.partition(beginning)[2].partition("</li>")[0].rpartition("<small")
        assert "512" in said
        assert re.search(r"20\d\d-\d\d/\d+", leaf)


def test_the_reports_say_so_when_there_is_nothing(tmp_path: Path) -> None:
    files = unpacked(bundled(tmp_path).path)
    for language, words in (("en", english), ("zh", chinese)):
        assert words.SAID["no_lacking"] in files[f"data/analysis/report.{language}.html"].decode()
