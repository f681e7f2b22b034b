"""A bundle: one incident packed into a zip so that somebody else can check it.

    README.txt  analysis/  config/  keys/  log/  manifest.json  manifest.sig  notices/  sha256sums.txt

The same log and incident give the same zip, byte for byte. Nothing is written into the log.
"""

import hashlib
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scrapeguard.errors import EvidenceError
from scrapeguard.evidence.canonical import Json, canonical, digest
from scrapeguard.evidence.incident import Incident
from scrapeguard.evidence.incidents import LOOK_BACK, MINUTE, members
from scrapeguard.evidence.signing import public_hex, public_pem, signer
from scrapeguard.evidence.unpacking import MOST_BYTES, MOST_FILES
from scrapeguard.exports import excerpt
from scrapeguard.exports.container import BLOCK, pack
from scrapeguard.exports.excerpt import Named
from scrapeguard.exports.readme import readme
from scrapeguard.exports.report import Sources, report
from scrapeguard.exports.story import Story
from scrapeguard.exports.words import moment

FORMAT = "scrapeguard-bundle/1"


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle that was written."""

    path: Path
    digest: str  # SHA-256 of the zip: the number to put in a letter
    size: int
    key: str  # the signer's public key, 64 hex digits


def export(directory: Path, incident: Incident, out: Path, idle: int) -> Bundle:
    """Pack an incident of an evidence directory into the zip `out`. Raises EvidenceError."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".bundle-", dir=out.parent) as folder:
            key = _fill(directory, incident, Path(folder) / "bundle", idle)
            packed = Path(folder) / "bundle.zip"
            pack(Path(folder) / "bundle", packed)
            sha, size = _measured(packed)
            packed.replace(out)
    except OSError as error:
        raise EvidenceError(f"The bundle {out} cannot be written ({error}).", "Choose a place with --out.") from error
    return Bundle(out, sha, size, key)


def _fill(directory: Path, incident: Incident, folder: Path, idle: int) -> str:
    """Lay the bundle's files out in `folder`; answers the signer's public key in hex."""
    key = signer(directory)
    story = Story(incident.first, incident.last)
    offsets: dict[str, set[int]] = {}
    for entry in members(directory, incident.found):
        story.add(entry)
        offsets.setdefault(entry.segment, set()).add(entry.offset)
    named = Named()
    for path in excerpt.concerned(directory, incident.first, incident.last, offsets):
        named.add(excerpt.write(path, offsets.get(path.name, set()), folder / "log" / path.stem))
    settings = _copy(directory, named, folder)
    told: dict[str, Json] = {**incident.told(), "idle_minutes": idle, "look_back_minutes": LOOK_BACK // MINUTE}
    notices = tuple((name, sha, _kept(directory / "notices" / sha)) for name, sha in named.in_order())
    found, public = incident.found, public_hex(key)
    sources = Sources(incident, story, notices, settings, public)
    _write(folder / "analysis/incident.json", canonical(told).encode())
    _write(folder / "analysis/report.html", report(sources).encode())
    about = readme(found.id, found.actor, moment(incident.first), moment(incident.last), public)
    _write(folder / "README.txt", about.encode())
    _write(folder / "keys/signer.pem", public_pem(key))
    manifest = _manifest(folder, found.id)
    _refuse_too_large(folder)
    _write(folder / "manifest.json", manifest)
    _write(folder / "manifest.sig", key.sign(manifest))
    return public


def _refuse_too_large(folder: Path) -> None:
    """Raise EvidenceError for a bundle that the verifier would refuse to open."""
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    if sum(sizes) > MOST_BYTES or len(sizes) > MOST_FILES:
        limits = f"the limits are {MOST_FILES} and {MOST_BYTES}"
        told = f"The bundle would have {len(sizes)} files and {sum(sizes)} bytes; {limits}."
        raise EvidenceError(told, "A smaller --idle cuts what happened into shorter incidents.")


def _copy(directory: Path, named: Named, folder: Path) -> Mapping[str, Any]:
    """The notices and settings that were in force, as far as they were kept; answers the last settings."""
    settings: Mapping[str, Any] = {}
    for sha in named.notices:
        content = _kept(directory / "notices" / sha)
        if content is not None:
            _write(folder / "notices" / sha, content)
    for sha in named.configs:
        content = _kept(directory / "configs" / sha)
        if content is not None:
            _write(folder / "config" / f"{sha}.json", content)
            settings = json.loads(content)
    return settings


def _kept(path: Path) -> bytes | None:
    """The content kept under its digest; None when it is not there, or is no longer what its name says."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    return content if digest(content) == path.name else None


def _manifest(folder: Path, incident: str) -> bytes:
    """Write sha256sums.txt, and answer the manifest: every file with its size and SHA-256."""
    files: dict[str, Json] = {}
    sums = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        sha, size = _measured(path)
        files[name] = {"sha256": sha, "size": size}
        sums.append((name, f"{sha}  {name}\n"))
    listed = "".join(line for _, line in sorted(sums)).encode()
    _write(folder / "sha256sums.txt", listed)
    files["sha256sums.txt"] = {"sha256": digest(listed), "size": len(listed)}
    return canonical({"files": files, "format": FORMAT, "incident": incident}).encode()


def _measured(path: Path) -> tuple[str, int]:
    """SHA-256 and size of a file."""
    sha = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            sha.update(block)
    return sha.hexdigest(), path.stat().st_size


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
