"""Our own robots.txt: the template in robots/robots.txt, filled in from the settings."""

import re
from collections.abc import Iterator, Mapping

from scrapeguard.errors import ConfigError

_PLACE = re.compile(r"\{([a-z]+)\}")


def fill(template: str, values: Mapping[str, tuple[str, ...]]) -> bytes:
    """The template with each line that has a {place} repeated for each of its values; without values it is left out.

    Raises ConfigError for a value that would not stay on its line, or would be cut short there.
    """
    for name, listed in values.items():
        for value in listed:
            if not value.isprintable() or ("#" in value and name in ("trap", "sitemap")):
                raise ConfigError(
                    f"robots.txt cannot carry the {name} {value!r}.", "Leave out control characters and '#'."
                )
    return ("\n".join(_lines(template, values)) + "\n").encode()


def _lines(template: str, values: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    for line in template.splitlines():
        place = _PLACE.search(line)
        if place is None:
            yield line
        else:
            yield from (line.replace(place[0], value) for value in values[place[1]])
