"""Decisions as files that proxies and firewalls load: whom to refuse, and until when.

A file is replaced whole and at once, only when a decision has changed, and put back when whoever is to load it finds
fault with it.
"""

import json
import logging
import os
import shlex
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from scrapeguard.errors import InputError
from scrapeguard.model import Rung

log = logging.getLogger("scrapeguard.watch")

PATIENCE = 30  # seconds for a check or a reload


@dataclass(frozen=True, slots=True, order=True)
class Ban:
    """An address, or the /64 of an IPv6 one, that is on a rung until then (microseconds since 1970)."""

    key: str
    rung: Rung
    until: int


def _when(micros: int) -> str:
    return datetime.fromtimestamp(micros // 1_000_000, UTC).isoformat().replace("+00:00", "Z")


def nginx(bans: Iterable[Ban], _: int) -> str:
    """For `geo $scrapeguard { default allow; include FILE; }`."""
    return "".join(f"{ban.key} {ban.rung.label}; # until {_when(ban.until)}\n" for ban in bans)


def haproxy(bans: Iterable[Ban], _: int) -> str:
    """For `%[src,map_ip(FILE,allow)]`."""
    return "".join(f"# until {_when(ban.until)}\n{ban.key} {ban.rung.label}\n" for ban in bans)


def nftables(bans: Iterable[Ban], now: int) -> str:
    """For `nft -f FILE`: two sets of who is blocked, which forget by themselves; to be dropped by a rule of yours."""
    lines = ["table inet scrapeguard {}", "delete table inet scrapeguard", "table inet scrapeguard {"]
    blocked = [ban for ban in bans if ban.rung is Rung.BLOCK]
    for name, kind, wide in (("blocked4", "ipv4_addr", False), ("blocked6", "ipv6_addr", True)):
        lines.append(f"  set {name} {{ type {kind}; flags interval, timeout;")
        inside = [f"{ban.key} timeout {_left(ban, now)}s" for ban in blocked if (":" in ban.key) == wide]
        if inside:
            lines.append(f"    elements = {{ {', '.join(inside)} }}")
        lines.append("  }")
    return "\n".join([*lines, "}", ""])


def crowdsec(bans: Iterable[Ban], now: int) -> str:
    """The shape in which CrowdSec's local API tells bouncers its decisions."""
    new = [
        {
            "duration": f"{_left(ban, now)}s",
            "origin": "scrapeguard",
            "scenario": f"scrapeguard/{ban.rung.label}",
            "scope": "Range" if "/" in ban.key else "Ip",
            "type": "ban" if ban.rung is Rung.BLOCK else ban.rung.label,
            "value": ban.key,
        }
        for ban in bans
    ]
    return json.dumps({"deleted": [], "new": new}, indent=1) + "\n"


def _left(ban: Ban, now: int) -> int:
    return max(1, (ban.until - now) // 1_000_000)


FORMATS: dict[str, Callable[[Iterable[Ban], int], str]] = {
    "nginx": nginx,
    "haproxy": haproxy,
    "nftables": nftables,
    "crowdsec": crowdsec,
}


class Publication:
    """One file. `check` and `load` are commands, such as "nginx -t" and "nginx -s reload"; "" = none."""

    def __init__(self, path: Path, form: str, check: str = "", load: str = "") -> None:
        self.path = path
        self._render = FORMATS[form]
        self._check = shlex.split(check)
        self._load = shlex.split(load)
        self._told: tuple[Ban, ...] | None = None

    def publish(self, bans: Iterable[Ban], now: int) -> bool:
        """Put these decisions in force; False = they are already. Raises InputError when they cannot be."""
        current = tuple(sorted(bans))
        if current == self._told:
            return False
        try:
            before = self.path.read_bytes() if self.path.exists() else None
            self._replace(self._render(current, now).encode())
            self._told = current  # even if it is refused: the same again would be refused again
            fault = _run(self._check)
            if fault:
                self._restore(before)
                said = f"{self.path} is as it was before: {shlex.join(self._check)} said {fault!r}."
                raise InputError(said, "Mend what it names: it may be elsewhere in the configuration that it reads.")
        except OSError as error:
            said = f"{self.path} cannot be written ({error.strerror})."
            raise InputError(said, "Name a file in a folder that can be written.") from error
        fault = _run(self._load)
        if fault:
            log.error("%s is written, but %s said %r", self.path, shlex.join(self._load), fault)
        return True

    def _replace(self, data: bytes) -> None:
        handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), 0o644)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(self.path)

    def _restore(self, before: bytes | None) -> None:
        if before is None:
            self.path.unlink(missing_ok=True)
        else:
            self._replace(before)


def _run(command: list[str]) -> str:
    """What went wrong with a command, in its own words; "" = nothing."""
    if not command:
        return ""
    try:
        done = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False)  # noqa: S603 - the operator's
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    said = (done.stderr or done.stdout)[-500:].decode("utf-8", "replace").strip()
    return "" if done.returncode == 0 else said or f"exit code {done.returncode}"
