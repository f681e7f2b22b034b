"""One Allow or Disallow line, and the form in which paths and patterns are compared (RFC 9309 2.2.2 and 2.2.3)."""

import re
from dataclasses import dataclass, field

_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_UNRESERVED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"  # RFC 3986 2.3
_UNDONE = {f"%{ord(letter):02X}": letter for letter in _UNRESERVED}


def encoded(octets: bytes) -> str:
    """A path or pattern as it is compared: all ASCII, escapes in upper case, none of an unreserved character."""
    text = octets.decode("latin-1")
    if not octets.isascii():
        text = "".join([letter if letter < "\x80" else f"%{ord(letter):02X}" for letter in text])
    return _ESCAPE.sub(_undo, text) if "%" in text else text


def _undo(escape: re.Match[str]) -> str:
    upper = escape[0].upper()
    return _UNDONE.get(upper, upper)


@dataclass(frozen=True, slots=True)
class Rule:
    """One Allow or Disallow line. "*" stands for any run of octets, "$" at the end for the end of the path."""

    line: int  # counted from 1
    allow: bool
    text: str  # as written, without comment
    pattern: str  # encoded
    pieces: tuple[str, ...] = field(init=False)  # what stands between the asterisks
    anchored: bool = field(init=False)  # ends with "$"
    rank: tuple[int, bool] = field(init=False)  # of all rules that match, the lowest decides: the longest, then Allow

    def __post_init__(self) -> None:
        head, *rest = self.pattern.removesuffix("$").split("*")
        pieces = (head, *(piece for piece in rest[:-1] if piece), *rest[-1:])
        object.__setattr__(self, "pieces", pieces)
        object.__setattr__(self, "anchored", self.pattern.endswith("$"))
        object.__setattr__(self, "rank", (-len(self.pattern), not self.allow))

    def matches(self, path: str) -> bool:
        """Whether an encoded path matches. Each piece is sought once, leftmost first: no pattern makes this slow."""
        pieces = self.pieces
        if not path.startswith(pieces[0]):
            return False
        at = len(pieces[0])
        if len(pieces) == 1:
            return not self.anchored or len(path) == at
        for piece in pieces[1:-1]:
            at = path.find(piece, at)
            if at < 0:
                return False
            at += len(piece)
        last = pieces[-1]
        if self.anchored:
            return len(path) - at >= len(last) and path.endswith(last)
        return path.find(last, at) >= 0
