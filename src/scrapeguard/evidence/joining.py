"""Joining: from the spans in which single subjects were odd, and the links between them, to the incidents of actors.

A link joins the span of its first record with that of its second. Spans of one actor that are less than `idle` apart
become one incident, as those of one subject do. Who came back and did nothing odd any more belongs to the incident for
an hour from then on: what went unnoticed is evidence too.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from scrapeguard.evidence.incident import Found
from scrapeguard.evidence.links import Link, Ref

HOUR = 3_600_000_000  # microseconds
MOST_SUBJECTS = 1_000  # of one actor; who would come on top has an incident of his own


@dataclass(slots=True, eq=False)
class Part:
    """What belongs together so far."""

    spans: list[Found]
    quiet: list[tuple[str, int]] = field(default_factory=list)  # subjects without a span, and until when they belong
    subjects: set[str] = field(default_factory=set)

    @property
    def first(self) -> int:
        return min(span.opened for span in self.spans)

    @property
    def last(self) -> int:
        return max([*(span.last for span in self.spans), *(until for _, until in self.quiet)])

    def take(self, other: "Part") -> None:
        self.spans += other.spans
        self.quiet += other.quiet
        self.subjects |= other.subjects


def join(spans: dict[str, list[Found]], links: Sequence[Link], idle: int, look_back: int) -> list[Found]:
    """The incidents, by the time they opened; `spans` by subject, in order, `idle` and `look_back` in microseconds."""
    parts = {id(span): Part([span], subjects={span.actor}) for own in spans.values() for span in own}
    for link in links:
        if link.holds:
            _follow(parts, spans, link, idle)
    joined = _touching({id(part): part for part in parts.values()}.values(), idle)
    return list(_numbered(joined, links, look_back))


def _follow(parts: dict[int, Part], spans: dict[str, list[Found]], link: Link, idle: int) -> None:
    """Join what a link leads from and to."""
    ends = [(ref, _span(spans.get(ref.subject, ()), ref, idle)) for ref in (link.first, link.second)]
    known = [parts[id(span)] for _, span in ends if span is not None]
    if not known:
        return
    into = known[0]
    if len(into.subjects) + len(known[-1].subjects) > MOST_SUBJECTS:
        return
    if known[-1] is not into:
        small, into = sorted((into, known[-1]), key=lambda part: len(part.spans))
        into.take(small)
        parts |= dict.fromkeys(map(id, small.spans), into)
    for ref, span in ends:
        if span is None and ref.subject not in into.subjects:
            into.subjects.add(ref.subject)
            into.quiet.append((ref.subject, ref.time + HOUR))


def _span(own: Sequence[Found], ref: Ref, idle: int) -> Found | None:
    """The span of a subject that a record lies in, or less than `idle` from; None when it did nothing odd then."""
    near = [span for span in own if span.opened - idle <= ref.time <= span.last + idle]
    return min(near, key=lambda span: max(span.opened - ref.time, ref.time - span.last, 0), default=None)


def _touching(parts: Iterable[Part], idle: int) -> list[Part]:
    """One actor's parts that are less than `idle` apart, made one, until none is left."""
    latest: dict[str, Part] = {}
    into: dict[int, Part] = {}  # a part that was taken -> by which
    ordered = sorted(parts, key=lambda part: part.first)
    for part in ordered:
        for subject in sorted(part.subjects):
            other = latest.get(subject)
            while other is not None and id(other) in into:
                other = into[id(other)]
            if other is not None and other is not part and other.last + idle >= part.first:
                other.take(part)
                into[id(part)] = other
                part = other
        latest |= dict.fromkeys(part.subjects, part)
    return [part for part in ordered if id(part) not in into]


def _numbered(parts: list[Part], links: Sequence[Link], look_back: int) -> Iterator[Found]:
    """As incidents, each with its subjects and the links that touch it; none reaches back into one before it."""
    ended: dict[str, int] = {}
    touching: dict[str, list[Link]] = {}
    for link in links:
        for subject in {link.first.subject, link.second.subject}:
            touching.setdefault(subject, []).append(link)
    for part in sorted(parts, key=lambda part: part.first):
        first, last = min(part.spans, key=lambda span: span.opening), part.last
        since = max([first.opened - look_back, *(ended.get(subject, 0) for subject in part.subjects)])
        own = {link.id: link for subject in part.subjects for link in touching.get(subject, ())}
        near = (link for link in own.values() if link.first.time <= last and link.second.time >= since)
        told = sorted(near, key=lambda link: (link.second.time, link.id))
        yield Found(first.actor, first.opening, first.digest, last, since, tuple(sorted(part.subjects)), tuple(told))
        ended |= dict.fromkeys(part.subjects, last + 1)
