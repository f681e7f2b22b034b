"""Take secrets out of what is written down: values of telling query parameters, queries of other people's sites."""

import re
from functools import lru_cache
from urllib.parse import unquote_plus, urlsplit

WITHHELD = "*"
TELLING = re.compile(
    r"pass(?:word|wd|phrase|code)?\]?$|pwd|secret|token|session|sessid|credential|signature|apikey|api[_.-]key|"
    r"(?:^|[_.\[-])(?:key|code|otp|pin|sid|sig|auth|jwt|state|nonce)\]?$",
    re.IGNORECASE,
)
BETWEEN = re.compile(r"([?&;])")


def query(text: str) -> str:
    """A query, a path with parameters or a path with a query, with the values of telling parameters as "*"."""
    if "=" not in text:
        return text
    return "".join([_pair(piece) if "=" in piece else piece for piece in BETWEEN.split(text)])


def referer(text: str, host: str | None) -> str:
    """A referer without fragment and user name; the query of another site is left out, our own is redacted."""
    return _bare(text, host) if "?" in text or "@" in text or "#" in text else query(text)


@lru_cache(maxsize=1024)
def telling(name: str) -> bool:
    """Whether a parameter of this name (as sent, percent-encoded or not) may hold a secret."""
    return TELLING.search(unquote_plus(name)) is not None


def _pair(piece: str) -> str:
    name = piece.partition("=")[0]
    return f"{name}={WITHHELD}" if telling(name) else piece


@lru_cache(maxsize=512)
def _bare(text: str, host: str | None) -> str:
    try:
        parts = urlsplit(text)
        own = host is not None and parts.hostname == host
    except ValueError:
        return ""
    place = parts.netloc.rpartition("@")[2]
    bare = query(f"{parts.scheme}://{place}{parts.path}" if place else parts.path)
    return f"{bare}?{query(parts.query)}" if own and parts.query else bare
