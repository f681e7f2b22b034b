"""One record: what is written down of a request, and how it becomes lines.

    {"k":"request","mono":…,"n":3,"prev":"…","sd":{…},"seq":17,"sub":"…","t":…,"v":1,"what":{…},"win":"2026-11-24T09"}
    ~<the openings, sealed: see vault.py>

    k     kind                                    seq   number of the line in its segment, from 0
    mono  monotonic clock at writing, us          t     when it happened, us since 1970 UTC
    prev  SHA-256 of the line before (no newline) v     version of this format
    what  facts that name nobody

Only requests have the rest, which is about somebody:

    sd    what is committed to: name of a group -> SHA-256 of its disclosure, ["<salt>","<name>",<value>]
    sub   the client's pseudonym of the day       win   UTC hour of writing; the key is that of its day
    n     number of this line among those of this writer, hour and pseudonym, from 1

The groups are `client`, `agent` and `account` (who it was) and `request` (what was wanted); where it is switched on,
a few have `exchange` too (see capture.py). What is not named here is not written down: no cookie, no Authorization,
no request's body, no other header.
"""

from functools import lru_cache

from scrapeguard.evidence import redact
from scrapeguard.evidence.canonical import canonical, quoted
from scrapeguard.model import Attempt, Client, Facts, Identity, Outcome, Rung, Signal, Verdict

VERSION = 1
ZERO = "0" * 64  # `prev` of the first line
LONGEST = 65_535  # bytes of a line: the largest leaf a tiled log takes
ROOM = LONGEST - 1_000  # for what is canonical already
WIDTHS = (1024, 96)  # characters kept of each string; the second when the first makes too long a line

Group = tuple[str, str]  # name, canonical value
Told = tuple[str, str]  # a notice: its name, and SHA-256 in hex
Source = tuple[str, int]  # a record that was read from a log: SHA-256 of the file, line number from 1
Waiting = tuple[Facts, Verdict, Outcome, tuple[str, str], Source | None, int, str, Told | None]  # see `request`

SHORT = 16  # hex digits by which a record names the configuration, and the notices, in force
BOOL = ("false", "true")
LABELS = tuple(rung.label for rung in Rung)


def line(kind: str, mono: int, prev: str, seq: int, time: int, what: str) -> bytes:
    """The canonical line, without its newline; `what` is canonical already, `kind` is a plain word."""
    return f'{{"k":"{kind}","mono":{mono},"prev":"{prev}","seq":{seq},"t":{time},"v":1,"what":{what}}}'.encode()


def request_line(mono: int, n: int, prev: str, sd: str, seq: int, sub: str, time: int, what: str, win: str) -> bytes:
    """The canonical line of a request, without its newline; `sd` and `what` are canonical already."""
    return (
        f'{{"k":"request","mono":{mono},"n":{n},"prev":"{prev}","sd":{sd},"seq":{seq},"sub":"{sub}",'
        f'"t":{time},"v":1,"what":{what},"win":"{win}"}}'
    ).encode("ascii")


def request(
    facts: Facts,
    verdict: Verdict,
    outcome: Outcome,
    force: tuple[str, str],
    source: Source | None,
    imported: int,
    exchange: str = "",
    told: Told | None = None,
) -> tuple[str, list[Group]]:
    """`what` of a request, and its groups by name. `force`: short digests of the configuration and notices in force.

    A record that comes from a log has `source`, and `imported`: when it was read, us since 1970. `exchange`: what was
    captured, canonical; "" = nothing. `told`: the notice that was the answer, or that a refusal led to.
    """
    for width in WIDTHS:
        what = _what(facts, verdict, outcome, force, source, imported, told, width)
        groups = _groups(facts, verdict, outcome, width)
        if len(what) + sum([len(value) for _, value in groups]) < ROOM:
            break
    if exchange:
        groups.insert(-1, ("exchange", exchange))  # the names are in order
    return what, groups


def _what(
    facts: Facts,
    verdict: Verdict,
    outcome: Outcome,
    force: tuple[str, str],
    source: Source | None,
    imported: int,
    told: Told | None,
    width: int,
) -> str:
    host = facts.host
    came = origin = ""
    if source is not None:
        came = f'"imported":{imported},'
        origin = f'"source":{{"file":{quoted(source[0])},"line":{source[1]}}},'
    known = "" if facts.identity is None else f'"identity":{_identity(facts.identity)},'
    signals = f"[{','.join([_signal(signal) for signal in verdict.signals])}]" if verdict.signals else "[]"
    tried = "" if outcome.attempt is None else f'"challenge":{_attempt(outcome.attempt)},'
    shown = "" if facts.passed is None and not facts.fault else f'"pass":{_shown(facts)},'
    notice = "" if told is None else f'"told":{_told(told)},'
    return (
        f'{{"bytes":{outcome.bytes},{tried}"complete":{BOOL[outcome.complete]},"config":"{force[0]}",'
        f'"forbidden":{"null" if facts.forbidden is None else BOOL[facts.forbidden != ""]},'
        f'"host":{"null" if host is None else quoted(host[:width])},{known}{came}"method":{quoted(facts.method[:32])},'
        f'"micros":{outcome.micros},"notices":"{force[1]}",{shown}"ref":{quoted(facts.reference)},'
        f'"resource":{quoted(facts.resource)},"signals":{signals},{origin}"status":{outcome.status},'
        f'{notice}"trapped":{BOOL[facts.trapped]},"verdict":{_verdict(verdict)},"websocket":{BOOL[facts.websocket]}}}'
    )


def _attempt(attempt: Attempt) -> str:
    return canonical(
        {
            "asked": attempt.asked,
            "solved": attempt.solved,
            "step": attempt.grade,
            "took": attempt.took,
            "why": attempt.why,
        }
    )


def _shown(facts: Facts) -> str:
    """The pass that was shown: its grade and how old it is, or why it is none. Its id is personal."""
    passed = facts.passed
    if passed is None:
        return canonical({"fault": facts.fault})
    return canonical({"age": facts.time // 1_000_000 - passed.issued, "grade": passed.grade})


def _verdict(verdict: Verdict) -> str:
    excuse = f'"excuse":"{verdict.excuse}",' if verdict.excuse else ""
    return (
        f'{{"cause":"{verdict.cause}","degraded":{BOOL[verdict.degraded]},{excuse}"intended":"{LABELS[verdict.intended]}",'
        f'"mode":"{verdict.mode}","rung":"{LABELS[verdict.rung]}","score":{verdict.score},"seconds":{verdict.seconds}}}'
    )


@lru_cache(256)
def _told(told: Told) -> str:
    """The notice by its name, and by as much of its digest as names it among those in force."""
    name, sha256 = told
    return canonical({"digest": sha256[:SHORT], "name": name})


@lru_cache(1024)
def _identity(identity: Identity) -> str:
    return canonical(
        {
            "method": identity.method,
            "operator": identity.operator,
            "state": identity.state,
            "token": identity.token,
            "use": identity.use,
        }
    )


def _signal(signal: Signal) -> str:
    return (
        f'{{"detector":{quoted(signal.detector)},"limit":{signal.limit},"mode":"{signal.mode}",'
        f'"seen":{signal.seen},"weight":{signal.weight}}}'
    )


def _groups(facts: Facts, verdict: Verdict, outcome: Outcome, width: int) -> list[Group]:
    """What is personal, in canonical JSON by group; a group of which nothing is known is left out."""
    agent, fingerprint = facts.agent, facts.fingerprint
    groups = []
    passed = facts.passed if outcome.attempt is None else outcome.attempt.passed
    if facts.credential is not None or passed is not None:
        known = {"credential": facts.credential} if facts.credential is not None else {}
        groups.append(("account", canonical(known | ({"pass": passed.id} if passed is not None else {}))))
    if agent is not None or fingerprint is not None:
        raw = "null" if agent is None else quoted(agent.raw[:width])
        groups.append(
            ("agent", f'{{"agent":{raw},"fingerprint":{"null" if fingerprint is None else quoted(fingerprint)}}}')
        )
    groups.append(("client", _client(facts.client)))
    groups.append(("request", _wanted(facts, verdict, width)))
    return groups


def _client(client: Client) -> str:
    peer = "null" if client.peer is None else quoted(client.peer)
    port = "null" if client.port is None else client.port
    return (
        f'{{"address":{quoted(client.address)},"key":{quoted(client.key)},"network":{quoted(client.network)},'
        f'"peer":{peer},"port":{port},"source":"{client.source}"}}'
    )


def _wanted(facts: Facts, verdict: Verdict, width: int) -> str:
    forbidden, referer = facts.forbidden, facts.referer
    path, asked = facts.path[:width], facts.query[:width]
    if "=" in path or "=" in asked:
        path, asked = redact.query(path), redact.query(asked)
    if facts.object == facts.path:
        wanted = path
    elif facts.object == f"{facts.path}?{facts.query}":
        wanted = f"{path}?{asked}"[:width]
    else:
        wanted = redact.query(facts.object[:width])
    reasons = ",".join([quoted(signal.reason[:width]) for signal in verdict.signals]) if verdict.signals else ""
    return (
        f'{{"forbidden":{"null" if forbidden is None else quoted(forbidden[:width])},"object":{quoted(wanted)},'
        f'"path":{quoted(path)},"query":{quoted(asked)},"reasons":[{reasons}],'
        f'"referer":{"null" if referer is None else quoted(redact.referer(referer[:width], facts.host))}}}'
    )


def odd(facts: Facts, verdict: Verdict) -> bool:
    """Whether a request is recorded when only odd ones are: signals, measures, lists, notices, robots.txt broken."""
    judged = (
        verdict.signals or facts.fault or verdict.intended is not Rung.ALLOW or verdict.cause not in ("none", "off")
    )
    return bool(judged or facts.forbidden or facts.trapped)
