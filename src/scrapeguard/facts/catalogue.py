"""The crawlers and other robots we know by name: robots/agents/*.toml, one a file."""

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from scrapeguard.config import bind
from scrapeguard.errors import ConfigError
from scrapeguard.model import AgentKind

Use = Literal[
    "search", "training", "assistant", "archive", "data", "seo", "advertising", "security", "preview", "feed",
    "monitor", "other",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Crawler:
    """One robot: what it calls itself, who runs it, what for, and how its claim can be checked."""

    token: str  # the product token it looks up in robots.txt
    agents: tuple[str, ...]  # words, or rows of words, of its user agents; lower-case
    kind: AgentKind
    purpose: str
    operator: str = ""  # "" = anybody can run it
    rdns: tuple[str, ...] = ()  # host names it comes from: ".example.com", or "proxy-*.example.com"
    ranges: str = ""  # where its operator publishes the addresses it comes from
    complete: bool = (
        False  # by its operator's word it comes from there and from nowhere else, so a claim can be refuted
    )
    use: Use = "other"  # the purpose, as one of a few words that rules can be made for


class Catalogue:
    """Finds the robot an agent names. Whole words only: "Code" is not in "opscode", nor "LCC" in "SLCC2"."""

    def __init__(self, crawlers: Iterable[Crawler]) -> None:
        self.crawlers = tuple(crawlers)
        self._rows: dict[str, list[tuple[list[str], Crawler]]] = {}
        for crawler in self.crawlers:
            for name in crawler.agents:
                first, *rest = name.split(" ")
                self._rows.setdefault(first, []).append((rest, crawler))
        for rows in self._rows.values():
            rows.sort(key=lambda row: -len(row[0]))  # the longest name first

    def find(self, words: Sequence[str]) -> Crawler | None:
        """The robot that these words, lower-case and in order, name first."""
        for place, word in enumerate(words):
            rows = self._rows.get(word)
            if rows is None and "-" in word:  # "baiduspider-ads" is Baiduspider
                rows = self._rows.get(word[: word.index("-")])
            for rest, crawler in rows or ():
                if rest == words[place + 1 : place + 1 + len(rest)]:
                    return crawler
        return None


def read(folder: Path) -> Catalogue:
    """The catalogue in a folder. Raises ConfigError naming the file that is wrong."""
    crawlers = []
    for path in sorted(folder.glob("*.toml")):
        try:
            crawlers.append(bind(Crawler, tomllib.loads(path.read_text("utf-8")), "agent", str(path)))
        except (OSError, ValueError, TypeError) as error:
            raise ConfigError(
                f"{path}: {error}.", "Write token, agents, kind and purpose, as its neighbours do."
            ) from error
    return Catalogue(crawlers)
