"""Actors: which subjects may be one, found while the log goes by once, in memory that does not grow with it.

What is looked at are the requests that may tell (`entry.telling`): the first of each client and hour, those with
signals, and the odd ones. Remembered are the last refusals, by what was refused looked like, by where it stood in a
walk and by its reference, and who used which session or key; each table has a bound, the longest unseen is forgotten.
A link found here is a candidate: chance.py says how often it would join strangers, and incidents.py who is joined.
Links need the order of time, which entry.py gives: an access log that is imported has segments of its own.
"""

import re
from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from scrapeguard.evidence.entry import Entry
from scrapeguard.evidence.links import Link, Ref, looks, ref
from scrapeguard.facts.walk import step_in
from scrapeguard.model import Rung

SECOND = 1_000_000  # microseconds
RETURN = 120 * SECOND  # who comes later than this after a refusal is not said to have come because of it
REACH = 5  # numbers from where a walk was refused to where it goes on
REMEMBERED = 4_096  # in each table
HOLDERS = 4  # of one session or key
FOLLOWERS = 3  # who came after a measure, of each kind: later ones are more likely by chance
USUAL = 10  # newcomers of the same looks, until it is said that they are common
MOST_LINKS = 5_000
REFERENCE = re.compile(r"\b[0-9A-HJKMNP-TV-Z]{4}(?:-[0-9A-HJKMNP-TV-Z]{4}){1,2}\b")

T = TypeVar("T")


def put(table: OrderedDict[str, T], key: str, value: T) -> None:
    """Set a row of a table that forgets what was longest not set."""
    table[key] = value
    table.move_to_end(key)
    if len(table) > REMEMBERED:
        table.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Seen:
    """A record that may be linked to: whose, how it looks, and where it stands in a walk."""

    ref: Ref
    looks: str
    network: str
    family: str
    number: int


@dataclass(slots=True)
class Linker:
    """`add` every telling request, in the order of time; `links` are the candidates. `within`: microseconds."""

    within: int  # records further apart than this are never linked
    links: dict[tuple[str, str, str], Link] = field(default_factory=dict)  # (reason, subjects) -> the first such
    dropped: int = 0  # candidates beyond the most that are kept
    refusals: int = 0  # measures taken, not counting requests that met one that stood
    _refused: OrderedDict[str, Seen] = field(default_factory=OrderedDict)  # looks -> the last refusal
    _walks: OrderedDict[str, deque[Seen]] = field(default_factory=OrderedDict)  # family -> the last refusals in it
    _references: OrderedDict[str, Seen] = field(default_factory=OrderedDict)  # reference -> refusal
    _holders: OrderedDict[str, list[Seen]] = field(default_factory=OrderedDict)  # session, key or pass -> who used it
    _newcomers: OrderedDict[str, tuple[int, int]] = field(default_factory=OrderedDict)  # looks -> since when, how many
    _measures: OrderedDict[str, str] = field(default_factory=OrderedDict)  # subject -> the last measure taken
    _followers: OrderedDict[str, int] = field(default_factory=OrderedDict)  # (reason, measure) -> who came after it
    _odd: OrderedDict[str, Seen] = field(
        default_factory=OrderedDict
    )  # (looks, network), (looks, "rotation") -> the last odd request

    def add(self, entry: Entry) -> None:
        if entry.actor.startswith("sub:"):
            return  # nothing is known of it
        family, number = step_in(entry.host, entry.object) or ("", 0)
        seen = Seen(ref(entry), looks(entry), entry.network, family, number)
        for link in self._found(entry, seen):
            one, other = sorted((link.first.subject, link.second.subject))
            key = link.reason, one, other
            if key not in self.links and len(self.links) >= MOST_LINKS:
                self.dropped += 1
            else:
                self.links.setdefault(key, link)
        self._remember(entry, seen)

    def _found(self, entry: Entry, seen: Seen) -> Iterator[Link]:
        yield from self._came(entry, seen)
        yield from self._used(entry, seen)
        if entry.odd:
            yield from self._alike(seen, "network", f"{seen.looks}|{seen.network}")
        for sign in entry.signs:
            if sign.detector == "rotation":
                yield from self._alike(seen, "rotation", f"{seen.looks}|rotation")
            elif sign.detector == "continued":
                yield from self._named(seen, sign.reason)

    def _came(self, entry: Entry, seen: Seen) -> Iterator[Link]:
        """Came for the first time, soon after somebody was refused."""
        if entry.n != 1:
            return
        refused = self._refused.get(seen.looks) if seen.looks else None
        if refused is not None and not self._common(seen, refused):
            yield from self._after(refused, seen, "return")
        near = [each for each in self._walks.get(seen.family) or () if abs(each.number - seen.number) <= REACH]
        for each in reversed(near) if seen.family else ():
            linked = list(self._after(each, seen, "walk"))
            if linked:
                yield from linked
                break

    def _common(self, seen: Seen, refused: Seen) -> bool:
        """Whether who looks so comes so often that one was to come by now: no need to keep that as a candidate."""
        since, count = self._newcomers.get(seen.looks, (seen.ref.time, 0))
        put(self._newcomers, seen.looks, (since, count + 1))
        passed = seen.ref.time - since
        return count > USUAL and 2 * count * (seen.ref.time - refused.ref.time) > passed

    def _after(self, refused: Seen | None, seen: Seen, reason: str) -> Iterator[Link]:
        if refused is None or not 0 <= seen.ref.time - refused.ref.time <= min(RETURN, self.within):
            return
        # who insists is refused again and again by one measure: each time is no new trial for strangers
        place = f"{reason}|{self._measures.get(refused.ref.subject, refused.ref.digest)}"
        followers = self._followers.get(place, 0)
        if followers >= FOLLOWERS:
            return
        put(self._followers, place, followers + 1)
        same = seen.looks if seen.looks == refused.looks else ""
        feature = f"{refused.family}@{refused.number}" if reason == "walk" else same
        yield from self._link(reason, refused, seen, same, feature)

    def _used(self, entry: Entry, seen: Seen) -> Iterator[Link]:
        """Used a session, a key or a pass that somebody else used; one of the two did something odd."""
        for reason, held in _held(entry):
            for other in self._holders.get(held) or ():
                if reason == "pass" or entry.odd or other.ref.odd:  # passes are given to whoever was challenged
                    yield from self._link(reason, other, seen, "", held)

    def _alike(self, seen: Seen, reason: str, key: str) -> Iterator[Link]:
        other = self._odd.get(key)
        if other is not None and seen.looks:
            yield from self._link(reason, other, seen, seen.looks, seen.looks)
        put(self._odd, key, seen)

    def _named(self, seen: Seen, reason: str) -> Iterator[Link]:
        """The detector's sentence names the refusal that was gone on from."""
        for reference in REFERENCE.findall(reason):
            other = self._references.get(reference)
            if other is not None:
                same = seen.looks if seen.looks == other.looks else ""
                place = f"{other.family}@{other.number}" if other.family else same
                yield from self._link("continued", other, seen, same, place)

    def _link(self, reason: str, first: Seen, second: Seen, same: str, feature: str) -> Iterator[Link]:
        apart = second.ref.time - first.ref.time
        if first.ref.subject != second.ref.subject and 0 <= apart <= self.within:
            network = second.network if second.network == first.network else ""
            yield Link(reason, first.ref, second.ref, same, feature, network)

    def _remember(self, entry: Entry, seen: Seen) -> None:
        if entry.rung is not Rung.ALLOW:
            if entry.cause != "standing":
                self.refusals += 1
                put(self._measures, seen.ref.subject, seen.ref.digest)
            put(self._references, entry.reference, seen)
            if seen.looks:
                put(self._refused, seen.looks, seen)
            if seen.family:
                walks = self._walks.get(seen.family) or deque(maxlen=16)
                walks.append(seen)
                put(self._walks, seen.family, walks)
        for _, held in _held(entry):
            holders = self._holders.get(held) or []
            others = [each for each in holders if each.ref.subject != seen.ref.subject or each.ref.odd > seen.ref.odd]
            put(self._holders, held, [*others, seen][-HOLDERS:])


def _held(entry: Entry) -> Iterator[tuple[str, str]]:
    """What whoever sent a request held in hand: reason to link by, and the thing."""
    if entry.credential:
        yield "account", f"account:{entry.credential}"
    if entry.passed:
        yield "pass", f"pass:{entry.passed}"
