"""The hour in which records are written: its name, its span, and the key of its day."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from scrapeguard.evidence.vault import DayKey, Vault

HOUR = 3_600_000_000  # microseconds


@dataclass(frozen=True, slots=True)
class Hour:
    """A UTC hour."""

    name: str  # "2026-11-24T09"
    since: int  # microseconds since 1970
    until: int
    key: DayKey  # of its day

    @property
    def day(self) -> str:
        return self.name[:10]


def now() -> int:
    """Microseconds since 1970, by this machine's clock."""
    return time.time_ns() // 1000


def hour_of(moment: int) -> str:
    """The UTC hour of a time in microseconds: "2026-11-24T09"."""
    return f"{datetime.fromtimestamp(moment / 1_000_000, UTC):%Y-%m-%dT%H}"


def hour_at(moment: int, vault: Vault) -> Hour:
    """The hour of a time in microseconds, with the key to write in it. Raises OSError and EvidenceError."""
    name, since = hour_of(moment), moment - moment % HOUR
    return Hour(name, since, since + HOUR, vault.today(name[:10]))
