"""Watch: an access log judged while it is written, by the same judge; what follows is published for proxies to load."""

import logging
import time
from collections.abc import Iterator, Sequence

from scrapeguard.config import Config, lookup
from scrapeguard.doors.bench import BATCH, Bench
from scrapeguard.doors.formats import FORMATS, Parse, guess
from scrapeguard.errors import FormatError, InputError
from scrapeguard.exports.decisions import Ban, Publication
from scrapeguard.facts.logged import LogEntry
from scrapeguard.model import Facts, Rung, Verdict

log = logging.getLogger("scrapeguard.watch")

EVERY = 1_000_000  # microseconds between two publications: a proxy that reloads is busy
MOST = 100_000  # addresses that are published


class Watch:
    """Takes lines, keeps who is on a rung, and publishes it; nobody where guard.mode is observe. Raises ConfigError."""

    def __init__(
        self, config: Config, publications: Sequence[Publication], form: str | None, evidence: str = ""
    ) -> None:
        self._bench = Bench(config, evidence)
        self._imposes = lookup(config.tables, "guard", config.source).get("mode", "enforce") == "enforce"
        self.lines = self.rejected = 0
        self._publications = publications
        self._form = form
        self._bans: dict[str, Ban] = {}
        self._published = 0

    def take(self, lines: Sequence[str]) -> None:
        """Judge what has come. Lines that cannot be read are counted, and nothing more."""
        if not lines:
            return
        self._form = self._form or guess(lines)
        if self._form is None:
            self.rejected += len(lines)
            self.lines += len(lines)
            return
        for start in range(0, len(lines), BATCH):
            heard = self._bench.hear(self._read(FORMATS[self._form], lines[start : start + BATCH]))
            if self._imposes:
                for facts, verdict, _ in heard:
                    if verdict.rung is not Rung.ALLOW:
                        self._ban(facts, verdict)

    def _read(self, parse: Parse, lines: Sequence[str]) -> Iterator[LogEntry]:
        for line in lines:
            self.lines += 1
            try:
                yield parse(line, self.lines)
            except FormatError:
                self.rejected += 1

    def tick(self, now: int) -> int:
        """Lift what has ended by `now` (microseconds since 1970) and publish what has changed; how many files did."""
        if now - self._published < EVERY:
            return 0
        self._published = now
        self._bans = {key: ban for key, ban in self._bans.items() if ban.until > now}
        changed = 0
        for publication in self._publications:
            try:
                changed += publication.publish(self._bans.values(), now)
            except InputError as error:
                log.error("%s", error)
        return changed

    def close(self, now: int) -> None:
        """Publish what has come since, and finish the evidence. Raises EvidenceError."""
        self._published = 0
        self.tick(now)
        self._bench.close()

    def _ban(self, facts: Facts, verdict: Verdict) -> None:
        client = facts.client
        if not client.network or not verdict.seconds:  # a name, or what the configuration denies for ever anyway
            return
        before = self._bans.get(client.key)
        if before is not None and before.rung >= verdict.rung and verdict.cause == "standing":
            return  # it still lasts
        if before is not None or len(self._bans) < MOST:
            self._bans[client.key] = Ban(client.key, verdict.rung, facts.time + verdict.seconds * 1_000_000)


def now() -> int:
    return time.time_ns() // 1000
