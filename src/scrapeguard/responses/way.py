"""The way back: where somebody wanted to go before a challenge, and never anywhere but on this site."""

import re
from urllib.parse import quote

from starlette.types import Scope

LONGEST = 2048  # characters
LOCAL = re.compile(r"/(?:[!-.0-\[\]-~][!-\[\]-~]*)?")  # absolute, printable ASCII, no "//" in front, no backslash


def local(to: str, prefix: str) -> str:
    """`to` where it is a path on this site that is not one of ours, with query; else the front page."""
    fits = len(to) <= LONGEST and LOCAL.fullmatch(to) is not None and prefix not in to.partition("?")[0]
    return to if fits else "/"


def target(path: str, query: str, root: str) -> str:
    """A path and query as sent, as one can write them into a URL; some servers leave out where the app is mounted."""
    sent = f"{path}?{query}" if query else path
    if root and not path.startswith(f"{root}/"):
        sent = root + sent
    return quote(sent, safe="/!$&'()*+,;=:@-._~?%[]", encoding="latin-1", errors="replace")


def back(gate: str, to: str) -> str:
    """The address that looks whether the pass came along, and goes on to `to`."""
    return f"{gate}back?to={quote(to, safe='')}"


def root_of(scope: Scope) -> str:
    """Where the app is mounted, as one can write it into a URL."""
    return quote(str(scope.get("root_path") or ""), safe="/")
