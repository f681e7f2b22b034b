"""kill -9 at random moments, two workers and the keeper among them: nothing durable is lost, no tree forks.

What a worker had not written yet is lost with it: at most `fsync_records` requests, or those of `fsync_ms`.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scrapeguard.evidence import fsck, keys
from scrapeguard.evidence.checkpoint import Checkpoint, verify
from scrapeguard.evidence.duty import finish
from scrapeguard.evidence.entry import entries
from scrapeguard.evidence.hour import now
from scrapeguard.evidence.keeper import Keeper, KeeperSettings, elect
from scrapeguard.evidence.log import EvidenceLog, EvidenceSettings
from scrapeguard.evidence.openings import Openings
from scrapeguard.evidence.reading import lines, parse, segments
from scrapeguard.evidence.sequencer import FOLDER
from scrapeguard.evidence.tiles import Tiles
from scrapeguard.evidence.tree import Frontier

ROUNDS = int(os.environ.get("SCRAPEGUARD_CHAOS", "20"))
SITE = Path(__file__).with_name("site.py")
SETTINGS = KeeperSettings(site="shop.example", host="web1")


@contextmanager
def workers(directory: Path, names: list[str]) -> Iterator[list[subprocess.Popen[str]]]:
    command = [sys.executable, str(SITE), str(directory)]
    running = [subprocess.Popen([*command, name], stdout=subprocess.PIPE, text=True) for name in names]
    try:
        yield running
    finally:
        for each in running:
            each.kill()
            each.wait()


def durable(worker: subprocess.Popen[str]) -> int:
    """The last number that a killed worker said was durable; -1 when it said nothing."""
    assert worker.stdout is not None
    told = worker.stdout.read().rpartition("\n")[0].rpartition("\n")[2]
    worker.stdout.close()
    return int(told or -1)


def heads(directory: Path) -> list[Checkpoint]:
    trusted = [change.new for change in keys.history(directory)]
    found = []
    for path in sorted((directory / FOLDER).glob("*/checkpoint")):
        checkpoint, signed = verify(path.read_bytes(), trusted)
        assert signed
        found.append(checkpoint)
    return found


def grew(directory: Path, before: Checkpoint) -> bool:
    """Whether the tree that is there now begins with the one that was there before."""
    folder = directory / FOLDER / before.origin.rpartition("/")[2]
    size = verify((folder / "checkpoint").read_bytes(), [])[0].size
    frontier = Frontier()
    for leaf in Tiles(folder, size).leaf_hashes(0, before.size):
        frontier.append(leaf)
    return size >= before.size and frontier.root() == before.root


def test_nothing_durable_is_lost_no_tree_forks_and_every_restart_is_recorded(tmp_path: Path) -> None:
    chance = random.Random(int(os.environ.get("SCRAPEGUARD_SEED", "200")))
    place = Path(os.environ.get("SCRAPEGUARD_CHAOS_LOG", tmp_path))  # a log to go on with, for many rounds in pieces
    before = place / "promised.json"
    promised: dict[str, int] = json.loads(before.read_text()) if before.exists() else {}
    known: list[Checkpoint] = heads(place)
    for number in range(len(promised) // 2, len(promised) // 2 + ROUNDS):
        names = [f"r{number}a", f"r{number}b"]
        with workers(place, names) as running:
            for each in running:
                assert each.stdout is not None
                promised[names[running.index(each)]] = int(each.stdout.readline())  # it is under way
            time.sleep(chance.random() * 0.7)
            order = chance.sample(running, 2)
            for each in order:
                each.send_signal(signal.SIGKILL)
                time.sleep(chance.choice([0, 0, 0.05]))
            for name, each in zip(names, running, strict=True):
                each.wait()
                promised[name] = max(promised[name], durable(each))
        assert all(grew(place, each) for each in known)
        known = heads(place)  # a tree that grew from this one grew from those before it
        before.write_text(json.dumps(promised))
        print(f"round {number + 1}: {max((each.size for each in known), default=0)} leaves", flush=True)
    audit(place, promised)


def audit(directory: Path, promised: dict[str, int]) -> None:
    lock = elect(directory)
    assert lock is not None
    log = EvidenceLog(EvidenceSettings(str(directory)), Path)
    log.event("selftest.result", {})
    finish(Keeper(directory, SETTINGS, log.event, now()))
    log.close()
    os.close(lock)

    faults = fsck.check(directory).faults
    assert faults == []
    recorded: dict[str, set[int]] = {}
    for entry in entries(segments(directory), lambda _: True, Openings(directory)):
        _, name, number = entry.path.split("/") if entry.path else ("", "", "0")
        recorded.setdefault(name, set()).add(int(number))
    for name, last in promised.items():
        missing = set(range(last + 1)) - recorded.get(name, set())
        assert not missing, f"{name}: {len(missing)} of {last + 1} durable records are lost"

    starts, recovered = 0, set()
    for path in segments(directory):
        for record in filter(None, (parse(line.raw) for line in lines(path))):
            starts += record["k"] == "start"
            if record["k"] == "recovery":
                recovered.add(record["what"]["segment"])
    assert starts >= len(promised)
    cut = {path.name for path in segments(directory) if b'{"k":"close"' not in path.read_bytes()[-400:]}
    assert cut <= recovered
    assert len(cut) == len(promised)
