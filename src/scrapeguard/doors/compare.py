"""Two configurations on the same logs: who would be treated differently, and how many of those stopped may be people.

Nobody knows from a log who was a person. The estimate counts clients that would have met a measure although they have
all the marks of one: a browser that fetches the assets of its pages, says where it comes from, and pauses irregularly.
A careful program can have them too, and a person in a text browser has none: it is an estimate, and says so.
"""

from dataclasses import dataclass

from scrapeguard.doors.clients import Json, Track
from scrapeguard.doors.replay import Replay
from scrapeguard.model import Rung

MARKS = 3  # of a person, all there are


@dataclass(frozen=True, slots=True)
class Side:
    """What one configuration would have done."""

    config: str
    stopped: int  # clients that would have met a measure
    refused: int  # requests that would not have reached the site
    people: tuple[str, ...]  # addresses of those stopped that have all the marks of a person

    @property
    def share(self) -> float:
        """Estimated false alarms, of those stopped."""
        return len(self.people) / self.stopped if self.stopped else 0.0


@dataclass(frozen=True, slots=True)
class Difference:
    """One client that would have fared differently."""

    before: Rung
    after: Rung
    track: Track  # of the side that had more to say about it

    @property
    def person(self) -> bool:
        return len(self.track.marks) == MARKS


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both sides, and the clients between them: those treated more harshly first, possible people first of these."""

    clients: int
    before: Side
    after: Side
    differences: tuple[Difference, ...]

    @property
    def harsher(self) -> int:
        return sum(one.after > one.before for one in self.differences)

    @property
    def milder(self) -> int:
        return sum(one.after < one.before for one in self.differences)


def compare(before: Replay, after: Replay) -> Comparison:
    """Compare two replays of the same logs."""
    ours, theirs = before.clients.flagged, after.clients.flagged
    found = []
    for key in ours.keys() | theirs.keys():
        old, new = ours.get(key), theirs.get(key)
        rungs = (old.rung if old else Rung.ALLOW, new.rung if new else Rung.ALLOW)
        if rungs[0] is not rungs[1]:
            found.append(Difference(*rungs, _telling(old, new)))
    found.sort(key=lambda one: (one.before - one.after, not one.person, -one.track.requests, one.track.address))
    return Comparison(len(before.clients.subjects), _side(before), _side(after), tuple(found))


def _telling(old: Track | None, new: Track | None) -> Track:
    track = new if old is None or (new is not None and new.rung > old.rung) else old
    assert track is not None
    return track


def _side(replay: Replay) -> Side:
    stopped = [track for track in replay.clients.ranked() if track.rung is not Rung.ALLOW]
    people = tuple(track.address for track in stopped if len(track.marks) == MARKS)
    return Side(replay.parts.config.source, len(stopped), sum(track.refused for track in stopped), people)


def summary(told: Comparison) -> Json:
    """One JSON object."""
    return {
        "clients": told.clients,
        "before": _json(told.before),
        "after": _json(told.after),
        "harsher": told.harsher,
        "milder": told.milder,
        "differences": [
            {
                "address": one.track.address,
                "agent": one.track.agent,
                "before": one.before.label,
                "after": one.after.label,
                "requests": one.track.requests,
                "reasons": one.track.reasons,
                "marks": one.track.marks,
            }
            for one in told.differences
        ],
    }


def _json(side: Side) -> Json:
    return {
        "config": side.config,
        "stopped": side.stopped,
        "refused": side.refused,
        "people": list(side.people),
        "estimated_false_alarms": round(side.share, 4),
    }
