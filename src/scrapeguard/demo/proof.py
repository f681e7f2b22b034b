"""The demo's end: one incident is packed into a bundle, the bundle is verified, and a changed copy is refused."""

import zipfile
from dataclasses import dataclass
from pathlib import Path

from scrapeguard.evidence.incident import Incident
from scrapeguard.evidence.incidents import IDLE
from scrapeguard.evidence.verify import INVALID, VERIFIED, Result, load_key, verify
from scrapeguard.exports.bundle import export

BUNDLE, CHANGED, REPORT = "bundle.zip", "bundle-changed.zip", "report.html"


@dataclass(frozen=True, slots=True)
class Proof:
    """A bundle, and what verification says of it and of its changed copy."""

    incident: str
    bundle: Path
    digest: str  # SHA-256 of the bundle
    altered: str  # the file in which the copy differs
    verified: Result
    changed: Result

    @property
    def as_it_should_be(self) -> bool:
        return self.verified.code == VERIFIED and self.changed.code == INVALID and self.changed.file == self.altered

    def told(self) -> dict[str, object]:
        return {
            "incident": self.incident,
            "bundle": str(self.bundle),
            "sha256": self.digest,
            "verdict": self.verified.verdict,
            "problem": self.verified.problem,
            "changed": {
                "altered": self.altered,
                "verdict": self.changed.verdict,
                "file": self.changed.file,
                "problem": self.changed.problem,
            },
        }


def prove(folder: Path, incident: Incident) -> Proof:
    """Export an incident of `folder`/evidence, verify it with the key kept there, change a copy and verify that."""
    bundle = export(folder / "evidence", incident, folder / BUNDLE, IDLE)
    with zipfile.ZipFile(bundle.path) as archive:
        (folder / REPORT).write_bytes(archive.read(f"analysis/{REPORT}"))
    key = load_key(bundle.key)
    altered = alter(bundle.path, folder / CHANGED)
    verified, changed = verify(str(bundle.path), key), verify(str(folder / CHANGED), key)
    return Proof(incident.found.id, bundle.path, bundle.digest, altered, verified, changed)


def alter(bundle: Path, copy: Path) -> str:
    """Copy a bundle with one digit changed in the largest file of records; answers the file's name."""
    with zipfile.ZipFile(bundle) as archive, zipfile.ZipFile(copy, "w", zipfile.ZIP_DEFLATED) as changed:
        records = [info for info in archive.infolist() if info.filename.endswith(".jsonl")]
        target = max(records, key=lambda info: info.file_size).filename
        for info in archive.infolist():
            data = archive.read(info)
            if info.filename == target:
                place = data.rindex(b'"status":') + len(b'"status":')
                data = data[:place] + b"9" + data[place + 1 :]
            changed.writestr(info, data)
    return target
