"""The keeper: one for each host, beside the workers; sequences what they wrote, signs, has it stamped, checks itself.

A file lock elects it: whoever holds keeper.lock works, the others look again later. It writes its own records
(what it anchored, what failed, what it found broken) through the same kind of file as everybody else.
"""

import fcntl
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from scrapeguard.errors import FormatError
from scrapeguard.evidence import clock, keys, overblock, segment
from scrapeguard.evidence.canonical import Json
from scrapeguard.evidence.checkpoint import Signer, Verifier
from scrapeguard.evidence.closing import Windows, recount
from scrapeguard.evidence.hour import HOUR, hour_of
from scrapeguard.evidence.retention import retire
from scrapeguard.evidence.sequencer import FOLDER, Sequencer, shard_of
from scrapeguard.evidence.stamps import Authority, Witness, authorities, witness
from scrapeguard.evidence.vault import Vault

log = logging.getLogger("scrapeguard.keeper")
SECOND, DAY = 1_000_000, 86_400_000_000  # microseconds
LOCK = "keeper.lock"

Event = Callable[[str, dict[str, Json]], None]


@dataclass(frozen=True, slots=True)
class KeeperSettings:
    """[keeper]"""

    run: bool = True  # one of the workers starts the keeper beside it; false: only `scrapeguard keeper` does
    site: str = "localhost"  # names the log, with the host: <site>/evidence/<host>
    host: str = ""  # "" = this machine's name
    checkpoint_seconds: int = 5
    stamp_seconds: int = 60  # while there is traffic
    idle_stamp_seconds: int = 3600  # while there is none
    overlap_days: int = 7  # so long does the old key sign along after a rotation
    authorities: tuple[str, ...] = ()  # URLs of RFC 3161 time-stamp authorities
    authority_roots: tuple[str, ...] = ()  # PEM files with their roots
    witnesses: tuple[str, ...] = ()  # "<vkey> <url>" of C2SP witnesses
    people_minutes: int = 10  # how often it looks whether those who were measured behave like people; 0 = never
    people_least: int = 3  # so many of them …
    people_percent: int = 30  # … and such a share of all who were measured in the last hour are an alarm

    def name(self) -> str:
        """The log's name, which its key signs under."""
        return f"{self.site}/evidence/{self.host or segment.host()}"


def elect(directory: Path) -> int | None:
    """Take the keeper's lock: a descriptor to hold on to, or None when another process has it. Raises OSError."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


class Keeper:
    """Keeps one evidence directory. The caller holds the lock. Raises EvidenceError and FormatError."""

    def __init__(
        self,
        directory: Path,
        settings: KeeperSettings,
        event: Event,
        now: int,
        base: Path = Path(),
        retention: int = 0,  # days; 0 = for ever
    ) -> None:
        self.directory = directory
        self.vault = Vault(directory)
        self.retention = retention
        self.settings = settings
        self._event = event
        self._authorities = authorities(settings.authorities, [base / path for path in settings.authority_roots])
        self._witnesses = [witness(text) for text in settings.witnesses]
        self._late: dict[str, int] = {}  # who did not answer -> since when
        self._stamped = -1  # size of the last stamped checkpoint
        self._stamped_at = 0
        self.ahead: int | None = None  # microseconds that our clock was ahead of an authority's at the last anchoring
        self._seen: dict[str, int] = {}  # witness -> the largest size it cosigned
        keys.ensure(directory, settings.name(), now)
        self._reported: set[str] = set()
        self._looked = 0
        self._clock = clock.recall(directory)
        self._watched = self._alarmed = 0  # when it looked after people, and when it raised an alarm
        self._drained = False  # nothing new was found at the last look
        self.sequencer, self.windows = self._begin(now)

    def sequence(self, now: int) -> int:
        """Take up what is new and commit to it; answers how many records that were."""
        self.sequencer.signers = self._signers(now)
        try:
            if shard_of(now) > self.sequencer.shard and self.fresh():
                self.anchor(now)  # the month's last checkpoint
            self.sequencer.turn(now, self.windows.told())
            taken = self.sequencer.take()
            self._drained = not taken
            if taken:
                self._commit(taken)
        except OSError:
            self.sequencer, self.windows = self._begin(now)  # what was taken and not committed is taken again
            raise
        for name in self.sequencer.broken.keys() - self._reported:
            self._reported.add(name)
            self._event("damage", {"file": name, "offset": self.sequencer.broken[name]})
        return len(taken)

    def close_hour(self, now: int, *, early: bool = False) -> bool:
        """Commit to the counts of one hour that is over; False when there is none, or something to sequence first.

        `early` takes any hour, the running one for what there is so far: before an export, and at the end.
        """
        place = self.sequencer.shard, self.sequencer.checkpoint.size
        closed = self._drained and self.windows.close(*place, now, self._event, early=early)
        self._drained = self._drained and not closed  # the close itself is to sequence
        return closed

    def _commit(self, taken: Sequence[tuple[str, bytes]]) -> None:
        shard, first = self.sequencer.shard, self.sequencer.checkpoint.size
        for index, (writer, leaf) in enumerate(taken, first):
            self.windows.count(shard, index, writer, leaf)
        self.sequencer.commit([leaf for _, leaf in taken], self.windows.told())
        if self.windows.stale:  # the keeper before had written a close, and ended
            self.windows = self._recount(self.sequencer)

    def _begin(self, now: int) -> tuple[Sequencer, Windows]:
        """The tree and the open windows as they lie on the disk."""
        sequencer = Sequencer(self.directory, self._signers(now), self._trusted(), now)
        return sequencer, self._recount(sequencer)

    def _recount(self, sequencer: Sequencer) -> Windows:
        months = [month for month in (sequencer.before, sequencer.shard) if month]
        folders = {month: self.directory / FOLDER / month for month in months}
        return recount({month: path for month, path in folders.items() if (path / "checkpoint").exists()})

    def look_at_clock(self) -> None:
        """Record the state of the clock, if it is new, also against what the keeper before saw. Raises OSError."""
        told = self._clock.look(*clock.now(), clock.state())
        if told is not None:
            self._event("clock", told)
        self._clock.remember(self.directory)

    def look_after(self, now: int) -> None:
        """Once an hour: make the key of a day before it begins, and destroy what is past its time. Raises OSError."""
        if 0 <= now - self._looked < HOUR:
            return
        self._looked = now
        self.vault.today(hour_of(now + 2 * HOUR)[:10])
        if self.retention and self._drained:
            for name in retire(self.vault, self.sequencer.positions, self.retention, now, self._event):
                self.sequencer.positions.pop(name)

    def watch_people(self, now: int) -> None:
        """Now and then: raise an alarm, at most one an hour, when many who were measured behave like people.

        Raises OSError.
        """
        wanted = self.settings
        if not wanted.people_minutes or now - self._watched < wanted.people_minutes * 60 * SECOND:
            return
        self._watched = now
        found = overblock.look(self.directory, now)
        if found.alarming(wanted.people_least, wanted.people_percent) and now - self._alarmed >= HOUR:
            self._alarmed = now
            log.error("people may be stopped: %s", found.sentence())
            self._event("alarm.overblock", found.told())

    def fresh(self) -> bool:
        """Whether there is somebody to anchor the newest checkpoint, and nobody has."""
        return bool(self._authorities or self._witnesses) and self.sequencer.checkpoint.size != self._stamped

    def due(self, now: int) -> bool:
        """Whether the newest checkpoint wants to be anchored now."""
        wait = self.settings.stamp_seconds if self.fresh() else self.settings.idle_stamp_seconds
        waited = not 0 <= now - self._stamped_at < wait * SECOND  # less than 0: the clock was set back
        return bool(self._authorities or self._witnesses) and waited

    def anchor(self, now: int) -> int:
        """Have the newest checkpoint, if any, stamped and cosigned by all that answer; answers how many did."""
        size = self.sequencer.checkpoint.size
        if not size:
            return 0
        path = self.sequencer.archive()
        self.ahead = None
        asked: dict[str, Callable[[], object]] = {
            each.name: partial(self._stamp, each, path, now) for each in self._authorities
        }
        for one in self._witnesses:
            asked[one.key.name] = partial(self._cosign, one, path, self._seen.get(one.key.name, 0))
        anchored = [name for name, ask in asked.items() if self._asked(name, now, ask)]
        if anchored:
            told: dict[str, Json] = {"origin": self.sequencer.checkpoint.origin, "size": size}
            self._event("anchor", {"ahead_us": self.ahead, "by": tuple(anchored), **told})
            self._stamped = size
        self._stamped_at = now
        return len(anchored)

    def _stamp(self, authority: Authority, path: Path, now: int) -> None:
        ahead = now - authority.stamp(path).time
        self.ahead = max(ahead, self.ahead or 0, key=abs)

    def _cosign(self, one: Witness, path: Path, seen: int) -> None:
        one.cosign(path, self.sequencer.tiles, seen)
        self._seen[one.key.name] = self.sequencer.checkpoint.size

    def _asked(self, name: str, now: int, ask: Callable[[], object]) -> bool:
        """Ask somebody outside; a failure is told once, and so is its end, with how long it lasted."""
        try:
            ask()
        except (OSError, FormatError) as error:
            if name not in self._late:
                self._late[name] = now
                self._event("anchor.delayed", {"by": name, "error": str(error)[:300]})
                log.warning("%s does not anchor the log: %s", name, error)
            return False
        since = self._late.pop(name, None)
        if since is not None:
            self._event("anchor.resumed", {"by": name, "since": since})
        return True

    def _signers(self, now: int) -> list[Signer]:
        name = self.settings.name()
        old = keys.retired(self.directory, name, now - self.settings.overlap_days * DAY)
        return [keys.load(self.directory, name), *([old] if old else [])]

    def _trusted(self) -> list[Verifier]:
        return [change.new for change in keys.history(self.directory)]
