"""A robots.txt as it is written: its groups one by one, what they forbid, and what they declare besides."""

from dataclasses import dataclass, field

from scrapeguard.notices.robots import AGENT_KEYS, ALLOW_KEYS, DISALLOW_KEYS, lines, names, split

SIGNALS = {"search": "search", "ai-input": "ai_input", "ai-train": "ai_train"}  # contentsignals.org
USAGES = {"search": "search", "ai-use": "ai_input", "train-ai": "ai_train"}  # AIPREF
STANCES = {"yes": "allow", "y": "allow", "no": "refuse", "n": "refuse"}


@dataclass(slots=True)
class Declared:
    """One group."""

    line: int  # of its first user-agent line
    tokens: set[str] = field(default_factory=set)  # lower case
    disallowed: list[str] = field(default_factory=list)  # patterns
    stances: list[tuple[int, str, str]] = field(default_factory=list)  # line, purpose, stance

    def closed(self) -> bool:
        """Whether it forbids everything, as far as one line can."""
        return any(pattern in ("/", "/*", "*") for pattern in self.disallowed)


def declared(data: bytes) -> list[Declared]:
    """The groups in order; never fails, and reads a file as `robots.parse` does."""
    groups: list[Declared] = []
    ended = True
    for number, line in enumerate(lines(data), 1):
        key, value = split(line)
        text = value.decode("utf-8", "replace")
        if key.startswith(AGENT_KEYS):
            if ended:
                groups.append(Declared(number))
                ended = False
            groups[-1].tokens |= names(text.lower())
        elif key.startswith(ALLOW_KEYS + DISALLOW_KEYS):
            ended = True
            if groups and text and key.startswith(DISALLOW_KEYS):
                groups[-1].disallowed.append(text)
        elif groups and key in ("content-signal", "content-usage"):
            groups[-1].stances += [(number, *it) for it in _stances(text, key == "content-signal")]
    return groups


def _stances(value: str, signal: bool) -> list[tuple[str, str]]:
    """Purpose and stance of each key that is known; a value for one path only is not compared."""
    if value.startswith("/"):
        return []
    keys, found = SIGNALS if signal else USAGES, []
    for part in value.split(","):
        name, _, said = (word.strip() for word in part.partition("="))
        if name in keys and said in STANCES:
            found.append((keys[name], STANCES[said]))
    return found
