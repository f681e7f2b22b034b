"""What a log line costs: `watch` and `replay` as an operator runs them, without evidence and with it.

    python benchmarks/logs.py [LOG] [--times N] [--rounds N] [--out FILE]

LOG is an access log in the combined format, read so many times over with its days moved on; without one, a day of
readers, crawlers and a scraper is invented. Each run is a process of its own. Its CPU (the thread that syncs included)
and its time are counted beyond those of a run on the first lines alone, so that starting is not: what is left is of
the whole path, from bytes to verdicts, published decisions and records on the disk. The control reads the same lines
from a pipe and matches each with one regular expression. Rounds are interleaved.
"""

import argparse
import json
import os
import platform
import random
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

FEW = 200  # lines that a run is begun with
SCRAPEGUARD = [sys.executable, "-c", "from scrapeguard.cli import main; main()"]
CONTROL = r"""
import re, sys
line = re.compile(r'(\S+) \S+ \S+ \[([^\]]+)\] "([^"]*)" (\d+) (\S+) "([^"]*)" "([^"]*)"')
found = sum(line.match(text) is not None for text in open(0, encoding="latin-1"))
print(found, "lines", file=sys.stderr)
"""
DAY = re.compile(r"\[(\d\d/[A-Z][a-z]{2}/\d{4}):")
AGENTS = [
    f"Mozilla/5.0 ({system}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{version}.0.0.0 Safari/537.36"
    for system in ("Windows NT 10.0; Win64; x64", "Macintosh; Intel Mac OS X 10_15_7", "X11; Linux x86_64")
    for version in range(148, 157)
]
CRAWLER = "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)"


def invented(lines: int) -> list[str]:
    """A day of a shop: readers with the pictures of their pages, a crawler, and one who takes everything in order."""
    dice, found, second, taken = random.Random(7), [], 0.0, 0

    def put(address: str, path: str, agent: str, referer: str = "-") -> None:
        clock = datetime(2026, 11, 24, tzinfo=UTC) + timedelta(seconds=second)
        status, size = (404, 512) if dice.random() < 0.02 else (200, dice.randrange(300, 90_000))
        when = clock.strftime("%d/%b/%Y:%H:%M:%S +0000")
        found.append(f'{address} - - [{when}] "GET {path} HTTP/1.1" {status} {size} "{referer}" "{agent}"')

    while len(found) < lines:
        second += 86_400 / (lines / 5)
        reader = int(dice.paretovariate(0.7)) % 20_000
        address, agent = f"10.{reader >> 8}.{reader & 255}.{dice.randrange(1, 4)}", AGENTS[reader % len(AGENTS)]
        page = f"/shop/item-{int(dice.paretovariate(0.4)) % 5_000}.html"
        put(address, page, agent, "https://shop.example/shop/")
        for asset in range(dice.randrange(5)):
            put(address, f"/static/{asset}/{len(page) * 7 + reader % 90}.webp", agent, f"https://shop.example{page}")
        if dice.random() < 0.2:
            put("40.77.167.9", f"/shop/item-{dice.randrange(5_000)}.html", CRAWLER)
        if dice.random() < 0.1:
            taken += 1
            put("192.0.2.7", f"/shop/item-{taken}.html", "python-requests/2.32.3")
    return found[:lines]


def repeated(log: Path, times: int) -> Iterator[str]:
    """The lines of a log again and again, each time after the days that it has."""
    lines = [line for line in log.read_text("latin-1").split("\n") if line]
    found = [datetime.strptime(day[1], "%d/%b/%Y") for line in lines if (day := DAY.search(line))]
    days = (max(found) - min(found)).days + 1 if found else 1
    moved = {day: [(day + timedelta(days * k)).strftime("[%d/%b/%Y:") for k in range(times)] for day in set(found)}
    for k in range(times):
        for line in lines:
            yield DAY.sub(lambda day, k=k: moved[datetime.strptime(day[1], "%d/%b/%Y")][k], line)


def run(command: list[str], log: Path, evidence: Path) -> tuple[float, float]:
    """Seconds of CPU, and seconds, of a command that gets a log as its standard input."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with log.open("rb") as lines:
        done = subprocess.run(command, stdin=lines, capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr.decode())
    after, seconds = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - began
    subprocess.run(["rm", "-rf", str(evidence)], check=True)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, seconds


def measure(folder: Path, lines: list[str], rounds: int) -> dict[str, object]:
    """CPU microseconds a line, and lines a second, of each way to read a log."""
    whole, head, evidence = folder / "whole.log", folder / "head.log", folder / "evidence"
    whole.write_text("\n".join([*lines, ""]), "latin-1")
    head.write_text("\n".join([*lines[:FEW], ""]), "latin-1")
    watch = [*SCRAPEGUARD, "watch", "-", "--publish", f"nginx:{folder / 'published'}"]
    ways = {
        "control": [sys.executable, "-c", CONTROL],
        "watch": watch,
        "watch, with evidence": [*watch, "--evidence", str(evidence)],
        "replay": [*SCRAPEGUARD, "replay", "LOG", "--json"],
        "replay, with evidence": [*SCRAPEGUARD, "replay", "LOG", "--json", "--evidence", str(evidence)],
    }
    taken: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, command in ways.items():
            runs = [run([str(log) if it == "LOG" else it for it in command], log, evidence) for log in (head, whole)]
            taken[way].append((runs[1][0] - runs[0][0], runs[1][1] - runs[0][1]))
    count = len(lines) - FEW
    return {
        way: {
            "cpu_us_min": round(min(cpu for cpu, _ in each) / count * 1e6, 1),
            "cpu_us_median": round(statistics.median(cpu for cpu, _ in each) / count * 1e6, 1),
            "lines_per_second_best": round(count / min(seconds for _, seconds in each)),
            "lines_per_second_median": round(count / statistics.median(seconds for _, seconds in each)),
        }
        for way, each in taken.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("log", type=Path, nargs="?")
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "logs.json")
    asked = parser.parse_args()
    lines = list(repeated(asked.log, asked.times)) if asked.log else invented(10_000 * asked.times)
    with tempfile.TemporaryDirectory(prefix="scrapeguard-bench-") as folder:
        result = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": {"cpus": os.cpu_count(), "python": sys.version, "system": platform.platform()},
            "log": {"name": asked.log.name if asked.log else "invented", "lines": len(lines)},
            "ways": measure(Path(folder), lines, asked.rounds),
        }
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
