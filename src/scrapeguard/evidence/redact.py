"""Take secrets out of what is written down: values of telling query parameters, queries of other people's sites."""

import re
from functools import lru_cache
from urllib.parse import unquote_plus, urlsplit

WITHHELD = "*"
TELLING = re.compile(
    r"pass(?:word|wd|phrase|code)?$|pwd|secret|token|session|credential|signature|apikey|api[_.-]key|"
    r"(?:^|[_.\[-])(?:key|code|otp|pin|sid|sig|auth|jwt|state|nonce)\]?$",
    re.IGNORECASE,
)
WORTH_A_LOOK = re.compile(
    r"pass|pwd|secret|token|session|cred|sig|key|code|otp|pin|sid|auth|jwt|state|nonce|%", re.IGNORECASE
)


def query(text: str) -> str:
    """A query, a path with parameters or a path with a query, with the values of telling parameters replaced by "*"."""
    return text if WORTH_A_LOOK.search(text) is None else _withhold(text)


def referer(text: str, host: str | None) -> str:
    """A referer without fragment and user name; the query of another site is left out, our own is redacted."""
    try:
        parts = urlsplit(text)
        own = host is not None and parts.hostname == host
    except ValueError:
        return ""
    place = parts.netloc.rpartition("@")[2]
    bare = f"{parts.scheme}://{place}{parts.path}" if place else parts.path
    return f"{bare}?{query(parts.query)}" if own and parts.query else bare


@lru_cache(maxsize=512)
def _withhold(text: str) -> str:
    head, mark, tail = text.rpartition("?")
    return head + mark + "".join(_pair(piece) for piece in re.split(r"([&;])", tail))


def _pair(piece: str) -> str:
    name, equals, _ = piece.partition("=")
    return f"{name}={WITHHELD}" if equals and TELLING.search(unquote_plus(name)) else piece
