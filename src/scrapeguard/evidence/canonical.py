"""Canonical JSON: one value, one spelling, so that a digest can be computed again by anybody.

The rule: object keys sorted by code point; no white space; strings, integers, booleans, null, lists and objects
only, no floats; every character outside printable ASCII written as \\uXXXX in lower-case hex, an astral one as
its surrogate pair. So a line is ASCII whatever a hostile request put in it, holds no line end, and every string
that Python can hold comes back the same, lone surrogates included. It is what Python's
`json.dumps(value, sort_keys=True, separators=(",", ":"))` writes once floats are refused.
"""

import hashlib
import json
from collections.abc import Mapping
from json.encoder import encode_basestring_ascii as quoted

__all__ = ["Json", "canonical", "digest", "quoted"]

Json = None | bool | int | str | list["Json"] | tuple["Json", ...] | Mapping[str, "Json"]


def canonical(value: object) -> str:
    """The one spelling of a value. Raises TypeError for what the rule does not allow."""
    return json.dumps(_checked(value), sort_keys=True, separators=(",", ":"))


def digest(data: bytes) -> str:
    """SHA-256 in lower-case hex."""
    return hashlib.sha256(data).hexdigest()


def _checked(value: object) -> object:
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, (list, tuple)):
        return [_checked(item) for item in value]
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {str(key): _checked(item) for key, item in value.items()}
    raise TypeError(f"{type(value).__name__} has no canonical spelling; use strings, integers, lists and maps")
