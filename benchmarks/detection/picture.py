"""A picture of the table: how many items each client got before its first measure, and in all."""

import math
from collections.abc import Sequence
from html import escape

from benchmarks.detection.ledger import Account
from benchmarks.detection.site import ITEMS

ROW, LEFT, WIDE = 18, 250, 520
STYLE = "text{font:12px sans-serif;fill:#222}.t{fill:#b9c4cf}.b{fill:#c2410c}.p{fill:#15803d}.g{stroke:#ddd}"


def picture(accounts: Sequence[Account]) -> str:
    """An SVG with a logarithmic scale; people and machines are green dots, red when a measure was taken on them."""
    shown = [made for made in accounts if made.requests]
    high = 50 + ROW * len(shown)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDE + 60}" height="{high}"><style>{STYLE}</style>',
        '<text x="8" y="16">Items got before the first measure (orange) and in all (grey), of 5,000</text>',
    ]
    for number in (1, 10, 100, 1000, ITEMS):
        x = LEFT + _across(number)
        parts.append(f'<line class="g" x1="{x}" x2="{x}" y1="38" y2="{high}"/><text x="{x - 8}" y="34">{number}</text>')
    for row, made in enumerate(shown):
        y = 44 + row * ROW
        before = made.items if made.measure is None else made.measure[2]
        parts.append(f'<text x="{LEFT - 8}" y="{y + 11}" text-anchor="end">{escape(made.name)}</text>')
        if made.kind == "scraper":
            parts.append(f'<rect class="t" x="{LEFT}" y="{y}" width="{_across(made.items)}" height="12"/>')
            parts.append(f'<rect class="b" x="{LEFT}" y="{y + 3}" width="{_across(before)}" height="6"/>')
        else:
            hurt = made.measure is not None
            parts.append(f'<circle class="{"b" if hurt else "p"}" cx="{LEFT + 6}" cy="{y + 6}" r="5"/>')
            parts.append(f'<text x="{LEFT + 18}" y="{y + 11}">{"stopped" if hurt else "not stopped"}</text>')
    return "".join(parts) + "</svg>\n"


def _across(number: int) -> int:
    return int(WIDE * math.log10(1 + number) / math.log10(1 + ITEMS))
