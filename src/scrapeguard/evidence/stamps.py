"""Have a checkpoint time-stamped by third parties and cosigned by witnesses; an authority that is down is asked again.

log/<month>/checkpoints/<size>                 what is stamped: the signed note, byte for byte
log/<month>/checkpoints/<size>.<name>.tsr      the authority's answer; <name> from its URL's host
log/<month>/checkpoints/<size>.cosigned        the note with the witnesses' lines under it
"""

import base64
import os
import re
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509

from scrapeguard.errors import EvidenceError, FormatError
from scrapeguard.evidence import timestamp
from scrapeguard.evidence.checkpoint import Verifier, cosigned_at, parse
from scrapeguard.evidence.sequencer import put
from scrapeguard.evidence.tiles import Tiles
from scrapeguard.evidence.tree import consistency_proof

TIMEOUT = 10  # seconds an authority or witness may take
MAX_ANSWER = 256 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class Authority:
    """A time-stamping authority: where it is asked, and the roots its answers are checked against at once."""

    url: str
    roots: tuple[x509.Certificate, ...]

    @property
    def name(self) -> str:
        parts = urlsplit(self.url)
        return re.sub(r"[^a-z0-9.-]+", "-", f"{parts.hostname}{f'-{parts.port}' if parts.port else ''}".lower())

    def stamp(self, checkpoint: Path) -> timestamp.Token:
        """Stamp an archived checkpoint and keep the answer beside it. Raises OSError and FormatError."""
        digest = sha256(checkpoint.read_bytes()).digest()
        nonce = int.from_bytes(os.urandom(8), "big") >> 1
        answer = post(self.url, timestamp.request(digest, nonce), "application/timestamp-query")
        token = timestamp.verify(answer, digest, self.roots, nonce)
        put(self.path(checkpoint), answer)
        return token

    def path(self, checkpoint: Path) -> Path:
        return checkpoint.with_name(f"{checkpoint.name}.{self.name}.tsr")


@dataclass(frozen=True, slots=True)
class Witness:
    """A C2SP witness: it remembers the largest tree it has seen and cosigns only what extends it."""

    url: str  # the submission prefix; "/add-checkpoint" is added
    key: Verifier

    def cosign(self, checkpoint: Path, tiles: Tiles, seen: int) -> int:
        """Have an archived checkpoint cosigned, from the size the witness has `seen`; answers the time it states.

        The line is put under the note in <size>.cosigned. Raises OSError and FormatError.
        """
        note = checkpoint.read_text()
        size = parse(note)[0].size
        proof = consistency_proof(seen, size, tiles.node) if 0 < seen < size else []
        lines = "".join(base64.b64encode(step).decode() + "\n" for step in proof)
        body = f"old {seen}\n{lines}\n{note}".encode()
        answer = post(self.url.rstrip("/") + "/add-checkpoint", body, "text/plain; charset=utf-8").decode()
        stated = cosigned_at(note + answer, self.key)
        if stated is None:
            raise FormatError(f"The witness {self.key.name} did not cosign.", "Its answer has no line of its key.")
        path = checkpoint.with_name(f"{checkpoint.name}.cosigned")
        before = path.read_text() if path.exists() else note
        put(path, (before + answer).encode())
        return stated


def post(url: str, body: bytes, kind: str) -> bytes:
    """POST and read at most 256 KiB. Raises OSError, also for any answer but 200."""
    if urlsplit(url).scheme not in ("http", "https"):
        raise OSError(f"{url}: only http and https are spoken")
    request = urllib.request.Request(url, body, {"Content-Type": kind})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310
            data: bytes = answer.read(MAX_ANSWER + 1)
    except (urllib.error.URLError, ValueError) as error:
        raise OSError(f"{url}: {error}") from error
    if len(data) > MAX_ANSWER:
        raise OSError(f"{url}: the answer is longer than {MAX_ANSWER} bytes")
    return data


def roots(paths: Sequence[Path]) -> tuple[x509.Certificate, ...]:
    """The certificates in PEM files. Raises FormatError."""
    found: list[x509.Certificate] = []
    for path in paths:
        try:
            found += x509.load_pem_x509_certificates(path.read_bytes())
        except (OSError, ValueError) as error:
            raise FormatError(f"{path}: no certificate can be read from it.", f"{error}") from error
    return tuple(found)


def authorities(urls: Sequence[str], paths: Sequence[Path]) -> list[Authority]:
    """The authorities that are configured, with the PEM files of their roots. Raises EvidenceError and FormatError."""
    if urls and not paths:
        raise EvidenceError(
            "[keeper] names time-stamp authorities but no root to check them against.",
            "Put the PEM files of their roots into authority_roots.",
        )
    found = roots(paths)
    return [Authority(url, found) for url in urls]


def witness(text: str) -> Witness:
    """A witness as configured: "<vkey> <url>". Raises FormatError."""
    vkey, _, url = text.partition(" ")
    return Witness(url.strip(), Verifier.parse(vkey))
