"""The demo's end: one incident is packed into a bundle, the bundle is verified, and a changed copy is refused."""

import tempfile
import zipfile
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from scrapeguard.config import Config
from scrapeguard.demo.authority import Stamping
from scrapeguard.demo.stage import keeping
from scrapeguard.evidence.incident import Incident
from scrapeguard.evidence.incidents import IDLE
from scrapeguard.evidence.keeper import KeeperSettings
from scrapeguard.evidence.verify import ANCHORED, INVALID, UNANCHORED, Result, trust, verify
from scrapeguard.exports.bundle import Extras, export
from scrapeguard.exports.container import pack
from scrapeguard.exports.keeping import Keeping

BUNDLE, CHANGED, REPORT = "bundle.zip", "bundle-changed.zip", "report.html"
PRICE = Decimal("0.05")  # of a licence for one mineral; as invented as the minerals
REPORTS = {"report.en.html": REPORT, "report.zh.html": "report.zh.html"}


@dataclass(frozen=True, slots=True)
class Proof:
    """A bundle, and what verification says of it and of its changed copy."""

    incident: str
    bundle: Path
    digest: str  # SHA-256 of the bundle
    key: str  # the log's public key, a vkey
    root: Path | None  # of the authority that stamped it; None = none was there
    exhibits: int
    altered: str  # the file in which the copy differs
    verified: Result
    changed: Result

    @property
    def as_it_should_be(self) -> bool:
        held = self.verified.code == (ANCHORED if self.root else UNANCHORED)
        return held and self.changed.code == INVALID and self.changed.file == self.altered

    def told(self) -> dict[str, object]:
        return {
            "incident": self.incident,
            "bundle": str(self.bundle),
            "sha256": self.digest,
            "key": self.key,
            "tsa_root": None if self.root is None else str(self.root),
            "exhibits": self.exhibits,
            "verdict": self.verified.verdict,
            "problem": self.verified.problem,
            "changed": {
                "altered": self.altered,
                "verdict": self.changed.verdict,
                "file": self.changed.file,
                "problem": self.changed.problem,
            },
        }


def prove(folder: Path, incident: Incident, stamping: Stamping | None = None) -> Proof:
    """Export an incident of `folder`/evidence, verify it by key and authority, change a copy and verify that."""
    settings = Config({"keeper": keeping(stamping)}).section("keeper", KeeperSettings)
    asked = Extras(PRICE, "EUR")
    bundle = export(folder / "evidence", incident.found, folder / BUNDLE, IDLE, Keeping(settings), asked)
    with zipfile.ZipFile(bundle.path) as archive:
        for name, kept in REPORTS.items():
            (folder / kept).write_bytes(archive.read(f"data/analysis/{name}"))
        exhibits = sum(name.endswith(".warc") for name in archive.namelist())
    root = None if stamping is None else stamping.root
    brought = trust([bundle.key], [] if root is None else [str(root)], [])
    altered = alter(bundle.path, folder / CHANGED)
    verified, changed = verify(str(bundle.path), brought), verify(str(folder / CHANGED), brought)
    about = (incident.found.id, bundle.path, bundle.digest, bundle.key, root, exhibits)
    return Proof(*about, altered, verified, changed)


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
