"""What the evidence costs: appending on the request path, sequencing by the keeper, incidents read back, and fsck.

    python benchmarks/evidence.py [--records N] [--out FILE]

The control of appending is the same number of records formatted and written to the same disk as plain JSON lines, with
nothing committed to, sealed or chained. Rounds are interleaved; medians and minima of CPU time (fsync thread included)
are given. Results are one JSON object, with the machine named.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from scrapeguard.config import Config
from scrapeguard.evidence import fsck
from scrapeguard.evidence.hour import now
from scrapeguard.evidence.incidents import incidents
from scrapeguard.evidence.keeper import Keeper, KeeperSettings
from scrapeguard.evidence.log import EvidenceLog, EvidenceSettings
from scrapeguard.model import Agent, Client, Facts, Outcome, Resource, Rung, Signal, Verdict

CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"
FINE = Verdict(Rung.ALLOW, Rung.ALLOW, "none")
BLOCKED = Verdict(Rung.BLOCK, Rung.BLOCK, "signals", (Signal("pace", 9, "130 requests in 60 s", 130, 120),), 9, 900)
SERVED = Outcome(200, 5120, 900, complete=True)
BATCH, ROUNDS = 2_000, 15


def visit(number: int) -> Facts:
    """A browser's request, with a referer; 200 clients take turns."""
    address = f"10.{number % 200 >> 4}.{number % 16}.7"
    path = f"/item/{number % 5_000}"
    return Facts(
        time=1_795_000_000_000_000 + number * 10_000,
        reference=f"7H2K-{number:08}",
        method="GET",
        scheme="https",
        host="shop.example",
        path=path,
        query="",
        resource=Resource.PAGE,
        object=path,
        client=Client(address, address, "10.0.0.0/24", 40_000 + number % 9_000, "127.0.0.1", "x-forwarded-for"),
        agent=Agent(CHROME, "browser", "Chrome", 156, "Linux", "", "Chrome"),
        headers=None,
        referer="https://shop.example/items?page=3",
        fingerprint="5f1d2c3b4a596877",
        credential=None,
        forbidden="",
        trapped=False,
        has_assets=True,
    )


def open_log(folder: Path) -> EvidenceLog:
    log = EvidenceLog(EvidenceSettings(directory=str(folder)), Path)
    config = Config({})
    config.section("evidence", EvidenceSettings)
    log.activate("enforce", config, {"/robots.txt": b"User-agent: *\nDisallow: /private\n"})
    return log


def append(folder: Path) -> dict[str, object]:
    """CPU microseconds a record, beside the control's."""
    visits = [visit(number) for number in range(BATCH)]
    log, taken = open_log(folder / "append"), {"record": [0.0], "control": [0.0]}

    def ours() -> None:
        for each in visits:
            log.request(each, FINE, SERVED)

    with (folder / "control.jsonl").open("wb", buffering=0) as file:

        def control() -> None:
            for each in visits:
                fields = {"t": each.time, "address": each.client.address, "path": each.path, "agent": CHROME}
                file.write(json.dumps({**fields, "status": SERVED.status, "referer": each.referer}).encode() + b"\n")

        for _ in range(ROUNDS):
            for name, work in (("record", ours), ("control", control)):
                taken[name].append(cpu(work) / BATCH * 1e6)
    log.close()
    return {
        name: {"median_us": round(statistics.median(each[2:]), 2), "min_us": round(min(each[2:]), 2)}
        for name, each in taken.items()
    }


def keep(folder: Path, count: int) -> dict[str, object]:
    """Records a second through the keeper, fsync and windows included; then incidents and fsck over the same log."""
    log = open_log(folder)
    for number in range(count):
        log.request(visit(number), BLOCKED if number % 1_000 == 0 else FINE, SERVED)
    log.close()
    writer = open_log(folder)
    keeper = Keeper(folder, KeeperSettings(site="bench.example", host="one"), writer.event, now())
    began, used = time.perf_counter(), time.process_time()
    while keeper.sequence(now()) or keeper.close_hour(now(), early=True):
        pass
    seconds, used = time.perf_counter() - began, time.process_time() - used
    size = keeper.sequencer.checkpoint.size
    writer.close()
    began = time.perf_counter()
    found = incidents(folder)
    reading = time.perf_counter() - began
    began = time.perf_counter()
    checked = fsck.check(folder)
    checking = time.perf_counter() - began
    assert not checked.faults
    return {
        "records": size,
        "sequenced_per_second": round(size / seconds),
        "sequenced_per_cpu_second": round(size / used),
        "incidents": len(found),
        "incidents_records_per_second": round(count / reading),
        "fsck_records_per_second": round(size / checking),
        "bytes_per_record": round(sum(p.stat().st_size for p in folder.glob("records/*")) / count),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
    }


def cpu(work: Callable[[], None]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "evidence.json")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="scrapeguard-bench-") as place:
        result = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": {"cpus": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()},
            "settings": asdict(EvidenceSettings()),
            "append": append(Path(place)),
            "keep": keep(Path(place) / "keep", asked.records),
        }
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
