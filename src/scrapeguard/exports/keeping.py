"""Before an export: what was written is in the tree, counted, signed and stamped, as far as that can be done now."""

import os
import time
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

from scrapeguard.errors import FormatError
from scrapeguard.evidence import keys, timestamp
from scrapeguard.evidence.canonical import Json
from scrapeguard.evidence.checkpoint import Signer
from scrapeguard.evidence.duty import finish
from scrapeguard.evidence.hour import now
from scrapeguard.evidence.keeper import Keeper, KeeperSettings, elect
from scrapeguard.evidence.log import EvidenceLog, EvidenceSettings
from scrapeguard.evidence.stamps import Authority, post, roots
from scrapeguard.evidence.verify import SKEW

PATIENCE = 3  # rounds of the keeper that runs elsewhere


@dataclass(frozen=True, slots=True)
class Keeping:
    """Who keeps the evidence, as configured."""

    settings: KeeperSettings = field(default_factory=KeeperSettings)
    base: Path = Path()  # what paths in the settings are relative to

    def named(self, directory: Path) -> "Keeping":
        """Under the name that the log's key has, whatever the settings say."""
        known = list(keys.history(directory))
        site, _, host = (known[-1].new.name if known else self.settings.name()).partition("/evidence/")
        return replace(self, settings=replace(self.settings, site=site, host=host))

    def signer(self, directory: Path) -> Signer:
        return keys.load(directory, self.settings.name())

    def stamps(self, data: bytes) -> dict[str, bytes]:
        """Time stamps over `data` from every authority that answers, by its name."""
        found, digest = {}, sha256(data).digest()
        if self.settings.authorities:
            trusted = roots([self.base / path for path in self.settings.authority_roots])
            for url in self.settings.authorities:
                nonce = int.from_bytes(os.urandom(8), "big") >> 1
                try:
                    answer = post(url, timestamp.request(digest, nonce), "application/timestamp-query")
                    timestamp.verify(answer, digest, trusted, nonce)
                except (OSError, FormatError):
                    continue  # the log's own anchoring tells of an authority that does not answer
                found[Authority(url, trusted).name] = answer
        return found


def prepare(directory: Path, keeping: Keeping, event: dict[str, Json]) -> None:
    """Record the export, and do the keeper's work; when a keeper runs elsewhere, wait a little until it has.

    Raises EvidenceError, FormatError and OSError.
    """
    log = EvidenceLog(EvidenceSettings(directory=str(directory)), Path)
    try:
        log.event("export", event)
        lock = elect(directory)
        if lock is None:
            time.sleep(PATIENCE * keeping.settings.checkpoint_seconds)
            return
        try:
            keeper = Keeper(directory, keeping.settings, log.event, now(), keeping.base)
            keeper.look_at_clock()
            finish(keeper)
            if abs(keeper.ahead or 0) > SKEW:
                finish(keeper)  # so that the record that says so is stamped too
            keeper.sequencer.archive()
        finally:
            os.close(lock)
    finally:
        log.close()
