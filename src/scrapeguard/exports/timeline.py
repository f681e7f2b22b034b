"""The fourth section of a report: how they got round it, step by step, and what joins the addresses that they used."""

from collections.abc import Mapping

from scrapeguard.evidence.evasion import Step
from scrapeguard.evidence.incident import Incident
from scrapeguard.evidence.links import Error, Link
from scrapeguard.exports.grounds import based
from scrapeguard.exports.sources import Says, Sources
from scrapeguard.exports.words import lasting, moment, number, shown, size

SHOWN = 60  # steps
SHOWN_LINKS = 40
KEPT = 20  # characters of a name that a table does not break
SECOND = 1_000_000


def section(sources: Sources, says: Says) -> str:
    incident = sources.incident
    parts = [f"<h2>{says('4')}</h2>"]
    if incident.measures:
        after = incident.after
        text = says(
            "after", returned=number(incident.returned), served=number(after.requests),
            objects=number(len(after.objects)), bytes=size(after.bytes),
        )  # fmt: skip
        parts.append(f"<p>{text}</p>{based(sources, says, 'returned')}")
    else:
        parts.append(f"<p>{says('no_measure')}</p>")
    steps = incident.evasion.steps()
    if steps:
        rows = "".join(_row(step, incident, says) for step in steps[:SHOWN])
        parts.append(
            f"<p>{says('steps')}</p>" + _table(("when", "address", "happened", "certainty", "reference"), rows, says)
        )
    rest = sum(incident.evasion.counts.values()) - min(len(steps), SHOWN)
    parts.append(f"<p>{says('more_steps', count=number(rest))}</p>" if rest > 0 else "")
    parts += (_links(incident, says), _who(incident, says), says.rests("4"))
    return "".join(parts)


def _table(names: tuple[str, ...], rows: str, says: Says, kind: str = "stack") -> str:
    head = "".join(f"<th>{says(name)}</th>" for name in names)
    return f'<table class="{kind}"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'


def _cells(cells: tuple[tuple[str, str], ...], says: Says) -> str:
    return "<tr>" + "".join(f'<td data-name="{says(name)}">{value}</td>' for name, value in cells) + "</tr>"


def _row(step: Step, incident: Incident, says: Says) -> str:
    certainty = says("observed_step") if step.ppm is None else says("inferred_step", error=percent(step.ppm))
    record = step.reference or step.digest[:16]
    cells = (
        ("when", _moment(step.time)),
        ("address", _mono(name_of(step.subject))),
        ("happened", shown(phrase(step, incident, says.said), 600)),
        ("certainty", certainty),
        ("reference", _mono(record)),
    )
    return _cells(cells, says)


def _moment(time: int) -> str:
    """A time that a narrow column breaks between day and hour only."""
    day, _, rest = moment(time).partition(" ")
    return f'<span class="keep">{day}</span> <span class="keep">{rest}</span>'


def _mono(text: str) -> str:
    """A name to be compared digit by digit; a short one is never broken."""
    return f'<span class="mono{" keep" if len(text) <= KEPT else ""}">{shown(text)}</span>'


def phrase(step: Step, incident: Incident, said: Mapping[str, str]) -> str:
    """What a step says, in a language's words, as plain text."""
    values = dict(step.values)
    name = f"step_{step.kind}"
    if step.kind == "again":
        name += f"_{'held' if values['held'] == 'yes' else 'over'}"
    elif step.kind in ("stopped", "challenged"):
        name = "step_stopped"
        refused = next((each.refused for each in incident.measures if each.time == step.time), 0)
        values["refused"] = number(refused)
        values["measure"] = said.get(values["rung"], values["rung"])
        values["why"] = said.get(f"cause_{values['cause']}", values["cause"])
        values["lasting"] = lasting(int(values["seconds"]) * SECOND)
    elif step.kind == "api" and "count" in values:
        name = "step_api_only"
    elif step.kind == "adapted":
        values["how"] = said[f"adapted_{values['how']}"]
    elif step.kind in ("moved", "carried"):
        values["why"] = said[f"link_{values['reason']}"]
        values["origin"] = name_of(values["from"])
    after = "" if step.after is None else lasting(step.after)
    return said[name].format(**{**values, "after": after, "since": step.since})


def _links(incident: Incident, says: Says) -> str:
    told = [link for link in incident.found.links if not link.weak]
    if not told:
        return ""
    rows = "".join(_link(link, incident, says) for link in told[:SHOWN_LINKS])
    more = f"<p>{says('more_links', count=number(len(told) - SHOWN_LINKS))}</p>" if len(told) > SHOWN_LINKS else ""
    return (
        f"<h3>{says('links')}</h3><p>{says('links_text')}</p>"
        + _table(("link", "what_joins", "records", "error"), rows, says)
        + more
    )


def _link(link: Link, incident: Incident, says: Says) -> str:
    ends = " → ".join(
        f"{name_of(end.subject) if end.subject in incident.who else '…'} {moment(end.time)} {end.reference}"
        for end in (link.first, link.second)
    )
    error = error_of(link, says.said)
    if link.rejection is not None:
        no = link.rejection
        error = says.said["rejected"].format(who=no.who, why=no.why, time=moment(no.time))
    cells = (
        ("link", _mono(link.id)),
        ("what_joins", f"{says(f'link_{link.reason}')} ({lasting(link.apart)})"),
        ("records", f'<span class="mono">{shown(ends)}</span>'),
        ("error", shown(error, 600)),
    )
    return _cells(cells, says)


def error_of(link: Link, said: Mapping[str, str]) -> str:
    """How often such a link would join strangers, with the numbers it was counted from."""
    error: Error = link.error
    counted = said["counted"].format(shared=number(error.shared), of=number(error.of))
    if error.arrivals is not None:
        more = said["counted_time"].format(count=number(error.arrivals), time=lasting(error.seconds * SECOND))
        counted = more if link.feature == link.looks else f"{more} {counted}"
    trials = said["counted_trials"].format(single=percent(error.single), trials=number(error.trials))
    return f"{said['at_most'].format(error=percent(error.ppm))} {counted} {trials}"


def _who(incident: Incident, says: Says) -> str:
    rows = []
    for who in list(incident.who.values())[:SHOWN_LINKS]:
        ports = says("no_port")
        if who.first_port is not None:
            ports = says("ports", first=who.first_port, last=who.last_port, count=number(len(who.ports)))
        sources = ", ".join(says.said.get(f"source_{each}", each) for each in who.most("sources"))
        through = f"; {', '.join(who.most('peers'))}" if who.most("peers") else ""
        cells = (
            ("address", _mono(", ".join(who.most("addresses")) or name_of(who.subject))),
            ("when", f"{_moment(who.first)} – {_moment(who.last)}"),
            ("port", ports),
            ("network", shown(f"{', '.join(who.most('networks'))}; {sources}{through}")),
            ("accounts", _mono(", ".join(who.most("accounts")) or "–")),
            ("fingerprints", _mono(", ".join(who.most("fingerprints")) or "–")),
            ("requests", says("asked_refused", requests=number(who.requests), refused=number(who.refused))),
        )
        rows.append(_cells(cells, says))
    rest = len(incident.who) - SHOWN_LINKS
    names = ("address", "when", "port", "network", "accounts", "fingerprints", "requests")
    more = f"<p>{says('more_subjects', count=number(rest))}</p>" if rest > 0 else ""
    return f"<h3>{says('who')}</h3><p>{says('who_text')}</p>{_table(names, ''.join(rows), says, 'stack words')}{more}"


def name_of(subject: str) -> str:
    return subject.partition(":")[2] or "–"


def percent(ppm: int) -> str:
    """28 in a million as "0.0028 %"."""
    return f"{ppm / 10_000:.4f}".rstrip("0").rstrip(".") + " %"
