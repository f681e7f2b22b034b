"""What a sentence of the report rests on: how many records, and at which leaves; and the exhibits there are."""

from scrapeguard.exports.sources import Says, Sources
from scrapeguard.exports.words import number, shown

NAMED = 3  # leaves told one by one
LISTED = 12  # exhibits


def based(sources: Sources, says: Says, *names: str) -> str:
    """The small line under a sentence; nothing when no record that is disclosed shows any of `names`."""
    told = [_told(sources, says, name) for name in names]
    lines = [line for line in told if line]
    return f'<p class="based">{"; ".join(lines)}</p>' if lines else ""


def _told(sources: Sources, says: Says, name: str) -> str:
    rested = sources.references[name]
    if not rested.count:
        return ""
    leaves = ", ".join(rested.leaves[:NAMED])
    if rested.count > NAMED:
        leaves += f" … {rested.last}"
    return says("based_one" if rested.count == 1 else "based", count=number(rested.count), leaves=leaves)


def exhibits(sources: Sources, says: Says) -> str:
    """The captured exchanges, as a table of files; nothing when there are none."""
    if not sources.exhibits:
        return ""
    head = "".join(f"<th>{says(name)}</th>" for name in ("exhibit", "exhibit_time", "exhibit_status", "exhibit_body"))
    rows = []
    for each in sources.exhibits[:LISTED]:
        cells = (
            ("exhibit", f'<span class="mono">{shown(each.file)}</span>'),
            ("exhibit_time", shown(each.time.replace("T", " ")[:19])),
            ("exhibit_status", str(each.status)),
            ("exhibit_body", says("whole") if each.body == "whole" else shown(each.body)),
        )
        rows.append("<tr>" + "".join(f'<td data-name="{says(name)}">{value}</td>' for name, value in cells) + "</tr>")
    return (
        f"<h3>{says('exhibits')}</h3><p>{says('exhibits_text', count=number(len(sources.exhibits)))}</p>"
        f'<table class="stack"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
    )
