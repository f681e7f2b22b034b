"""The report of one incident: one HTML file a language, for a reader who has questions and no tools.

What was forbidden, how it was protected, what they knew, how they got round it, how much they took, what it cost, and
what all this does not prove. Nothing in it is fetched, nothing runs; every word from outside is escaped.
"""

from collections.abc import Iterator

from scrapeguard.exports import charts, timeline
from scrapeguard.exports.cost import cost, share
from scrapeguard.exports.elements import table as elements
from scrapeguard.exports.grounds import based, exhibits
from scrapeguard.exports.heard import table as heard
from scrapeguard.exports.sources import LANGUAGES, Says, Sources
from scrapeguard.exports.story import INTERVALS, Story
from scrapeguard.exports.style import STYLE
from scrapeguard.exports.words import block, clock, lasting, moment, number, shown, size
from scrapeguard.model import Rung

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
THRESHOLDS = ("throttle", "challenge", "tarpit", "block")


def report(sources: Sources, language: str) -> str:
    """The report as an HTML document, in one of LANGUAGES."""
    says = Says(LANGUAGES[language])
    id_, actor = sources.incident.found.id, sources.actor_in(says.said)
    parts = (
        _summary, _course, _forbidden, _protected, _knew, timeline.section, _taken, cost, _claim, _unproved, _checking,
    )  # fmt: skip
    return (
        f'<!doctype html>\n<html lang="{says.language}"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="referrer" content="no-referrer">'
        f'<meta name="figures" content="{sources.figures}">'
        f"<title>{says('title', id=id_, actor=actor)}</title><style>{STYLE}</style></head><body><main>"
        + "\n".join(part(sources, says) for part in parts)
        + "</main></body></html>\n"
    )


def _summary(sources: Sources, says: Says) -> str:
    incident = sources.incident
    taken, imposed = incident.taken, incident.imposed
    lead = says(
        "lead", span=lasting(incident.last - incident.first), actor=sources.actor_in(says.said),
        asked=number(len(incident.objects)),
        hosts=", ".join(list(incident.most("hosts"))[:3]) or says.said["this_site"],
        requests=number(incident.requests), taken=number(len(taken.objects)),
    )  # fmt: skip
    if incident.placed:
        lead += " " + says("lead_measures", placed=number(incident.placed), returned=number(incident.returned))
    notes = ""
    if imposed is Rung.ALLOW:
        notes += f'<p class="note">{says("observed", rung=says.said[incident.intended.label])}</p>'
    if incident.imported:
        notes += f'<p class="note">{says("imported", count=number(incident.imported))}</p>'
    tiles = (
        (number(incident.requests), "tile_requests"),
        (number(len(taken.objects)), "tile_taken"),
        (size(taken.bytes), "tile_bytes"),
        (number(incident.refused), "tile_refused"),
        (number(incident.placed), "tile_placed"),
        (number(incident.returned), "tile_returned"),
    )
    head = says("incident", id=incident.found.id, first=moment(incident.first), last=moment(incident.last))
    return (
        f'<header><p class="soft mono">{head}</p><h1>{says("heading", actor=sources.actor_in(says.said))}</h1>'
        f'<p class="lead">{lead}</p>{notes}</header><div class="tiles">'
        + "".join(f'<div class="tile"><b>{value}</b><span>{says(name)}</span></div>' for value, name in tiles)
        + "</div>"
    )


def _course(sources: Sources, says: Says) -> str:
    story = sources.story
    marks = [(story.place(each.time), "mark") for each in sources.incident.measures]
    layers = (("served", story.served), ("other", story.other), ("refused", story.refused))
    text = says("course_text", intervals=INTERVALS, each=lasting((story.last - story.first) // INTERVALS))
    legend = "".join(f'<li><i class="{kind}"></i>{says(kind)}</li>' for kind in ("served", "other", "refused", "mark"))
    return (
        f"<h2>{says('course')}</h2><p>{text}</p>{charts.over_time(layers, marks, says.said['course_chart'])}"
        f'{_axis(story)}<ul class="legend">{legend}</ul>'
    )


def _forbidden(sources: Sources, says: Says) -> str:
    incident = sources.incident
    parts = [f"<h2>{says('1')}</h2>"]
    if not sources.notices:
        parts.append(f"<p>{says('no_notice')}</p>")
    for name, digest, content in sources.notices:
        since = says("in_force", time=moment(sources.since[name, digest]))
        parts.append(f'<h3>{shown(name)} <small class="mono">SHA-256 {digest[:16]}…</small></h3><p>{since}</p>')
        text = says("not_kept") if content is None else block(content.decode("utf-8", "replace"))
        parts.append(f"<pre>{text}</pre>")
    parts.append(based(sources, says, "record.notice.published", "record.config.activated"))
    if incident.forbidden:
        rules = [(rule, count, "") for rule, count in incident.most("rules").items()]
        parts.append(f"<p>{says('forbidden', count=number(incident.forbidden))}</p>{based(sources, says, 'forbidden')}")
        parts.append(charts.rows(rules, "refused"))
    elif sources.notices:
        parts.append(f"<p>{says('not_forbidden')}</p>")
    if incident.trapped:
        parts.append(f"<p>{says('trapped', count=number(incident.trapped))}</p>{based(sources, says, 'trapped')}")
    return "".join(parts) + says.rests("1")


def _protected(sources: Sources, says: Says) -> str:
    incident, policy = sources.incident, sources.settings.get("policy")
    modes = says.said["and"].join(
        says.said["mode"].format(mode=mode, count=number(count)) for mode, count in incident.most("modes").items()
    )
    signals = [(name, one.count, one.reason) for name, one in incident.detected.items()]
    met = [(says.said[rung.label], incident.most("imposed").get(rung.label, 0), "") for rung in Rung]
    thresholds = ""
    if isinstance(policy, dict):
        scores = [(says.said[name], policy[name]) for name in THRESHOLDS if policy.get(name)]
        steps = [says.said["step"].format(name=name, score=score) for name, score in scores]
        thresholds = f"<p>{says('thresholds', steps='; '.join(steps))}</p>"
    tests = sources.references.tests
    tested = says("tested", good=number(sum(tests)), count=number(len(tests))) if tests else says("not_tested")
    return (
        f"<h2>{says('2')}</h2><p>{says('modes', modes=modes)}</p>{thresholds}"
        f"{based(sources, says, 'record.config.activated')}<p>{tested}</p>"
        f"{based(sources, says, 'record.selftest.result')}<h3>{says('signals')}</h3>{based(sources, says, 'signals')}"
        + (charts.rows(signals, "other") if signals else f"<p>{says('none')}</p>")
        + f"<h3>{says('met')}</h3>{based(sources, says, 'measures')}"
        + charts.rows([row for row in met if row[1]], "refused", {says.said["allow"]: "served"})
        + says.rests("2")
    )


def _knew(sources: Sources, says: Says) -> str:
    incident = sources.incident
    asked = says("not_asked")
    if incident.robots_first is not None:
        asked = says("asked", count=number(incident.robots_asked), time=moment(incident.robots_first))
    refusals = says("told", count=number(incident.refused)) if incident.refused else says("not_told")
    agents = [(agent or says.said["no_agent"], n, "") for agent, n in list(incident.most("agents").items())[:12]]
    return (
        f"<h2>{says('3')}</h2><p>{asked}</p>{based(sources, says, 'robots')}{heard(sources, says)}<p>{refusals}</p>"
        f"{based(sources, says, 'refused')}{exhibits(sources, says)}"
        f"<h3>{says('agents')}</h3>{charts.rows(agents, 'other')}" + says.rests("3")
    )


def _taken(sources: Sources, says: Says) -> str:
    incident, story = sources.incident, sources.story
    taken = incident.taken
    text = says(
        "taken", objects=number(len(taken.objects)), requests=number(taken.requests), size=size(taken.bytes),
        bytes=number(taken.bytes),
    )  # fmt: skip
    kinds = [(kind, count, "") for kind, count in incident.most("resources").items()]
    statuses = [(status, count, "") for status, count in incident.most("statuses").items()]
    paths = "".join(f"<li><code>{shown(path, 160)}</code></li>" for path in story.paths)
    return (
        f"<h2>{says('5')}</h2><p>{text}</p>{based(sources, says, 'taken')}{share(sources, says)}"
        f"<h3>{says('grown')}</h3>"
        f"{charts.growth(story.grown(), says.said['grown_chart'])}{_axis(story)}"
        f"<h3>{says('kinds')}</h3>{charts.rows(kinds)}<h3>{says('statuses')}</h3>{charts.rows(statuses)}"
        f"<h3>{says('first_objects')}</h3><ul>{paths or '<li>–</li>'}</ul>" + says.rests("5")
    )


def _claim(sources: Sources, says: Says) -> str:
    return f"<h2>{says('7')}</h2>{elements(sources, says)}"


def _unproved(sources: Sources, says: Says) -> str:
    unproved = f"<h2>{says('8')}</h2><ul>{''.join(_items(says.words.NOTHING_PROVED))}</ul><h3>{says('lacking')}</h3>"
    lacking = sources.references.lacking
    if not lacking.troubles:
        return unproved + f"<p>{says('no_lacking')}</p>"
    items = [
        f'<li>{says(f"lacking_{name}", **values)} <small class="soft">{says("leaf_of", leaf=leaf)}</small></li>'
        for leaf, name, values in lacking.troubles.values()
    ]
    more = lacking.count - len(items)
    return f"{unproved}<ul>{''.join(items)}</ul>" + (
        f"<p>{says('more_lacking', count=number(more))}</p>" if more else ""
    )


def _items(texts: tuple[str, ...]) -> Iterator[str]:
    return (f"<li>{shown(text, 400)}</li>" for text in texts)


def _checking(sources: Sources, says: Says) -> str:
    made = f"<p>{says('made_from', figures=sources.figures)}</p>"
    return f"<h2>{says('9')}</h2><p>{says('checking', key=sources.key)}</p><p>{says('leaf')}</p>{made}"


def _axis(story: Story) -> str:
    middle = story.first + (story.last - story.first) // 2
    times = "".join(f"<span>{clock(time)}</span>" for time in (story.first, middle, story.last))
    return f'<div class="axis">{times}</div>'
