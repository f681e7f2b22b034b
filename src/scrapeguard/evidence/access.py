"""Who looked into the vault, and for what: one `vault.access` record for each run of a command that opens it.

    {"about": {"incident": "4f1c…"}, "by": "alice", "command": "show", "uid": 1000}

A command looks on behalf of whoever runs it. `about` names what was looked at and nobody: an incident, a reference, or
a subject by its pseudonym of the day, which only the vault's key leads back from.
"""

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scrapeguard.errors import EvidenceError
from scrapeguard.evidence.canonical import Json
from scrapeguard.evidence.hour import hour_of, now
from scrapeguard.evidence.log import EvidenceLog, EvidenceSettings
from scrapeguard.evidence.reading import segments
from scrapeguard.evidence.vault import KEY, Vault

KIND = "vault.access"


@contextmanager
def looking(directory: Path, command: str, **about: str) -> Iterator[dict[str, Json]]:
    """Around all of a command's reading; what it is about may be filled in meanwhile.

    It is recorded whether the reading comes to an end or not. Without the vault's key nothing opens, and nothing is
    recorded. Raises EvidenceError when a look cannot be recorded: then nothing is to be shown.
    """
    told: dict[str, Json] = dict(about)
    recorded = True
    try:
        yield told
    finally:
        if (directory / KEY).exists() and segments(directory):
            recorded = _record(directory, {"about": told, "by": _user(), "command": command, "uid": os.getuid()})
    if not recorded:
        raise EvidenceError(
            f"{directory}: that somebody looked into it cannot be recorded.",
            "Nothing is shown without that: run this where it can be written, or on a copy.",
        )


def pseudonym(directory: Path, key: str) -> str:
    """How a client key is called today; "" without the vault's key."""
    return Vault(directory).today(hour_of(now())[:10]).pseudonym(key) if (directory / KEY).exists() else ""


def _record(directory: Path, fields: dict[str, Json]) -> bool:
    log = EvidenceLog(EvidenceSettings(directory=str(directory)), Path)
    log.event(KIND, fields)
    log.close()
    return not log.dropped


def _user() -> str:
    """The name of the account that this process runs as; "" when it has none."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return ""
