"""A replay tells what would have been: every line accounted for, the same each time, and nobody harmed by its input."""

import asyncio
import gzip
import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from scrapeguard import config
from scrapeguard.doors import log_file
from scrapeguard.doors.bench import drive
from scrapeguard.doors.clients import Clients, iso
from scrapeguard.doors.distinct import Distinct
from scrapeguard.doors.formats import FORMATS
from scrapeguard.doors.replay import Replay
from scrapeguard.doors.summary import summary
from scrapeguard.errors import InputError
from scrapeguard.evidence.incidents import incidents
from scrapeguard.evidence.reading import segments
from scrapeguard.facts.logged import LogEntry
from scrapeguard.guard import NOTICE
from scrapeguard.model import Outcome, Rung

DATA = Path(os.environ.get("SCRAPEGUARD_DATA") or Path(__file__).parents[2].parent / "shared/data") / "logs"
ELASTIC, ILIOU = DATA / "elastic-apache-2015.log", DATA / "iliou-phase1-dev.tsv"
SCRAPEGUARD = Path(sys.executable).with_name("scrapeguard")
GOLDEN = Path(__file__).parent / "golden"

START = 1_431_864_000  # 2015-05-17 12:00:00 UTC
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
)
SCRIPT = "python-requests/2.32.3"
TIMES = ("seconds", "lines_per_second")


def line(address: str, second: int, path: str, agent: str = CHROME, referer: str = "-", status: int = 200) -> str:
    minutes, seconds = divmod(second, 60)
    hours, minutes = divmod(minutes, 60)
    clock = f"17/May/2015:{12 + hours:02}:{minutes:02}:{seconds:02} +0000"
    return f'{address} - - [{clock}] "GET {path} HTTP/1.1" {status} 1000 "{referer}" "{agent}"'


def scraper(address: str, begin: int = 0, items: int = 400) -> list[tuple[int, str]]:
    """Walks ids, four a second, without an asset or a referer."""
    return [(begin + i // 4, line(address, begin + i // 4, f"/item/{i}", SCRIPT)) for i in range(items)]


def reader(address: str, begin: int = 0) -> list[tuple[int, str]]:
    """Reads ten pages with their assets, half a minute each."""
    told = []
    before = "https://example.org/"
    for page in range(10):
        second = begin + page * 31 + page % 3
        told.append((second, line(address, second, f"/story/{page * 7919 % 97}", referer=before)))
        before = f"https://example.org/story/{page * 7919 % 97}"
        for asset in ("/static/a.css", "/static/b.js"):
            told += [(second + 1, line(address, second + 1, asset, referer=before))]
    return told


def catalogue() -> list[str]:
    """One scraper among five readers, in the order of time."""
    told = [*scraper("198.51.100.9", 20)]
    for i in range(5):
        told += reader(f"192.0.2.{i + 1}", i * 13)
    return [text for _, text in sorted(told, key=lambda pair: pair[0])]


def write(path: Path, lines: Iterable[str]) -> Path:
    path.write_bytes("".join(f"{text}\n" for text in lines).encode("latin-1"))
    return path


def replayed(*paths: Path | str, evidence: str = "", tables: dict[str, object] | None = None) -> dict[str, object]:
    session = Replay(config.load(tables), evidence)
    for path in paths:
        session.read(str(path))
    session.close()
    return summary(session)


def timeless(result: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in result.items() if key not in (*TIMES, "files", "bad_lines")}


def command(*arguments: str | Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [SCRAPEGUARD, "replay", *arguments],
        input=stdin,
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        timeout=60,
    )


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("logs") / "access.log", catalogue())


def test_a_scraper_is_told_apart_from_readers(log: Path) -> None:
    result = replayed(log)
    (found,) = [each for each in result["flagged"] if each["rung"] != "allow"]
    assert (found["address"], found["agent"], found["kind"]) == ("198.51.100.9", SCRIPT, "library")
    assert (found["requests"], found["distinct"], found["bytes"]) == (400, 400, 400_000)
    assert (found["first"], found["last"]) == ("2015-05-17T12:00:20Z", "2015-05-17T12:01:59Z")
    assert 0 < found["first_measure_at"] <= 30
    assert set(found["reasons"]) == set(found["signals"])
    assert result["subjects"] == 6
    assert [each["address"] for each in result["incidents"]] == ["198.51.100.9"]


def test_who_does_nothing_odd_is_not_flagged(tmp_path: Path) -> None:
    told = sorted(pair for i in range(8) for pair in reader(f"192.0.2.{i + 1}", i * 40))
    assert replayed(write(tmp_path / "log", [text for _, text in told]))["flagged"] == []


def test_the_same_log_gives_the_same_result(log: Path) -> None:
    first, second = (json.loads(command(log, "--json").stdout) for _ in range(2))
    assert first.keys() == second.keys()
    for name in TIMES:
        del first[name], second[name]
    assert first == second


def test_the_result_is_the_golden_one(log: Path) -> None:
    """SCRAPEGUARD_GOLDEN=write writes it anew; look at the difference before it is committed."""
    golden = GOLDEN / "catalogue.json"
    text = json.dumps(timeless(replayed(log)), indent=2) + "\n"
    if os.environ.get("SCRAPEGUARD_GOLDEN") == "write":
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(text)
    assert text == golden.read_text()


@pytest.mark.parametrize("packed", ["gzip", "two gzip members", "zstd", "two zstd frames"])
def test_a_packed_log_is_the_same_log(packed: str, log: Path, tmp_path: Path) -> None:
    data = log.read_bytes()
    pack = gzip.compress if "gzip" in packed else zstandard.compress
    parts = [data[:1000], data[1000:]] if packed.startswith("two") else [data]
    other = tmp_path / "access.log.1"  # its name says nothing
    other.write_bytes(b"".join(pack(part) for part in parts))
    assert timeless(replayed(other)) == timeless(replayed(log))


def test_standard_input_is_the_same_log(log: Path) -> None:
    for data in (log.read_bytes(), gzip.compress(log.read_bytes())):
        done = command("-", "--json", stdin=data)
        assert done.returncode == 0
        assert timeless(json.loads(done.stdout)) == timeless(replayed(log))
        assert done.stderr == b"standard input: read as combined\n"


def test_rotated_files_are_one_log(log: Path, tmp_path: Path) -> None:
    lines = log.read_bytes().decode("latin-1").splitlines()
    old = tmp_path / "access.log.1.gz"
    old.write_bytes(gzip.compress("\n".join(lines[:200]).encode("latin-1")))
    new = write(tmp_path / "access.log", lines[200:])
    result = replayed(old, new)
    assert timeless(result) == timeless(replayed(log))
    assert [each["lines"] for each in result["files"]] == [200, len(lines) - 200]
    assert [each["format"] for each in result["files"]] == ["combined", "combined"]


def test_files_in_the_wrong_order_are_told(log: Path, tmp_path: Path) -> None:
    older = write(tmp_path / "older.log", [line("192.0.2.9", 0, "/"), line("192.0.2.9", 1, "/")])
    newer = write(tmp_path / "newer.log", [line("192.0.2.9", 7200, "/")])
    result = replayed(newer, older)
    assert (result["backwards"], result["furthest_back_seconds"]) == (1, 7200)
    assert b"oldest first" in command(newer, older).stdout
    assert b"oldest first" not in command(older, newer).stdout


def test_bad_lines_are_counted_and_told_with_their_place(tmp_path: Path) -> None:
    good = line("192.0.2.1", 0, "/")
    lines = [good, "", "nonsense", "x" * 70_000, good, "\0" * 40, good[:-1], *["nonsense"] * 20, good]
    result = replayed(write(tmp_path / "log", lines))
    assert (result["lines"], result["parsed"], result["rejected"]) == (28, 3, 25)
    assert [bad["line"] for bad in result["bad_lines"]] == [2, 3, 4, 6, 7, 8, 9, 10, 11, 12]
    reasons = [bad["reason"] for bad in result["bad_lines"]]
    assert reasons[0] == "It is empty."
    assert reasons[2] == "It is longer than 65,536 bytes."
    assert "never closed" in reasons[4]
    assert all(len(bad["excerpt"]) <= 120 for bad in result["bad_lines"])


def test_a_line_of_the_longest_length_is_read_and_a_longer_one_is_not(tmp_path: Path) -> None:
    fits = line("192.0.2.1", 0, "/", agent="a" * (log_file.LONGEST - len(line("192.0.2.1", 0, "/", agent=""))))
    assert len(fits) == log_file.LONGEST
    result = replayed(write(tmp_path / "log", [fits, fits + "a", fits]))
    assert (result["parsed"], result["rejected"]) == (2, 1)


def test_a_line_without_end_takes_no_memory(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "log", "wb") as bomb:
        bomb.write(f"{line('192.0.2.1', 0, '/')}\n".encode())
        for _ in range(100):
            bomb.write(b"\0" * 1_000_000)
        bomb.write(f"\n{line('192.0.2.1', 0, '/')}".encode())
    session = Replay(config.load(None))
    tracemalloc.start()
    session.read(str(tmp_path / "log"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (session.files[0].lines, session.files[0].parsed) == (3, 2)
    assert peak < 20_000_000


def test_windows_line_ends_and_a_last_line_without_end_are_read(tmp_path: Path) -> None:
    text = f"{line('192.0.2.1', 0, '/')}\r\n{line('192.0.2.1', 1, '/')}"
    (tmp_path / "log").write_bytes(text.encode())
    assert replayed(tmp_path / "log")["parsed"] == 2


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_a_packed_log_that_is_cut_gives_what_it_has(pack, log: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut"
    cut.write_bytes(pack(log.read_bytes() * 4)[:-20])
    result = replayed(cut)
    (file,) = result["files"]
    assert 500 < file["parsed"] < 4 * len(catalogue())
    assert "cannot be read to its end" in file["problem"]
    done = command(cut)
    assert done.returncode == 0
    assert b"cannot be read to its end" in done.stderr


def test_a_log_of_nothing_is_a_result(tmp_path: Path) -> None:
    (tmp_path / "log").touch()
    done = command(tmp_path / "log", "--json")
    result = json.loads(done.stdout)
    assert done.returncode == 0
    assert (result["lines"], result["format"], result["flagged"]) == (0, None, [])
    assert command(tmp_path / "log").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["missing.log"], "missing.log cannot be read (No such file or directory)."),
        (["."], "is a folder"),
        (["noise"], "none of its first 3 lines is in a format that is known"),
        (["noise", "--format", "common"], "no line is in that format; line 1: There is no [time] in it."),
        (["access.log", "--format", "caddy-json"], "line 1: It is not valid JSON."),
        (["access.log", "--format", "apache"], "is not one of"),
        (["-", "--evidence", "out"], "Save standard input to a file first."),
        (["access.log", "--config", "missing.toml"], "missing.toml: cannot be read"),
        (["cut.gz"], "cut.gz cannot be read to its end"),
        ([], "Missing argument"),
    ],
)
def test_what_cannot_be_used_is_refused(arguments: list[str], said: str, log: Path, tmp_path: Path) -> None:
    write(tmp_path / "noise", ["one", "two", "three"])
    write(tmp_path / "access.log", catalogue())
    (tmp_path / "cut.gz").write_bytes(b"\x1f\x8b\x08")
    done = subprocess.run([SCRAPEGUARD, "replay", *arguments], cwd=tmp_path, capture_output=True, input=b"")
    assert done.returncode == 2
    assert said in " ".join(done.stderr.decode().split())
    assert b"Traceback" not in done.stderr
    assert done.stdout == b""


def test_one_file_that_cannot_be_used_does_not_spoil_the_others(log: Path, tmp_path: Path) -> None:
    noise = write(tmp_path / "noise", ["one", "two"])
    done = command(noise, log, "--json")
    assert done.returncode == 0
    assert timeless(json.loads(done.stdout)) == timeless(replayed(log))
    assert b"none of its first 2 lines" in done.stderr


def test_zstd_without_its_package_is_told(log: Path, tmp_path: Path) -> None:
    packed = tmp_path / "log.zst"
    packed.write_bytes(zstandard.compress(log.read_bytes()))
    program = "import sys; sys.modules['zstandard'] = None; from scrapeguard.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", program, "replay", packed], capture_output=True)
    assert done.returncode == 2
    assert b"pip install 'scrapeguard[zstd]'" in done.stderr


def test_foreign_text_does_not_command_the_terminal(tmp_path: Path) -> None:
    told = [replace_agent(text) for _, text in scraper("198.51.100.9")]
    told.insert(3, "\x1b]0;owned\x07 nonsense")
    done = command(write(tmp_path / "log", told))
    assert done.returncode == 0
    for output in (done.stdout, done.stderr):
        assert b"\x1b" not in output
        assert b"\x07" not in output
    assert b"[bold]" in done.stdout


def test_the_reasons_can_be_read_on_a_narrow_terminal(tmp_path: Path) -> None:
    log = write(tmp_path / "log", [text for _, text in scraper("198.51.100.9")])
    narrow = {**os.environ, "COLUMNS": "80"}
    told = subprocess.run([SCRAPEGUARD, "replay", log], env=narrow, capture_output=True, text=True).stdout
    assert max(map(len, told.splitlines())) <= 80
    assert "different pages or data objects in an hour" in " ".join(told.split())
    assert len(told.splitlines()) < 30


def replace_agent(text: str) -> str:
    return text.replace(SCRIPT, r"\x1b[2J[bold]curl/8.0\x07")


def test_what_is_no_request_is_counted_and_not_judged(tmp_path: Path) -> None:
    """Browsers open connections they never use; the server answers 408 and the guard never hears of it."""
    idle = line("192.0.2.1", 0, "/").replace("GET / HTTP/1.1", "-").replace('" 200 ', '" 408 ')
    result = replayed(write(tmp_path / "log", [idle] * 500))
    assert (result["parsed"], result["not_http"], result["flagged"], result["subjects"]) == (500, 500, [], 0)


def test_standing_goes_as_it_would_live(tmp_path: Path) -> None:
    """Denied addresses are refused every time, and the configured mode does not matter."""
    tables = {"guard": {"mode": "observe"}, "lists": {"deny": ["192.0.2.66"]}}
    lines = [line("192.0.2.66", i, "/") for i in range(5)]
    (found,) = replayed(write(tmp_path / "log", lines), tables=tables)["flagged"]
    assert (found["rung"], found["refused"], found["first_measure_at"], found["signals"]) == ("block", 5, 1, {})


def test_addresses_of_one_ipv6_network_are_one_client(tmp_path: Path) -> None:
    one = [text for _, text in scraper("2001:db8::1", 0, 200)]
    (found,) = replayed(write(tmp_path / "one", one))["flagged"]
    assert found["address"] == "2001:db8::1"
    many = [text.replace("2001:db8::1 ", f"2001:db8::{i:x} ") for i, text in enumerate(one, 1)]
    (found,) = replayed(write(tmp_path / "many", many))["flagged"]
    assert (found["address"], found["requests"]) == ("2001:db8::/64", 200)


def test_records_say_where_they_come_from_and_that_nothing_was_imposed(log: Path, tmp_path: Path) -> None:
    done = command(log, "--json", "--evidence", tmp_path / "out")
    assert done.returncode == 0
    rows = [text for path in segments(tmp_path / "out") for text in path.read_text().splitlines()]
    records = [json.loads(text) for text in rows if not text.startswith("~")]
    requests = [record for record in records if record["k"] == "request"]
    lines = log.read_bytes().decode("latin-1").splitlines()
    assert [record["what"]["source"]["line"] for record in requests] == list(range(1, len(lines) + 1))
    assert {record["what"]["source"]["file"] for record in requests} == {log_file.digest(str(log))}
    verdicts = [record["what"]["verdict"] for record in requests]
    assert {(verdict["rung"], verdict["mode"]) for verdict in verdicts} == {("allow", "observe")}
    assert any(verdict["intended"] != "allow" for verdict in verdicts)
    assert requests[0]["t"] == START * 1_000_000
    (imported,) = (record["what"] for record in records if record["k"] == "log.imported")
    assert (imported["lines"], imported["parsed"]) == (len(lines), len(lines))
    assert imported["file"] == log_file.digest(str(log))


def test_the_evidence_holds_the_same_incidents(log: Path, tmp_path: Path) -> None:
    result = replayed(log, evidence=str(tmp_path / "out"))
    ours = [(each["address"], each["first"], each["last"]) for each in result["incidents"]]
    theirs = incidents(tmp_path / "out")
    assert ours == [
        (found.actor.removeprefix("address:"), iso(found.opened), iso(found.last))
        for found in (each.found for each in theirs)
    ]


def test_who_changed_his_address_is_found_whichever_log_is_imported_first(tmp_path: Path) -> None:
    before = write(tmp_path / "before", [text for _, text in scraper("198.51.100.9", 20)])
    after = write(tmp_path / "after", [text for _, text in scraper("198.51.100.10", 300)])
    told = []
    for name, order in (("right", (before, after)), ("wrong", (after, before))):
        replayed(*order, evidence=str(tmp_path / name))
        found = [each.found for each in incidents(tmp_path / name)]
        told.append([(each.subjects, each.opened, [link.reason for link in each.links]) for each in found])
    assert told[0] == told[1]
    assert [reasons for *_, reasons in told[0]] == [["network"], ["network"]]


def test_evidence_that_cannot_be_written_is_told(log: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file, not a folder")
    done = command(log, "--evidence", tmp_path / "out")
    assert done.returncode == 2


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=80) | st.sampled_from([text.encode() for text in catalogue()[:40]]), max_size=30))
def test_no_bytes_stop_a_replay(tmp_path_factory: pytest.TempPathFactory, chunks: list[bytes]) -> None:
    path = tmp_path_factory.mktemp("any") / "log"
    path.write_bytes(b"\n".join([line("192.0.2.1", 0, "/").encode(), *chunks]))
    if path.read_bytes()[:2] != b"\x1f\x8b":
        result = replayed(path)
        assert result["parsed"] + result["rejected"] == result["lines"]


def test_it_is_the_same_how_many_entries_are_heard_together() -> None:
    lines = [line("192.0.2.7", second, f"/item/{second}", "curl/8.5.0") for second in range(300)]
    lines += [line(f"192.0.2.{20 + n % 9}", 300 + n, f"/pages/{n % 7}?id={n}", status=404) for n in range(300)]
    lines[40:40] = [
        line("192.0.2.9", 40, "/robots.txt"),
        '192.0.2.8 - - [24/Nov/2026:10:00:41 +0000] "-" 408 0 "-" "-"',
    ]
    entries = [FORMATS["combined"](text, number) for number, text in enumerate(lines, 1)]
    apart, together = Replay(config.load(None)), Replay(config.load(None))
    one_by_one = [verdict for entry in entries for verdict in apart.take([entry])]
    assert together.take(entries) == one_by_one
    assert {verdict.rung for verdict in one_by_one} > {Rung.ALLOW}
    assert (apart.judged, apart.unread) == (together.judged, together.unread) == (601, 1)
    for session in (apart, together):
        session.close()
    assert summary(apart)["flagged"] == summary(together)["flagged"]


def test_a_judge_that_waits_is_a_mistake() -> None:
    with pytest.raises(AssertionError):
        drive(asyncio.sleep(0))


def test_different_texts_are_counted_exactly_then_closely() -> None:
    for many in (0, 1, 4096, 5000, 20_000, 100_000):
        counted = Distinct()
        for i in range(many):
            counted.add(f"/item/{i}")
            counted.add(f"/item/{i // 2}")
        assert counted.estimated == (many > 4096)
        assert abs(len(counted) - many) <= (many * 0.05 if counted.estimated else 0)


def test_clients_are_kept_in_bounded_memory(tmp_path: Path) -> None:
    session = Replay(config.load(None))
    clients = Clients(1_800_000_000, most=100)
    entry = LogEntry(0, "", None, "GET", "/", None, None, CHROME, "", None, "", 200, 1, None, 1)
    for i in range(1000):
        facts = session.parts.reader.read_log(replace(entry, time=i, address=f"192.0.{i // 250}.{i % 250}"))
        clients.note(facts, NOTICE, Outcome(200, 1, 0, True))
    assert (clients.forgotten, len(clients.subjects)) == (900, 1000)
    assert clients.ranked() == []
    clients.note(facts, replace(NOTICE, rung=Rung.BLOCK, intended=Rung.BLOCK), Outcome(403, 1, 0, True))
    assert [track.requests for track in clients.ranked()] == [2]


@pytest.mark.skipif(not ELASTIC.exists(), reason=f"{ELASTIC} is missing: no real log is replayed")
def test_ten_thousand_real_lines_are_all_accounted_for() -> None:
    done = command(ELASTIC, "--json")
    result = json.loads(done.stdout)
    assert (result["lines"], result["parsed"], result["rejected"]) == (10_000, 9_999, 1)
    assert [bad["line"] for bad in result["bad_lines"]] == [8899]
    assert (result["format"], result["subjects"]) == ("combined", 1753)
    assert result["lines_per_second"] > 0
    assert result["seconds"] > 0
    addresses = [each["address"] for each in result["flagged"]]
    assert len(addresses) == len(set(addresses))


@pytest.mark.skipif(not ILIOU.exists(), reason=f"{ILIOU} is missing: no sessions are replayed")
def test_sessions_are_clients_where_there_are_no_addresses(tmp_path: Path) -> None:
    rows = [row.split("\t") for row in ILIOU.read_bytes().decode("latin-1").splitlines()]
    result = replayed(write(tmp_path / "log", [row[3] for row in sorted(rows, key=lambda row: int(row[2]))]))
    assert (result["rejected"], result["subjects"]) == (0, len({row[1] for row in rows}))


def test_a_log_is_opened_with_its_name_in_the_refusal() -> None:
    with pytest.raises(InputError, match=r"^/nowhere/log cannot be read"), log_file.open_log("/nowhere/log"):
        pass


def test_nobody_is_accused_by_a_robots_txt_that_was_not_in_force(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    path.write_text("\n".join(line("192.0.2.9", 60 * i, f"/item/{i}", "GPTBot/1.2") for i in range(9)) + "\n")
    (tmp_path / "robots.txt").write_text("User-agent: GPTBot\nDisallow: /item/\n")
    for notices, accused in ({}, False), ({"robots": str(tmp_path / "robots.txt")}, True):
        session = Replay(config.load({"notices": notices}))
        session.read(str(path))
        assert ('"robots"' in json.dumps(summary(session))) is accused
        session.close()
