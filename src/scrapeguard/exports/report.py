"""The report of one incident: one HTML file for a reader who has five questions and no tools.

What was forbidden, how was it protected, did they know, how did they come back, how much did they take; and what all
this does not prove. Nothing in it is fetched, nothing runs; every word from outside is escaped.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scrapeguard.evidence.incident import Incident, Placed
from scrapeguard.exports import charts
from scrapeguard.exports.loss import Loss
from scrapeguard.exports.readme import NOT_PROVED
from scrapeguard.exports.story import INTERVALS, Story
from scrapeguard.exports.style import STYLE
from scrapeguard.exports.words import block, clock, lasting, many, moment, number, shown, size
from scrapeguard.model import Rung

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
THRESHOLDS = ("throttle", "challenge", "tarpit", "block")
CAUSES = {"signals": "by its signals", "deny-list": "by the operator's deny list", "standing": "measure from before"}
RUNGS = {
    Rung.ALLOW: "let through",
    Rung.THROTTLE: "slowed (429)",
    Rung.CHALLENGE: "challenged",
    Rung.TARPIT: "answered slowly",
    Rung.BLOCK: "blocked (403)",
}


@dataclass(frozen=True, slots=True)
class Sources:
    """What a report is made from."""

    incident: Incident
    story: Story
    notices: tuple[tuple[str, str, bytes | None], ...]  # name, SHA-256, content (None = not kept)
    settings: Mapping[str, Any]  # as in force last; empty when not kept
    key: str
    loss: Loss
    since: Mapping[tuple[str, str], int]  # (notice, digest) -> first in force, us since 1970


LANGUAGES = ("en",)


def report(sources: Sources, language: str) -> str:
    """The report as an HTML document."""
    incident = sources.incident
    actor = shown(incident.found.actor.partition(":")[2])
    sections = (
        _summary(incident, actor),
        _timeline(sources),
        _forbidden(sources),
        _protected(sources),
        _told(incident),
        _returned(incident),
        _taken(sources),
        "<h2>6. What this does not prove</h2><ul>" + "".join(f"<li>{line}</li>" for line in NOT_PROVED) + "</ul>",
        _checking(sources.key),
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="referrer" content="no-referrer">'
        f"<title>Incident {shown(incident.found.id)}: {actor}</title><style>{STYLE}</style></head><body><main>"
        + "\n".join(sections)
        + "</main></body></html>\n"
    )


def _summary(incident: Incident, actor: str) -> str:
    imposed = incident.imposed
    hosts = ", ".join(shown(host) for host in list(incident.most("hosts"))[:3]) or "this site"
    taken, span = incident.taken, lasting(incident.last - incident.first)
    lead = (
        f"Within {span}, <b class='mono'>{actor}</b> asked {hosts} for "
        f"{many(len(incident.objects), 'different object')} in {many(incident.requests, 'request')} and was handed "
        f"{number(len(taken.objects))} of them."
    )
    if incident.placed:
        lead += f" It met {many(incident.placed, 'measure')} and sent {many(incident.returned, 'further request')}."
    observed = "" if imposed is not Rung.ALLOW else (
        f'<p class="note">Nothing was imposed: the guard only observed, or the signals were observed ones. Enforced, '
        f"the highest answer would have been: {RUNGS[incident.intended]}. Observation is not a protective measure.</p>"
    )  # fmt: skip
    imported = number(incident.imported)
    replayed = f'<p class="note">{imported} of these requests were read from an access log, not seen live.</p>'
    tiles = (
        (number(incident.requests), "requests"),
        (number(len(taken.objects)), "different pages or data objects taken"),
        (size(taken.bytes), "of content taken"),
        (number(incident.refused), "requests refused"),
        (number(incident.placed), "measures imposed"),
        (number(incident.returned), "requests after the first measure"),
    )
    return (
        f'<header><p class="soft">Incident <span class="mono">{shown(incident.found.id)}</span> · '
        f"{moment(incident.first)} to {moment(incident.last)}</p><h1>What {actor} did, and what was done about it</h1>"
        f'<p class="lead">{lead}</p>{observed}{replayed if incident.imported else ""}</header><div class="tiles">'
        + "".join(f'<div class="tile"><b>{value}</b><span>{name}</span></div>' for value, name in tiles)
        + "</div>"
    )


def _timeline(sources: Sources) -> str:
    story = sources.story
    marks = [(story.place(each.time), "mark") for each in sources.incident.measures]
    layers = (("served", story.served), ("other", story.other), ("refused", story.refused))
    each = lasting((story.last - story.first) // INTERVALS)
    names = (
        ("served", "content served"),
        ("other", "errors, redirects"),
        ("refused", "refused"),
        ("mark", "a measure"),
    )
    legend = "".join(f'<li><i class="{kind}"></i>{name}</li>' for kind, name in names)
    return (
        f"<h2>The course of it</h2><p>Requests in each of {INTERVALS} equal intervals of {each}.</p>"
        f"{charts.over_time(layers, marks, 'requests over time, served and refused')}{_axis(story)}"
        f'<ul class="legend">{legend}</ul>'
    )


def _forbidden(sources: Sources) -> str:
    incident = sources.incident
    parts = ["<h2>1. What was forbidden</h2>"]
    if not sources.notices:
        parts.append("<p>No notice was recorded as published while this happened.</p>")
    for name, digest, content in sources.notices:
        parts.append(f'<h3>{shown(name)} <small class="mono">SHA-256 {digest[:16]}…</small></h3>')
        text = "Its bytes were not kept." if content is None else block(content.decode("utf-8", "replace"))
        parts.append(f"<pre>{text}</pre>")
    if incident.forbidden:
        rules = [(rule, count, "") for rule, count in incident.most("rules").items()]
        parts.append(
            f"<p>{many(incident.forbidden, 'request')} took what these rules of robots.txt forbid to this agent:</p>"
            f"{charts.rows(rules, 'refused')}"
        )
    elif sources.notices:
        parts.append("<p>No request took a path that robots.txt forbids to this agent.</p>")
    if incident.trapped:
        parts.append(f"<p>{many(incident.trapped, 'request')} followed a link that no person sees.</p>")
    return "".join(parts)


def _protected(sources: Sources) -> str:
    incident = sources.incident
    modes = " and ".join(f"{shown(mode)} ({many(count, 'request')})" for mode, count in incident.most("modes").items())
    signals = [(name, one.count, one.reason) for name, one in incident.detected.items()]
    imposed = [
        (RUNGS[rung], incident.most("imposed")[rung.label]) for rung in Rung if rung.label in incident.most("imposed")
    ]
    policy = sources.settings.get("policy")
    thresholds = ""
    if isinstance(policy, Mapping):
        steps = [f"{name} from a score of {policy[name]}" for name in THRESHOLDS if policy.get(name)]
        thresholds = (
            f"<p>{shown('; '.join(steps).capitalize())}. The score is the sum of the weights of the signals.</p>"
        )
    return (
        f"<h2>2. How it was protected</h2><p>The guard's mode was: {modes}.</p>{thresholds}"
        "<h3>Signals, with the most that each saw</h3>"
        + (charts.rows(signals, "other") if signals else "<p>None.</p>")
        + "<h3>What the requests met</h3>"
        + charts.rows([(name, count, "") for name, count in imposed], "refused", {RUNGS[Rung.ALLOW]: "served"})
    )


def _told(incident: Incident) -> str:
    asked = "<p>robots.txt was never asked for during this time.</p>"
    if incident.robots_first is not None:
        asked = (
            f"<p>robots.txt was asked for {many(incident.robots_asked, 'time')}, first at "
            f"{moment(incident.robots_first)}.</p>"
        )
    refusals = f"<p>{many(incident.refused, 'answer')} refused the request and said why, each with a reference.</p>"
    agents = [(agent or "(none sent)", count, "") for agent, count in list(incident.most("agents").items())[:12]]
    return (
        f"<h2>3. What they were told</h2>{asked}{refusals if incident.refused else '<p>No request was refused.</p>'}"
        f"<h3>Who they said they were</h3>{charts.rows(agents, 'other')}"
    )


def _returned(incident: Incident) -> str:
    if not incident.measures:
        return "<h2>4. How they came back</h2><p>No measure was imposed, so there was nothing to come back from.</p>"
    head = "".join(f"<th>{name}</th>" for name in ("When", "Measure", "Reference", "Next request", "Refused meanwhile"))
    rows = "".join(_measure(placed) for placed in incident.measures[:40])
    rest = incident.placed - min(len(incident.measures), 40)
    after = incident.after
    return (
        f"<h2>4. How they came back</h2><p>After the first measure {many(incident.returned, 'request')} followed; "
        f"{many(after.requests, 'request')} of them were served, with {many(len(after.objects), 'object')} "
        f"({size(after.bytes)}).</p>"
        f'<table class="stack"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
        + (f"<p>… and {many(rest, 'more measure')}.</p>" if rest else "")
    )


def _measure(placed: Placed) -> str:
    back = "none" if placed.back is None else f"{lasting(placed.back)} later"
    stood = f" for {lasting(placed.seconds * 1_000_000)}" if placed.seconds else ""
    cells = (
        ("When", moment(placed.time)),
        ("Measure", f"{RUNGS[placed.rung]}{stood}, {CAUSES.get(placed.cause, shown(placed.cause))}"),
        ("Reference", f'<span class="mono">{shown(placed.reference)}</span>'),
        ("Next request", back),
        ("Refused meanwhile", number(placed.refused)),
    )
    return "<tr>" + "".join(f'<td data-name="{name}">{value}</td>' for name, value in cells) + "</tr>"


def _taken(sources: Sources) -> str:
    incident, story = sources.incident, sources.story
    kinds = [(kind, count, "") for kind, count in incident.most("resources").items()]
    statuses = [(status, count, "") for status, count in incident.most("statuses").items()]
    paths = "".join(f"<li><code>{shown(path, 160)}</code></li>" for path in story.paths)
    return (
        f"<h2>5. How much was taken</h2><p>{many(len(incident.taken.objects), 'different object')} in "
        f"{many(incident.taken.requests, 'answer')}, {size(incident.taken.bytes)} ({number(incident.taken.bytes)} "
        "bytes). Counted are pages, data and feeds that were answered 2xx with nothing imposed; objects are told apart "
        "by path and query.</p><h3>Different objects taken, as they grew</h3>"
        f"{charts.growth(story.grown(), 'different objects taken over time')}{_axis(story)}"
        f"<h3>All requests, by what was asked for</h3>{charts.rows(kinds)}<h3>By status</h3>{charts.rows(statuses)}"
        f"<h3>The first objects taken</h3><ul>{paths or '<li>none</li>'}</ul>"
    )


def _checking(key: str) -> str:
    return (
        "<h2>How to check this</h2><p>README.txt in the bundle says how, with common tools and without us. The bundle "
        f"is signed by the key <code>{key}</code>. That proves something only to somebody who got this key by another "
        "road than the bundle. This page is for reading; the records in <code>log/</code> are the evidence.</p>"
    )


def _axis(story: Story) -> str:
    middle = story.first + (story.last - story.first) // 2
    times = "".join(f"<span>{clock(time)}</span>" for time in (story.first, middle, story.last))
    return f'<div class="axis">{times}</div>'
