"""How long a large incident takes to export and to verify, and whether memory grows with it.

    python benchmarks/bundle.py [N …] [--out FILE]      N: requests of the incident; 10,000, 50,000 and 100,000

Each step runs in a process of its own, so that its peak memory is its own. The log is in a temporary folder; the
incident's N requests lie among half as many of other people. CPU is that of the whole process, imports included.
`export` includes what the keeper would have done before: no keeper ran. Results are one JSON object.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from building import BLOCKED, FINE, REFUSED, SECOND, SERVED, START, facts, open_log

from scrapeguard.evidence.incidents import find
from scrapeguard.evidence.verify import trust, verify
from scrapeguard.exports.bundle import export

SIZES = [10_000, 50_000, 100_000]
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
        (found,) = find(folder / "evidence")
        bundle = export(folder / "evidence", found, folder / "bundle.zip", 30)
        (folder / "key").write_text(bundle.key)
        return told(began) | {"bundle_mib": bundle.size >> 20}
    else:
        result = verify(str(folder / "bundle.zip"), trust([(folder / "key").read_text()], [], []))
        assert not result.problem, result
        return told(began) | {"verdict": result.verdict}
    return told(began)


def told(began: float) -> dict[str, object]:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    wall, cpu = time.perf_counter() - began, time.process_time()
    return {"seconds": round(wall, 1), "cpu_seconds": round(cpu, 1), "peak_mib": peak}


def measure(records: int) -> dict[str, object]:
    steps: dict[str, object] = {}
    with tempfile.TemporaryDirectory(prefix="scrapeguard-bench-") as folder:
        for name in ("write", "export", "verify"):
            words = [sys.executable, __file__, "--step", name, folder, str(records)]
            done = subprocess.run(words, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            steps[name] = json.loads(done.stdout)
            print(f"{records:>7} {name:6} {done.stdout.strip()}", file=sys.stderr)
    return steps


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("records", type=int, nargs="*", default=SIZES)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "bundle.json")
    asked = parser.parse_args()
    result = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"cpus": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()},
        "limits_seconds_at_100000": LIMITS,
        "records": {records: measure(records) for records in asked.records},
    }
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--step"]:
        print(json.dumps(step(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))))
    else:
        main()
