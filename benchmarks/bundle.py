"""How long a large incident takes to export and to verify, and how much memory: `python benchmarks/bundle.py [N]`.

Each step runs in a process of its own, so that its peak memory is its own. The log is written in a temporary folder.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from building import BLOCKED, FINE, REFUSED, SECOND, SERVED, START, facts, open_log

from scrapeguard.evidence.incidents import incidents
from scrapeguard.evidence.verify import trust, verify
from scrapeguard.exports.bundle import export

LIMITS = {"export": 20.0, "verify": 10.0}  # seconds for 100,000 records


def write(folder: Path, records: int) -> None:
    """An incident of so many requests, and half as many of other people in between."""
    log = open_log(folder / "evidence")
    begun = time.time_ns() // 1000 - records // 100 * SECOND
    for number in range(records):
        made = facts(number / 100, f"/item/{number}")
        made = replace(made, time=made.time - START + begun)
        log.request(made, BLOCKED if number % 1000 == 999 else FINE, REFUSED if number % 1000 == 999 else SERVED)
        if number % 2:
            log.request(replace(made, client=facts(address=f"203.0.113.{number % 250}").client), FINE, SERVED)
    log.close()


def step(name: str, folder: Path, records: int) -> dict[str, object]:
    began = time.perf_counter()
    if name == "write":
        write(folder, records)
    elif name == "export":
        (found,) = incidents(folder / "evidence")
        looked = time.perf_counter()
        bundle = export(folder / "evidence", found, folder / "bundle.zip", 30)
        (folder / "key").write_text(bundle.key)
        return told(looked) | {"incidents_seconds": round(looked - began, 1), "requests": found.requests}
    else:
        result = verify(str(folder / "bundle.zip"), trust([(folder / "key").read_text()], [], []))
        return told(began) | {"verdict": result.verdict, "problem": result.problem}
    return told(began)


def told(began: float) -> dict[str, object]:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    wall, cpu = time.perf_counter() - began, time.process_time()
    return {"seconds": round(wall, 1), "cpu_seconds_since_start": round(cpu, 1), "peak_mib": peak}


def main() -> None:
    records = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder:
        for name in ("write", "export", "verify"):
            words = [sys.executable, __file__, "--step", name, folder, str(records)]
            done = subprocess.run(words, capture_output=True, text=True, check=True)
            print(name, done.stdout.strip(), f"limit {LIMITS[name]} s" if name in LIMITS else "")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--step"]:
        print(json.dumps(step(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))))
    else:
        main()
