"""The bench: where requests from logs are heard, by the judge of the live guard, and nobody waits for an answer.

The judge runs in enforce mode on a store of its own, so that standing, escalation and release go as they would go live.
Records in the evidence say what was: nothing imposed, and what would have been as `intended`.
"""

from collections.abc import Coroutine
from dataclasses import replace
from typing import Any, TypeVar

from scrapeguard import config as configuration
from scrapeguard import parts as building
from scrapeguard.config import Config
from scrapeguard.errors import EvidenceError
from scrapeguard.facts.logged import LogEntry
from scrapeguard.guard import NOTICE, Judge
from scrapeguard.model import Facts, Outcome, Rung, Verdict
from scrapeguard.policy import CALM
from scrapeguard.stores import StoreSettings
from scrapeguard.stores.memory import MemoryStore

CLIENT_WENT_AWAY = 499  # nginx's own status
FINE, OBSERVED = CALM["enforce", False], CALM["observe", False]

Heard = tuple[Facts, Verdict, Outcome]
Source = tuple[str, int]  # SHA-256 of the file, line number
T = TypeVar("T")


class Bench:
    """Judges the entries of a log. `evidence` is an absolute path, or "" for none. Raises ConfigError."""

    def __init__(self, config: Config, evidence: str = "") -> None:
        self.parts = building.build(offline(config, evidence))
        storing = self.parts.config.known()["store"]
        assert isinstance(storing, StoreSettings)
        store = MemoryStore(storing.max_subjects, salt=b"")  # no salt: the same log gives the same numbers
        self._judge = Judge(store, self.parts.panel, self.parts.policy, self.parts.lists, "enforce")
        self._recording = bool(evidence)

    def hear(self, entry: LogEntry, source: Source | None = None) -> Heard | None:
        """Judge one entry; None for what was no request: live, the server refuses that before the guard sees it.

        `source`: the line of a file that has a digest; None = it is recorded as it comes.
        """
        if not entry.method:
            return None
        judge, parts = self._judge, self.parts
        facts = parts.reader.read_log(entry)
        status = entry.status or 0
        outcome = Outcome(status, entry.bytes or 0, entry.micros or 0, status not in (0, CLIENT_WENT_AWAY))
        if parts.notices.covers(facts):
            verdict = NOTICE
            drive(judge.note(facts))
        else:
            verdict = drive(judge(facts))
        if self._recording:
            parts.evidence.request(facts, as_it_was(verdict), outcome, source)
        if verdict.rung is Rung.ALLOW and judge.panel.wants(facts, outcome):
            drive(judge.note(facts, outcome))
        return facts, verdict, outcome

    def close(self) -> None:
        """Finish the evidence. Raises EvidenceError when some of it could not be written."""
        evidence = self.parts.evidence
        evidence.close()
        if evidence.dropped:
            sentence = f"{evidence.dropped:,} records could not be written to {evidence.directory}."
            raise EvidenceError(sentence, "Give --evidence a folder that can be written, on a disk with room.")


def offline(config: Config, evidence: str) -> Config:
    """The configuration for a replay: counts in memory, evidence in a folder of its own or nowhere, nothing imposed."""
    tables = dict(config.tables)
    for name, changed in (
        ("guard", {"mode": "observe"}),
        ("store", {"url": "memory://"}),
        ("crawlers", {"dns": False}),  # names tell who has an address today, not then
        ("evidence", {"directory": evidence}),
        ("notices", {"serve_robots": False}),  # ours was not in force then; a file that the configuration names may be
    ):
        tables[name] = {**configuration.lookup(config.tables, name, config.source), **changed}
    return Config(tables, config.source, config.folder)


def as_it_was(verdict: Verdict) -> Verdict:
    """The verdict as evidence of a log: nothing was imposed when these requests came."""
    return OBSERVED if verdict is FINE else replace(verdict, rung=Rung.ALLOW, mode="observe")


def drive(work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never waits, without an event loop: the memory store suspends nowhere."""
    try:
        work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    work.close()
    raise AssertionError("the judge waited for something in a replay")
