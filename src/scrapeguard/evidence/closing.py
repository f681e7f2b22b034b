"""Closing hours: every leaf of the tree is counted into the window of its hour, and a window is closed when it is over.

After a restart the windows are counted again from the tree itself: backwards, from the newest leaf to the first that
no close covers, so that each leaf's writer is known by the chain (its digest is what the next one names).
"""

import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from scrapeguard.evidence.canonical import Json
from scrapeguard.evidence.hour import hour_of
from scrapeguard.evidence.sequencer import state_of
from scrapeguard.evidence.tiles import WIDTH, Tiles
from scrapeguard.evidence.windows import CROWDED, Window

GRACE = 60_000_000  # microseconds after the end of an hour until it is closed
LOST = 60_000_000  # … after which a close that is not in the tree was lost on its way (a full disk)
CLOSE, ASKED = b'{"k":"window.close"', b'{"k":"request"'
REQUEST = re.compile(
    rb'\{"k":"request","mono":\d+,"n":(\d+),"prev":"[0-9a-f]{64}","sd":\{[^}]*\},"seq":(\d+),"sub":"([0-9a-f]{32})"'
)
PREV = re.compile(rb'"prev":"([0-9a-f]{64})"')
KIND = re.compile(rb'\{"k":"([a-z.]+)"')

Event = Callable[[str, dict[str, Json]], None]


@dataclass(slots=True)
class Events:
    """How many records of each kind, requests apart, a month's log has from a leaf on."""

    first: int = 0
    kinds: Counter[str] = field(default_factory=Counter)

    def told(self) -> dict[str, Json]:
        return {"from": self.first, "kinds": dict(self.kinds)}


@dataclass(slots=True)
class Windows:
    """The windows of one host that are not covered by closes yet."""

    open: dict[str, Window] = field(default_factory=dict)  # by hour
    events: dict[str, Events] = field(default_factory=dict)  # by month's log
    last: tuple[str, int] = ("", -1)  # the newest close in the tree: month's log and leaf
    stale: bool = False  # a close has come that is not of this run: count again
    _closing: Window | None = None  # its close is written and not in the tree yet
    _told: dict[str, Events] = field(default_factory=dict)  # what that close says of events
    _parts: int = 0  # how many records of it are still to come
    _since: int = 0  # when it was written
    _salt: str = ""  # by which it is known

    def count(self, log: str, index: int, writer: str, leaf: bytes) -> None:
        """Take in one leaf of a month's log."""
        found = REQUEST.match(leaf)
        if found:
            hour = leaf[-15:-2].decode()
            window = self.open.get(hour)
            if window is None:
                window = self.open[hour] = Window(hour)
            window.add(writer, int(found[2]), found[3].decode(), int(found[1]))
            window.since[log] = min(index, window.since.get(log, index))
            return
        self.tell(log, leaf)
        if leaf.startswith(CLOSE):
            self.last = max(self.last, (log, index))
            if self._closing is None or self._salt.encode() not in leaf:
                self.stale = True
                return
            self._parts -= 1
            if self._parts == 0:
                self._closing, self._told = None, {}

    def tell(self, log: str, leaf: bytes) -> None:
        """Count a record of the log about itself."""
        kind = KIND.match(leaf)
        if kind:
            self.events.setdefault(log, Events()).kinds[kind[1].decode()] += 1

    def told(self) -> dict[str, Json]:
        """What a restart has to know: the last close, and the first leaf of each month's log that no close covers."""
        first: dict[str, int] = {}
        for window in (*self.open.values(), *([self._closing] if self._closing else [])):
            for log, index in window.since.items():
                first[log] = min(index, first.get(log, index))
        for events in (self.events, self._told):
            for log, each in events.items():
                first[log] = min(each.first, first.get(log, each.first))
        return {"last": self.last, "since": first}

    def close(self, log: str, upto: int, now: int, event: Event, *, early: bool = False) -> bool:
        """Write the close of one hour that is over (or of any, when `early`); False when there is nothing to close.

        It covers the leaves counted so far, [0, upto) of this month's log. One close is under way at a time.
        """
        if self._closing is not None and now - self._since < LOST:
            return False
        if self._closing is not None:
            self._reopen(self._closing)
        over = hour_of(now - GRACE)
        due = [hour for hour, each in self.open.items() if early or hour < over or len(each.subjects) >= CROWDED]
        if not due:
            return False
        window = self.open.pop(min(due))
        self.events.setdefault(log, Events())
        events = {month: each.told() for month, each in self.events.items()}
        place = {"events": events, "log": log, "open": window.hour >= hour_of(now), "upto": upto}
        before = {"previous": self.last[1], "previous_log": self.last[0]}
        self._salt = os.urandom(16).hex()
        records = list(window.records(self._salt, {**place, **before}))
        self._closing, self._parts, self._since = window, len(records), now
        self._told, self.events = self.events, {log: Events(upto)}
        for fields in records:
            event("window.close", fields)  # type: ignore[arg-type]
        return True

    def _reopen(self, lost: Window) -> None:
        for subject, counts in lost.subjects.items():
            for writer, n in counts.items():
                self.open.setdefault(lost.hour, Window(lost.hour)).add(writer, lost.writers[writer][0], subject, n)
        for writer, (_, end) in lost.writers.items():
            first, last = self.open[lost.hour].writers[writer]
            self.open[lost.hour].writers[writer] = (first, max(last, end))
        self.open[lost.hour].since |= lost.since
        for log, told in self._told.items():
            later = self.events.get(log, Events())
            self.events[log] = Events(told.first, told.kinds + later.kinds)
        self._closing, self._told = None, {}


def recount(folders: Mapping[str, Path]) -> Windows:
    """The windows as the trees of these months say (the newest, and the one before). Raises EvidenceError."""
    windows = Windows()
    covered: dict[str, tuple[str, int]] = {}  # hour -> how far closes cover it: log, leaves
    since: dict[str, int] | None = None
    told = "", 0  # how far closes tell of events
    for log, folder in sorted(folders.items(), reverse=True):
        positions, size, state = state_of(folder)
        since = state["since"] if since is None else since  # what the newest log says is so for both
        windows.last = max(windows.last, (str(state["last"][0]), int(state["last"][1])))
        writers = {position.head: writer for writer, position in positions.items()}
        for index, leaf in _backwards(Tiles(folder, size), since.get(log, size), size):
            writer = writers.pop(sha256(leaf).hexdigest(), "")
            before = PREV.search(leaf)
            if writer and before:
                writers[before[1].decode()] = writer
            if leaf.startswith(CLOSE):
                what = json.loads(leaf)["what"]
                if what["part"] == what["parts"] - 1:
                    covered[what["win"]] = max(covered.get(what["win"], ("", 0)), (what["log"], what["upto"]))
                    told = max(told, (what["log"], what["upto"]))
                windows.last = max(windows.last, (log, index))
            if leaf.startswith(ASKED):
                if (log, index) >= covered.get(leaf[-15:-2].decode("latin-1"), ("", 0)):
                    windows.count(log, index, writer, leaf)
            elif (log, index) >= told:
                windows.tell(log, leaf)
    if told[0] in folders:
        windows.events.setdefault(told[0], Events()).first = told[1]
    return windows


def _backwards(tiles: Tiles, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
    """The leaves [start, stop) with their places, the last first."""
    for index in range((stop - 1) // WIDTH, start // WIDTH - 1, -1) if stop > start else ():
        first = index * WIDTH
        for place, leaf in reversed(list(enumerate(tiles.bundle(index), first))):
            if start <= place < stop:
                yield place, leaf
