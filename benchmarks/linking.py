"""What linking addresses into actors costs on a large log: `python benchmarks/linking.py [RECORDS]`.

Three logs of so many records, each measured in a process of its own: people only; an actor that goes on from address
to address; and a flood, every record a new address that is refused once. Beside it, in the same process, the bare
reading of the same lines that linking looks at.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests/evidence"))

from building import BLOCKED, FINE, REFUSED, SERVED, open_log
from linking import BOT, CHROME, facts, walk

from scrapeguard.evidence.entry import entries, telling
from scrapeguard.evidence.incidents import find
from scrapeguard.evidence.openings import Openings
from scrapeguard.evidence.reading import segments


def write(folder: Path, kind: str, records: int) -> None:
    log = open_log(folder)
    second, done, number = 0.0, 0, 0
    while done < records:
        number += 1
        if kind == "flood":
            address = f"10.{number // 62_500}.{number // 250 % 250}.{number % 250 + 1}"
            log.request(facts(number / 20, f"/item/{number}", address, BOT), BLOCKED, REFUSED)
            done += 1
            continue
        if kind == "rotation" and number % 50 == 0:
            walk(log, f"203.{number // 200 % 200}.{number % 200}.7", second, done)  # type: ignore[arg-type]
            done += 23
        address = f"198.{number // 62_500}.{number // 250 % 250}.{number % 250 + 1}"
        for page in range(10):
            log.request(facts(second, f"/story/{number * 7 % 900 + page}", address, raw=CHROME), FINE, SERVED)
            second, done = second + 0.05, done + 1
    log.close()


def measure(folder: Path) -> dict[str, object]:
    began = time.process_time()
    looked = sum(1 for _ in entries(segments(folder), telling, Openings(folder)))
    read = time.process_time() - began
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = find(folder)
    took = time.process_time() - began - read
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "looked_at": looked,
        "read_cpu_s": round(read, 1),
        "find_cpu_s": round(took, 1),
        "grown_mib": (peak - before) >> 10,
        "peak_mib": peak >> 10,
        "incidents": len(found),
        "largest": max((len(each.subjects) for each in found), default=0),
        "links": sum(len(each.links) for each in found),
    }


def main() -> None:
    records = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    for kind in ("people", "rotation", "flood"):
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder), kind, records)
            words = [sys.executable, __file__, "--measure", folder]
            print(kind, subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip(), flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(measure(Path(sys.argv[2]))))
    else:
        main()
