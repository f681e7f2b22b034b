"""A request as it is read back from the log, and the log's requests in the order of their time."""

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scrapeguard.evidence.openings import Groups, Openings
from scrapeguard.evidence.reading import Line, lines, parse
from scrapeguard.model import Rung

REQUEST = b'{"k":"request"'
RUNGS = {rung.label: rung for rung in Rung}


@dataclass(frozen=True, slots=True)
class Sign:
    """A signal as recorded."""

    detector: str
    weight: int
    seen: int
    limit: int
    mode: str
    reason: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One recorded request. What could not be opened is empty."""

    time: int
    segment: str
    seq: int
    offset: int
    raw: bytes
    sealed: bytes  # its openings as they lie there
    sub: str  # the client's pseudonym of the day of writing
    n: int  # the number of this record among those of its writer, hour and pseudonym
    win: str  # the hour of writing
    actor: str  # "address:192.0.2.7": whom this request is laid to; "sub:<pseudonym>" when it cannot be opened
    reference: str
    host: str
    method: str
    path: str
    object: str
    resource: str
    status: int
    bytes: int
    micros: int  # of the site's work; a connection that is only held is none
    rung: Rung  # imposed
    intended: Rung
    mode: str
    cause: str
    seconds: int
    signs: tuple[Sign, ...]
    forbidden: str  # the robots.txt rule broken, "?" when it cannot be opened; "" = none, or not known
    trapped: bool
    agent: str
    address: str
    fingerprint: str
    imported: bool  # read from an access log, not seen live
    port: int | None = None  # the source port of the client's connection
    network: str = ""
    peer: str = ""  # the socket's other end
    source: str = ""  # why the address is believed: "peer", or which header of a trusted proxy said so
    credential: str = ""  # digest of a session or key
    passed: str = ""  # id of the pass that was shown, or given for this answer to a challenge
    fault: str = ""  # why the pass that was shown is none
    solved: bool | None = None  # this request answered a challenge, rightly or not
    config: str = ""  # short digest of the settings in force
    held: int = 0  # microseconds for which the tarpit held the connection
    referer: str = ""
    told: tuple[str, str] | None = None  # the notice that was the answer, or that a refusal led to: name, short digest

    @property
    def odd(self) -> bool:
        """Whether this request alone opens or extends an incident: a measure, or signals that ask for one."""
        return self.intended is not Rung.ALLOW or self.rung is not Rung.ALLOW

    @property
    def served(self) -> bool:
        """Whether content was handed over: nothing imposed, and the site answered 2xx."""
        return self.rung is Rung.ALLOW and 200 <= self.status < 300


def maybe_odd(raw: bytes) -> bool:
    """A cheap look at a line before it is parsed. In a line of ours a quote inside a string is always escaped."""
    return raw.startswith(REQUEST) and (b'"intended":"allow"' not in raw or b'"rung":"allow"' not in raw)


def maybe_first(raw: bytes) -> bool:
    """Whether a line is the first of its writer, hour and pseudonym: one of each client that comes."""
    return raw.startswith(REQUEST) and b'"n":1,"prev":' in raw[:80]


def telling(raw: bytes) -> bool:
    """Whether a line may tell who is who: a client's first, one with signals, an answer to a challenge, an odd one."""
    marked = b'"signals":[{' in raw or b'"challenge":{' in raw
    return raw.startswith(REQUEST) and (marked or maybe_first(raw) or maybe_odd(raw))


def entry(segment: str, line: Line, openings: Openings) -> Entry | None:
    """The request on a line; None for another kind of record, and for a line that is damaged."""
    record = parse(line.raw)
    if record is None or record["k"] != "request":
        return None
    try:
        return _entry(record, segment, line, openings.groups(record, line.raw, line.sealed))
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _entry(record: dict[str, Any], segment: str, line: Line, opened: Groups) -> Entry:
    what, client = record["what"], opened.get("client")
    verdict = what["verdict"]
    return Entry(
        time=record["t"],
        segment=segment,
        seq=record["seq"],
        offset=line.offset,
        raw=line.raw,
        sealed=line.sealed,
        sub=record["sub"],
        n=record["n"],
        win=record["win"],
        actor=f"sub:{record['sub']}" if client is None else f"address:{client['key'] or 'unknown'}",
        reference=str(what["ref"]),
        host=str(what["host"] or ""),
        method=str(what["method"]),
        resource=str(what["resource"]),
        status=int(what["status"]),
        bytes=int(what["bytes"]),
        micros=0 if verdict["rung"] == Rung.TARPIT.label else int(what["micros"]),
        held=int(what["micros"]) if verdict["rung"] == Rung.TARPIT.label else 0,
        rung=RUNGS[verdict["rung"]],
        intended=RUNGS[verdict["intended"]],
        mode=str(verdict["mode"]),
        cause=str(verdict["cause"]),
        seconds=int(verdict["seconds"]),
        trapped=bool(what["trapped"]),
        imported="source" in what,
        config=str(what.get("config") or ""),
        told=(str(what["told"]["name"]), str(what["told"]["digest"])) if what.get("told") else None,
        fault=str((what.get("pass") or {}).get("fault") or ""),
        solved=bool(what["challenge"].get("solved")) if what.get("challenge") else None,
        **_asked(what, opened.get("request", {})),
        **_who(client or {}, opened.get("agent", {}), opened.get("account", {})),
    )


def _asked(what: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
    """What was wanted, as far as it can be opened."""
    return {
        "path": str(asked.get("path", "")),
        "referer": str(asked.get("referer") or ""),
        "object": str(asked.get("object", "")),
        "forbidden": str(asked.get("forbidden") or "?") if what["forbidden"] else "",
        "signs": _signs(what["signals"], asked.get("reasons")),
    }


def _who(client: dict[str, Any], agent: dict[str, Any], account: dict[str, Any]) -> dict[str, Any]:
    """Who it was, as far as it can be opened."""
    return {
        "address": str(client.get("address", "")),
        "agent": str(agent.get("agent") or ""),
        "credential": str(account.get("credential") or ""),
        "fingerprint": str(agent.get("fingerprint") or ""),
        "network": str(client.get("network") or ""),
        "passed": str(account.get("pass") or ""),
        "peer": str(client.get("peer") or ""),
        "port": client.get("port") if type(client.get("port")) is int else None,
        "source": str(client.get("source") or ""),
    }


def _signs(signals: list[dict[str, Any]], reasons: list[str] | None) -> tuple[Sign, ...]:
    return tuple(
        Sign(str(s["detector"]), int(s["weight"]), int(s["seen"]), int(s["limit"]), str(s["mode"]), str(reason))
        for s, reason in zip(signals, reasons or [""] * len(signals), strict=True)
    )


def entries(paths: Sequence[Path], wanted: Callable[[bytes], bool], openings: Openings) -> Iterator[Entry]:
    """The requests whose line is `wanted`, of all segments, in the order of time.

    Each segment is read once from front to back and is open only while its turn lasts, so that memory and open
    files do not grow with the log. Inside a segment order is that of writing, which is that of time but for the
    requests under way at the same moment.
    """
    firsts = ((next(_stream(path, 0, wanted, openings), None), path) for path in paths)
    waiting = sorted(((first.time, path, first.offset) for first, path in firsts if first is not None), reverse=True)
    heap: list[tuple[int, str, int, Entry, Iterator[Entry]]] = []
    while waiting or heap:
        while waiting and (not heap or waiting[-1][0] <= heap[0][0]):
            _, path, offset = waiting.pop()
            _push(heap, _stream(path, offset, wanted, openings))
        *_, found, stream = heapq.heappop(heap)
        yield found
        _push(heap, stream)


def _push(heap: list[tuple[int, str, int, Entry, Iterator[Entry]]], stream: Iterator[Entry]) -> None:
    following = next(stream, None)
    if following is not None:
        heapq.heappush(heap, (following.time, following.segment, following.offset, following, stream))


def _stream(path: Path, offset: int, wanted: Callable[[bytes], bool], openings: Openings) -> Iterator[Entry]:
    for line in lines(path, offset, wanted):
        if line.whole:
            found = entry(path.name, line, openings)
            if found is not None:
                yield found
