"""Cases: what a hold keeps of an incident, under a key of its own, so that retention and erasure do not reach it.

vault/cases/<incident>/case.key          random, wrapped by the vault key
vault/cases/<incident>/<writer>.jsonl    the incident's records of that writer, each with its openings under it,
                                         sealed like those in the writer's file but under the case's key
vault/cases/<incident>/links.json        how often each link would be chance, counted while strangers were there
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

from scrapeguard.errors import EvidenceError
from scrapeguard.evidence.canonical import Json, canonical
from scrapeguard.evidence.durable import sync_folder
from scrapeguard.evidence.reading import Line, lines
from scrapeguard.evidence.sequencer import put
from scrapeguard.evidence.vault import Vault

FOLDER = "vault/cases"
KEY = "case.key"
LINKS = "links.json"

Disclosures = list[list[Any]]  # [[salt, name, value], …]


class Cases:
    """The cases of one evidence directory. Raises EvidenceError."""

    def __init__(self, vault: Vault) -> None:
        self.vault = vault
        self._records: dict[bytes, tuple[Path, int]] | None = None  # SHA-256 of a public line -> where it is kept
        self._names: dict[str, set[str]] = {}  # client key -> pseudonyms it has in cases

    def names(self) -> list[str]:
        """The incidents that are held."""
        return sorted(path.parent.name for path in (self.vault.directory / FOLDER).glob(f"*/{KEY}"))

    def files(self) -> list[Path]:
        """The kept records, file by file."""
        return sorted((self.vault.directory / FOLDER).glob("*/[!.]*.jsonl"))

    def keep(self, incident: str, records: Iterable[tuple[str, bytes, Disclosures]]) -> int:
        """Keep an incident's records, given as writer, public line and disclosures, instead of what was kept before."""
        folder = self.vault.directory / FOLDER / incident
        key, count = self.vault.wrapped(folder / KEY, f"case {incident}", make=True), 0
        drafts: dict[str, BinaryIO] = {}
        with ExitStack() as open_files:
            for writer, raw, disclosures in records:
                count += 1
                if writer not in drafts:
                    descriptor = os.open(folder / f".{writer}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
                    drafts[writer] = open_files.enter_context(os.fdopen(descriptor, "wb"))
                sealed = key.seal(canonical(disclosures).encode(), sha256(raw).digest())
                drafts[writer].write(raw + b"\n~" + sealed + b"\n")
            for file in drafts.values():
                file.flush()
                os.fsync(file.fileno())
        for writer in drafts:
            (folder / f".{writer}").replace(folder / writer)
        sync_folder(folder)
        self._records = None
        return count

    def note(self, incident: str, errors: Mapping[str, Json]) -> None:
        """Keep how sure an incident's links were, by their ids: later nobody can count it any more."""
        put(self.vault.directory / FOLDER / incident / LINKS, canonical(errors).encode("ascii"))

    def noted(self) -> dict[str, dict[str, int | None]]:
        """Link -> the numbers of its error, of all cases."""
        found: dict[str, dict[str, int | None]] = {}
        for path in sorted((self.vault.directory / FOLDER).glob(f"*/{LINKS}")):
            found |= json.loads(path.read_bytes())
        return found

    def release(self, incident: str) -> bool:
        """Destroy a case with its key; False when there is none."""
        folder = self.vault.directory / FOLDER / incident
        if not self.vault.shred(folder / KEY):
            return False
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
        self._records = None
        return True

    def opened(self, raw: bytes) -> Disclosures:
        """What is kept of the record on a public line; nothing when no case has it."""
        found = self._index().get(sha256(raw).digest())
        if found is None:
            return []
        path, offset = found
        line = next(lines(path, offset))
        return self._open(path, line) if line.raw == raw else []

    def pseudonyms(self, key: str) -> Iterator[str]:
        """What a client key is called in the records kept."""
        self._index()
        yield from self._names.get(key, ())

    def _index(self) -> dict[bytes, tuple[Path, int]]:
        if self._records is None:
            self._records = {}
            for path in self.files():
                for line in lines(path):
                    self._records[sha256(line.raw).digest()] = (path, line.offset)
                    client = next((each[2] for each in self._open(path, line) if each[1] == "client"), None)
                    if client is not None:
                        self._names.setdefault(client["key"], set()).add(json.loads(line.raw)["sub"])
        return self._records

    def _open(self, path: Path, line: Line) -> Disclosures:
        key = self.vault.wrapped(path.parent / KEY, f"case {path.parent.name}")
        try:
            opened: Disclosures = json.loads(key.open(line.sealed, sha256(line.raw).digest()))
        except (EvidenceError, ValueError):
            return []
        return opened
