"""What a client would rather read: a page or data, English or Chinese (RFC 9110 12.5.1 and 12.5.4)."""

import re
from typing import Literal

Language = Literal["en", "zh"]

MAX_ITEMS = 40  # of a header that are looked at
_QUALITY = re.compile(r"\s*q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*", re.IGNORECASE)


def wants_page(accept: str | None) -> bool:
    """True for who names HTML and does not rather take JSON: browsers. Programs, and "*/*", get data."""
    wanted = _weights(accept)
    page = max(wanted.get(name, 0.0) for name in ("text/html", "application/xhtml+xml", "text/*"))
    data = max(wanted.get(name, 0.0) for name in ("application/json", "application/problem+json"))
    return page > 0 and page >= data


def language(accept_language: str | None, default: Language) -> Language:
    """The language of ours that is liked best; of two liked equally, the one named first."""
    best, weight = default, 0.0
    for name, quality in _weights(accept_language).items():
        primary = name.partition("-")[0]
        if quality > weight and primary in ("en", "zh"):
            best, weight = "zh" if primary == "zh" else "en", quality
    return best


def _weights(header: str | None) -> dict[str, float]:
    """Each name in the header, lower-case, with its weight; what is malformed weighs nothing."""
    weights: dict[str, float] = {}
    for item in (header or "").split(",", MAX_ITEMS)[:MAX_ITEMS]:
        name, *parameters = item.split(";")
        quality = 1.0
        for parameter in parameters:
            if parameter.strip().lower().startswith("q"):
                match = _QUALITY.fullmatch(parameter)
                quality = float(match[1]) if match else 0.0
        weights[name.strip().lower()] = quality
    return weights
