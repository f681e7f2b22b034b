"""The table of what became of each client, for the terminal and for the README."""

from collections.abc import Sequence

from benchmarks.detection.ledger import Account

COLUMNS = ("client", "style", "requests", "signal at", "measure at", "items before", "items in all", "first measure by")
TITLES = {"person": "People", "machine": "Welcome machines", "scraper": "Scrapers"}


def table(accounts: Sequence[Account]) -> str:
    """In Markdown: "7 / 5" is the seventh request and the fifth different page or data object."""
    parts: list[str] = []
    for kind, title in TITLES.items():
        rows = [_cells(made) for made in accounts if made.kind == kind]
        if rows:
            parts.append(f"### {title}\n\n" + _markdown([COLUMNS, *rows]))
    return "\n\n".join(parts)


def _cells(made: Account) -> tuple[str, ...]:
    if made.note and not made.requests:
        return (made.name, made.style, made.note, *[""] * 5)
    signal = " / ".join(map(str, made.signal)) if made.signal else "never"
    if made.measure is None:
        measure, before = "never", str(made.items)
    else:
        measure, before = f"{made.measure[0]} / {made.measure[1]}", str(made.measure[2])
    by = ", ".join(made.cause) if made.measure else ", ".join(made.signals) and f"signals: {', '.join(made.signals)}"
    return (made.name, made.style, str(made.requests), signal, measure, before, str(made.items), by or "-")


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    wide = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    lines = ["| " + " | ".join(cell.ljust(w) for cell, w in zip(row, wide, strict=True)) + " |" for row in rows]
    lines.insert(1, "|" + "|".join("-" * (w + 2) for w in wide) + "|")
    return "\n".join(lines)
