"""One record: what is written down of a request, and how it becomes a line.

    {"k":"request","mono":…,"prev":"…","seq":17,"t":…,"v":1,"what":{…},"who":{…}}

    k     kind                                    seq   number of the line in its segment, from 0
    mono  monotonic clock at writing, us          t     when it happened, us since 1970 UTC
    prev  SHA-256 of the line before (no newline) v     version of this format
    what  facts that name nobody                  who   personal facts; only requests have it

The two parts are apart so that commitments can take the place of `who` while `what` stays readable. What is not
named here is not written down: no cookie, no Authorization, no body, no other header.
"""

from functools import lru_cache

from scrapeguard.evidence import redact
from scrapeguard.evidence.canonical import canonical, quoted
from scrapeguard.model import Client, Facts, Identity, Outcome, Rung, Signal, Verdict

VERSION = 1
ZERO = "0" * 64  # `prev` of the first line
LONGEST = 65_535  # bytes of a line: the largest leaf a tiled log takes
WIDTHS = (1024, 96)  # characters kept of each string; the second when the first makes too long a line

Source = tuple[str, int]  # a record that was read from a log: SHA-256 of the file, line number from 1

BOOL = ("false", "true")
LABELS = tuple(rung.label for rung in Rung)


def line(kind: str, mono: int, prev: str, seq: int, time: int, what: str, who: str = "") -> bytes:
    """The canonical line, without its newline; `what` and `who` are canonical already, `kind` is a plain word."""
    personal = f',"who":{who}' if who else ""
    return (
        f'{{"k":"{kind}","mono":{mono},"prev":"{prev}","seq":{seq},"t":{time},"v":1,"what":{what}{personal}}}'
    ).encode("ascii")


def request(
    facts: Facts, verdict: Verdict, outcome: Outcome, force: tuple[str, str], source: Source | None, imported: int
) -> tuple[str, str]:
    """`what` and `who` of a request. `force` is the short digests of the configuration and the notices in force.

    A record that comes from a log has `source`, and `imported`: when it was read, us since 1970.
    """
    for width in WIDTHS:
        what = _what(facts, verdict, outcome, force, source, imported, width)
        who = _who(facts, verdict, width)
        if len(what) + len(who) < LONGEST - 400:
            break
    return what, who


def _what(
    facts: Facts,
    verdict: Verdict,
    outcome: Outcome,
    force: tuple[str, str],
    source: Source | None,
    imported: int,
    width: int,
) -> str:
    host, forbidden = facts.host, facts.forbidden
    came = origin = ""
    if source is not None:
        came = f'"imported":{imported},'
        origin = f'"source":{canonical({"file": source[0], "line": source[1]})},'
    known = "" if facts.identity is None else f'"identity":{_identity(facts.identity)},'
    signals = f"[{','.join([_signal(signal) for signal in verdict.signals])}]" if verdict.signals else "[]"
    return (
        f'{{"bytes":{outcome.bytes},"complete":{BOOL[outcome.complete]},"config":"{force[0]}",'
        f'"forbidden":{"null" if forbidden is None else quoted(forbidden[:width])},'
        f'"host":{"null" if host is None else quoted(host[:width])},{known}{came}"method":{quoted(facts.method[:32])},'
        f'"micros":{outcome.micros},"notices":"{force[1]}","ref":{quoted(facts.reference)},'
        f'"resource":{quoted(facts.resource)},"signals":{signals},{origin}"status":{outcome.status},'
        f'"trapped":{BOOL[facts.trapped]},"verdict":{_verdict(verdict)},"websocket":{BOOL[facts.websocket]}}}'
    )


def _verdict(verdict: Verdict) -> str:
    return (
        f'{{"cause":"{verdict.cause}","degraded":{BOOL[verdict.degraded]},"intended":"{LABELS[verdict.intended]}",'
        f'"mode":"{verdict.mode}","rung":"{LABELS[verdict.rung]}","score":{verdict.score},"seconds":{verdict.seconds}}}'
    )


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


def _who(facts: Facts, verdict: Verdict, width: int) -> str:
    client, agent, referer = facts.client, facts.agent, facts.referer
    credential, fingerprint = facts.credential, facts.fingerprint
    path, asked = redact.query(facts.path[:width]), redact.query(facts.query[:width])
    if facts.object == f"{facts.path}?{facts.query}":
        wanted = f"{path}?{asked}"[:width]
    else:
        wanted = path if facts.object == facts.path else redact.query(facts.object[:width])
    reasons = ",".join([quoted(signal.reason[:width]) for signal in verdict.signals])
    return (
        f'{{"address":{quoted(client.address)},"agent":{"null" if agent is None else quoted(agent.raw[:width])},'
        f'"credential":{"null" if credential is None else quoted(credential)},'
        f'"fingerprint":{"null" if fingerprint is None else quoted(fingerprint)},"key":{quoted(client.key)},'
        f'"object":{quoted(wanted)},"path":{quoted(path)},'
        f'{_peer(client)},"query":{quoted(asked)},"reasons":[{reasons}],'
        f'"referer":{"null" if referer is None else quoted(redact.referer(referer[:width], facts.host))},'
        f'"source":"{client.source}"}}'
    )


def _peer(client: Client) -> str:
    peer = "null" if client.peer is None else quoted(client.peer)
    port = "null" if client.port is None else str(client.port)
    return f'"peer":{peer},"port":{port}'


def odd(facts: Facts, verdict: Verdict) -> bool:
    """Whether a request is recorded when only odd ones are: signals, measures, lists, notices, robots.txt broken."""
    judged = verdict.signals or verdict.intended is not Rung.ALLOW or verdict.cause not in ("none", "off")
    return bool(judged or facts.forbidden or facts.trapped)
