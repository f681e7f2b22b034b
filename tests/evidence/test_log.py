"""The evidence log: chained, durable, one segment a process, and never in the way of the site."""

import hashlib
import json
import multiprocessing
import random
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from building import BLOCKED, FINE, REFUSED, SERVED, START, facts, open_log

from scrapeguard.config import Config
from scrapeguard.evidence.canonical import canonical
from scrapeguard.evidence.log import EvidenceLog, EvidenceSettings
from scrapeguard.evidence.reading import segments

Records = list[dict[str, object]]
HERE = Path(__file__).parent.parent  # where building.py is


def read(path: Path) -> Records:
    """Every record of a segment, checked: whole lines, canonical, chained, numbered from 0, openings under requests."""
    data = path.read_bytes()
    assert data.endswith(b"\n")
    records: Records = []
    prev = "0" * 64
    for line in data[:-1].split(b"\n"):
        if line.startswith(b"~"):
            assert records[-1]["k"] == "request"
            continue
        value = json.loads(line)
        assert canonical(value).encode() == line
        assert value["prev"] == prev
        assert value["seq"] == len(records)
        prev = hashlib.sha256(line).hexdigest()
        records.append(value)
    return records


def kinds(records: Records) -> list[object]:
    return [record["k"] for record in records]


def what(records: Records, kind: str) -> list[dict[str, object]]:
    return [record["what"] for record in records if record["k"] == kind]  # type: ignore[misc]


def test_a_run_is_one_segment_from_start_to_close(tmp_path: Path) -> None:
    log = open_log(tmp_path / "evidence")
    log.request(facts(), FINE, SERVED)
    log.request(facts(1), BLOCKED, REFUSED)
    log.event("store.gap", {"seconds": 3, "why": "no answer"})
    log.close()
    log.close()
    (path,) = segments(tmp_path / "evidence")
    records = read(path)
    assert kinds(records) == [
        "start", "config.activated", "notice.published", "request", "request", "store.gap", "close",
    ]  # fmt: skip
    assert records[3]["t"] == START
    assert path.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "evidence").stat().st_mode & 0o777 == 0o700


def test_notices_and_settings_are_kept_once_under_their_digest(tmp_path: Path) -> None:
    for _ in range(2):
        open_log(tmp_path).close()
    notices, configs = list((tmp_path / "notices").iterdir()), list((tmp_path / "configs").iterdir())
    assert len(notices) == len(configs) == 1
    for path in (*notices, *configs):
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name
    told = json.loads(configs[0].read_bytes())
    assert told["evidence"]["idle_minutes"] == 30
    (activated,) = what(read(segments(tmp_path)[0]), "config.activated")
    assert activated["config"] == configs[0].name
    assert activated["notices"] == {"/robots.txt": notices[0].name}


@dataclass(frozen=True, slots=True)
class Secretive:
    url: str = "redis://:hunter2@cache.example/0"
    seeds: tuple[str, ...] = ("redis+sentinel://a:hun@hunter2@b,c/m?db=0&sentinel_password=hunter2", "/a?token=kept")
    signing_key: str = "hunter2"
    budget: float = 0.05


def test_settings_are_written_down_without_secrets(tmp_path: Path) -> None:
    config = Config({})
    config.section("store", Secretive)
    log = EvidenceLog(EvidenceSettings(str(tmp_path)), Path)
    log.activate("observe", config, {})
    log.close()
    (kept,) = (tmp_path / "configs").iterdir()
    assert b"hunter2" not in kept.read_bytes()
    assert json.loads(kept.read_bytes())["store"] == {
        "budget": "0.05", "signing_key": "*", "url": "redis://*@cache.example/0",
        "seeds": ["redis+sentinel://*@b,c/m?db=0&sentinel_password=*", "/a?token=kept"],
    }  # fmt: skip


def test_a_notice_is_published_again_only_when_it_changed(tmp_path: Path) -> None:
    log = EvidenceLog(EvidenceSettings(str(tmp_path)), Path)
    for robots in (b"one", b"one", b"two"):
        log.activate("enforce", Config({}), {"/robots.txt": robots, "/terms": b"same"})
    log.close()
    records = read(segments(tmp_path)[0])
    assert [fields["name"] for fields in what(records, "notice.published")] == ["/robots.txt", "/terms", "/robots.txt"]
    assert len(what(records, "config.activated")) == 3


def test_a_request_names_the_notices_that_were_in_force(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    log.request(facts(), FINE, SERVED)
    log.close()
    records = read(segments(tmp_path)[0])
    (activated,), (asked,) = what(records, "config.activated"), what(records, "request")
    assert asked["config"] == str(activated["config"])[:16]
    assert asked["notices"] == hashlib.sha256(canonical(activated["notices"]).encode()).hexdigest()[:16]


def test_a_full_segment_is_closed_and_the_next_names_its_head(tmp_path: Path) -> None:
    log = open_log(tmp_path, max_segment_mb=1)
    for number in range(1000):
        log.request(facts(number), FINE, SERVED)
    log.close()
    first, second = segments(tmp_path)
    before, after = read(first), read(second)
    assert before[-1]["what"] == {"why": "full"}
    (start,) = what(after, "start")
    head = hashlib.sha256(first.read_bytes()[:-1].rpartition(b"\n")[2]).hexdigest()  # of its close
    assert start["previous"] == [{"digest": head, "segment": first.name, "seq": before[-1]["seq"], "state": "closed"}]
    assert start["active"] == what(before, "config.activated")[0]
    assert len(what(before, "request")) + len(what(after, "request")) == 1000


def test_an_event_stands_behind_the_requests_before_it(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    log.request(facts(), FINE, SERVED)
    log.event("store.gap", {"seconds": 3})
    assert kinds(read(segments(tmp_path)[0]))[-2:] == ["request", "store.gap"]
    log.close()


def test_a_lonely_request_is_written_when_its_time_is_up(tmp_path: Path) -> None:
    log = open_log(tmp_path, fsync_ms=5)
    log.request(facts(), FINE, SERVED)
    deadline = time.monotonic() + 10
    while b'"request"' not in segments(tmp_path)[0].read_bytes():
        assert time.monotonic() < deadline
        time.sleep(0.005)
    log.close()


LEAVING = """
import sys
sys.path.insert(0, {here!r})
from building import FINE, SERVED, facts, open_log
from pathlib import Path
log = open_log(Path({folder!r}), fsync_ms=60_000)
log.close()
log.request(facts(), FINE, SERVED)
"""


def test_a_process_that_ends_writes_what_waits(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", LEAVING.format(here=str(HERE), folder=str(tmp_path))], check=True)
    assert kinds(read(segments(tmp_path)[1])) == ["start", "request", "close"]


def test_evidence_switched_off_writes_nothing(tmp_path: Path) -> None:
    log = EvidenceLog(EvidenceSettings(""), lambda value: tmp_path / value)
    log.activate("enforce", Config({}), {"/robots.txt": b"x"})
    log.request(facts(), BLOCKED, REFUSED)
    log.event("outage", {})
    log.close()
    assert list(tmp_path.iterdir()) == []


def test_a_log_that_was_closed_opens_a_new_segment_for_a_late_record(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    log.close()
    log.request(facts(), FINE, SERVED)
    log.close()
    assert [kinds(read(path))[-2:] for path in segments(tmp_path)][1] == ["request", "close"]


def _write_in_child(log: EvidenceLog) -> None:
    for number in range(50):
        log.request(facts(number), FINE, SERVED)
    log.close()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_forked_workers_write_segments_of_their_own(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    log.request(facts(), FINE, SERVED)
    fork = multiprocessing.get_context("fork")
    workers = [fork.Process(target=_write_in_child, args=(log,)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    log.request(facts(60), FINE, SERVED)
    log.close()
    counts = sorted(len(what(read(path), "request")) for path in segments(tmp_path))
    assert counts == [2, 50, 50]


# What goes wrong with disks.


def test_a_folder_that_cannot_be_written_stops_no_request_and_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    log = open_log(tmp_path / "file")
    for number in range(5):
        log.request(facts(number), FINE, SERVED)
        log.flush()
    assert log.dropped == 7  # the two records of the activation as well
    assert len(caplog.records) == 1
    assert "the site is served without it" in caplog.text


def test_a_gap_says_how_many_records_are_missing_and_from_when_to_when(tmp_path: Path) -> None:
    place = tmp_path / "evidence"
    place.write_text("in the way")
    log = open_log(place)
    log.request(facts(0), FINE, SERVED)
    log.request(facts(9), FINE, SERVED)
    log.flush()
    place.unlink()
    log._writer.retry = 0.0  # the next attempt is due
    log.request(facts(10), FINE, SERVED)
    log.close()
    records = read(segments(place)[0])
    assert kinds(records) == ["start", "gap", "request", "close"]
    (gap,) = what(records, "gap")
    assert gap["count"] == 4
    assert gap["error"] == "EEXIST"
    assert gap["first"] == START
    assert what(records, "start")[0]["active"]["config"] in [path.name for path in (place / "configs").iterdir()]  # type: ignore[index]


DISK_FULL = """
import resource, signal, sys
sys.path.insert(0, {here!r})
from building import FINE, SERVED, facts, open_log
from pathlib import Path
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
log = open_log(Path({folder!r}))
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))  # a write beyond fails, a part is written
for number in range(100):
    log.request(facts(number), FINE, SERVED)
log.flush()
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
log._writer.retry = 0.0
log.request(facts(100), FINE, SERVED)
log.close()
print(log.dropped)
"""


def test_a_disk_that_fills_up_tears_one_line_which_the_next_segment_describes(tmp_path: Path) -> None:
    code = DISK_FULL.format(here=str(HERE), folder=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    dropped = int(done.stdout)
    torn, after = segments(tmp_path)
    assert torn.stat().st_size == 20_000
    records = read(after)
    (recovery,), (gap,) = what(records, "recovery"), what(records, "gap")
    whole, _, tail = torn.read_bytes().rpartition(b"\n")
    assert recovery["torn"] == {
        "bytes": len(tail),
        "digest": hashlib.sha256(tail).hexdigest(),
        "line": whole.count(b"\n") + 2,
        "offset": len(whole) + 1,
    }
    assert gap["count"] == dropped > 50
    assert recovery["segment"] == torn.name


def test_damage_in_the_middle_is_described_and_left_where_it_is(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    for number in range(20):
        log.request(facts(number), FINE, SERVED)
    log.close()
    (path,) = segments(tmp_path)
    data = bytearray(path.read_bytes())
    lines = bytes(data).split(b"\n")
    place = len(b"\n".join(lines[:9])) + 1 + 300
    data[place] ^= 0xFF
    damaged = bytes(data).rpartition(b'{"k":"close"')[0]  # and it did not end well
    path.write_bytes(damaged)
    open_log(tmp_path).close()
    (recovery,) = what(read(segments(tmp_path)[1]), "recovery")
    assert recovery["damaged"] == 1
    assert recovery["damage"][0]["line"] == 10  # type: ignore[index]
    assert recovery["torn"] is None
    assert path.read_bytes() == damaged


def test_a_recovery_is_told_once(tmp_path: Path) -> None:
    open_log(tmp_path).close()
    (path,) = segments(tmp_path)
    path.write_bytes(path.read_bytes()[:-30])
    for _ in range(3):
        open_log(tmp_path).close()
    told = [len(what(read(other), "recovery")) for other in segments(tmp_path)[1:]]
    assert told == [1, 0, 0]


def test_a_segment_whose_writer_lives_is_left_alone(tmp_path: Path) -> None:
    busy = open_log(tmp_path)
    open_log(tmp_path).close()
    records = read(segments(tmp_path)[1])
    busy.close()
    assert what(records, "recovery") == []
    assert what(records, "start")[0]["previous"][0]["state"] == "open"  # type: ignore[index]


WRITER = """
import sys
import threading
sys.path.insert(0, {here!r})
from building import FINE, SERVED, facts, open_log
from pathlib import Path
log = open_log(Path({folder!r}), fsync_records=8, fsync_ms=5)
number = 0
while True:
    log.request(facts(number), FINE, SERVED)
    number += 1
    if number % 50 == 0:
        print(number, flush=True)
"""


def test_kill_9_under_load_loses_no_record_but_the_few_that_wait(tmp_path: Path) -> None:
    chance = random.Random(9)
    code = WRITER.format(here=str(HERE), folder=str(tmp_path))
    for round_number in range(10):
        writer = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        seen = int(writer.stdout.readline())
        time.sleep(chance.random() / 20)
        writer.send_signal(signal.SIGKILL)
        seen = max([seen, *map(int, writer.stdout.read().split()[:-1])])
        writer.stdout.close()
        writer.wait()
        path = max(segments(tmp_path), key=lambda each: each.stat().st_mtime_ns)
        whole = path.read_bytes().rpartition(b"\n")[0] + b"\n"
        if round_number % 2:  # a machine that dies as well may tear the last line anywhere
            path.write_bytes(whole[: -chance.randrange(2, 700)])
        torn = not path.read_bytes().endswith(b"\n")  # a kill can cut a write() where it crosses a page
        open_log(tmp_path).close()
        after = max(segments(tmp_path), key=lambda each: each.stat().st_mtime_ns)
        (recovery,) = what(read(after), "recovery")
        assert recovery["segment"] == path.name
        assert recovery["damaged"] == 0
        assert (recovery["torn"] is not None) == torn
        path.write_bytes(path.read_bytes().rpartition(b"\n")[0] + b"\n")
        assert len(what(read(path), "request")) >= seen - 8  # fsync_records


def test_the_log_grows_by_writes_of_whole_lines_and_is_synced_in_groups(tmp_path: Path) -> None:
    log = open_log(tmp_path, fsync_ms=10_000)
    for number in range(64):
        log.request(facts(number), FINE, SERVED)
    records = read(segments(tmp_path)[0])  # readable at any moment, before any fsync was due
    assert kinds(records).count("request") == 64
    began = time.monotonic()
    log.close()
    assert time.monotonic() - began < 5  # closing does not wait for the group to fill


def test_a_gap_at_the_end_is_put_on_record_by_closing(tmp_path: Path) -> None:
    place = tmp_path / "evidence"
    place.write_text("in the way")
    log = open_log(place)
    log.request(facts(), FINE, SERVED)
    place.unlink()
    log.close()
    records = read(segments(place)[0])
    assert kinds(records) == ["start", "gap", "close"]
    assert what(records, "gap")[0]["count"] == log.dropped == 3


def test_a_read_only_folder_stops_nothing_and_closing_twice_is_safe(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    log = open_log(tmp_path / "file" / "below")
    log.request(facts(), FINE, SERVED)
    log.close()
    log.close()
    assert log.dropped == 3


def test_many_threads_write_one_unbroken_chain(tmp_path: Path) -> None:
    log = open_log(tmp_path, max_segment_mb=1)

    def write() -> None:
        for number in range(500):
            log.request(facts(number), FINE, SERVED)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close()
    assert sum(len(what(read(path), "request")) for path in segments(tmp_path)) == 2000
