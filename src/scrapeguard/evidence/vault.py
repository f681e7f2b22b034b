"""The vault: personal facts of a day under the key of that day, so that destroying the key destroys them all.

    keys/vault.key          32 random bytes in hex, for its owner only; kept apart from the log, the log tells nothing
    vault/<YYYY-MM-DD>.key  the day's key, random, wrapped (AES-256-GCM) by the vault key; made by the first to need it

    sealed = base64(nonce of 12 bytes || AES-256-GCM(day key, openings, SHA-256 of the public line))

A day's pseudonyms are HMACs under a key that is derived from the day's, so they die with it too.
"""

import base64
import binascii
import hmac
import os
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from scrapeguard.errors import EvidenceError
from scrapeguard.evidence.durable import sync_folder

FOLDER = "vault"
KEY = "keys/vault.key"
NONCE = 12


class DayKey:
    """The key of one day."""

    def __init__(self, day: str, key: bytes) -> None:
        self.day = day
        self._cipher = AESGCM(key)
        self._pseudonyms = hmac.new(key, b"pseudonym", sha256).digest()

    def seal(self, openings: bytes, line: bytes, nonce: bytes | None = None) -> bytes:
        """Openings of the record on `line` (the public line's SHA-256), base64. A `nonce` is random and used once."""
        nonce = nonce or os.urandom(NONCE)
        return binascii.b2a_base64(nonce + self._cipher.encrypt(nonce, openings, line), newline=False)

    def open(self, sealed: bytes, line: bytes) -> bytes:
        """Raises EvidenceError when they were sealed for another record or altered."""
        try:
            raw = base64.b64decode(sealed, validate=True)
            return self._cipher.decrypt(raw[:NONCE], raw[NONCE:], line)
        except (InvalidTag, ValueError, binascii.Error) as error:
            raise EvidenceError(
                "Sealed openings do not belong to their record.", "They were altered or moved."
            ) from error

    def pseudonym(self, subject: str) -> str:
        """How this subject is called on this day: 32 hex digits, of no use to whoever lacks the key."""
        return hmac.new(self._pseudonyms, subject.encode("utf-8", "surrogatepass"), sha256).hexdigest()[:32]


class Vault:
    """The day keys of one evidence directory, and the key that wraps them. Raises EvidenceError."""

    def __init__(self, directory: Path, key: Path | None = None) -> None:
        self.directory = directory
        self._path = key or directory / KEY
        self._wrap: AESGCM | None = None
        self._days: dict[str, DayKey] = {}

    def today(self, day: str) -> DayKey:
        """The key of a day that is being written, made when it is the first time."""
        return self._days.get(day) or self._get(day, make=True)

    def past(self, day: str) -> DayKey | None:
        """The key of a day, None when it was destroyed (or never was)."""
        path = self._day_path(day)
        if not path.exists():
            self._days.pop(day, None)
            return None
        return self._days.get(day) or self._get(day, make=False)

    def days(self) -> list[str]:
        """The days whose keys are still there, oldest first."""
        return sorted(path.stem for path in (self.directory / FOLDER).glob("????-??-??.key"))

    def destroy(self, day: str) -> bool:
        """Destroy a day's key, and with it every opening and pseudonym of that day; False when it was gone."""
        self._days.pop(day, None)
        return self.shred(self._day_path(day))

    def shred(self, path: Path) -> bool:
        """Destroy a wrapped key so that no copy of it lingers in the file system's free space; False when it is gone.

        On flash and on copying file systems old blocks may outlive this; the vault key they are wrapped by then has
        to be kept apart, or the disk encrypted.
        """
        if not path.exists():
            return False
        with path.open("r+b") as file:
            file.write(os.urandom(path.stat().st_size))
            file.flush()
            os.fsync(file.fileno())
        path.unlink()
        sync_folder(path.parent)
        return True

    def wrapped(self, path: Path, name: str, *, make: bool = False) -> DayKey:
        """A key wrapped for `name` in a file, made when it is not there and `make` says so."""
        if make and not path.exists():
            nonce = os.urandom(NONCE)
            _put_first(path, nonce + self._wrapper().encrypt(nonce, os.urandom(32), name.encode()))
        try:
            raw = path.read_bytes()
            return DayKey(name, self._wrapper().decrypt(raw[:NONCE], raw[NONCE:], name.encode()))
        except OSError as error:
            raise EvidenceError(f"{path}: the key cannot be read ({error}).", "Restore it from a copy.") from error
        except InvalidTag as error:
            raise EvidenceError(
                f"{path}: the vault key does not fit.", f"Give the key it was made with: {self._path}."
            ) from error

    def _get(self, day: str, *, make: bool) -> DayKey:
        if len(self._days) > 400:
            self._days.clear()
        made = self._days[day] = self.wrapped(self._day_path(day), day, make=make)
        return made

    def _wrapper(self) -> AESGCM:
        if self._wrap is None:
            if not self._path.exists():
                if self.days():
                    raise EvidenceError(
                        f"{self._path}: the vault key is missing.", "Put it back; without it nothing opens."
                    )
                _put_first(self._path, os.urandom(32).hex().encode() + b"\n")
            if self._path.stat().st_mode & 0o077:
                raise EvidenceError(
                    f"{self._path}: others than its owner can read the key.", f"Run: chmod 600 {self._path}"
                )
            self._wrap = AESGCM(bytes.fromhex(self._path.read_text("ascii").strip()))
        return self._wrap

    def _day_path(self, day: str) -> Path:
        return self.directory / FOLDER / f"{day}.key"


def _put_first(path: Path, data: bytes) -> None:
    """Write a file whole and private, unless somebody else was first: then theirs stays."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    sync_folder(path.parent)
