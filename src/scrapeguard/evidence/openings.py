"""Openings read back: what a record commits to, for whoever has the vault's key; each is checked against it."""

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from scrapeguard.errors import EvidenceError
from scrapeguard.evidence.canonical import canonical
from scrapeguard.evidence.cases import Cases, Disclosures
from scrapeguard.evidence.vault import KEY, DayKey, Vault

DECODER = json.JSONDecoder()

Groups = dict[str, dict[str, Any]]  # "client" -> {"address": …}
Opening = tuple[list[Any], str]  # a disclosure, and its text


class Openings:
    """Opens the records of one evidence directory, as far as its keys are there."""

    def __init__(self, directory: Path) -> None:
        self.vault = Vault(directory)
        self.cases = Cases(self.vault)
        self._days: dict[str, DayKey | None] = {}
        self.locked = not (directory / KEY).exists()  # no vault key: nothing opens, and nothing is made

    def groups(self, record: dict[str, Any], raw: bytes, sealed: bytes) -> Groups:
        """What the record on the public line `raw` commits to, by group; nothing when it cannot be opened."""
        return {opening[1]: opening[2] for opening, _ in self._opened(record, raw, sealed)}

    def disclosures(self, record: dict[str, Any], raw: bytes, sealed: bytes) -> dict[str, str]:
        """The disclosures of the record on the public line `raw`, by group: what a bundle hands over."""
        return {opening[1]: text for opening, text in self._opened(record, raw, sealed)}

    def kept(self, record: dict[str, Any], raw: bytes, sealed: bytes) -> Disclosures:
        """The disclosures as they are sealed, for a case to keep."""
        return [opening for opening, _ in self._opened(record, raw, sealed)]

    def pseudonyms(self, key: str) -> Iterator[str]:
        """What a client key is called on each day whose key is there, and in cases."""
        if self.locked:
            return
        for day in self.vault.days():
            known = self.vault.past(day)
            if known is not None:
                yield known.pseudonym(key)
        yield from self.cases.pseudonyms(key)

    def _opened(self, record: dict[str, Any], raw: bytes, sealed: bytes) -> list[Opening]:
        if self.locked or "sd" not in record:
            return []
        commitments = record["sd"]
        return [
            (opening, text)
            for opening, text in self._unsealed(record["win"][:10], raw, sealed)
            if commitments.get(opening[1]) == sha256(text.encode()).hexdigest()
        ]

    def _unsealed(self, day: str, raw: bytes, sealed: bytes) -> list[Opening]:
        if day not in self._days:  # to look for its file costs more than to open with it
            self._days[day] = self.vault.past(day)
        key = self._days[day] if sealed else None
        if key is not None:
            try:
                return _texts(key.open(sealed, sha256(raw).digest()).decode("ascii"))
            except (EvidenceError, ValueError):
                pass  # of a case, or altered where it lies, which fsck tells
        return [(each, canonical(each)) for each in self.cases.opened(raw)]


def _texts(openings: str) -> list[Opening]:
    """The disclosures of `[disclosure, …]`, each with the very text that was hashed. Raises ValueError."""
    found, at = [], 1
    while openings[at : at + 1] == "[":
        opening, end = DECODER.raw_decode(openings, at)
        found.append((opening, openings[at:end]))
        at = end + 1
    return found
