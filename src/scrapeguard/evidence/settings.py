"""The configuration in force, as evidence: every setting with its value, and no secret."""

import re
from collections.abc import Mapping

from scrapeguard.config import Config, values
from scrapeguard.evidence.canonical import canonical
from scrapeguard.evidence.redact import TELLING, WITHHELD, query

LOGIN = re.compile(r"(?<=://)[^/?#\s]*@")


def settings(config: Config) -> bytes:
    """Every section and setting in canonical JSON, defaults included; the same settings give the same bytes."""
    tables = {
        section: {name: _told(name, value) for name, value in values(built)}
        for section, built in config.known().items()
    }
    return canonical(tables).encode("ascii")


def _told(name: str, value: object) -> object:
    """A value without secrets; a float as its text, because canonical JSON has none."""
    if isinstance(value, str):
        if value and TELLING.search(name):
            return WITHHELD
        return query(LOGIN.sub(f"{WITHHELD}@", value)) if "://" in value else value
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, Mapping):
        return {str(key): _told(str(key), item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_told("", item) for item in value]  # names of cookies and headers, none of them a secret
    return value
