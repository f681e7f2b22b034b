"""The demo's end: one incident is packed into a bundle, the bundle is verified, and a changed copy is refused."""

import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from scrapeguard.evidence.incident import Incident
from scrapeguard.evidence.incidents import IDLE
from scrapeguard.evidence.verify import ANCHORED, INVALID, UNANCHORED, Result, Trust, load_key, verify
from scrapeguard.exports.bundle import export
from scrapeguard.exports.container import pack

BUNDLE, CHANGED, REPORT = "bundle.zip", "bundle-changed.zip", "report.html"
REPORTS = {"report.en.html": REPORT, "report.zh.html": "report.zh.html"}


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
        held = self.verified.code in (ANCHORED, UNANCHORED)  # the demo has no time-stamp authority to ask
        return held and self.changed.code == INVALID and self.changed.file == self.altered

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
        for name, kept in REPORTS.items():
            (folder / kept).write_bytes(archive.read(f"data/analysis/{name}"))
    key = Trust((load_key(bundle.key),))
    altered = alter(bundle.path, folder / CHANGED)
    verified, changed = verify(str(bundle.path), key), verify(str(folder / CHANGED), key)
    return Proof(incident.found.id, bundle.path, bundle.digest, altered, verified, changed)


def alter(bundle: Path, copy: Path) -> str:
    """Copy a bundle with one digit changed in the largest file of records; answers the file's name."""
    with tempfile.TemporaryDirectory(prefix=".bundle-", dir=copy.parent) as name, zipfile.ZipFile(bundle) as archive:
        records = [info for info in archive.infolist() if info.filename.endswith("records.jsonl")]
        target = max(records, key=lambda info: info.file_size).filename
        archive.extractall(name)
        changed = Path(name) / target
        data = changed.read_bytes()
        place = data.rindex(b'"status":') + len(b'"status":')
        changed.write_bytes(data[:place] + b"9" + data[place + 1 :])
        pack(Path(name), copy)
    return target
