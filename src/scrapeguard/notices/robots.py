"""robots.txt, parsed and matched by RFC 9309; forgives the slips that Google's parser forgives.

    file  = [BOM] line *(EOL line)                    ; EOL = CR, LF or CRLF
    line  = [key ":" value] ["#" comment]             ; "key value" too, if there is no third word
    group = 1*user-agent-line *rule-line              ; lines with other keys neither end nor split a group

Groups of one token are merged; a token without a group obeys that of "*". The longest pattern that matches
decides, and of two equally long ones Allow.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from scrapeguard.notices.rules import Rule, encoded

MAX_BYTES = 500 * 1024  # RFC 9309 2.5: what follows may be ignored, so nobody can rely on it
MAX_LINE = 16_663  # bytes of a line that Google's parser reads
MAX_TEXT = 200  # characters of a line that are quoted
HOME = "/robots.txt"
START = 5  # characters; most patterns of real files differ in them

AGENT_KEYS = ("user-agent", "useragent", "user agent")
ALLOW_KEYS = ("allow",)
DISALLOW_KEYS = ("disallow", "dissallow", "dissalow", "disalow", "diasllow", "disallaw")
_TOKEN = re.compile(r"[a-z_-]*")  # RFC 9309 2.2.1; whatever else the line says is not part of the token
_NAME = re.compile(r"[^\s/;,]*")  # but "360Spider" and "MJ12bot" exist, and mean themselves


class Group:
    """The rules for one product token, found by the first letters of their patterns."""

    __slots__ = ("_loose", "_starts", "token")

    def __init__(self, token: str, rules: Iterable[Rule] = ()) -> None:
        self.token = token  # lower case; "*" = everybody else; "" = the file has no rules for this agent
        self._loose: list[Rule] = []  # an asterisk, or the end, comes too early to sort the pattern by its start
        self._starts: dict[str, list[Rule]] = {}
        for rule in sorted(rules, key=lambda rule: rule.rank):
            head = rule.pieces[0]
            (self._starts.setdefault(head[:START], []) if len(head) >= START else self._loose).append(rule)

    def rule(self, path: str) -> Rule | None:
        """The rule that decides about an encoded path; None = nothing is said, which allows it.

        /robots.txt is allowed implicitly (RFC 9309 2.2.2): only a rule that names it can speak of it.
        """
        best = None
        for rules in (self._starts.get(path[:START], ()), self._loose):
            for rule in rules:
                if rule.matches(path) and (path != HOME or rule.pattern.startswith(HOME)):
                    if best is None or rule.rank < best.rank:
                        best = rule
                    break
        return best


_NOBODY = Group("")


@dataclass(frozen=True, slots=True)
class Robots:
    """A parsed robots.txt: a group for each token it names."""

    groups: Mapping[str, Group]

    def group(self, token: str) -> Group:
        """The group that a product token ("Googlebot", in any case) has to obey; of "Sogou web spider", "Sogou"."""
        name = token.lower()
        return self.groups.get(name) or self.groups.get(name.partition(" ")[0]) or self.groups.get("*") or _NOBODY


def parse(data: bytes) -> Robots:
    """Read a robots.txt. Never fails: a line that makes no sense is skipped, as is what lies beyond MAX_BYTES."""
    rules: dict[str, list[Rule]] = {}
    tokens: set[str] = set()
    in_rules = False
    for number, line in enumerate(lines(data), 1):
        key, value = split(line)
        if key.startswith(AGENT_KEYS):
            if in_rules:
                tokens, in_rules = set(), False
            for name in names(value.decode("latin-1").lower()):
                tokens.add(name)
                rules.setdefault(name, [])
        elif key.startswith(ALLOW_KEYS + DISALLOW_KEYS):
            in_rules = True
            found = tuple(_rules(number, key.startswith(ALLOW_KEYS), line, value))
            for name in tokens:
                rules[name].extend(found)
    return Robots({name: Group(name, listed) for name, listed in rules.items()})


def lines(data: bytes) -> list[bytes]:
    """The lines, without comments. A line that is cut by the limit of the file's size says nothing."""
    found = data.removeprefix(b"\xef\xbb\xbf")[: MAX_BYTES + 1].splitlines()
    if len(data) > MAX_BYTES:
        del found[-1:]
    return [line[:MAX_LINE].partition(b"#")[0].strip() for line in found]


def split(line: bytes) -> tuple[str, bytes]:
    """Key (lower case) and value of a line; ("", b"") when it has none."""
    key, colon, value = line.partition(b":")
    if not colon:
        words = line.replace(b"\t", b" ").split(b" ")
        words = [word for word in words if word]
        if len(words) != 2:
            return "", b""
        key, value = words
    return key.strip().decode("latin-1").lower(), value.strip()


def names(value: str) -> set[str]:
    """The names under which a user-agent line can be found: the token, and the name as written."""
    if value == "*" or (value.startswith("*") and value[1].isspace()):
        return {"*"}
    found = {match[0] for match in (_TOKEN.match(value), _NAME.match(value)) if match}
    return found - {"", "*"}


def _rules(number: int, allow: bool, line: bytes, value: bytes) -> Iterable[Rule]:
    """The rule of a line; an empty pattern says nothing. Allowing a folder's index page allows the folder."""
    pattern = encoded(value)
    text = line.decode("utf-8", "replace")[:MAX_TEXT]
    if pattern:
        yield Rule(number, allow, text, pattern)
    folder, slash, page = pattern.rpartition("/")
    if allow and slash and page.startswith("index.htm"):
        yield Rule(number, allow, text, f"{folder}/$")
