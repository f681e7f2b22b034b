"""The table of what became of each client, for the terminal and for the README."""

from collections.abc import Sequence

from benchmarks.detection.ledger import Account
from benchmarks.detection.peers import Found
from benchmarks.detection.site import ITEMS
from scrapeguard.signals import DETECTORS

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


def by_detector(accounts: Sequence[Account]) -> str:
    """Hits and false alarms of each detector, in clients: signalled by it, and first stopped with its help."""
    rows: list[Sequence[str]] = [
        ("detector", "scrapers signalled", "scrapers stopped with it", "welcome signalled", "welcome stopped with it")
    ]
    for name in DETECTORS:
        cells = []
        for wanted in (True, False):
            those = [made for made in accounts if (made.kind == "scraper") is wanted and made.requests]
            cells += [sum(name in made.signals for made in those), sum(name in made.cause for made in those)]
        rows.append((name, *map(str, cells)))
    return _markdown(rows)


ENOUGH = ITEMS * 3 // 100  # items a scraper should be stopped before


def beside_us(accounts: Sequence[Account], found: Sequence[Found]) -> str:
    """How many scrapers each stopped before 3 % of the catalogue, and how many of the welcome it would have hurt.

    Of the clients that really played; those made up are left out.
    """
    kinds = {made.name: made.kind for made in accounts}
    names = {made.client for made in found}
    ours = [made for made in accounts if made.name in names]
    results = {"ScrapeGuard": [(m.kind, m.measure is not None, m.measure[2] if m.measure else m.items) for m in ours]}
    for made in found:
        results.setdefault(made.peer, []).append((kinds[made.client], made.refused_at is not None, made.items))
    rows: list[Sequence[str]] = [
        ("", "scrapers stopped ever", f"scrapers stopped before {ENOUGH} items", "people hurt", "machines hurt")
    ]
    for peer, clients in results.items():
        scrapers = [(stopped, items) for kind, stopped, items in clients if kind == "scraper"]
        hurt = [
            f"{sum(stopped for k, stopped, _ in clients if k == kind)} of {sum(k == kind for k, _, _ in clients)}"
            for kind in ("person", "machine")
        ]
        ever = sum(stopped for stopped, _ in scrapers)
        early = sum(stopped and items < ENOUGH for stopped, items in scrapers)
        rows.append((peer, f"{ever} of {len(scrapers)}", f"{early} of {len(scrapers)}", *hurt))
    return _markdown(rows)


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    wide = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    lines = ["| " + " | ".join(cell.ljust(w) for cell, w in zip(row, wide, strict=True)) + " |" for row in rows]
    lines.insert(1, "|" + "|".join("-" * (w + 2) for w in wide) + "|")
    return "\n".join(lines)
