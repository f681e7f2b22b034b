"""Charts as inline SVG: drawn here, no script, no font, nothing fetched; they stretch to any width and print.

Words stand outside the drawing, so that they keep their size on a telephone.
"""

from collections.abc import Mapping, Sequence

from scrapeguard.exports.words import number, shown

HEIGHT = 100


def over_time(layers: Sequence[tuple[str, Sequence[int]]], marks: Sequence[tuple[int, str]], label: str) -> str:
    """Stacked bars, one an interval; `layers` are (CSS class, numbers) from the bottom up, `marks` (place, class)."""
    count = len(layers[0][1])
    highest = max((sum(numbers) for numbers in zip(*(row for _, row in layers), strict=True)), default=0) or 1
    drawn = [f'<rect class="{kind}" x="{at * 10 + 4}" y="0" width="2" height="{HEIGHT}"/>' for at, kind in marks]
    for at in range(count):
        floor = HEIGHT * 100
        for kind, numbers in layers:
            tall = numbers[at] * HEIGHT * 100 // highest
            if numbers[at]:
                tall = max(tall, 100)
                floor -= tall
                drawn.append(
                    f'<rect class="{kind}" x="{at * 10 + 1}" y="{floor / 100}" width="8" height="{tall / 100}"/>'
                )
    return _framed("".join(drawn), count * 10, label, highest)


def growth(numbers: Sequence[int], label: str) -> str:
    """A filled line that rises to its last number."""
    highest = max(numbers, default=0) or 1
    points = [f"{at * 10 + 10},{HEIGHT - value * HEIGHT / highest:.1f}" for at, value in enumerate(numbers)]
    width = len(numbers) * 10
    area = f'<polygon class="taken" points="0,{HEIGHT} {" ".join(points)} {width},{HEIGHT}"/>'
    return _framed(area, width, label, highest)


def rows(numbers: Sequence[tuple[str, int, str]], kind: str = "served", kinds: Mapping[str, str] | None = None) -> str:
    """Horizontal bars: (name, number, note), the longest for the largest number; `kinds` gives a name its own class."""
    highest = max((value for _, value, _ in numbers), default=0) or 1
    kinds = kinds or {}
    lines = [
        f'<tr><th scope="row">{shown(name, 90)}</th><td class="number">{number(value)}</td>'
        f'<td class="wide"><span class="bar {kinds.get(name, kind)}" '
        f'style="width:{max(value * 100 // highest, 1)}%"></span>'
        f"{f'<small>{shown(note)}</small>' if note else ''}</td></tr>"
        for name, value, note in numbers
    ]
    return f'<table class="bars">{"".join(lines)}</table>'


def _framed(drawn: str, width: int, label: str, highest: int) -> str:
    return (
        f'<div class="chart"><span class="top">{number(highest)}</span>'
        f'<svg viewBox="0 0 {width} {HEIGHT}" preserveAspectRatio="none" role="img" aria-label="{shown(label)}">'
        f'<line class="floor" x1="0" y1="{HEIGHT}" x2="{width}" y2="{HEIGHT}"/>{drawn}</svg></div>'
    )
