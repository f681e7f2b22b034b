"""The ten elements of a claim: for each, what the bundle has, and what has to come from elsewhere."""

from collections.abc import Mapping

from scrapeguard.exports.sources import Says, Sources
from scrapeguard.exports.words import number, shown, size
from scrapeguard.model import Rung

THERE, PARTLY, MISSING = "there", "partly", "missing"
TRICKS = ("impostor", "forged", "agent", "trap", "cookieless", "api", "adapted")  # steps round a measure


def states(sources: Sources) -> Mapping[str, str]:
    """Element -> THERE, PARTLY or MISSING. What a server cannot record is never more than partly there."""
    incident = sources.incident
    enforced = incident.imposed is not Rung.ALLOW
    return {
        "a": PARTLY if any(content for _, _, content in sources.notices) else MISSING,
        "b": PARTLY if enforced else MISSING,
        "c": THERE if incident.robots_asked and incident.refused else PARTLY if _told(sources) else MISSING,
        "d": THERE if incident.evasion.counts["moved"] else PARTLY if incident.returned else MISSING,
        "e": THERE if incident.taken.requests else MISSING,
        "f": PARTLY if incident.most("addresses") else MISSING,
        "g": MISSING,
        "h": PARTLY,
        "i": THERE if sources.stamped else PARTLY,
        "j": PARTLY,
    }


def _told(sources: Sources) -> bool:
    return bool(sources.incident.robots_asked or sources.incident.refused)


def table(sources: Sources, says: Says) -> str:
    """The table as HTML."""
    incident = sources.incident
    steps = incident.evasion.counts
    values = {
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
        "versions": number(len(incident.heard.asked())),
        "stamped": says.words.STAMPED[sources.stamped],
    }
    found = states(sources)
    rows = []
    for letter, (name, here, lacking) in says.words.ELEMENTS.items():
        state = found[letter]
        cells = (
            ("element", f"{letter}. {shown(name)}"),
            ("state", f'<b class="{state}">{says(state)}</b>'),
            ("what", f'{shown(here.format(**values), 400)} <span class="soft">{shown(lacking, 400)}</span>'),
        )
        rows.append("<tr>" + "".join(f'<td data-name="{says(key)}">{value}</td>' for key, value in cells) + "</tr>")
    head = "".join(f"<th>{says(key)}</th>" for key in ("element", "state", "what"))
    return f'<table class="stack"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
