"""A bundle: one incident packed so that somebody else can check it, and need not believe us.

    README.txt  verify.py  verify.sh  bagit-profile.json  bagit.txt  bag-info.txt  manifest-sha256.txt
    tagmanifest-sha256.txt  seal/
    data/bundle.json  analysis/  certificates/  configs/  custody/  exhibits/  log/  notices/  trust/

It is a BagIt bag in a zip. Exporting is itself recorded, and the log is committed to and stamped before.
"""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from scrapeguard.errors import EvidenceError, InputError
from scrapeguard.evidence import verify
from scrapeguard.evidence.canonical import Json, canonical, digest
from scrapeguard.evidence.checkpoint import Signer
from scrapeguard.evidence.entry import Entry
from scrapeguard.evidence.hour import now
from scrapeguard.evidence.incident import Found, Incident
from scrapeguard.evidence.incidents import LOOK_BACK, MINUTE, sum_up
from scrapeguard.evidence.keys import FOLDER, HISTORY
from scrapeguard.exports import analysis, bag, custody, statements
from scrapeguard.exports.bag import measured, write
from scrapeguard.exports.container import pack
from scrapeguard.exports.excerpt import Excerpt, Named, whose
from scrapeguard.exports.keeping import Keeping, prepare
from scrapeguard.exports.loss import Catalogue, Loss, configured
from scrapeguard.exports.pdf import printed
from scrapeguard.exports.readme import readme
from scrapeguard.exports.readme_zh import chinese_readme
from scrapeguard.exports.references import MEANINGS, References
from scrapeguard.exports.report import report
from scrapeguard.exports.sources import LANGUAGES, Sources
from scrapeguard.exports.story import Story
from scrapeguard.exports.words import moment

FORMAT = "scrapeguard-bundle/2"
ATTEMPTS = 3  # an answer that was under way may be recorded between the commitment and the count
SHELL = Path(__file__).with_name("verify.sh")


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle that was written."""

    path: Path
    digest: str  # SHA-256 of the zip: the number to put in a letter
    size: int
    key: str  # the log's public key, a vkey
    stamps: int  # time stamps over the seal


@dataclass(frozen=True, slots=True)
class Extras:
    """What an export is asked for besides."""

    price: Decimal | None = None  # of a licence for one object
    currency: str = ""
    pdf: bool = False
    catalogue: Catalogue | None = None  # the settings' own, when it is not told


def price(text: str | None) -> tuple[Decimal | None, str]:
    """A price such as "0.05 EUR". Raises InputError."""
    amount, _, currency = (text or "").partition(" ")
    try:
        return (Decimal(amount), currency.strip()) if text else (None, "")
    except InvalidOperation as error:
        raise InputError(f"{text!r} is no price.", "It looks like '0.05 EUR'.") from error


def export(
    directory: Path,
    found: Found,
    out: Path,
    idle: int,
    keeping: Keeping | None = None,
    extras: Extras | None = None,
) -> Bundle:
    """Pack an incident of an evidence directory into the zip `out`. Raises EvidenceError, FormatError."""
    keeping = (keeping or Keeping()).named(directory)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".bundle-", dir=out.parent) as name:
            for attempt in range(ATTEMPTS):
                prepare(directory, keeping, {"incident": found.id, "out": out.name})
                folder, signer = Path(name) / f"bundle-{attempt}", keeping.signer(directory)
                filling = _Filling(directory, found, folder, idle, signer, extras or Extras())
                filling.fill()
                if filling.agrees:
                    break
            else:
                raise EvidenceError("The incident is not all in the tree yet.", "Export again in a minute.")
            stamps = keeping.stamps((folder / bag.TAGMANIFEST).read_bytes())
            bag.seal(folder, signer, stamps)
            _refuse_too_large(folder)
            packed = Path(name) / "bundle.zip"
            pack(folder, packed)
            sha, size = measured(packed)
            packed.replace(out)
    except OSError as error:
        raise EvidenceError(f"The bundle {out} cannot be written ({error}).", "Choose a place with --out.") from error
    return Bundle(out, sha, size, str(signer.verifier), len(stamps))


@dataclass(slots=True)
class _Filling:
    """One bundle being laid out in `folder`."""

    directory: Path
    found: Found
    folder: Path
    idle: int
    signer: Signer
    extras: Extras
    incident: Incident = field(init=False)
    subjects: dict[str, set[str]] = field(default_factory=dict)  # pseudonym -> hours
    agrees: bool = False  # the tree holds just the requests that were counted

    def fill(self) -> None:
        data, story = self.folder / "data", Story(self.found.last)
        with analysis.Table(data / "analysis/requests.csv") as table:

            def also(entry: Entry) -> None:
                story.add(entry)
                table.add(entry)
                self.subjects.setdefault(entry.sub, set()).add(entry.win)

            (self.incident,) = sum_up(self.directory, [self.found], also)
        loss = self._loss()
        loss.survey(self.directory)
        references = References(self.incident)
        excerpt = Excerpt(self.directory, whose(self.subjects), self.folder, references)
        excerpt.write()
        counted = references["requests"].count == self.incident.requests
        self.agrees = counted or excerpt.unopened > 0  # what cannot be opened is not counted again
        self._about(excerpt)
        settings = self._copy(excerpt.named)
        loss.catalogue = self.extras.catalogue or configured(settings)
        exhibits = excerpt.exhibits.close()
        notices = tuple((name, sha, _kept(self.directory / "notices" / sha)) for name, sha in excerpt.named.in_order())
        key, stamped = str(self.signer.verifier), any((data / "log").rglob("*.tsr"))
        since = excerpt.named.since
        self._analyse(Sources(self.incident, story, notices, settings, key, loss, since, stamped, references, exhibits))
        self._trust()
        for name, text in statements.drafts(self.incident, key).items():
            write(data / "certificates" / name, text.encode())
        write(data / "custody/case.jsonld", custody.graph(self.folder, self.incident.found.id, now()).encode())
        self._close()

    def _analyse(self, sources: Sources) -> None:
        """The figures for machines, how they were counted, and the reports."""
        folder = self.folder / "data/analysis"
        times = {"idle_minutes": self.idle, "look_back_minutes": LOOK_BACK // MINUTE}
        figures = {
            "incident.json": canonical({**self.incident.told(), **times}).encode(),
            "loss.json": canonical(sources.loss.told()).encode(),
        }
        for name, content in figures.items():
            write(folder / name, content)
        sources = replace(sources, figures="; ".join(f"{name} {digest(each)}" for name, each in figures.items()))
        write(folder / "references.json", canonical(sources.references.told()).encode())
        write(folder / "queries.txt", (analysis.QUERIES + MEANINGS).encode())
        for language in LANGUAGES:
            page = folder / f"report.{language}.html"
            write(page, report(sources, language).encode())
            if self.extras.pdf:
                printed(page, page.with_suffix(".pdf"))

    def _close(self) -> None:
        """What stands around the payload, and the manifests."""
        found, key = self.incident.found, str(self.signer.verifier)
        others = len(self.incident.who) - 1
        actor = found.actor + (f" and {others} other addresses (data/analysis/incident.json)" if others > 0 else "")
        about = (found.id, actor, moment(self.incident.first), moment(self.incident.last), key)
        write(self.folder / "README.txt", (readme(*about) + chinese_readme(*about)).encode())
        write(self.folder / "verify.sh", SHELL.read_bytes())
        write(self.folder / "verify.py", Path(verify.__file__).read_bytes())
        info = {
            "Bagging-Date": moment(now())[:10],
            "External-Description": "Evidence of one incident; README.txt says what it is and how to check it",
            "External-Identifier": found.id,
            "Source-Organization": self.signer.name.partition("/")[0],
        }
        bag.close(self.folder, info)

    def _loss(self) -> Loss:
        return Loss(self.incident, self.extras.price, self.extras.currency)

    def _copy(self, named: Named) -> Mapping[str, Any]:
        """The notices and settings that were in force, as far as they were kept; answers the last settings."""
        settings: Mapping[str, Any] = {}
        rows = ["notice,sha256,first in force (UTC),kept\n"]
        for name, sha in named.in_order():
            content = _kept(self.directory / "notices" / sha)
            if content is not None:
                write(self.folder / "data/notices" / sha, content)
            rows.append(f"{name},{sha},{moment(named.since[name, sha])},{'no' if content is None else 'yes'}\n")
        write(self.folder / "data/notices/validity.csv", "".join(rows).encode())
        for sha in named.configs:
            content = _kept(self.directory / "configs" / sha)
            if content is not None:
                write(self.folder / "data/configs" / f"{sha}.json", content)
                settings = json.loads(content)
        return settings

    def _about(self, excerpt: Excerpt) -> None:
        disclosed = excerpt.whose
        told: dict[str, Json] = {
            "actor": self.incident.found.actor,
            "checkpoints": excerpt.origins,
            "format": FORMAT,
            "hours": (disclosed.first, disclosed.last),
            "incident": self.incident.found.id,
            "key": str(self.signer.verifier),
            "subjects": tuple(sorted(disclosed.subjects)),
            "unopened": excerpt.unopened,
        }
        write(self.folder / "data/bundle.json", canonical(told).encode())

    def _trust(self) -> None:
        """Copies for convenience: what is checked against has to come by another road."""
        history = (self.directory / FOLDER / HISTORY).read_text().splitlines()
        keys = "".join(f"{json.loads(line)['vkey']}\n" for line in history)
        write(self.folder / "data/trust/vkeys.txt", keys.encode())


def _refuse_too_large(folder: Path) -> None:
    """Raise EvidenceError for a bundle that the verifier would refuse to open."""
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    if sum(sizes) > verify.MOST_BYTES or len(sizes) > verify.MOST_FILES:
        limits = f"the limits are {verify.MOST_FILES} and {verify.MOST_BYTES}"
        told = f"The bundle would have {len(sizes)} files and {sum(sizes)} bytes; {limits}."
        raise EvidenceError(told, "A smaller --idle cuts what happened into shorter incidents.")


def _kept(path: Path) -> bytes | None:
    """The content kept under its digest; None when it is not there, or is no longer what its name says."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    return content if digest(content) == path.name else None
