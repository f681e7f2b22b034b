"""The ten elements of a claim: for each, what the bundle has, and what has to come from elsewhere."""

from collections.abc import Mapping

from scrapeguard.exports.grounds import based
from scrapeguard.exports.sources import Says, Sources
from scrapeguard.exports.words import number, shown, size
from scrapeguard.model import Rung

THERE, PARTLY, MISSING = "there", "partly", "missing"
TRICKS = ("impostor", "forged", "agent", "trap", "cookieless", "api", "adapted")  # steps round a measure
SHOWN_BY = {  # which records show it, as named in references.py
    "a": ("record.notice.published", "robots"),
    "b": ("record.config.activated", "measures", "record.selftest.result"),
    "c": ("robots", "refused"),
    "d": ("returned", "forbidden", "trapped"),
    "e": ("taken",),
    "f": ("requests",),
    "g": ("record.canary.issued", "record.canary.control", "record.canary.observed"),
    "h": ("requests", "record.expense"),
    "i": ("record.window.close", "record.anchor", "record.gap", "record.recovery", "record.damage"),
    "j": ("record.retention", "record.vault.access", "record.redaction"),
}


def states(sources: Sources) -> Mapping[str, str]:
    """Element -> THERE, PARTLY or MISSING, by what the log holds; what only others can show is told beside it."""
    incident, kinds = sources.incident, sources.references.kinds()
    kept = any(content for _, _, content in sources.notices)
    enforced, tests = incident.imposed is not Rung.ALLOW, sources.references.tests
    planted = any(kind.startswith("canary.") for kind in kinds)
    return {
        "a": _of(kept and bool(incident.robots_asked), kept),
        "b": _of(enforced and any(tests), enforced or any(tests)),
        "c": _of(bool(incident.robots_asked and incident.refused), bool(incident.robots_asked or incident.refused)),
        "d": _of(bool(incident.evasion.counts["moved"]), bool(incident.returned)),
        "e": _of(bool(incident.taken.requests) and sources.loss.taken is not None, bool(incident.taken.requests)),
        "f": PARTLY if incident.most("addresses") else MISSING,
        "g": _of("canary.observed" in kinds and "canary.control" in kinds, planted),
        "h": _of(bool(sources.loss.expenses), bool(incident.requests)),
        "i": _of(sources.stamped and not sources.references.lacking.serious, True),
        "j": _of("vault.access" in kinds and bool(sources.settings), True),
    }


def _of(there: bool, partly: bool) -> str:
    return THERE if there else PARTLY if partly else MISSING


def _values(sources: Sources, says: Says) -> Mapping[str, str]:
    """What the table's sentences are filled in with."""
    incident, kinds = sources.incident, sources.references.kinds()
    steps = incident.evasion.counts
    return {
        "accounts": number(len({each for who in incident.who.values() for each in who.most("accounts")})),
        "fingerprints": number(len(incident.most("fingerprints"))),
        "links": number(sum(link.holds for link in incident.found.links)),
        "moves": number(steps["moved"] + steps["carried"]),
        "subjects": number(len(incident.who)),
        "tricks": number(sum(steps[kind] for kind in TRICKS)),
        "agents": number(len(incident.most("agents"))),
        "bytes": size(incident.taken.bytes),
        "expenses": number(len(sources.loss.expenses)),
        "notices": number(len(sources.notices)),
        "objects": number(len(incident.taken.objects)),
        "placed": number(incident.placed),
        "refused": number(incident.refused),
        "requests": number(incident.requests),
        "returned": number(incident.returned),
        "robots": number(incident.robots_asked),
        "good": number(sum(sources.references.tests)),
        "tests": number(len(sources.references.tests)),
        "versions": number(len(incident.heard.asked())),
        "share": says("not_known") if sources.loss.taken is None else f"{sources.loss.taken / 10:.1f} %",
        "troubles": number(sources.references.lacking.count),
        "traces": number(sum(count for kind, count in kinds.items() if kind.startswith("canary."))),
        "looks": number(kinds.get("vault.access", 0)),
        "stamped": says.words.STAMPED[sources.stamped],
    }


def table(sources: Sources, says: Says) -> str:
    """The table as HTML."""
    values, found = _values(sources, says), states(sources)
    rows = []
    for letter, (name, here, lacking) in says.words.ELEMENTS.items():
        state = found[letter]
        what = f'{shown(here.format(**values), 400)} <span class="soft">{shown(lacking, 400)}</span>'
        cells = (
            ("element", f"{letter}. {shown(name)}"),
            ("state", f'<b class="{state}">{says(state)}</b>'),
            ("what", what + based(sources, says, *SHOWN_BY[letter])),
        )
        rows.append("<tr>" + "".join(f'<td data-name="{says(key)}">{value}</td>' for key, value in cells) + "</tr>")
    head = "".join(f"<th>{says(key)}</th>" for key in ("element", "state", "what"))
    return f'<table class="stack"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
