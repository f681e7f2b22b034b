"""The figures beside the records: whoever seals them changed is caught; what is only words is said not to be proved."""

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from authority import Authority
from building import BLOCKED, FINE, REFUSED, SECOND, SERVED, facts, open_log
from bundling import Files, begun, brought, exported, keeping, packed, scene, unpacked
from insider import Case, World, replaced, sealed

from scrapeguard.errors import EvidenceError
from scrapeguard.evidence.canonical import canonical
from scrapeguard.evidence.incidents import incidents
from scrapeguard.evidence.keeper import elect
from scrapeguard.evidence.verify import (
    ABOUT,
    ANCHORED,
    HOUR,
    INCIDENT,
    INCOMPLETE,
    INVALID,
    PLACED,
    READ,
    UNANCHORED,
    Result,
    verify,
)
from scrapeguard.exports.bundle import Extras, export
from scrapeguard.exports.loss import Catalogue
from scrapeguard.model import Outcome, Rung, Verdict

ANALYSIS = "data/analysis/"
REQUESTS, LOSS, VALIDITY = ANALYSIS + "requests.csv", ANALYSIS + "loss.json", "data/notices/validity.csv"
EN, ZH = ANALYSIS + "report.en.html", ANALYSIS + "report.zh.html"
Change = Callable[[Files], bytes]


def row(number: int, change: Callable[[bytes], list[bytes]]) -> Change:
    """Row `number` of requests.csv changed."""

    def changed(files: Files) -> bytes:
        rows = files[REQUESTS].splitlines(keepends=True)
        return b"".join([*rows[: number - 1], *change(rows[number - 1]), *rows[number:]])

    return changed


def counted(line: bytes) -> list[bytes]:
    cells = line.split(b",")
    return [b",".join((*cells[:-1], b"%d\n" % (int(cells[-1]) + 1)))]


def loss(*path: str, value: object) -> Change:
    def changed(files: Files) -> bytes:
        told = json.loads(files[LOSS])
        inner: dict[str, Any] = told
        for name in path[:-1]:
            inner = inner[name]
        assert inner[path[-1]] != value
        inner[path[-1]] = value
        return json.dumps(told, sort_keys=True, separators=(",", ":")).encode()

    return changed


def swap(name: str, old: bytes, new: bytes) -> Change:
    def changed(files: Files) -> bytes:
        return replaced(files, name, old, new)[name]

    return changed


Attack = tuple[str, str, Change, int]  # what, file, how, the row that has to be named (0 = none)
ATTACKS: list[Attack] = [
    ("one byte more in a row", REQUESTS, row(7, counted), 7),
    ("a row left out", REQUESTS, row(9, lambda _: []), 9),
    ("a row twice", REQUESTS, row(9, lambda line: [line, line]), 10),
    ("the last row left out", REQUESTS, lambda files: files[REQUESTS].rpartition(b"\n2")[0] + b"\n", 0),
    ("a row put behind", REQUESTS, lambda files: files[REQUESTS] + b"2026-11-24 10:00,/x,1,1,0,9\n", 0),
    ("an hour earlier", REQUESTS, row(2, lambda line: [b"2020-01-01 00:00" + line[16:]]), 2),
    ("nothing in it", REQUESTS, lambda _: b"", 1),
    ("a notice in force since long", VALIDITY, swap(VALIDITY, b",20", b",19"), 2),
    ("a notice said to be kept no more", VALIDITY, swap(VALIDITY, b",yes", b",no"), 2),
    ("a notice put behind", VALIDITY, lambda files: files[VALIDITY] + b"terms," + b"0" * 64 + b",2026-01-01,no\n", 3),
    ("more requests", LOSS, loss("incident", "requests", value=999_999), 0),
    ("more bytes", LOSS, loss("incident", "bytes", value=1), 0),
    ("more objects", LOSS, loss("objects", value=1_000_000), 0),
    ("a larger share", LOSS, loss("shares_per_mille", "bytes", value=1001), 0),
    ("less load than the incident's own", LOSS, loss("loads", "during", "requests", value=0), 0),
    ("a dearer licence", LOSS, loss("licence", value="99999.00 EUR"), 0),
    ("a dearer licence by its price", LOSS, loss("licence_each", value="5.00 EUR"), 0),
    ("a larger share of the catalogue", LOSS, loss("catalogue_taken_per_mille", value=1000), 0),
    ("a smaller catalogue", LOSS, loss("catalogue", "objects", value=1), 0),
    ("a smaller catalogue in the settings' name", LOSS, loss("catalogue", "source", value="settings"), 0),
    ("expenses that are not listed", LOSS, loss("expenses", value={"EUR": "500000"}), 0),
    ("nonsense for expenses", LOSS, loss("expenses_listed", value=[7]), 0),
    ("a report of other figures", EN, swap(EN, b'content="incident.json ', b'content="incident.json 0'), 0),
    ("a report that names no figures", ZH, swap(ZH, b'name="figures"', b'name="none"'), 0),
]


@pytest.fixture(scope="module")
def priced(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A bundle with a price and a catalogue, stamped."""
    folder = tmp_path_factory.mktemp("priced")
    authority = Authority(folder / "tsa")
    scene(folder / "evidence")
    (found,) = incidents(folder / "evidence")
    extras = Extras(Decimal("0.05"), "EUR", catalogue=Catalogue(612, "option"))
    with authority.serve() as url:
        kept = keeping(url, authority)
        bundle = export(folder / "evidence", found.found, folder / "bundle.zip", 30, kept, extras)
    case = Case(
        unpacked(bundle.path), kept.named(folder / "evidence").signer(folder / "evidence"), authority, authority, folder
    )
    return case, bundle, brought(bundle, authority)


def looked(world: World, files: Files, who: str, folder: Path) -> Result:
    return verify(str(packed(sealed(world[0], files, who), folder)), world[2])


@pytest.mark.parametrize("who", ["key", "key+tsa"])
@pytest.mark.parametrize(("what", "name", "change", "line"), ATTACKS, ids=[f"{a[1]}: {a[0]}" for a in ATTACKS])
def test_figures_changed_and_sealed_again_are_caught_by_the_records(
    priced: World, tmp_path: Path, what: str, name: str, change: Change, line: int, who: str
) -> None:
    before = priced[0].files
    files = {**before, name: change(before)}
    for report in (EN, ZH) if name == LOSS else ():  # the reports are made to name it
        old, new = (sha256(each[LOSS]).hexdigest().encode() for each in (before, files))
        files = replaced(files, report, old, new, 2)
    result = looked(priced, files, who, tmp_path)
    assert (result.code, result.failed, result.file) == (INVALID, "C11", name), (what, result)
    if line:
        assert result.line == line


def other(value: Any) -> Any:
    """A value of the same kind that is another."""
    if isinstance(value, dict):
        return {**value, min(value): other(value[min(value)])} if value else {"x": 1}
    if isinstance(value, list):
        return [other(value[0]), *value[1:]] if value else [{"x": 1}]
    return not value if isinstance(value, bool) else value + 1 if isinstance(value, int) else f"{value}x"


def spoilt(told: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every field changed, left out, and one that does not belong there."""
    for name, value in told.items():
        yield f"{name} changed", {**told, name: other(value)}
        yield f"{name} left out", {each: told[each] for each in told if each != name}
    for each in PLACED if "measures" in told else ():
        first, *others = told["measures"]
        yield f"{each} of a measure changed", {**told, "measures": [{**first, each: other(first[each])}, *others]}
    yield "a field added", {**told, "confession": "yes"}


@pytest.mark.parametrize("name", [INCIDENT, ABOUT])
def test_no_field_is_changed_left_out_or_added_but_those_that_are_said_to_be_a_reading(
    priced: World, tmp_path: Path, name: str
) -> None:
    before, passed = priced[0].files, set()
    for what, told in spoilt(json.loads(before[name])):
        files = {**before, name: canonical(told).encode()}
        for report in (EN, ZH) if name == INCIDENT else ():
            old, new = (sha256(each[name]).hexdigest().encode() for each in (before, files))
            files = replaced(files, report, old, new, 2)
        (tmp_path / what).mkdir()
        result = looked(priced, files, "key", tmp_path / what)
        if result.code != INVALID:
            passed.add(what)
    reading = {"measures", *READ} - {"links"}  # of measures, what followed them, which comes first by name
    assert passed == ({f"{each} changed" for each in reading} if name == INCIDENT else set())


def test_a_file_that_no_bundle_has_is_refused_though_it_was_sealed(priced: World, tmp_path: Path) -> None:
    for name in ("data/opinion.pdf", "data/analysis/more.html", "data/certificates/x.exe", "data/trust/x"):
        (tmp_path / name).mkdir(parents=True)
        result = looked(priced, {**priced[0].files, name: b"x"}, "key+tsa", tmp_path / name)
        assert (result.code, result.failed, result.file) == (INVALID, "C1", name)


def test_without_an_attack_the_same_bundle_is_anchored(priced: World, tmp_path: Path) -> None:
    result = looked(priced, priced[0].files, "key+tsa", tmp_path)
    assert result.code == ANCHORED, result
    assert "rows of requests.csv" in dict(result.steps)["C11"]


def test_not_provable_the_words_of_a_report_and_it_is_said_three_times(priced: World, tmp_path: Path) -> None:
    files = replaced(priced[0].files, EN, b"What this does not prove", b"What is proved beyond doubt")
    result = looked(priced, files, "key+tsa", tmp_path)
    assert result.code == ANCHORED
    assert any("the seal dates it and does not prove it" in note for note in result.notes)
    readme = b" ".join(files["README.txt"].split())
    assert b"reading of the records, which the seal dates and does not prove" in readme
    assert "封印只证明其存在的时间，不证明其内容".encode() in readme
    security = (Path(__file__).parent.parent.parent / "SECURITY.md").read_text()
    assert "the seal dates it and does not prove it" in " ".join(security.split())


def test_connections_that_were_only_held_are_no_work_for_both_sides(tmp_path: Path) -> None:
    scene(tmp_path / "evidence")
    log, zero = open_log(tmp_path / "evidence"), begun()
    held = Verdict(Rung.TARPIT, Rung.TARPIT, "signals", (), 6, 900)
    asked = facts(0, "/item/9")
    log.request(replace(asked, time=zero + 300 * SECOND), held, Outcome(200, 10, 30_000_000, complete=True))
    log.close()
    bundle = exported(tmp_path)
    result = verify(str(bundle.path), brought(bundle))
    assert result.code == UNANCHORED, result


# Clocks that were wrong.


def shifted(folder: Path, by: int, told: int) -> World:
    """A stamped log whose clock was ahead by `by` microseconds, and put back by `told` as a `clock` record says."""
    authority = Authority(folder / "tsa")
    log, zero = open_log(folder / "evidence"), time.time_ns() // 1000 - 60 * SECOND

    def asked(second: float, ahead: int) -> None:
        log.request(replace(facts(0), time=zero + round(second * SECOND) + ahead), BLOCKED, REFUSED)

    for number in range(20):
        asked(number, by)
    if told:
        log.event("clock", {"error_us": None, "step_us": -told, "synchronised": "yes"})
    for number in range(20):
        asked(30 + number, 0)
    log.close()
    with authority.serve() as url:
        bundle = exported(folder, keeping(url, authority))
    case = Case(
        unpacked(bundle.path),
        keeping().named(folder / "evidence").signer(folder / "evidence"),
        authority,
        authority,
        folder,
    )
    return case, bundle, brought(bundle, authority)


AHEAD = 1_500 * SECOND  # less than what parts two incidents


def test_a_clock_that_was_ahead_and_put_back_on_record_is_incomplete_with_the_bounds(tmp_path: Path) -> None:
    _, bundle, trust = shifted(tmp_path, AHEAD, AHEAD)
    result = verify(str(bundle.path), trust)
    assert result.code == INCOMPLETE, result
    (said,) = [each for each in result.missing if each.startswith("C8")]
    assert "put back by 1500.0 s" in said
    assert any("existed by" in bound for bound in result.bounds)


@pytest.mark.parametrize("told", [0, AHEAD // 2])
def test_a_clock_that_was_ahead_by_more_than_the_log_says_is_refused(tmp_path: Path, told: int) -> None:
    _, bundle, trust = shifted(tmp_path, AHEAD, told)
    result = verify(str(bundle.path), trust)
    assert (result.code, result.failed) == (INVALID, "C8"), result


def test_a_record_of_a_step_does_not_excuse_who_back_dates(tmp_path: Path) -> None:
    case, bundle, _ = shifted(tmp_path, -AHEAD, AHEAD)
    result = verify(str(bundle.path), brought(bundle, case.authority, max_delay=600))
    assert result.code == INCOMPLETE
    assert any(each.startswith("C8") and "more than" in each for each in result.missing), result.missing


def test_a_connection_that_lasted_for_hours_is_dated_by_its_end(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "tsa")
    log, begun_at = open_log(tmp_path / "evidence"), begun(4 * HOUR)
    log.request(replace(facts(0), time=begun_at), BLOCKED, Outcome(101, 9, 4 * HOUR, True))
    log.close()
    with authority.serve() as url:
        bundle = exported(tmp_path, keeping(url, authority))
    result = verify(str(bundle.path), brought(bundle, authority))
    assert result.code == ANCHORED, result
    assert any("1 requests are said to have lasted over three hours" in note for note in result.notes)


# A log that is still written.


def test_an_export_is_of_what_is_in_the_tree_or_none_at_all(tmp_path: Path) -> None:
    scene(tmp_path / "evidence")
    exported(tmp_path)  # all of this is in the tree
    (found,) = incidents(tmp_path / "evidence")
    log = open_log(tmp_path / "evidence")
    log.request(replace(facts(0, "/item/late"), time=begun() + 100 * SECOND), FINE, SERVED)  # its answer took so long
    log.flush()
    lock = elect(tmp_path / "evidence")  # a keeper that does not get to it
    assert lock is not None
    kept = keeping()
    slow = replace(kept, settings=replace(kept.settings, checkpoint_seconds=0))
    with pytest.raises(EvidenceError, match="not all in the tree"):
        export(tmp_path / "evidence", found.found, tmp_path / "second.zip", 30, slow)
    assert not (tmp_path / "second.zip").exists()

    os.close(lock)
    bundle = export(tmp_path / "evidence", found.found, tmp_path / "second.zip", 30, slow)
    log.close()
    result = verify(str(bundle.path), brought(bundle))
    assert result.code == UNANCHORED, result
