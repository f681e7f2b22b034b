"""The bench: where requests from logs are heard, by the judge of the live guard, and nobody waits for an answer.

The judge runs in enforce mode on a store of its own, so that standing, escalation and release go as they would go live.
Records in the evidence say what was: nothing imposed, and what would have been as `intended`.
"""

from collections.abc import Coroutine, Iterable
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

BATCH = 1024  # entries that are heard together
CLIENT_WENT_AWAY = 499  # nginx's own status
FINE, OBSERVED = CALM["enforce", False], CALM["observe", False]

Heard = tuple[Facts, Verdict, Outcome]
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

    def hear(self, entries: Iterable[LogEntry], sha256: str | None = None) -> list[Heard]:
        """Judge entries and record them; what was no request is left out: live, the server refuses that before the
        guard sees it. `sha256`: of the file that they are from; None = they are recorded as they come.

        Step by step for all of a batch, since the code of one step stays in the processor's cache.
        """
        asked = [entry for entry in entries if entry.method]
        facts = [self.parts.reader.read_log(entry) for entry in asked]
        outcomes = [_outcome(entry) for entry in asked]
        verdicts = [self._judged(*each) for each in zip(facts, outcomes, strict=True)]
        if self._recording:
            sources = [None if sha256 is None else (sha256, entry.line) for entry in asked]
            self.parts.evidence.logged(zip(facts, map(as_it_was, verdicts), outcomes, sources, strict=True))
        return list(zip(facts, verdicts, outcomes, strict=True))

    def _judged(self, facts: Facts, outcome: Outcome) -> Verdict:
        judge = self._judge
        if self.parts.notices.covers(facts):
            verdict = NOTICE
            drive(judge.note(facts))
        else:
            verdict = drive(judge(facts))
        if verdict.rung is Rung.ALLOW and judge.panel.wants(facts, outcome):
            drive(judge.note(facts, outcome))
        return verdict

    def close(self) -> None:
        """Finish the evidence. Raises EvidenceError when some of it could not be written."""
        evidence = self.parts.evidence
        evidence.close()
        if evidence.dropped:
            sentence = f"{evidence.dropped:,} records could not be written to {evidence.directory}."
            raise EvidenceError(sentence, "Give --evidence a folder that can be written, on a disk with room.")


def _outcome(entry: LogEntry) -> Outcome:
    status = entry.status or 0
    return Outcome(status, entry.bytes or 0, entry.micros or 0, status not in (0, CLIENT_WENT_AWAY))


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
