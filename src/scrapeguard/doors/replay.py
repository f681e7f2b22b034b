"""Replay: access logs judged as if the guard had stood there, by the same judge, on the log's own clock.

Nothing is refused, and the clients in the log got their answers; but the judge runs in enforce mode on a store of its
own. So standing, escalation and release go as they would have gone live for a client that does not care: what comes
while it is on a rung is not counted, and what comes after that starts anew. A real client may give up or slow down.
Records in the evidence say what was: nothing imposed, and what would have been as `intended`.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from scrapeguard.config import Config
from scrapeguard.doors import log_file
from scrapeguard.doors.bench import BATCH, Bench
from scrapeguard.doors.clients import Clients
from scrapeguard.doors.formats import FORMATS, Parse, guess
from scrapeguard.doors.log_file import LogFile
from scrapeguard.errors import FormatError, InputError
from scrapeguard.evidence.canonical import Json
from scrapeguard.evidence.log import EvidenceSettings
from scrapeguard.facts.logged import LogEntry
from scrapeguard.model import Facts, Verdict

SAMPLE = 200  # lines from which the format is guessed
SHOWN = 10  # rejected lines that are kept to be shown
EXCERPT = 120  # characters of such a line

Progress = Callable[[int], None]
Lines = Iterator[str | None]


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that cannot be read."""

    file: str
    line: int
    reason: str
    excerpt: str


@dataclass(slots=True)
class FileReport:
    """What one file gave; `problem` says why it was not read, or not to its end."""

    name: str
    format: str | None = None
    lines: int = 0
    parsed: int = 0
    sha256: str | None = None
    problem: str = ""


class Replay:
    """Reads logs and judges what is in them. `evidence` is an absolute path, or "" for none. Raises ConfigError."""

    def __init__(self, config: Config, evidence: str = "") -> None:
        self._bench = Bench(config, evidence)
        self.parts = self._bench.parts
        recording = self.parts.config.known()["evidence"]
        assert isinstance(recording, EvidenceSettings)
        self._recording = bool(evidence)
        self.clients = Clients(recording.idle_minutes * 60_000_000)
        self.files: list[FileReport] = []
        self.bad: list[BadLine] = []
        self.backwards = 0  # entries earlier than the one before
        self.furthest_back = 0  # microseconds behind the latest time so far
        self.unread = 0  # requests that were not HTTP
        self.judged = 0
        self.first: int | None = None
        self.last = self._before = 0
        self.seconds = 0.0
        self.sees: set[str] = set()  # what of "agent", "headers" and "referer" the log holds

    def read(self, name: str, forced: str | None = None, progress: Progress = lambda _: None) -> None:
        """Replay one log; `progress` hears how many bytes of the file have been taken. Raises InputError."""
        began = time.perf_counter()
        report = FileReport(name)
        self.files.append(report)
        if self._recording:
            report.sha256 = log_file.digest(name)
        with log_file.open_log(name) as log:
            report.name = log.name
            lines = log.lines()
            sample = list(islice(lines, SAMPLE))
            report.format = forced or guess([line for line in sample if line])
            if report.format is not None:
                self._read(log, report, FORMATS[report.format], chain(sample, lines), progress)
            elif sample:
                report.problem = f"{log.name}: none of its first {len(sample)} lines is in a format that is known"
            report.problem = log.damage or report.problem
            if self._recording:
                self._import(report)
            progress(log.position())
        self.seconds += time.perf_counter() - began

    def _read(self, log: LogFile, report: FileReport, parse: Parse, lines: Lines, progress: Progress) -> None:
        number, entries = 0, []
        for number, line in enumerate(lines, 1):
            try:
                if not line:
                    longest = f"It is longer than {log_file.LONGEST:,} bytes."
                    raise FormatError(longest if line is None else "It is empty.")
                entries.append(parse(line, number))
            except FormatError as error:
                if len(self.bad) < SHOWN:
                    self.bad.append(BadLine(log.name, number, error.message, (line or "")[:EXCERPT]))
                continue
            if len(entries) == BATCH:
                self.take(entries, report.sha256)
                report.parsed += len(entries)
                entries = []
                progress(log.position())
        self.take(entries, report.sha256)
        report.parsed += len(entries)
        report.lines = number

    def take(self, entries: Sequence[LogEntry], sha256: str | None = None) -> list[Verdict]:
        """Judge entries of the file with this digest, in their order; no verdict is given on what was no request."""
        for entry in entries:
            self._clock(entry.time)
        heard = self._bench.hear(entries, sha256)
        self.judged += len(heard)
        self.unread += len(entries) - len(heard)
        for each in heard:
            self._look(each[0])
            self.clients.note(*each)
        return [verdict for _, verdict, _ in heard]

    def _import(self, report: FileReport) -> None:
        """Record what was read, so that the records of a log can be seen to be all of it, or not.

        The next log gets a segment of its own, as segments are read back in the order of their times: so it does not
        matter which log was imported first.
        """
        counts: dict[str, Json] = {"lines": report.lines, "parsed": report.parsed, "problem": report.problem}
        self.parts.evidence.event("log.imported", {"file": report.sha256, "format": report.format, **counts})
        self.parts.evidence.close()

    def _look(self, facts: Facts) -> None:
        if facts.agent is not None:
            self.sees.add("agent")
        if facts.referer is not None:
            self.sees.add("referer")
        if facts.headers is not None:
            self.sees.add("headers")

    def _clock(self, now: int) -> None:
        """Servers log a request when it ends, so times go back a little; wrongly ordered files, a lot."""
        self.backwards += now < self._before
        self._before = now
        self.first = now if self.first is None else min(self.first, now)
        self.last = max(self.last, now)
        self.furthest_back = max(self.furthest_back, self.last - now)

    def close(self) -> None:
        """Finish the evidence. Raises EvidenceError when some of it could not be written."""
        self._bench.close()

    def demand(self) -> None:
        """Raise InputError when there were lines, and none that could be used."""
        if any(file.parsed for file in self.files):
            return
        hint = f"Formats: {', '.join(FORMATS)}; choose one with --format."
        if self.bad:
            bad = self.bad[0]
            raise InputError(f"{bad.file}: no line is in that format; line {bad.line}: {bad.reason}", hint)
        problem = next((file.problem for file in self.files if file.problem), "")
        if problem:
            raise InputError(f"{problem}.", hint)
