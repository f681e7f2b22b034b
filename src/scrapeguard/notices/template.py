"""The templates in robots/, filled in: what we publish, as far as it is text."""

import re
from collections.abc import Iterator, Mapping, Sequence

from scrapeguard.config import shipped

_PLACE = re.compile(r"\{([a-z_]+)\}")

Values = Mapping[str, Sequence[str]]


def fill(name: str, values: Values) -> bytes:
    """The template with each line that has a {place} repeated for each of its values; without values it is left out.

    Values stand as they are given: whoever gives them sees to it that they stay on their line.
    """
    return ("\n".join(_lines(shipped(f"robots/{name}").read_text("utf-8"), values)) + "\n").encode()


def _lines(template: str, values: Values) -> Iterator[str]:
    for line in template.splitlines():
        place = _PLACE.search(line)
        if place is None:
            yield line
        else:
            yield from (line.replace(place[0], value) for value in values[place[1]])
