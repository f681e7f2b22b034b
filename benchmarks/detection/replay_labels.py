"""Replay logs whose clients are known to be people or bots, and count who would be signalled and who stopped.

    python benchmarks/detection/replay_labels.py [--data ../shared/data] [--json results.json]

Two logs are read from the folder of reference data. `iliou-phase1-dev.tsv` has labels: human, moderate_bot (a browser
under remote control) and advanced_bot (one that moves its mouse like a person); each session is one client, since the
addresses were removed. `elastic-apache-2015.log` has none: whoever would be stopped is listed, to be looked at by hand.
"""

import json
import os
import re
import sys
from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import click

from scrapeguard.config import load
from scrapeguard.doors.formats import FORMATS, guess
from scrapeguard.doors.replay import Replay
from scrapeguard.errors import FormatError
from scrapeguard.facts.logged import LogEntry
from scrapeguard.model import Rung

LINE = re.compile(r'"(\S+) (\S+) [^"]*" (\d+) (\d+|-) "([^"]*)" \S+ "([^"]*)"$')
DATA = Path(os.environ.get("SCRAPEGUARD_DATA") or Path(__file__).parents[3] / "shared" / "data")


@dataclass(slots=True)
class Client:
    """What the guard made of one client."""

    address: str
    label: str
    agent: str
    requests: int = 0
    stopped_at: int | None = None  # the number of the request
    rung: str = "allow"
    signals: Counter[str] = field(default_factory=Counter)
    reasons: dict[str, str] = field(default_factory=dict)


def judge(entries: list[tuple[str, LogEntry]]) -> list[Client]:
    """Labelled entries, in the order of time, through the guard with its defaults."""
    replay = Replay(load({}))
    clients: dict[str, Client] = {}
    for label, entry in sorted(entries, key=lambda pair: pair[1].time):
        client = clients.setdefault(entry.address, Client(entry.address, label, entry.agent or ""))
        client.requests += 1
        for verdict in replay.take([entry]):  # none, if it was no request
            for signal in verdict.signals:
                client.signals[signal.detector] += 1
                client.reasons[signal.detector] = f"{signal.weight}: {signal.reason}"
            if verdict.rung is not Rung.ALLOW:
                client.stopped_at = client.stopped_at or client.requests
                client.rung = max(client.rung, verdict.rung.label, key=lambda label: Rung[label.upper()])
    return list(clients.values())


def iliou(path: Path) -> list[tuple[str, LogEntry]]:
    """label TAB session TAB epoch TAB a log line without addresses, with the session in place of them."""
    entries = []
    for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1):
        label, session, epoch, text = line.split("\t", 3)
        found = LINE.search(text)
        if found is None:
            raise FormatError(f"{path}:{number}: not a line of this data set.", "Use the file as it was published.")
        method, target, status, size, referer, agent = found.groups()
        entries.append(
            (label, LogEntry(
                time=int(epoch) * 1_000_000, address=session, port=None, method=method, target=target, host=None,
                scheme=None, agent=agent, referer="" if referer == "-" else referer, headers=None, user=None,
                status=int(status), bytes=0 if size == "-" else int(size), micros=None, line=number,
            ))
        )  # fmt: skip
    return entries


def elastic(path: Path) -> list[tuple[str, LogEntry]]:
    """A log in a common format, without labels."""
    lines = path.read_text("utf-8", "replace").splitlines()
    parse = FORMATS[guess(lines[:200]) or "combined"]
    entries = []
    for number, line in enumerate(lines, 1):
        try:
            entries.append(("?", parse(line, number)))
        except FormatError:
            continue  # one line of it is cut; `scrapeguard replay` counts and shows it
    return entries


def table(clients: list[Client]) -> list[dict[str, object]]:
    """One row a label."""
    rows: list[dict[str, object]] = []
    for label in sorted({client.label for client in clients}):
        those = [client for client in clients if client.label == label]
        stopped = [client for client in those if client.stopped_at]
        signals = Counter(name for client in those for name in client.signals)
        rows.append(
            {
                "label": label,
                "clients": len(those),
                "requests": sum(client.requests for client in those),
                "signalled": sum(bool(client.signals) for client in those),
                "stopped": len(stopped),
                "signals": dict(signals.most_common()),
            }
        )
    return rows


@click.command()
@click.option("--data", type=click.Path(path_type=Path, exists=True), default=DATA)
@click.option("--json", "output", type=click.Path(path_type=Path), help="Write the figures here too.")
def main(data: Path, output: Path | None) -> None:
    """Measure detection and false alarms on logs of known and unknown clients."""
    results = {}
    for name, read in (("iliou-phase1-dev.tsv", iliou), ("elastic-apache-2015.log", elastic)):
        path = data / "logs" / name
        if not path.exists():
            sys.exit(f"{path} is missing. Give the folder of the reference data with --data.")
        clients = judge(read(path))
        rows = table(clients)
        print(name)
        for row in rows:
            print("  " + "  ".join(f"{key} {value}" for key, value in row.items()))
        for client in clients:
            if client.stopped_at:
                print(f"  {client.address} {client.label} {client.rung} at {client.stopped_at} of {client.requests}")
                print(f"    {client.agent[:100]!r}")
                print(*(f"    {detector} {reason}" for detector, reason in client.reasons.items()), sep="\n")
        stopped = [
            asdict(replace(client, signals=Counter())) | {"signals": dict(client.signals)}
            for client in clients
            if client.stopped_at
        ]
        results[name] = {"labels": rows, "stopped": stopped}
    if output is not None:
        output.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
