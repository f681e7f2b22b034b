"""What fails around it: the site is served throughout, the gap is in the log, and a bundle says that it is incomplete.

Each with a real server, and an incident of which a bundle is exported and verified as the other side would.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from authority import Authority
from bundling import scene
from click.testing import CliRunner
from disk import Disk
from programs import program
from servers import RedisServer
from serving import Served, serve, wait_until

from scrapeguard.cli import main
from scrapeguard.evidence.duty import finish
from scrapeguard.evidence.hour import now
from scrapeguard.evidence.incidents import incidents
from scrapeguard.evidence.keeper import Keeper, KeeperSettings, elect
from scrapeguard.evidence.log import EvidenceLog, EvidenceSettings
from scrapeguard.evidence.verify import ANCHORED, INCOMPLETE, Result, trust, verify
from scrapeguard.exports.bundle import export
from scrapeguard.exports.keeping import Keeping

READER, SCRAPER = "127.0.0.1", "127.0.0.2"
OBSERVING = """
[guard]
mode = "observe"
[keeper]
site = "shop.example"
host = "web1"
checkpoint_seconds = 1
"""
CONFIG = f"""
[lists]
deny = ["{SCRAPER}"]
allow = ["{READER}"]
[keeper]
site = "shop.example"
host = "web1"
checkpoint_seconds = 1
"""
APP = """
import os
from scrapeguard import ScrapeGuard

async def site(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"a page"})

app = ScrapeGuard(site, config=os.environ["GUARD_CONFIG"])
"""
WHEN = r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC"
MINUTE = 60_000_000
DAY = 1_440 * MINUTE
IDLE = 90  # minutes: the hour that a clock is set back does not cut an incident in two


@contextmanager
def site(folder: Path, config: str = CONFIG) -> Iterator[Served]:
    folder.mkdir(exist_ok=True)
    (folder / "site_app.py").write_text(APP)
    with serve("site_app:app", folder / "site", config, apps=folder) as served:
        yield served


class Visits:
    """Readers who must be served and a scraper who must be refused, whatever happens; `observed`: nobody is."""

    def __init__(self, served: Served, *, observed: bool = False) -> None:
        self.served = served
        self.count = 0
        self._refused = 200 if observed else 403

    def come(self, times: int = 10) -> None:
        for _ in range(times):
            self.count += 2
            assert self.served.get(f"/item/{self.count}", READER).status == 200
            assert self.served.get(f"/item/{self.count}", SCRAPER).status == self._refused

    def until(self, kind: str) -> dict[str, Any]:
        """Visits go on until a record of this kind is there; what it says."""

        def told() -> dict[str, Any] | None:
            self.come(1)
            found = [record["what"] for record in self.served.records() if record["k"] == kind]
            return found[-1] if found else None

        wait_until(told, self.served, 30)
        return told() or {}


def checked(folder: Path, authority: Authority | None = None, url: str = "") -> Result:
    """The bundle of the scraper's incident, as somebody with the log's key sees it."""
    settings = KeeperSettings(site="shop.example", host="web1")
    if authority is not None:
        settings = KeeperSettings(
            site="shop.example", host="web1", authorities=(url,), authority_roots=(str(authority.root),)
        )
    evidence = folder / "site/evidence"
    released(evidence)
    (found,) = [each for each in incidents(evidence, IDLE) if each.found.actor == f"address:{SCRAPER}"]
    bundle = export(evidence, found.found, folder / "bundle.zip", IDLE, Keeping(settings))
    return verify(str(bundle.path), trust([bundle.key], [str(authority.root)] if authority else [], []))


def released(evidence: Path) -> None:
    """Wait until the site's keeper, which ends a moment after it, has let go."""
    for _ in range(1_000):
        lock = elect(evidence)
        if lock is not None:
            os.close(lock)
            return
        time.sleep(0.02)
    raise AssertionError("the keeper has not ended")


def incomplete(result: Result, pattern: str) -> re.Match[str]:
    """What the verifier says is missing."""
    assert result.code == INCOMPLETE, (result.verdict, result.failed, result.problem, result.notes)
    found = [match for match in (re.search(pattern, told) for told in result.missing) if match]
    assert found, result.missing
    return found[0]


def requests(served: Served) -> int:
    return sum(record["k"] == "request" for record in served.records())


def test_a_full_disk(tmp_path: Path, disk: Disk) -> None:
    with site(tmp_path) as served:
        visits = Visits(served)
        visits.come()
        disk.fill()
        visits.come(100)
        wait_until(lambda: "evidence cannot be written" in served.log(), served)
        visits.come()
        disk.free()
        gap = visits.until("gap")
        visits.come()
        served.stop()
        assert gap["error"] == "ENOSPC"
        twice = requests(served) + gap["count"] - visits.count
        assert twice in (0, 1)  # a record whose openings were torn off is there, and lost all the same
    result = checked(tmp_path)
    told = incomplete(result, rf"^(\d+) records of (\S+) from {WHEN} to {WHEN} could not be written \(ENOSPC\)")
    assert int(told[1]) == gap["count"]
    assert (tmp_path / "site/evidence/records" / told[2]).exists()


def test_a_folder_that_cannot_be_written_at_first(tmp_path: Path, disk: Disk) -> None:
    disk.remount("ro")
    with site(tmp_path) as served:
        visits = Visits(served)
        visits.come()
        disk.remount("rw")
        gap = visits.until("gap")
        visits.come()
        served.stop()
        assert gap["error"] == "EROFS"
        assert 0 <= requests(served) + gap["count"] - visits.count < 9  # what was put in force is lost, and counted too
    incomplete(checked(tmp_path), rf"^{gap['count']} records of \S+ from {WHEN} to {WHEN} could not be written \(EROFS")


def test_a_process_that_is_killed(tmp_path: Path) -> None:
    """Whether it had anything in hand nobody knows: that is said, and what is there is not called incomplete."""
    authority = Authority(tmp_path / "tsa")
    with site(tmp_path) as served:
        Visits(served).come()
        killed = {record["what"]["segment"] for record in served.records() if record["k"] == "start"}
        served.process.kill()
        served.process.wait()
    with site(tmp_path) as served:
        Visits(served).come()
        served.stop()
    with authority.serve() as url:
        result = checked(tmp_path, authority, url)
    assert (result.code, result.missing) == (ANCHORED, [])
    told = [
        re.match(rf"(\S+) was killed or broke off after record \d+ of {WHEN}, found", note) for note in result.notes
    ]
    assert {match[1] for match in told if match} == killed
    assert any("at most 512, or those of 50 ms, waited by its settings" in note for note in result.notes)


def test_a_redis_that_is_killed(tmp_path: Path, own_server: RedisServer) -> None:
    """Nobody is on a list here, as those are judged without the store; the scraper is one by how it comes."""
    with site(tmp_path, OBSERVING + f'[store]\nurl = "{own_server.url}"\n') as served:
        visits = Visits(served, observed=True)
        visits.come(100)
        own_server.kill()
        visits.until("gap.start")
        visits.come()
        own_server.start()
        gap = visits.until("gap.end")
        served.stop()
        assert gap["missed"] > 0
        assert requests(served) == visits.count
    pattern = rf"^the shared store did not answer (\S+) from {WHEN} to {WHEN}: {gap['missed']} times it counted alone"
    incomplete(checked(tmp_path), pattern)


class Clock:
    """The wall clock of a site, and of the keeper beside it: off by as many seconds as it is set to."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        program("faketime")
        library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
        self._monkeypatch, self._off = monkeypatch, folder / "offset"
        self._environment = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._off),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        self.set(0)

    def set(self, seconds: int) -> None:
        self._off.write_text(f"{seconds:+}")

    @contextmanager
    def site(self, folder: Path, config: str = CONFIG) -> Iterator[Served]:
        """A site with this clock; the authority of the test has the right time."""
        with ExitStack() as stack:
            with self._monkeypatch.context() as patch:
                for name, value in self._environment.items():
                    patch.setenv(name, value)
                served = stack.enter_context(site(folder, config))
            yield served

    def command(self, *words: str | Path) -> bytes:
        """What `scrapeguard` prints with this clock."""
        program = Path(sys.executable).with_name("scrapeguard")
        return subprocess.check_output([program, *words], env=os.environ | self._environment)


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(tmp_path, monkeypatch)


def test_a_clock_that_is_set_back_an_hour_and_put_right_again(tmp_path: Path, clock: Clock) -> None:
    with clock.site(tmp_path) as served:
        visits = Visits(served)
        visits.until("clock")
        for new, step in ((-3600, -3600), (0, 3600)):
            clock.set(new)
            wait_until(lambda step=step: stepped(visits, step), served)
            visits.come()
        served.stop()
        assert requests(served) == visits.count
    result = checked(tmp_path)
    incomplete(result, rf"machine was stepped by -3600\.\d s, seen on {WHEN}")
    incomplete(result, rf"machine was stepped by \+3600\.\d s, seen on {WHEN}")


def test_an_hour_in_which_the_actor_came_too_and_that_is_not_exported_is_told(tmp_path: Path, clock: Clock) -> None:
    step = 3600 if now() % DAY < DAY // 2 else -3600  # a pseudonym is of one day
    with clock.site(tmp_path) as served:
        visits = Visits(served)
        visits.until("clock")
        wait_until(lambda: requests(served) == visits.count, served)  # written in this hour
        clock.set(step)
        wait_until(lambda: stepped(visits, step), served)
        visits.come()
        served.stop()
    evidence = tmp_path / "site/evidence"
    released(evidence)
    found = [each.found for each in incidents(evidence) if each.found.actor == f"address:{SCRAPER}"]
    assert len(found) == 2
    notes = []
    for each in found:
        kept = Keeping(KeeperSettings(site="shop.example", host="web1"))
        bundle = export(evidence, each, tmp_path / "bundle.zip", 30, kept)
        result = verify(str(bundle.path), trust([bundle.key], [], []))
        assert result.code == INCOMPLETE  # the clock was stepped
        notes.append([note for note in result.notes if "and they are not here: that hour is not said" in note])
    assert any(notes)


def anchoring(authority: Authority, url: str) -> str:
    return CONFIG + f'stamp_seconds = 1\nauthorities = ["{url}"]\nauthority_roots = ["{authority.root}"]\n'


def test_a_clock_that_was_an_hour_ahead_and_is_put_right_while_nobody_runs(tmp_path: Path, clock: Clock) -> None:
    authority = Authority(tmp_path / "tsa")
    with authority.serve() as url:
        clock.set(3600)
        with clock.site(tmp_path, anchoring(authority, url)) as served:
            Visits(served).until("anchor")
            served.stop()
        clock.set(0)
        released(tmp_path / "site/evidence")
        with clock.site(tmp_path, anchoring(authority, url)) as served:
            visits = Visits(served)
            wait_until(lambda: stepped(visits, -3600), served)
            served.stop()
        result = checked(tmp_path, authority, url)
    incomplete(result, rf"machine was stepped by -3600\.\d s, seen on {WHEN}")
    incomplete(result, r"^C8: .* stamped before that, .*: the clock was ahead by 3[56]\d\d\.\d s")
    assert result.anchored


def test_a_clock_that_is_an_hour_ahead_of_the_authority_all_the_time(tmp_path: Path, clock: Clock) -> None:
    authority = Authority(tmp_path / "tsa")
    clock.set(3600)
    with authority.serve() as url:
        with clock.site(tmp_path, anchoring(authority, url)) as served:
            Visits(served).until("anchor")
            served.stop()
        evidence, bundle = tmp_path / "site/evidence", tmp_path / "bundle.zip"
        released(evidence)
        (incident, *_) = json.loads(clock.command("incidents", "--json", evidence))
        given = {"--config": tmp_path / "site/guard.toml", "--evidence": evidence, "--out": bundle}
        clock.command("export", incident["id"], *(word for pair in given.items() for word in pair))
        key = json.loads((evidence / "keys/keys.jsonl").read_text().splitlines()[-1])["vkey"]
        result = verify(str(bundle), trust([key], [str(authority.root)], []))
    incomplete(result, r"^C8: .* stamped before that, .*: the clock was ahead by 3[56]\d\d\.\d s")
    incomplete(result, r"^C8: the log itself says that its clock was 3[56]\d\d s ahead of an authority's")
    assert result.anchored


def stepped(visits: Visits, seconds: int) -> bool:
    visits.come(1)
    clocks = [record["what"]["step_us"] for record in visits.served.records() if record["k"] == "clock"]
    return any(abs(step / 1e6 - seconds) < 5 for step in clocks)


def test_a_time_stamp_authority_that_is_dead_for_ten_minutes(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "tsa")
    with site(tmp_path, CONFIG + "run = false\n") as served:
        visits, evidence = Visits(served), tmp_path / "site/evidence"
        log = EvidenceLog(EvidenceSettings(str(evidence)), Path)
        with authority.serve() as url:
            settings = KeeperSettings(
                site="shop.example", host="web1", authorities=(url,), authority_roots=(str(authority.root),)
            )
            kept = Keeper(evidence, settings, log.event, now())
            end = now()
            wait_until(lambda: kept.sequence(end - 12 * MINUTE) > 0, served)
            assert kept.anchor(end - 12 * MINUTE) == 1
        for minute in range(10, 0, -1):  # nobody listens there any more
            visits.come(3)
            kept.sequence(end - minute * MINUTE)
            assert kept.due(end - minute * MINUTE)
            assert kept.anchor(end - minute * MINUTE) == 0
        with authority.serve(int(url.rstrip("/").rpartition(":")[2])):
            visits.come(3)
            finish(kept)
            log.close()
            served.stop()
            kinds = [record["k"] for record in served.records() if record["k"].startswith("anchor")]
            assert kinds == ["anchor", "anchor.delayed", "anchor.resumed", "anchor"]
            assert requests(served) == visits.count
            result = checked(tmp_path, authority, url)
    pattern = rf"^127\.0\.0\.1-\d+ stamped nothing from ({WHEN}) to ({WHEN}): what was recorded then existed by its end"
    dead = incomplete(result, pattern)
    assert dead[1] < dead[2]
    assert result.anchored  # caught up: all of it is stamped now


def test_a_look_into_evidence_that_cannot_be_written_is_refused(disk: Disk) -> None:
    """Nobody looks without a trace: what cannot be recorded is not shown."""
    scene(disk.place)
    disk.remount("ro")
    done = CliRunner().invoke(main, ["incidents", str(disk.place)])
    assert done.exit_code == 2
    assert "cannot be recorded" in done.output
    assert "192.0.2.7" not in done.output
    disk.remount("rw")
    done = CliRunner().invoke(main, ["incidents", str(disk.place)])
    assert done.exit_code == 0
    assert "192.0.2.7" in done.output


def test_without_a_failure_it_is_complete(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "tsa")
    with site(tmp_path) as served:
        Visits(served).come()
        served.stop()
    with authority.serve() as url:
        result = checked(tmp_path, authority, url)
    assert (result.code, result.missing) == (ANCHORED, [])
    assert not any("was killed" in note for note in result.notes)
