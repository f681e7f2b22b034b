"""Closing hours: whatever happens, every record of an hour is covered by exactly the closes that say so."""

import json
import random
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from building import FINE, SERVED, facts, open_log

from scrapeguard.evidence import segment
from scrapeguard.evidence.canonical import canonical
from scrapeguard.evidence.hour import HOUR, hour_at
from scrapeguard.evidence.keeper import Keeper, KeeperSettings
from scrapeguard.evidence.log import EvidenceLog
from scrapeguard.evidence.sequencer import state_of
from scrapeguard.evidence.tiles import Tiles
from scrapeguard.evidence.vault import Vault
from scrapeguard.evidence.windows import digest, tag

NOW = 1_795_500_000_000_000  # 2026-11-24T06:00
MINUTE = 60_000_000
SETTINGS = KeeperSettings(site="example.org", host="web1")
Record = Mapping[str, object]


class Host:
    """A host with writers whose clock is given, and its keeper, which writes closes as a process of its own."""

    def __init__(self, directory: Path, writers: int = 2) -> None:
        self.directory = directory
        self.vault = Vault(directory)
        self.writers = [segment.create(directory) for _ in range(writers)]
        self.own = segment.create(directory)
        self.keeper = self.restart()

    def restart(self, now: int = NOW) -> Keeper:
        self.keeper = Keeper(self.directory, SETTINGS, self.event, now)
        return self.keeper

    def event(self, kind: str, fields: dict[str, object]) -> None:  # type: ignore[type-arg]
        self.own.append(kind, NOW, canonical(fields))

    def write(self, writer: int, subject: str, now: int) -> None:
        asked = replace(facts(address=subject), time=now)
        self.writers[writer].requests([(asked, FINE, SERVED, ("", ""), None, 0, "", None)], hour_at(now, self.vault))

    def round(self, now: int) -> None:
        while self.keeper.sequence(now) or self.keeper.close_hour(now):
            pass

    def records(self) -> list[Record]:
        """All leaves of all months, in order, each with the writer that its chain names."""
        found: list[Record] = []
        for folder in sorted(path.parent for path in self.directory.glob("log/*/checkpoint")):
            size = state_of(folder)[1]
            found += [json.loads(leaf) | {"log": folder.name} for leaf in Tiles(folder, size).leaves(0, size)]
        return found

    def closes(self) -> list[Record]:
        return [record["what"] for record in self.records() if record["k"] == "window.close"]  # type: ignore[misc]

    def sub(self, subject: str, now: int) -> str:
        return hour_at(now, self.vault).key.pseudonym(subject)


def audit(host: Host, everybody: list[str], now: int) -> int:
    """Check every subject's records against the closes as a verifier does; answers how many records are covered."""
    covered = 0
    lines = {}
    for path in host.directory.glob("records/*.jsonl"):
        rows = [json.loads(row) for row in path.read_bytes().split(b"\n") if row.startswith(b"{")]
        lines[path.name] = [row for row in rows if row["k"] == "request"]
    closes = host.closes()
    for subject in everybody:
        sub = host.sub(subject, now)
        for close in closes:
            counts: dict[str, int] = {}
            for writer, (first, last) in close["writers"].items():  # type: ignore[attr-defined]
                own = [r for r in lines[writer] if r["sub"] == sub and r["win"] == close["win"]]
                inside = [r["n"] for r in own if first <= r["seq"] <= last]
                if inside:
                    counts[writer] = max(inside)
                    covered += len(inside)
            told = [entry for entry in close["tags"] if entry[:16] == tag(str(close["salt"]), sub)]  # type: ignore[attr-defined]
            if not counts:
                assert not told
            elif told:
                assert told == [tag(str(close["salt"]), sub) + digest(str(close["salt"]), sub, counts)]
            else:
                assert int(str(close["parts"])) > 1
    return covered


def test_an_hour_is_closed_a_minute_after_its_end_and_covers_all_writers(tmp_path: Path) -> None:
    host = Host(tmp_path)
    for number in range(30):
        host.write(number % 2, f"s{number % 3}", NOW + number)
    host.round(NOW + HOUR + MINUTE - 1)
    assert host.closes() == []
    host.round(NOW + HOUR + MINUTE)
    (close,) = host.closes()
    assert (close["win"], close["previous"], close["open"], len(close["tags"])) == ("2026-11-24T06", -1, False, 3)  # type: ignore[arg-type]
    assert audit(host, ["s0", "s1", "s2", "nobody"], NOW) == 30


def test_late_records_and_the_running_hour_get_closes_that_add_up(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.write(0, "s", NOW)
    host.keeper.sequence(NOW)
    while host.keeper.sequence(NOW) or host.keeper.close_hour(NOW, early=True):
        pass
    host.write(0, "s", NOW + 1)
    host.write(1, "t", NOW + 2)
    host.round(NOW + 2 * HOUR)
    host.write(1, "s", NOW + 3)
    host.round(NOW + 2 * HOUR)
    closes = host.closes()
    assert [close["open"] for close in closes] == [True, False, False]
    assert audit(host, ["s", "t"], NOW) == 4


def test_closes_form_a_chain_by_their_places_in_the_tree(tmp_path: Path) -> None:
    host = Host(tmp_path)
    for hour in range(5):
        host.write(0, "s", NOW + hour * HOUR)
        host.round(NOW + hour * HOUR)
    host.round(NOW + 6 * HOUR)
    places = [place for place, record in enumerate(host.records()) if record["k"] == "window.close"]
    assert len(places) == 5
    assert [close["previous"] for close in host.closes()] == [-1, *places[:-1]]


@pytest.mark.parametrize("seed", range(8))
def test_a_keeper_that_is_restarted_at_any_moment_covers_each_record_once(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    host = Host(tmp_path)
    now, written = NOW, 0
    for _ in range(60):
        now += chance.randrange(20) * MINUTE
        for _ in range(chance.randrange(12)):
            host.write(chance.randrange(2), f"s{chance.randrange(4)}", now)
            written += 1
        step = chance.randrange(4)
        if step == 0:
            host.restart(now)  # what it had closed may not be in the tree yet
        elif step == 1:
            host.keeper.sequence(now)
            host.keeper.close_hour(now)
        elif step == 2:
            host.keeper.close_hour(now, early=True)
        else:
            host.round(now)
    host.restart(now)
    host.round(now + 2 * HOUR)
    assert audit(host, [f"s{n}" for n in range(4)], NOW) >= 0
    spans: dict[tuple[str, str], list[list[int]]] = {}
    for close in host.closes():
        for writer, span in close["writers"].items():  # type: ignore[attr-defined]
            spans.setdefault((writer, str(close["win"])), []).append(span)
    covered = 0
    for path in tmp_path.glob("records/*.jsonl"):
        for row in map(json.loads, filter(lambda r: r.startswith(b"{"), path.read_bytes().split(b"\n"))):
            if row["k"] == "request":
                inside = [s for s in spans[path.name, row["win"]] if s[0] <= row["seq"] <= s[1]]
                assert len(inside) == 1
                covered += 1
    assert covered == written


def test_the_end_of_a_month_loses_no_hour(tmp_path: Path) -> None:
    host = Host(tmp_path)
    last = 1_796_083_200_000_000 - 30 * MINUTE  # 2026-11-30T23:30
    host.write(0, "s", last)
    host.keeper.sequence(last)
    host.write(0, "s", last + 20 * MINUTE)
    host.restart(last + 40 * MINUTE)
    host.round(last + 40 * MINUTE)
    host.write(1, "s", last + 50 * MINUTE)
    host.restart(last + 3 * HOUR)
    host.round(last + 3 * HOUR)
    closes = host.closes()
    assert sorted({str(close["win"]) for close in closes}) == ["2026-11-30T23", "2026-12-01T00"]
    assert sum(s[1] - s[0] + 1 for close in closes for s in close["writers"].values()) == 3  # type: ignore[attr-defined]


def test_a_close_that_never_reached_the_tree_is_written_again(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.write(0, "s", NOW)
    host.keeper.sequence(NOW)
    lost = Keeper(tmp_path, SETTINGS, lambda *_: None, NOW)  # its events go nowhere: a full disk
    lost.sequence(NOW)
    assert lost.close_hour(NOW + 2 * HOUR)
    lost.sequence(NOW)
    assert not lost.close_hour(NOW + 2 * HOUR + 1)
    assert lost.close_hour(NOW + 2 * HOUR + MINUTE)


def test_the_log_and_the_keeper_agree(tmp_path: Path) -> None:
    log: EvidenceLog = open_log(tmp_path)
    for number in range(20):
        log.request(facts(number, address=f"192.0.2.{number % 2}"), FINE, SERVED)
    log.flush()
    now = 1_900_000_000_000_000
    kept = Keeper(tmp_path, SETTINGS, log.event, now)
    while kept.sequence(now) or kept.close_hour(now, early=True):
        pass
    log.close()
    folder = next(path.parent for path in tmp_path.glob("log/*/checkpoint"))
    size = state_of(folder)[1]
    closes = [json.loads(leaf)["what"] for leaf in Tiles(folder, size).leaves(0, size) if b"window.close" in leaf]
    assert len(closes) in (1, 2)  # two when the test met a full hour
    assert len(closes[0]["tags"]) == 2
