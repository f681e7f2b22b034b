"""Which version of each notice an actor was told, when and how often, as a table."""

from scrapeguard.exports.sources import Says, Sources
from scrapeguard.exports.words import moment, number, shown

COLUMNS = ("notice", "version", "how", "times", "first_told", "last_told", "told_to")


def table(sources: Sources, says: Says) -> str:
    """The table as HTML; "" when no record says that a notice was told."""
    versions = sources.incident.heard.versions.values()
    rows = [
        (
            shown(version.name),
            f'<span class="mono">{shown(version.digest)}…</span>',
            says("by_asking" if version.asked else "by_refusal"),
            number(version.times),
            moment(version.first),
            moment(version.last),
            number(len(version.subjects)),
        )
        for version in versions
    ]
    if not rows:
        return ""
    head = "".join(f"<th>{says(name)}</th>" for name in COLUMNS)
    body = "".join(
        "<tr>" + "".join(f'<td data-name="{says(n)}">{v}</td>' for n, v in zip(COLUMNS, row, strict=True)) + "</tr>"
        for row in rows
    )
    return f'<table class="stack"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
