"""What a report is made from, and the words of its language."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from scrapeguard.evidence.incident import Incident
from scrapeguard.exports import chinese, english
from scrapeguard.exports.exhibits import Exhibit
from scrapeguard.exports.loss import Loss
from scrapeguard.exports.references import References
from scrapeguard.exports.story import Story
from scrapeguard.exports.words import shown

LANGUAGES = {"en": english, "zh": chinese}
LONGEST = 2_000  # characters of a sentence


@dataclass(frozen=True, slots=True)
class Sources:
    """What a report is made from."""

    incident: Incident
    story: Story
    notices: tuple[tuple[str, str, bytes | None], ...]  # name, SHA-256, content (None = not kept)
    settings: Mapping[str, Any]  # as in force last; empty when not kept
    key: str  # the log's, a vkey
    loss: Loss
    since: Mapping[tuple[str, str], int]  # (notice, digest) -> first in force, us since 1970
    stamped: bool  # by somebody else
    references: References
    exhibits: tuple[Exhibit, ...]
    figures: str = ""  # names and SHA-256 of the files with the figures it was made from

    def actor_in(self, said: Mapping[str, str]) -> str:
        """Whom the report is about: the address that opened the incident, and how many others."""
        name, others = self.incident.found.actor.partition(":")[2], len(self.incident.who) - 1
        return said["and_others"].format(actor=name, others=others) if others > 0 else name


class Says:
    """The sentences of a language: `says(name, …)` is one of them as HTML, whatever was put into it escaped."""

    def __init__(self, words: ModuleType) -> None:
        self.words = words
        self.said: Mapping[str, str] = words.SAID
        self.language: str = words.LANGUAGE

    def __call__(self, name: str, /, **values: object) -> str:
        return shown(self.said[name].format(**values), LONGEST)

    def rests(self, section: str) -> str:
        """The line that says which records a section rests on."""
        return f'<p class="soft"><small>{self("rests")}{self(f"{section}_rests")}</small></p>'
