"""Incidents: a view over the log, computed each time and stored nowhere.

An incident is the requests of one actor that belong together. It opens with the first odd request: one that met
a measure, or whose signals asked for one (in observe mode nothing is imposed, the incident says so). Each odd
request extends it. It ends when the actor did nothing odd for `idle` minutes. The actor's other requests in between
belong to it, and those of the hour before: what was normal is evidence too.

A subject is an address (an IPv6 /64); without the vault's key, or once the day's is destroyed, it is a pseudonym of
one day. Subjects that links join (links.py) are one actor, and their spans one incident (joining.py).
"""

import json
import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from scrapeguard.errors import InputError
from scrapeguard.evidence.actors import Linker
from scrapeguard.evidence.adapting import Adapting, changes
from scrapeguard.evidence.canonical import digest
from scrapeguard.evidence.cases import Cases
from scrapeguard.evidence.chance import TIMED, Crowd, proportioned
from scrapeguard.evidence.entry import REQUEST, Entry, entries, maybe_first, telling
from scrapeguard.evidence.evasion import Evasion
from scrapeguard.evidence.incident import Found, Incident
from scrapeguard.evidence.joining import join
from scrapeguard.evidence.links import MILLION, REASONS, Error, Link
from scrapeguard.evidence.openings import Openings
from scrapeguard.evidence.reading import parse, segments
from scrapeguard.evidence.rejections import rejections
from scrapeguard.evidence.vault import Vault

MINUTE = 60_000_000  # microseconds
LOOK_BACK = 60 * MINUTE
IDLE = 30  # minutes
LINK_ERROR = 1  # per cent
SUB = re.compile(rb'"sub":"([0-9a-f]{32})","t":')


def incidents(directory: Path, idle: int = IDLE) -> list[Incident]:
    """Every incident in an evidence directory, by the time it opened. Raises InputError when there is no log.

    The log is read at most three times from front to back; memory grows with incidents and the objects they took, not
    with it.
    """
    return sum_up(directory, find(directory, idle))


def configured_idle(directory: Path) -> int:
    """`idle_minutes` of the settings that an evidence directory kept last; the default when there are none."""
    return _configured(directory, "idle_minutes", IDLE) or IDLE


def _configured(directory: Path, name: str, default: int) -> int:
    kept = sorted((directory / "configs").glob("[0-9a-f]*"), key=lambda path: path.stat().st_mtime_ns)
    try:
        value = json.loads(kept[-1].read_bytes())["evidence"][name] if kept else default
    except (ValueError, KeyError, TypeError, RecursionError):
        return default
    return value if type(value) is int and value >= 0 else default


def incident(directory: Path, name: str, idle: int = IDLE) -> Incident:
    """The incident whose id begins with `name`. Raises InputError when there is none, or more than one."""
    return sum_up(directory, [named(directory, name, idle)])[0]


def named(directory: Path, name: str, idle: int = IDLE) -> Found:
    """The same before it is summed up, for which its requests have to be read."""
    found = find(directory, idle)
    matching = [each for each in found if each.id.startswith(name.lower())] if name else []
    if len(matching) == 1:
        return matching[0]
    if matching:
        raise InputError(f"{len(matching)} incidents begin with {name!r}.", "Give more digits of the id.")
    ids = ", ".join(each.id for each in found[:5]) + (", …" if len(found) > 5 else "")
    raise InputError(
        f"There is no incident {name!r} in {directory}.",
        f"There are: {ids}." if found else "There is no incident in it at all.",
    )


def containing(directory: Path, entry: Entry) -> Found | None:
    """The incident that an odd request belongs to; the whole log is read for it."""
    found = find(directory, configured_idle(directory))
    return next((each for each in found if entry.actor in each.subjects and each.covers(entry.time)), None)


def find(directory: Path, idle: int = IDLE) -> list[Found]:
    """Where incidents open and end, by the time they opened; but for links the same in whatever order of writing."""
    spans: dict[str, list[Found]] = {}
    linker = Linker(idle * MINUTE)
    for entry in entries(_paths(directory), telling, Openings(directory)):
        linker.add(entry)
        if entry.odd:
            own = spans.setdefault(entry.actor, [])
            if own and own[-1].opened < entry.time <= own[-1].last:
                continue  # inside the newest one
            new = Found(entry.actor, (entry.time, entry.segment, entry.seq), digest(entry.raw), entry.time)
            _join(own, new, idle * MINUTE)
    return join(spans, _judged(directory, linker, spans), idle * MINUTE, LOOK_BACK)


def _judged(directory: Path, linker: Linker, spans: Mapping[str, Sequence[Found]]) -> list[Link]:
    """The links with their errors, and what the operator said of them, in the order of time."""
    links = list(linker.links.values())
    if not links:
        return []
    crowd = Crowd(links, spans.keys())
    for entry in entries(_paths(directory), maybe_first, Openings(directory)):
        crowd.add(entry)
    trials = {reason: len(spans) for reason in REASONS} | dict.fromkeys(TIMED, linker.refusals)
    noted = Cases(Vault(directory)).noted()
    errors = proportioned({link: crowd.error(link) for link in links}, trials)
    errors |= {link: Error(**noted[link.id]) for link in links if link.id in noted}  # type: ignore[arg-type]
    limit = _configured(directory, "link_error_percent", LINK_ERROR) * MILLION // 100
    rejected = rejections(directory)
    judged = (link.judged(errors[link], limit, rejected.get(link.id)) for link in links)
    return sorted(judged, key=lambda link: (link.second.time, link.id))


def _join(own: list[Found], new: Found, idle: int) -> None:
    """Put a new span among an actor's own, which are in order; spans less than `idle` apart become one."""
    near = own[-1:] if own and own[-1].last <= new.last else own  # most often only the newest can be touched
    touching = [each for each in near if each.opened - idle <= new.last and new.opened - idle <= each.last]
    for each in touching:
        own.remove(each)
    first = min((*touching, new), key=lambda each: each.opening)
    own.append(replace(first, last=max(each.last for each in (*touching, new))))
    if len(near) > 1:
        own.sort(key=lambda each: each.opening)


def sum_up(directory: Path, found: Sequence[Found], also: Callable[[Entry], None] | None = None) -> list[Incident]:
    """The incidents with their sums, in the order given; `also` gets every request too, in the order of time."""
    changed = changes(directory)
    sums = [
        Incident(each, evasion=Evasion(each.links, Adapting([one for one in changed if each.covers(one.time)])))
        for each in found
    ]
    for place, entry in _belonging(directory, found):
        sums[place].add(entry)
        if also is not None:
            also(entry)
    return sums


def members(directory: Path, found: Found) -> Iterator[Entry]:
    """The requests that belong to an incident, in the order of time."""
    return (entry for _, entry in _belonging(directory, [found]))


def hold(directory: Path, found: Found) -> int:
    """Keep what is known of an incident's actor, and of nobody else, as a case of its own; answers how many records."""
    openings = Openings(directory)
    kept = (
        (entry.segment, entry.raw, openings.kept(parse(entry.raw) or {}, entry.raw, entry.sealed))
        for entry in members(directory, found)
    )
    count = openings.cases.keep(found.id, kept)
    openings.cases.note(found.id, {link.id: link.error.told() for link in found.links})
    return count


def _belonging(directory: Path, found: Sequence[Found]) -> Iterator[tuple[int, Entry]]:
    """Each request that belongs to one of the incidents, with the incident's place in the list."""
    places: dict[str, list[int]] = {}
    for place, each in sorted(enumerate(found), key=lambda pair: pair[1].last):
        for subject in each.subjects:
            places.setdefault(subject, []).append(place)
    lasts = {actor: [found[place].last for place in own] for actor, own in places.items()}
    openings = Openings(directory)
    whose = {name: actor for actor in places for name in _names(actor, openings)}

    def wanted(raw: bytes) -> bool:
        sub = SUB.search(raw) if raw.startswith(REQUEST) else None
        return sub is not None and sub[1].decode() in whose

    for entry in entries(_paths(directory), wanted, openings):
        actor = whose[entry.sub]  # also when this one record cannot be opened
        own = lasts[actor]
        at = bisect_left(own, entry.time)
        if at < len(own):
            place = places[actor][at]
            if found[place].since <= entry.time:
                yield place, entry if entry.actor == actor else replace(entry, actor=actor)


def _names(actor: str, openings: Openings) -> Iterator[str]:
    """The pseudonyms of an actor."""
    kind, _, key = actor.partition(":")
    if kind == "sub":
        yield key
    else:
        yield from openings.pseudonyms("" if key == "unknown" else key)


def _paths(directory: Path) -> list[Path]:
    """The segments, and of those that retention took, what cases keep."""
    paths = segments(directory)
    there = {path.name for path in paths}
    held = {path.name: path for path in Cases(Vault(directory)).files() if path.name not in there}
    if not paths and not held:
        raise InputError(f"{directory} holds no evidence.", "Name the directory that [evidence] in the config names.")
    return [*paths, *held.values()]
