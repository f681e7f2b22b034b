"""Check a bundle without trusting who made it. One file on purpose: read it, then run it alone.

    python verify.py BUNDLE --key VKEY --tsa-root PEM [--witness VKEY] [--max-delay SECONDS] [--json]

BUNDLE is the zip or its unpacked folder. The log's key, the time-stamp root and the witness must come by another road
than the bundle; what is missing of them is not made up for by what lies in it. Needs the standard library and
`cryptography`, no network, and nothing else of ours: tree, notes and time stamps are written here a second time, apart
from the code that makes them, so that one mistake does not hide in both.

    ANCHORED 0                 all checks hold, by your key, and your authority stamped the tree that holds the records
    WITNESSED 0                and your witness saw that tree
    CONSISTENT-UNANCHORED 3    all checks hold, but not by what you brought: it could be of yesterday
    INCOMPLETE 4               all checks hold, and it is known that something is missing, or when is not proved
    INVALID 1                  a check fails: it is named, with the file and the line
    UNUSABLE 2                 this is no bundle
"""

import argparse
import base64
import binascii
import csv
import hashlib
import io
import json
import re
import sqlite3
import struct
import sys
import uuid
import zipfile
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, BinaryIO

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.x509.oid import ExtendedKeyUsageOID

ANCHORED, INVALID, UNUSABLE, UNANCHORED, INCOMPLETE = 0, 1, 2, 3, 4
SECOND = 1_000_000  # microseconds
HOUR = 3_600 * SECOND
SKEW = 300 * SECOND  # by which two honest clocks may differ
MAX_DELAY = 10_800  # seconds from an event to the first time stamp over it, unless told otherwise

MOST_FILES, MOST_BYTES = 20_000, 2_000_000_000
MOST_SMALL = 16 << 20  # bytes of a file that is read as a whole
LONGEST_LINE = 65_537
NAME = re.compile(r"(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._-]{0,150}(/[A-Za-z0-9][A-Za-z0-9._-]{0,150}){0,5}")
HEX = re.compile(rb"[0-9A-Fa-f]{64}")
TAGS = {
    "README.txt", "bag-info.txt", "bagit-profile.json", "bagit.txt", "manifest-sha256.txt", "verify.py", "verify.sh",
}  # fmt: skip
PAYLOAD = re.compile(
    r"data/(bundle\.json|certificates/[a-z0-9-]+\.txt|configs/[0-9a-f]{64}\.json|custody/case\.jsonld|exhibits/.+|log/.+|"
    r"analysis/((incident|loss|references)\.json|queries\.txt|requests\.csv|report\.(en|zh)\.(html|pdf))|"
    r"notices/([0-9a-f]{64}|validity\.csv)|trust/vkeys\.txt)"
)
FORMAT = "scrapeguard-bundle/2"
INCIDENT, ABOUT, LOSS = "data/analysis/incident.json", "data/bundle.json", "data/analysis/loss.json"
REQUESTS, VALIDITY = "data/analysis/requests.csv", "data/notices/validity.csv"
EXHIBITS, WARC = "data/exhibits/", uuid.UUID("0a4f4f56-3f0b-5c0f-8a35-1f5d6a1c9b72")
TAGMANIFEST, SEAL = "tagmanifest-sha256.txt", "seal/seal-sha256.txt"
CHECKS = {
    "C1": "files", "C2": "seal", "C3": "checkpoints", "C4": "time stamps", "C5": "roots", "C6": "inclusion",
    "C7": "records", "C8": "times", "C9": "disclosures", "C10": "completeness", "C11": "figures", "C12": "exhibits",
    "C13": "links",
}  # fmt: skip
PUBLIC = {  # kinds of records of the log about itself, all of which are shown
    "start", "close", "gap", "recovery", "damage", "clock", "config.activated", "notice.published", "window.close",
    "anchor", "anchor.delayed", "anchor.resumed", "key.rotated", "selftest.result", "retention", "gap.start", "gap.end",
    "alarm.overblock", "link.rejected",
}  # fmt: skip
READ = (  # of incident.json
    "after_measure", "evasion", "evasion_counts", "idle_minutes", "links", "look_back_minutes", "measures_total", "who",
)  # fmt: skip
READING = (
    "the reports, README.txt, references.json, data/certificates, data/custody, other prose, and of incident.json "
    f"{', '.join(READ)} are the maker's reading of the records: the seal dates it and does not prove it. The load of "
    "others, prices, expenses and the catalogue's size are what the maker says"
)


class Unusable(Exception):
    """What was given cannot be read as a bundle at all."""


class Refused(Exception):
    """A check fails: the sentence, the file, the line in it (0 = all of it), and the check when it is known."""

    def __init__(self, message: str, file: str = "", line: int = 0, check: str = "") -> None:
        super().__init__(message)
        self.message, self.file, self.line, self.check = message, file, line, check


@dataclass(slots=True)
class Trust:
    """What the reader of a bundle has by another road than the bundle."""

    keys: tuple["Key", ...] = ()
    roots: tuple[x509.Certificate, ...] = ()
    witnesses: tuple["Key", ...] = ()
    max_delay: int = MAX_DELAY  # seconds


@dataclass(slots=True)
class Result:
    """What was found, check by check."""

    code: int = UNUSABLE
    steps: list[tuple[str, str]] = field(default_factory=list)  # (check, what it looked at), of those that hold
    failed: str = ""  # the check that does not
    problem: str = ""
    file: str = ""
    line: int = 0
    missing: list[str] = field(default_factory=list)  # why it is INCOMPLETE
    notes: list[str] = field(default_factory=list)  # why it is not ANCHORED, and what else was not looked at
    bounds: list[str] = field(default_factory=list)  # between which times the records came into the log
    key: str = ""  # vkey of the seal
    anchored: bool = False
    witnessed: bool = False

    @property
    def verdict(self) -> str:
        if self.code == ANCHORED:
            return "WITNESSED" if self.witnessed else "ANCHORED"
        return {INVALID: "INVALID", UNANCHORED: "CONSISTENT-UNANCHORED", INCOMPLETE: "INCOMPLETE"}.get(
            self.code, "UNUSABLE"
        )

    def told(self) -> dict[str, object]:
        """As JSON."""
        checks = [{"check": check, "name": CHECKS[check], "looked": looked} for check, looked in self.steps]
        names = ("code", "failed", "problem", "file", "line", "missing", "notes", "bounds", "key", "anchored")
        return {"verdict": self.verdict, "checks": checks, **{name: getattr(self, name) for name in names}}


Progress = Callable[[int, int], None]  # leaves of a log looked at so far, and all


def verify(path: str, trust: Trust | None = None, progress: Progress = lambda _, __: None) -> Result:
    """Check the bundle at `path` (a zip or a folder). Raises nothing for what is in it."""
    result, check = Result(), Check(trust or Trust(), progress)
    try:
        check.run(path, result)
    except Refused as refused:
        result.code, result.problem = INVALID, refused.message
        result.file, result.line, result.failed = refused.file, refused.line, refused.check or check.at
    except Unusable as error:
        result.code, result.problem = UNUSABLE, str(error)
    except OSError as error:
        result.code = UNUSABLE
        result.problem = f"{error.filename or path} cannot be read: {error.strerror or error}."
    except sqlite3.OperationalError as error:
        result.code, result.problem = UNUSABLE, f"The temporary file for counting cannot be used: {error}."
    finally:
        if check.files is not None:
            check.files.close()
    return result


# ----------------------------------------------------------------------------- the checks
class Check:
    """One examination. `at` is the check under way."""

    def __init__(self, trust: Trust, progress: Progress) -> None:
        self.trust, self.progress = trust, progress
        self.at = "C1"
        self.files: Files | None = None
        self.keys: list[Key] = []  # of the log, trusted as far as the one from outside is
        self.logs: list[Log] = []

    def run(self, path: str, result: Result) -> None:
        files = self.files = Files(path)
        result.steps.append(("C1", check_bag(files)))
        self.at = "C2"
        self.keys = known_keys(files, self.trust.keys)
        seal, result.key = check_seal(files, self.keys)
        result.steps.append(("C2", seal))
        self.at = "C3"
        self.logs = [Log(files, shard, self.keys) for shard in shards(files)]
        seen = [log.cosigned(self.trust.witnesses) for log in self.logs]
        total = sum(len(log.notes) for log in self.logs)
        result.steps.append(("C3", f"{total} signed checkpoints of {len(self.logs)} logs, {sum(seen)} cosigned"))
        result.witnessed = bool(seen) and all(log.witnessed for log in self.logs)
        self.at = "C4"
        result.steps.append(("C4", self._stamps(files, result)))
        audit = Audit(files)
        audit.ranges = {log.shard: (log.start, log.size) for log in self.logs}
        for log in self.logs:
            for at in walk(log, audit):
                self.progress(at, log.size - log.start)
        audit.finish()
        audit.about(self.logs, result.key)
        looked = audit.looked(self.logs)
        looked["C8"] = self._times(result, audit)
        for self.at in ("C5", "C6", "C7", "C8", "C9", "C10"):
            result.steps.append((self.at, looked[self.at]))
        for self.at, look in {"C11": audit.figures, "C12": audit.exhibits.check}.items():
            result.steps.append((self.at, look(files)))
        self.at = "C13"
        result.steps.append(("C13", audit.links.check(audit.sums.actors, bool(audit.number["dark"]))))
        check_reports(files)  # at last, so that a changed figure is named itself
        result.missing += audit.missing
        result.notes += [
            *audit.notes,
            *(f"{name} is no part of the bundle, and not looked at" for name in files.litter),
        ]
        self._conclude(result)

    def _stamps(self, files: "Files", result: Result) -> str:
        """Every time stamp is over what it is said to be; those that lead to a root from outside count."""
        count, late = 0, Tokens(self.trust.roots)
        for log in self.logs:
            for size, file in log.tokens:
                time = late.check(files, file, log.file(size))
                count += 1
                if time is not None:
                    log.stamps[size] = min(time, log.stamps.get(size, time))
        for name in sorted(files.names):
            if name.startswith("seal/") and name.endswith(".tsr"):
                late.check(files, name, TAGMANIFEST)
                count += 1
        result.notes += late.notes
        return f"{count} time stamps over checkpoints and the seal, {late.good} of an authority that you named"

    def _times(self, result: Result, audit: "Audit") -> str:
        """What is proved about when; records that say a time which the time stamps contradict are refused.

        Unless the log itself says that its clock was ahead of an authority's, or later put back, by as much: then it
        was ahead, and that is told.
        """
        self.at = "C8"
        limit, worst = self.trust.max_delay * SECOND, 0
        for log in self.logs:
            for span in log.spans():
                if span.until is None:
                    continue
                if span.last > span.until + SKEW:
                    told = f"a record says {moment(span.last)}, but was stamped before that, on {moment(span.until)}"
                    back = sum(step for *at, step in audit.put_back if at > [log.shard, span.low])
                    ahead = max([by for *at, by in audit.off if at >= [log.shard, span.low]], default=0)
                    if span.last > span.until + SKEW + max(back, ahead):
                        raise Refused(told, log.folder + "records.jsonl")
                    why = f"the clock was ahead by {ahead / SECOND:.1f} s, or put back by {back / SECOND:.1f} s later"
                    result.missing.append(f"C8: {log.folder}: {told}: {why}. When it was lies between the bounds alone")
                worst = max(worst, span.until - span.first)
                if span.until - span.first > limit:
                    result.missing.append(
                        f"C8: {log.folder} holds a record that says {moment(span.first)}; the first time stamp over it "
                        f"is of {moment(span.until)}, more than {self.trust.max_delay} s later"
                    )
            result.bounds += log.bounds()
        off = max([by for *_, by in audit.off], key=abs, default=0) // SECOND
        if abs(off) * SECOND > SKEW:
            side = "ahead of" if off > 0 else "behind"
            result.missing.append(f"C8: the log itself says that its clock was {abs(off)} s {side} an authority's")
        if not any(log.stamps for log in self.logs):
            return "no time stamp was checked against a root from outside: when is only what the log's own clock says"
        return f"{len(result.bounds)} spans between time stamps; at most {worst // SECOND} s from event to stamp"

    def _conclude(self, result: Result) -> None:
        result.notes.append(READING)
        if not self.trust.keys:
            result.notes.append("no --key from outside: anybody could have signed this")
        if not self.trust.roots:
            result.notes.append("no --tsa-root from outside: nobody else says when this existed")
        unstamped = [log.folder for log in self.logs if log.needed > max(log.stamps, default=0)]
        if self.trust.roots and unstamped:
            result.notes.append(f"no time stamp that counts covers all records of {', '.join(unstamped)}")
        if self.trust.witnesses and not result.witnessed:
            result.notes.append("the witness did not cosign a checkpoint over all records")
        result.anchored = bool(self.trust.keys and self.trust.roots and self.logs) and not unstamped
        enough = result.anchored and (result.witnessed or not self.trust.witnesses)
        result.code = INCOMPLETE if result.missing else ANCHORED if enough else UNANCHORED


def check_bag(files: "Files") -> str:
    """C1: it is a BagIt bag; every file is in a manifest with its SHA-256, and the manifests name no other."""
    tags, payload = manifest(files, TAGMANIFEST), manifest(files, "manifest-sha256.txt")
    for name in sorted(files.names):
        if name == TAGMANIFEST or name.startswith("seal/"):
            continue
        listed = payload if name.startswith("data/") else tags
        if name not in listed:
            raise Refused("no manifest lists it", name)
        told = files.digest(name)
        if told != listed[name]:
            text = files.small(name).replace(b"\r\n", b"\n") if files.sizes[name] <= MOST_SMALL else b""
            ends = hashlib.sha256(text).hexdigest() == listed[name]
            why = "only its line ends were changed, as some programs do" if ends else "the manifest says otherwise"
            raise Refused(f"its SHA-256 is {told}; {why}", name)
    for name in sorted((tags.keys() | payload.keys() | TAGS) - files.names):
        raise Refused("it is missing", name)
    for name in sorted(name for name in payload if not PAYLOAD.fullmatch(name)):
        raise Refused("no file of a bundle has such a name", name)
    if set(tags) != TAGS:
        raise Refused(f"it does not list just {', '.join(sorted(TAGS))}", TAGMANIFEST)
    if files.small("bagit.txt") != b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n":
        raise Refused("it is not what a bag of version 1.0 says", "bagit.txt")
    size = sum(files.sizes[name] for name in payload)
    if f"Payload-Oxum: {size}.{len(payload)}\n".encode() not in files.small("bag-info.txt"):
        raise Refused(f"its Payload-Oxum is not {size}.{len(payload)}", "bag-info.txt")
    return f"{len(payload)} payload files and {len(tags)} tag files with their SHA-256, no other file, {size} bytes"


def manifest(files: "Files", name: str) -> dict[str, str]:
    """File name -> SHA-256, of a file as sha256sum writes it."""
    listed: dict[str, str] = {}
    for number, line in enumerate(files.lines(name), 1):
        found = re.fullmatch(rb"([0-9a-f]{64})  ([!-~]+)", line)
        if not found or found[2].decode() in listed:
            raise Refused("it is not a SHA-256, two spaces and a name that comes once", name, number)
        listed[found[2].decode()] = found[1].decode()
    return listed


def check_seal(files: "Files", keys: Sequence["Key"]) -> tuple[str, str]:
    """C2: the seal names the tagmanifest and its time stamps by SHA-256, and a trusted key signed it."""
    listed = manifest(files, SEAL)
    there = {name for name in files.names if name.startswith("seal/")} - {SEAL, SEAL + ".sig"} | {TAGMANIFEST}
    for name in sorted(there ^ listed.keys()):
        raise Refused("the seal does not cover it" if name in there else "it is missing", name)
    for name, told in listed.items():
        if files.digest(name) != told:
            raise Refused("it is not what was sealed", name)
    signature, message = files.small(SEAL + ".sig"), files.small(SEAL)
    for key in keys:
        if signed(key.raw, signature, message):
            return f"Ed25519 signature by {key} over {len(listed)} digests", str(key)
    raise Refused(f"no key that is trusted made this signature ({', '.join(map(str, keys))})", SEAL + ".sig")


def shards(files: "Files") -> list[str]:
    return sorted({name.split("/")[2] for name in files.names if name.startswith("data/log/") and name.count("/") > 2})


# ---------------------------------------------------------------------------------------------- keys and signed notes
@dataclass(frozen=True, slots=True)
class Key:
    """An Ed25519 public key as C2SP tools write it: name+id+base64(type || key)."""

    name: str
    kind: int  # 1 a log's, 4 a witness's
    raw: bytes

    @property
    def id(self) -> bytes:
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.raw).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(bytes([self.kind]) + self.raw).decode()}"


def load_key(text: str) -> Key:
    """Raises ValueError for what is no vkey."""
    fields = text.strip().split("+", 2)  # the base64 may hold a "+" too
    if len(fields) != 3:
        raise ValueError("it is no vkey: name+1a2b3c4d+base64")
    raw = base64.b64decode(fields[2], validate=True)
    if len(raw) != 33 or raw[0] not in (1, 4):
        raise ValueError("it is no Ed25519 vkey")
    key = Key(fields[0], raw[0], raw[1:])
    if key.id.hex() != fields[1]:
        raise ValueError(f"its id is {fields[1]}; for this name and key it would be {key.id.hex()}")
    return key


def signed(key: bytes, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def known_keys(files: "Files", given: Sequence[Key]) -> list[Key]:
    """The log's keys that rotations, signed by old and new key, join to one from outside; all, if there is none."""
    file = "data/log/keys.jsonl"
    keys: list[Key] = []
    for number, line in enumerate(files.lines(file), 1):
        fields = canonical(line, file, number)
        with shaped(file, number):
            new = load_key(fields["vkey"])
            if fields["k"] == "rotated":
                text = f"scrapeguard key rotation\n{fields['old']}\n{new}\n{fields['t']}\n".encode()
                for side, key in (("old", load_key(fields["old"])), ("new", new)):
                    if not signed(key.raw, base64.b64decode(fields["by"][side]), text):
                        raise Refused(f"the {side} key did not sign this rotation", file, number, "C3")
            if (number > 1) != (fields["k"] == "rotated") or (number > 1 and str(keys[-1]) != fields["old"]):
                raise Refused("it does not follow the key before", file, number, "C3")
            keys.append(new)
    if given and not set(given) & set(keys):
        raise Refused(f"it does not name the key you gave ({given[0]})", file)
    return keys


@dataclass(frozen=True, slots=True)
class Note:
    """A checkpoint that was signed."""

    text: bytes
    origin: str
    size: int
    root: bytes
    lines: tuple[tuple[str, bytes], ...]  # (name, id || signature)

    def signed_by(self, keys: Sequence[Key], file: str) -> bool:
        """Whether one of `keys` signed it. A wrong signature in the name of one is refused."""
        found = False
        for name, value in self.lines:
            for key in keys:
                if (name, value[:4]) == (key.name, key.id):
                    message = self.text
                    if key.kind == 4:  # a witness states its time, seconds since 1970
                        message = f"cosignature/v1\ntime {int.from_bytes(value[4:12], 'big')}\n".encode() + message
                    if not signed(key.raw, value[4:] if key.kind == 1 else value[12:], message):
                        raise Refused(f"the signature of {key.name} does not fit", file)
                    found = True
        return found


def note(data: bytes, file: str) -> Note:
    """Read a signed checkpoint."""
    with shaped(file):
        text, _, rest = data.rpartition(b"\n\n")
        origin, size, root = text.decode().split("\n")
        lines = []
        for line in rest.decode().removesuffix("\n").split("\n"):
            dash, name, value = line.split(" ")
            if dash != "\u2014":
                raise ValueError("no signature line")
            lines.append((name, base64.b64decode(value, validate=True)))
        made = Note(text + b"\n", origin, int(size), base64.b64decode(root, validate=True), tuple(lines))
        if str(made.size) != size or made.size < 0 or len(made.root) != 32:
            raise ValueError("no checkpoint")
        return made


# ----------------------------------------------------------------------------- the tree
def leaf_hash(leaf: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """RFC 6962, growing: `peaks` are the complete subtrees, largest first."""

    def __init__(self, size: int, peaks: list[bytes]) -> None:
        self.size, self.peaks = size, peaks

    def add(self, leaf: bytes) -> None:
        size = self.size
        while size & 1:
            leaf, size = node_hash(self.peaks.pop(), leaf), size >> 1
        self.peaks.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        if not self.peaks:
            return hashlib.sha256(b"").digest()
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = node_hash(peak, root)
        return root


def included(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """The root to which an inclusion proof leads (RFC 9162, 2.1.3.2); nothing for one of the wrong length."""
    if not 0 <= index < size:
        return b""
    here, last = index, size - 1
    for sibling in proof:
        if last == 0:
            return b""
        if here & 1 or here == last:
            leaf = node_hash(sibling, leaf)
            while here and not here & 1:
                here, last = here >> 1, last >> 1
        else:
            leaf = node_hash(leaf, sibling)
        here, last = here >> 1, last >> 1
    return leaf if last == 0 else b""


def consistent(old: int, new: int, proof: Sequence[bytes], first: bytes) -> tuple[bytes, bytes]:
    """The two roots to which a consistency proof leads (RFC 9162, 2.1.4.2); nothing for one of the wrong length."""
    if not 0 < old < new or not proof:
        return b"", b""
    path = [first, *proof] if old & (old - 1) == 0 else list(proof)
    here, last = old - 1, new - 1
    while here & 1:
        here, last = here >> 1, last >> 1
    one = two = path[0]
    for sibling in path[1:]:
        if last == 0:
            return b"", b""
        if here & 1 or here == last:
            one, two = node_hash(sibling, one), node_hash(sibling, two)
            while here and not here & 1:
                here, last = here >> 1, last >> 1
        else:
            two = node_hash(two, sibling)
        here, last = here >> 1, last >> 1
    return (one, two) if last == 0 else (b"", b"")


# ----------------------------------------------------------------------------- one log of the bundle
@dataclass(slots=True)
class Span:
    """Records between two time stamps: when they came into the log, and which times they say themselves."""

    after: int | None
    until: int | None
    first: int
    last: int
    low: int
    high: int
    count: int = 0


class Log:
    """data/log/<month>/: checkpoints, the leaf hashes from `start` to the last of them, and the disclosed records."""

    def __init__(self, files: "Files", shard: str, keys: Sequence[Key]) -> None:
        self.files, self.shard, self.folder = files, shard, f"data/log/{shard}/"
        self.notes: dict[int, Note] = {}
        self.witnesses: dict[int, Note] = {}  # the same with witnesses' lines
        self.tokens: list[tuple[int, str]] = []
        self.stamps: dict[int, int] = {}  # size -> earliest time stamp that counts
        self.witnessed = False
        self.needed = 0  # a checkpoint has to have this size to cover all that is disclosed
        self.ends: list[tuple[int, int]] = []  # (size, time) of the stamps, once records are looked at
        self._spans: dict[int, Span] = {}
        for name in sorted(name for name in files.names if name.startswith(self.folder)):
            rest = name[len(self.folder) :]
            if found := re.fullmatch(r"checkpoint-(\d{1,18})", rest):
                self._note(int(found[1]), name, keys)
            elif found := re.fullmatch(r"checkpoint-(\d{1,18})\.cosigned", rest):
                self.witnesses[int(found[1])] = note(files.small(name), name)
            elif found := re.fullmatch(r"checkpoint-(\d{1,18})\.[A-Za-z0-9.-]+\.tsr", rest):
                self.tokens.append((int(found[1]), name))
            elif not re.fullmatch(OTHERS, rest):
                raise Refused("no file of a log has such a name", name)
        for size, name in (*self.tokens, *((size, self.file(size)) for size in self.witnesses)):
            if size not in self.notes:
                raise Refused("there is no checkpoint of this size", name)
        if not self.notes:
            raise Refused("it has no checkpoint", self.folder)
        self.size = max(self.notes)
        self.start, self.tree = self._tree()

    def _note(self, size: int, name: str, keys: Sequence[Key]) -> None:
        told = note(self.files.small(name), name)
        if told.size != size or not any(told.origin == f"{key.name}/{self.shard}" for key in keys):
            raise Refused(f"it is a checkpoint of {told.size} leaves of {told.origin}", name)
        if not told.signed_by(keys, name):
            raise Refused("no key that is trusted signed it", name)
        self.notes[size] = told

    def _tree(self) -> tuple[int, Tree]:
        """peaks.hex: "<leaves before the first>" and the complete subtrees over them, largest first."""
        name = self.folder + "peaks.hex"
        lines = list(self.files.lines(name))
        with shaped(name):
            start, peaks = int(lines[0]), [bytes.fromhex(line.decode()) for line in lines[1:]]
            if len(peaks) != start.bit_count() or any(len(peak) != 32 for peak in peaks) or not 0 <= start <= self.size:
                raise ValueError("the number of hashes does not fit")
        return start, Tree(start, peaks)

    def file(self, size: int) -> str:
        return f"{self.folder}checkpoint-{size}"

    def cosigned(self, witnesses: Sequence[Key]) -> int:
        """How many checkpoints a witness from outside cosigned; the last one must be for `witnessed`."""
        by = {}
        for size, told in self.witnesses.items():
            name = self.file(size) + ".cosigned"
            if told.text != self.notes[size].text:
                raise Refused("it is another checkpoint than the one without witnesses", name)
            by[size] = told.signed_by(witnesses, name)
        self.witnessed = by.get(self.size, False)
        return sum(by.values())

    def saw(self, index: int, time: int | None) -> None:
        """Note a disclosed record and the time it says it was written."""
        self.needed = max(self.needed, index + 1)
        if time is None:
            return
        if not self.ends:
            self.ends = sorted(self.stamps.items())
        place = next((i for i, (size, _) in enumerate(self.ends) if size > index), len(self.ends))
        span = self._spans.get(place)
        if span is None:
            after = self.ends[place - 1][1] if place else None
            until = self.ends[place][1] if place < len(self.ends) else None
            span = self._spans[place] = Span(after, until, time, time, index, index)
        span.first, span.last = min(span.first, time), max(span.last, time)
        span.low, span.high = min(span.low, index), max(span.high, index)
        span.count += 1

    def spans(self) -> list[Span]:
        return [self._spans[place] for place in sorted(self._spans)]

    def bounds(self) -> list[str]:
        return [
            f"{self.shard} leaves {span.low} to {span.high} ({span.count} disclosed): came into the log "
            f"{'after ' + moment(span.after) if span.after else 'at a time without lower bound'}, existed by "
            f"{moment(span.until) if span.until else 'a time that nobody else confirms'}"
            for span in self.spans()
        ]


OTHERS = (
    r"(peaks|leaves)\.hex|records\.(jsonl|index)|disclosures\.txt|consistency-\d+-\d+|"
    r"proof/(index|\d+\.(json|tlog-proof))"
)


def walk(log: Log, audit: "Audit") -> Iterator[int]:
    """Grow the tree leaf by leaf past every checkpoint, with each disclosed record at its place; tell how far it is."""
    files, folder, tree = log.files, log.folder, log.tree
    proved(log, audit, outside=True)
    check_root(log, tree)
    records = disclosed(log)
    index, writer, line, number = next(records)
    for at, text in enumerate(files.lines(folder + "leaves.hex"), 1):
        leaf = hexed(text, folder + "leaves.hex", at)
        if index == tree.size:
            if leaf_hash(line) != leaf:
                raise Refused(f"it is not leaf {index} of the log", folder + "records.jsonl", number, "C6")
            audit.record(log, index, writer, line, number)
            index, writer, line, number = next(records)
        tree.add(leaf)
        check_root(log, tree)
        if not at % 1024:
            yield at
    if index >= 0:
        raise Refused(f"leaf {index} is not among the hashes", folder + "records.index", number, "C6")
    if tree.size != log.size:
        raise Refused(f"it ends at leaf {tree.size}; the log has {log.size}", folder + "leaves.hex", 0, "C5")
    proved(log, audit, outside=False)
    check_consistency(log)
    audit.done(log)


def check_root(log: Log, tree: Tree) -> None:
    told = log.notes.get(tree.size)
    if told is not None and tree.root() != told.root:
        raise Refused("the leaves do not lead to its root", log.file(tree.size), 0, "C5")


def disclosed(log: Log) -> Iterator[tuple[int, str, bytes, int]]:
    """(leaf index, writer, line, number of the line) of each disclosed record, and at last one with index -1."""
    names, before, number = log.folder + "records.index", log.start - 1, 0
    lines = log.files.lines(log.folder + "records.jsonl")
    for number, text in enumerate(log.files.lines(names), 1):
        found = re.fullmatch(rb"(\d{1,18}) ([A-Za-z0-9._-]{1,200})", text)
        line = next(lines, None)
        if not found or int(found[1]) <= before or line is None:
            raise Refused("it is not the place of a record, in the order of the log", names, number, "C6")
        before = int(found[1])
        yield before, found[2].decode(), line, number
    if next(lines, None) is not None:
        raise Refused("there are more records than places", log.folder + "records.jsonl", number + 1, "C6")
    yield -1, "", b"", number


def proved(log: Log, audit: "Audit", *, outside: bool) -> None:
    """proof/<index>.json: single records with proofs of their own, `outside` the range or (for other tools) in it."""
    folder = log.folder + "proof/"
    writers = {}
    for at, text in enumerate(log.files.lines(folder + "index"), 1):
        found = re.fullmatch(rb"(\d{1,18}) ([A-Za-z0-9._-]{1,200})", text)
        if not found:
            raise Refused("it is not the place of a record", folder + "index", at, "C6")
        writers[int(found[1])] = found[2].decode()
    proofs = {name[len(folder) :] for name in log.files.names if name.startswith(folder)} - {"index"}
    there = {int(name.split(".")[0]) for name in proofs}
    if there != writers.keys():
        raise Refused("it does not list just the proofs that are here", folder + "index", 0, "C6")
    for index in sorted(index for index in writers if (index < log.start) is outside):
        file, name = f"{folder}{index}.json", f"{folder}{index}.tlog-proof"
        line, proof = log.files.small(file), log.files.small(name)
        with shaped(name, 0, "C6"):
            head, _, checkpoint = proof.partition(b"\n\n")
            lines = head.decode().split("\n")
            steps = [base64.b64decode(step, validate=True) for step in lines[2:]]
            told = note(checkpoint, name)
            if lines[:2] != ["c2sp.org/tlog-proof@v1", f"index {index}"]:
                raise ValueError("it does not begin as such a proof does")
        same = log.notes.get(told.size)
        if same is None or same.text != told.text or included(leaf_hash(line), index, told.size, steps) != same.root:
            raise Refused(f"it is not leaf {index} of the log", file, 0, "C6")
        if outside:
            audit.outside(log, index, writers[index], line, file)


def check_consistency(log: Log) -> None:
    for name in sorted(log.files.names):
        found = re.fullmatch(re.escape(log.folder) + r"consistency-(\d{1,18})-(\d{1,18})", name)
        if not found:
            continue
        old, new = int(found[1]), int(found[2])
        with shaped(name, 0, "C5"):
            proof = [base64.b64decode(line, validate=True) for line in log.files.lines(name)]
            roots = log.notes[old].root, log.notes[new].root
        if consistent(old, new, proof, roots[0]) != roots:
            raise Refused(f"it does not lead from the tree of {old} leaves to that of {new}", name, 0, "C5")


# ----------------------------------------------------------------------------- the records
@dataclass(slots=True)
class Writer:
    """How far one process's records were followed."""

    seq: int = -1
    mono: int = -1
    digest: str = ""
    started: bool = False  # its first record is here
    asked: bool = False  # it has requests here
    forces: set[tuple[str, str]] = field(default_factory=set)  # short digests of settings and notices put in force


@dataclass(slots=True)
class Run:
    """Records of one subject, hour, log and writer that no close covered yet."""

    first: int  # the number of the first; the others follow one by one
    leaves: "array[int]"


Runs = dict[tuple[str, str], Run]  # by log and writer


@dataclass(slots=True)
class Close:
    """The counts of one hour, as committed: `window.close` records that belong together."""

    salt: str
    win: str
    parts: int
    log: str  # what it covers: the leaves [0, upto) of this month's log, as far as no close before did
    upto: int
    names: dict[str, str] = field(default_factory=dict)  # tag -> subject, of those whose records are disclosed
    due: dict[str, str] = field(default_factory=dict)  # the same subjects, if it counts them -> digest of the counts
    last: int = -1  # leaf of its newest part
    here: int = 0  # parts that are here
    counted: set[str] = field(default_factory=set)  # subjects that were compared


class Audit:
    """What the disclosed records say: against one another, and against what the bundle claims of them."""

    def __init__(self, files: "Files") -> None:
        self.files = files
        self.missing: list[str] = []
        self.writers: dict[str, Writer] = {}
        self.counts: dict[tuple[str, str], Counter[str]] = {}  # (subject, hour) -> writer -> n
        self.waiting: dict[tuple[str, str], Runs] = {}  # the same, those that no close covered yet
        self.put_back: list[tuple[str, int, int]] = []  # log and leaf where a clock was, and by how many microseconds
        self.off: list[tuple[str, int, int]] = []  # the same, where it was ahead of an authority's
        self.notes: list[str] = []
        self.events: dict[str, list[tuple[int, str]]] = {}  # log -> leaf and kind of what no close covered yet
        self.covered: dict[str, int] = {}  # log -> up to which leaf closes say how many there are
        self.late: dict[str, int] = {}  # authority -> since when it does not answer
        self.stood_in: set[str] = set()  # those of them in whose place another stamped meanwhile
        self.unshared: dict[str, int] = {}  # writer -> since when the shared store does not answer it
        self.closes: list[Close] = []
        self.ranges: dict[str, tuple[int, int]] = {}  # log -> the leaves whose hashes are here, from and to
        self.told = canonical(files.small(ABOUT), ABOUT)
        with shaped(ABOUT):
            self.claimed = {str(subject) for subject in self.told["subjects"]}
        self.subjects: dict[str, str] = {}  # pseudonym -> client key
        self.named: set[str] = set()  # files that records name by digest
        self.since: dict[tuple[str, str], int] = {}  # (notice, digest) -> when the records first have it in force
        self.sums = Figures(files)
        self.exhibits = Exhibits()
        self.links = Links(self.sums.told)
        self.number = Counter[str]()
        self._openings: Iterator[tuple[int, bytes, int]] | None = None
        self._next: tuple[int, bytes, int] = (-1, b"", 0)
        self._shard = ""

    def outside(self, log: Log, index: int, writer: str, line: bytes, file: str) -> None:
        """A record from before the range, with a proof of its own: it says what was in force."""
        fields = canonical(line, file, 1, "C7")
        with shaped(file, 1, "C7"):
            if fields["k"] not in ("start", "config.activated"):
                raise Refused("such a record is disclosed in its range only", file, 1, "C7")
            self.number["outside"] += 1
            if fields["k"] == "start" and fields["what"]["segment"] != writer:
                raise Refused(f"it is the start of {fields['what']['segment']}, not of {writer}", file, 1, "C7")
            self._force(writer, fields, file)
            self.writers.setdefault(writer, Writer()).started |= fields["k"] == "start"
        log.needed = max(log.needed, index + 1)

    def record(self, log: Log, index: int, name: str, line: bytes, number: int) -> None:
        """Take in one disclosed record."""
        file = log.folder + "records.jsonl"
        fields = canonical(line, file, number, "C7")
        with shaped(file, number, "C7"):
            kind = fields["k"]
            if kind == "shard":
                log.saw(index, None)
                return self._first(log, index, fields, file)
            writer = self.writers.setdefault(name, Writer())
            self._follow(writer, fields, line, file, number)
            asked = fields["what"] if kind == "request" else {"micros": 0}
            log.saw(index, asked.get("imported") or fields["t"] + asked["micros"])  # when it was over, and written
            self.number["long"] += asked["micros"] > 3 * HOUR
            if kind == "request":
                self._request(log, index, name, writer, fields, line, file, number)
            else:
                self._other(log, index, name, fields, file, number)
        return None

    def _follow(self, writer: Writer, fields: dict[str, Any], line: bytes, file: str, number: int) -> None:
        """A writer's records come in its order, each holds the digest of the one before, its clock goes on."""
        seq, mono = fields["seq"], fields["mono"]
        if seq <= writer.seq or (seq == 0) != (fields["k"] == "start"):
            raise Refused(f"record {seq} of its writer is not where it belongs", file, number, "C7")
        if mono < writer.mono:
            raise Refused(f"record {seq} is older than the one before by the machine's own count", file, number, "C7")
        if seq == writer.seq + 1 and writer.digest not in ("", fields["prev"]):
            raise Refused(f"record {seq} does not follow the one before", file, number, "C7")
        writer.seq, writer.mono, writer.digest = seq, mono, hashlib.sha256(line).hexdigest()

    def _request(
        self, log: Log, index: int, name: str, writer: Writer, fields: dict[str, Any], line: bytes, file: str, at: int
    ) -> None:
        what, key = fields["what"], (fields["sub"], fields["win"])
        self.number["requests"] += 1
        writer.asked = True
        if (what["config"], what["notices"]) not in writer.forces:
            raise Refused("it names settings or notices that its writer did not put in force", file, at, "C7")
        counted = self.counts.setdefault(key, Counter())
        counted[name] += 1
        if counted[name] != fields["n"]:
            told = f"it is record {fields['n']} of its subject, hour and writer; {counted[name]} was to come"
            raise Refused(told, file, at, "C10")
        runs = self.waiting.setdefault(key, {})
        if (log.shard, name) not in runs:
            runs[log.shard, name] = Run(fields["n"], array("Q"))
        runs[log.shard, name].leaves.append(index)
        opened = self._opened(log, index, fields["sd"], linked=writer.digest in self.links.wanted)
        client = opened.get("client")
        if client is not None and self.subjects.setdefault(fields["sub"], client["key"]) != client["key"]:
            raise Refused("one pseudonym stands for two", log.folder + "disclosures.txt", 0, "C9")
        if client is None or "request" not in opened:
            self.number["dark"] += 1
        else:
            self.sums.add(fields, opened, name, line)
            if writer.digest in self.links.wanted:
                self.links.add(writer.digest, fields, opened)
        if "exchange" in opened:
            with shaped(log.folder + "disclosures.txt", 0, "C12"):
                self.exhibits.add(log, index, fields, line, opened)

    def _opened(self, log: Log, index: int, commitments: dict[str, str], *, linked: bool = False) -> dict[str, Any]:
        """The disclosures of a record, each under the commitment that the record holds."""
        name = log.folder + "disclosures.txt"
        opened: dict[str, Any] = {}
        if self._shard != log.shard:
            self._shard, self._openings = log.shard, openings(log)
            self._next = next(self._openings)
        while self._next[0] == index and self._openings is not None:
            _, text, number = self._next
            group = text[37 : text.find(b'"', 37)].decode("latin-1")  # behind ["SALT","
            if group in opened or commitments.get(group) != hashlib.sha256(text).hexdigest():
                raise Refused(f"the record does not commit to this {group!a}", name, number, "C9")
            opened[group] = {}
            if linked or group in ("agent", "client", "exchange", "request"):  # what the others say is not needed here
                try:
                    _, _, opened[group] = json.loads(text)
                except (ValueError, TypeError, RecursionError) as error:
                    raise Refused("it is no disclosure", name, number, "C9") from error
            self.number["disclosures"] += 1
            self._next = next(self._openings)
        if 0 <= self._next[0] < index:
            raise Refused("it belongs to no disclosed request", name, self._next[2], "C9")
        if opened and opened.keys() != commitments.keys():
            lacking = ", ".join(sorted(commitments.keys() - opened.keys()))
            raise Refused(f"leaf {index} is opened without its {lacking!a}", name, 0, "C9")
        return opened

    def done(self, log: Log) -> None:
        """All records of this log were taken in."""
        self._opened(log, log.size, {})
        if self._next[0] >= 0:
            raise Refused("it belongs to no disclosed request", log.folder + "disclosures.txt", self._next[2], "C9")

    def _other(self, log: Log, index: int, name: str, fields: dict[str, Any], file: str, number: int) -> None:
        kind, what = fields["k"], fields["what"]
        where = f"{file}, line {number}"
        self.number["others"] += 1
        if kind == "start" and what["segment"] != name:
            raise Refused(f"it is the start of {what['segment']}, not of {name}", file, number, "C7")
        self._force(name, fields, file)
        self.writers[name].started |= kind == "start"
        if kind in PUBLIC:
            self.events.setdefault(log.shard, []).append((index, kind))
        if kind == "clock" and what["step_us"] < 0:
            self.put_back.append((log.shard, index, -what["step_us"]))
        if kind == "anchor":
            self.off.append((log.shard, index, int((what.get("ahead_us") or 0) / SECOND) * SECOND))
        if kind == "link.rejected":
            self.links.rejected.add(str(what["link"]))
        if kind == "window.close":
            self._close(log, index, what, file, number)
        else:
            self.missing += [f"{said}, {where}" for said in self._missing(kind, what, name, fields["t"])]

    def _missing(self, kind: str, what: dict[str, Any], name: str, time: int) -> Iterator[str]:
        """What a record of the log about itself says to be missing: how much, of which writer, from when to when."""
        if kind == "gap" and what["count"]:
            told = f"{what['count']} records of {name} {between(what['first'], what['last'])}"
            yield f"{told} could not be written ({what['error']})"
        if kind == "gap" and what["unsynced"]:
            told = f"{what['unsynced']} times {name} could not make durable what it had written"
            yield f"{told} ({what['error']}), before {moment(time)}"
        elif kind == "recovery":
            yield from self._cut(what, time)
        elif kind == "damage":
            yield f"{what['file']} is damaged from byte {what['offset']} on, found on {moment(time)}"
        elif kind == "clock" and what["step_us"]:
            told = f"the clock of {name}'s machine was stepped by {what['step_us'] / SECOND:+.1f} s"
            yield f"{told}, seen on {moment(time)}: times before and after cannot be compared"
        elif kind == "gap.start":
            self.unshared[name] = what["start"]
        elif kind == "gap.end":
            self.unshared.pop(name, None)
            span = between(what["start"], what["end"])
            yield f"the shared store did not answer {name} {span}: {what['missed']} times it counted alone"
        elif kind == "anchor":
            self.stood_in |= self.late.keys() - set(what["by"])
        elif kind == "anchor.delayed":
            self.late[what["by"]] = time
        elif kind == "anchor.resumed":
            self.late.pop(what["by"], None)
            if time - what["since"] > SKEW and what["by"] not in self.stood_in:
                span = between(what["since"], time)
                yield f"{what['by']} stamped nothing {span}: what was recorded then existed by its end, at the latest"
            self.stood_in.discard(what["by"])

    def _cut(self, what: dict[str, Any], time: int) -> Iterator[str]:
        """Of a process that ended without a word: nobody knows whether it took anything with it, so that is a note."""
        at = f" of {moment(what['last'])}" if what.get("last") else ""
        after, most = f"after record {what['seq']}{at}, found on {moment(time)}", what.get("unwritten")
        told = "requests that it was answering, or that waited to be written, left no trace"
        told += f": at most {most['records']}, or those of {most['ms']} ms, waited by its settings" if most else ""
        self.notes.append(f"{what['segment']} was killed or broke off {after}; {told}")
        if what["torn"] or what["damaged"]:
            torn = what["torn"]["bytes"] if what["torn"] else 0
            yield f"{what['segment']} has {torn} torn bytes at its end and {what['damaged']} damaged lines, {after}"

    def _force(self, name: str, fields: dict[str, Any], file: str) -> None:
        active = fields["what"] if fields["k"] == "config.activated" else fields["what"].get("active")
        if not active:
            return
        with shaped(file, 0, "C7"):
            notices = json.dumps(active["notices"], sort_keys=True, separators=(",", ":")).encode()
            force = active["config"][:16], hashlib.sha256(notices).hexdigest()[:16]
            self.named.add(f"data/configs/{active['config']}.json")
            for notice in active["notices"].items():
                self.named.add(f"data/notices/{notice[1]}")
                self.since[notice] = min(fields["t"], self.since.get(notice, fields["t"]))
        self.writers.setdefault(name, Writer()).forces.add(force)

    def _first(self, log: Log, index: int, fields: dict[str, Any], file: str) -> None:
        """The first leaf of a month is the last checkpoint of the month before."""
        if index != 0:
            raise Refused("a month begins with leaf 0", file, 1, "C7")
        if fields["checkpoint"]:
            before = note(fields["checkpoint"].encode(), file)
            own = log.notes[log.size]
            if before.origin.rpartition("/")[0] != own.origin.rpartition("/")[0] or before.origin >= own.origin:
                raise Refused(f"it continues another log, {before.origin}", file, 1, "C5")

    def _close(self, log: Log, index: int, what: dict[str, Any], file: str, number: int) -> None:
        """A close names the one before, so that none can be left out; the parts of one come one after the other."""
        newest = self.closes[-1] if self.closes else None
        if what["part"]:
            part = what["salt"], what["win"], what["part"]
            if newest is None or (newest.salt, newest.win, newest.here) != part:
                raise Refused("it is a part of a count that is not here", file, number, "C10")
            close = newest
        else:
            before = what["previous_log"], what["previous"]
            first = self.ranges.get(before[0], (before[1] + 1, 0))[0]
            out = before[1] >= first  # it lies in the range and is not here
            if before != (newest.log, newest.last) if newest else out:
                raise Refused("it does not name the count before it: one was left out", file, number, "C10")
            close = Close(what["salt"], what["win"], what["parts"], log.shard, what["upto"])
            close.names = {tag(close, subject): subject for subject in self.claimed}
            self.closes.append(close)
        close.last, close.here = index, close.here + 1
        for entry in what["tags"]:
            if entry[:16] in close.names:
                close.due[close.names[entry[:16]]] = entry[16:]
        if close.here == close.parts:
            for key in [key for key in self.waiting if key[1] == close.win]:
                self._compare(close, key[0], self.waiting.pop(key))
            for name, told in what["events"].items():
                self._compare_events(close, name, told["from"], told["kinds"])

    def _compare_events(self, close: Close, name: str, first: int, kinds: dict[str, int]) -> None:
        """C10: the records of a log about itself, from a leaf up to where this close ends, are as many as it says."""
        start, stop = self.ranges.get(name, (0, 0))
        if self.covered.get(name, first) != first:
            raise Refused(f"a count of the log {name} does not begin where the one before ended", ABOUT, 0, "C10")
        upto = close.upto if name == close.log else stop
        self.covered[name] = upto
        waiting = self.events.pop(name, [])
        self.events[name] = [(leaf, kind) for leaf, kind in waiting if leaf >= upto]
        if first >= stop:
            return  # none of it is shown
        if first < start:
            span = f"the leaves {start} to {upto - 1} of the log {name}"
            self.missing.append(f"C10: how many records of the log about itself there are in {span} is not shown")
            return
        here = Counter(kind for leaf, kind in waiting if first <= leaf < upto)
        for kind in sorted(PUBLIC):
            if kinds.get(kind, 0) != here[kind]:
                span = f"the leaves {first} to {upto - 1}"
                said = f"{kinds.get(kind, 0)} records of the kind {kind} are in {span}; {here[kind]} are here"
                raise Refused(said, f"data/log/{name}/records.jsonl", 0, "C10")

    def _compare(self, close: Close, subject: str, runs: Runs) -> None:
        """C10: the subject's records that this close covers are as many as it commits to."""
        counts: dict[str, int] = {}
        rest: Runs = {}
        for (log, writer), run in runs.items():
            covered = bisect_left(run.leaves, close.upto) if log == close.log else len(run.leaves)
            if covered:
                counts[writer] = max(run.first + covered - 1, counts.get(writer, 0))
            if covered < len(run.leaves):
                rest[log, writer] = Run(run.first + covered, run.leaves[covered:])
        if rest:
            self.waiting[subject, close.win] = rest
        if not counts:
            return
        close.counted.add(subject)
        listed = ",".join(f"{writer}={n}" for writer, n in sorted(counts.items()))
        due = hashlib.sha256(f"{close.salt}|{subject}|{listed}".encode()).hexdigest()[:32]
        if close.due.get(subject) != due:
            said = f"the records of {subject} in the hour {close.win} are not as many as the log committed to"
            raise Refused(said, f"data/log/{close.log}/records.jsonl", 0, "C10")

    def finish(self) -> None:
        """C10: no hour in between has records that are not here; what no close covers is said."""
        for name, writer in sorted(self.writers.items()):
            if writer.asked and not writer.started:
                raise Refused(f"the first record of the writer {name} is not here", "data/log", 0, "C7")
        wins = sorted(win for _, win in self.counts)
        days: dict[str, set[str]] = {}
        for subject, win in self.counts:
            days.setdefault(win[:10], set()).add(subject)
        for close in self.closes if wins else ():
            for subject in days.get(close.win[:10], set()) - close.counted:
                said = f"there are records of {subject} in the hour {close.win}, and they are not here"
                if wins[0] <= close.win <= wins[-1] and subject in close.due:
                    raise Refused(said, f"data/log/{close.log}/records.jsonl", 0, "C10")
                self.notes += [f"{said}: that hour is not said to be of the incident"] if subject in close.due else []
        for (_, win), runs in sorted(self.waiting.items()):
            first = min(run.leaves[0] for run in runs.values())
            count = sum(len(run.leaves) for run in runs.values())
            told = f"nobody committed to how many records the hour {win} has after leaf {first - 1}"
            self.missing.append(f"C10: {told}: {count} of them are here")
        if {subject for subject, _ in self.counts} != self.claimed:
            raise Refused("it does not name just the subjects whose records are here", ABOUT, 0, "C11")
        for name, since in self.unshared.items():
            self.missing.append(f"the shared store did not answer {name} from {moment(since)} on: it counted alone")
        for name, since in self.late.items():
            if name not in self.stood_in:
                self.missing.append(f"{name} stamped nothing from {moment(since)} on, as far as is shown here")

    def about(self, logs: Sequence[Log], key: str) -> None:
        """C11: what bundle.json says besides is so."""
        wins, incident = sorted(win for _, win in self.counts), self.sums.told
        due = {
            "actor": incident.get("actor"),
            "checkpoints": {log.shard: log.notes[log.size].text.decode() for log in logs},
            "format": FORMAT,
            "hours": [*wins[:1], *wins[-1:]],
            "incident": incident.get("id"),
            "key": key,
            "subjects": sorted(self.claimed),
            "unopened": self.number["dark"],
        }
        for name in sorted(due.keys() | self.told.keys()):
            if self.told.get(name) != due.get(name):
                raise Refused(f"{name} is not {due.get(name)!r}, as by the rest of the bundle", ABOUT, 0, "C11")

    def looked(self, logs: Sequence[Log]) -> dict[str, str]:
        """What C5, C6, C7, C9 and C10 looked at."""
        leaves = sum(log.size - log.start for log in logs)
        number, dark = self.number, self.number["dark"]
        if dark:
            self.missing.append(f"C9: {dark} requests are here without what they were for or who sent them")
        if long := number["long"]:
            self.notes.append(f"{long} requests are said to have lasted over three hours: C8 dates their end")
        total = number["requests"] + number["others"]
        return {
            "C5": f"{leaves} leaf hashes grown to the roots of {sum(len(log.notes) for log in logs)} checkpoints",
            "C6": f"{total} records at their places, {number['outside']} more by proofs of their own",
            "C7": f"{number['requests']} requests and {number['others']} other records of {len(self.writers)} writers",
            "C9": f"{number['disclosures']} disclosures, each under its commitment",
            "C10": f"{len(self.counts)} hours of {len(self.subjects)} pseudonyms against {len(self.closes)} counts",
        }

    def figures(self, files: "Files") -> str:
        """C11: notices and settings are what the records name; the incident's figures follow from the records."""
        there = {name for name in files.names if re.match(r"data/(notices|configs)/[0-9a-f]{64}(\.json)?$", name)}
        for name in sorted(there):
            if files.digest(name) != name.split("/")[2].removesuffix(".json"):
                raise Refused("its content is not what its name says", name)
        for name in sorted(there - self.named):
            raise Refused("no record names it", name)
        self.missing += [f"{name} is named by a record and was not kept" for name in sorted(self.named - there)]
        rows = same(files, VALIDITY, self._validity())
        looked = f"{len(there)} notices and settings, {rows - 1} times from which a notice was in force"
        if self.number["dark"]:
            return f"{looked}; no figures, as there are requests that cannot be opened"
        with shaped(INCIDENT):
            told, counted = self.sums.told, self.sums.counted()
            for name, value in counted.items():
                if told[name] != value:
                    raise Refused(f"{name} is {told[name]!r} here, but {value!r} by the records", INCIDENT)
            for name in sorted(told.keys() ^ {*counted, *READ}):
                raise Refused(f"{name} does not belong there, or is missing", INCIDENT)
        with shaped(REQUESTS):
            rows = same(files, REQUESTS, self.sums.rows)
        check_loss(files, counted)
        return f"{looked}, {len(counted)} figures of {counted['requests']} requests, {rows - 1} rows of requests.csv"

    def _validity(self) -> Iterator[bytes]:
        yield b"notice,sha256,first in force (UTC),kept\n"
        for (notice, digest), since in sorted(self.since.items()):
            kept = "yes" if f"data/notices/{digest}" in self.files.names else "no"
            yield f"{notice},{digest},{moment(since)},{kept}\n".encode()


def check_loss(files: "Files", counted: dict[str, Any]) -> None:
    """C11: loss.json has the incident's own sums, and what it says besides follows from them and what it states."""
    told = canonical(files.small(LOSS), LOSS)
    with shaped(LOSS):
        own = {name: counted[name] for name in ("bytes", "micros", "requests")}
        objects, during, catalogue = counted["taken"]["objects"], told["loads"]["during"], told["catalogue"]
        spent: dict[str, Decimal] = {}
        for each in told["expenses_listed"]:
            with suppress(InvalidOperation):
                amount, name = Decimal(str(each.get("amount"))), str(each.get("currency", ""))
                spent[name] = spent.get(name, Decimal()) + amount
        price, _, currency = (told["licence_each"] or "").partition(" ")
        due = {
            "incident": own,
            "objects": objects,
            "shares_per_mille": {name: 1000 * n // during[name] if during[name] else 0 for name, n in own.items()},
            "catalogue_taken_per_mille": 1000 * objects // catalogue["objects"] if catalogue else None,
            "expenses": {name: str(sum_) for name, sum_ in spent.items()},
            "licence": f"{Decimal(price) * objects} {currency}" if price else None,
        }
        for name, value in due.items():
            if told[name] != value:
                raise Refused(f"{name} is {told[name]!r} here, but has to be {value!r}", LOSS)
        for name, n in own.items():
            if during[name] < n:
                raise Refused(f"the load during the incident has fewer {name} than the incident", LOSS)
        if catalogue and catalogue["source"] == "settings":
            settings = [files.small(name) for name in sorted(files.names) if name.startswith("data/configs/")]
            if all(json.loads(one).get("evidence", {}).get("catalogue") != catalogue["objects"] for one in settings):
                raise Refused("no settings that were in force say that the catalogue is so large", LOSS)


def check_reports(files: "Files") -> None:
    """C11: each report in HTML names the figures that it was made from; its words are not looked at."""
    digests = (f"{name.rpartition('/')[2]} {files.digest(name)}" for name in (INCIDENT, LOSS))
    line = f'<meta name="figures" content="{"; ".join(digests)}">'.encode()
    for name in sorted(name for name in files.names if re.fullmatch(r"data/analysis/report\.\w+\.html", name)):
        text = files.small(name)
        if text.count(b'name="figures"') != 1 or line not in text:
            raise Refused("it was not made from the figures that are here", name, 0, "C11")


def openings(log: Log) -> Iterator[tuple[int, bytes, int]]:
    """(leaf index, disclosure, number of the line), and at last one with index -1."""
    name = log.folder + "disclosures.txt"
    for number, line in enumerate(log.files.lines(name), 1):
        index, _, text = line.partition(b" ")
        if not index.isdigit() or len(index) > 18:
            raise Refused("it does not begin with the place of a record", name, number, "C9")
        yield int(index), text, number
    yield -1, b"", 0


def tag(close: Close, subject: str) -> str:
    return hashlib.sha256(f"{close.salt}|{subject}".encode()).hexdigest()[:16]


class Rows:
    """requests.csv, counted again; in a temporary file, so that memory does not grow with it."""

    def __init__(self, files: "Files") -> None:
        self._rows = sqlite3.connect("", isolation_level=None)
        files.open_files.add(self._rows)
        for command in ("PRAGMA cache_size = -4096", "PRAGMA journal_mode = OFF", TABLE, "BEGIN"):
            self._rows.execute(command)

    def add(self, time: int, thing: str, *, taken: bool, refused: bool, size: int) -> None:
        self._rows.execute(ADD, (time // HOUR, thing.encode("utf-8", "surrogatepass"), taken, refused, size))

    def objects(self, where: str = "TRUE") -> int:
        """How many there are."""
        (count,) = self._rows.execute(f"SELECT COUNT(DISTINCT object) FROM requests WHERE {where}").fetchone()  # noqa: S608
        return int(count)

    def __iter__(self) -> Iterator[bytes]:
        yield b"hour (UTC),object,requests,taken,refused,bytes\n"
        for hour, raw, *counts in self._rows.execute("SELECT * FROM requests ORDER BY hour, object"):
            thing, row = raw.decode("utf-8", "surrogatepass"), io.StringIO()
            shown = f"'{thing}" if thing[:1] in "=+-@\t\r" else thing  # no formula in a spreadsheet
            csv.writer(row, lineterminator="\n").writerow((moment(hour * HOUR)[:16], shown, *counts))
            yield row.getvalue().encode("utf-8", "backslashreplace")


TABLE = """CREATE TABLE requests (hour INTEGER, object BLOB, requests INTEGER, taken INTEGER, refused INTEGER,
bytes INTEGER, PRIMARY KEY (hour, object)) WITHOUT ROWID"""
ADD = """INSERT INTO requests VALUES (?, ?, 1, ?, ?, ?) ON CONFLICT DO UPDATE SET requests = requests + 1,
taken = taken + excluded.taken, refused = refused + excluded.refused, bytes = bytes + excluded.bytes"""


def same(files: "Files", name: str, rows: Iterable[bytes]) -> int:
    """How many rows a file has; Refused when they are not just these, byte for byte."""
    number = 0
    with files.opened(name) as file, io.BufferedReader(file, 1 << 18) as text:
        for number, row in enumerate(rows, 1):
            if text.read(len(row)) != row:
                raise Refused(f"by the records the row is {row.decode().rstrip()!a}", name, number)
        if text.read(1):
            raise Refused("it has more rows than follow from the records", name, number + 1)
    return number


class Figures:
    """The sums of an incident, counted again from the requests of its time."""

    def __init__(self, files: "Files") -> None:
        self.told = canonical(files.small(INCIDENT), INCIDENT)
        self.sums: Counter[str] = Counter()
        self.tallies: dict[str, Counter[str]] = {name: Counter() for name in (*TALLIES, "rules")}
        with shaped(INCIDENT):
            self.since, self.until = int(self.told["first"]), int(self.told["last"])
            self.placed = {(int(one["t"]), str(one["ref"])): dict(one) for one in self.told["measures"]}
        self.rows = Rows(files)
        self.actors: set[str] = set()
        self.times: list[int] = []  # first and last
        self.robots: list[int] = []  # when robots.txt was first asked for
        self.heard: dict[tuple[str, str, bool], list[Any]] = {}  # notice, version, asked for -> first, last, times, by
        self.signals: dict[str, list[int]] = {}  # detector -> how often, only observed, the most it saw
        self.opening: tuple[int, str, int, str, str] | None = None  # the first odd one: time, writer, seq, digest, who

    def add(self, fields: dict[str, Any], opened: dict[str, Any], writer: str, line: bytes) -> None:
        time, what, asked = fields["t"], fields["what"], opened["request"]
        actor = "address:" + (opened["client"]["key"] or "unknown")
        self.actors.add(actor)
        if not self.since <= time <= self.until:
            return  # of the same hours, but before or after
        verdict, status = what["verdict"], what["status"]
        allowed = verdict["rung"] == "allow"
        served = allowed and 200 <= status < 300
        odd = not allowed or verdict["intended"] != "allow"
        taken = served and what["resource"] in ("page", "data", "feed")
        held = what["micros"] if verdict["rung"] == "tarpit" else 0  # a connection that is only held is no work
        self.times = [min([time, *self.times]), max([time, *self.times])]
        self.sums.update(requests=1, bytes=what["bytes"], micros=what["micros"] - held, held_us=held, odd=odd)
        self.sums.update(refused=not allowed, trapped=bool(what["trapped"]), imported="source" in what)
        self.rows.add(time, asked["object"], taken=taken, refused=not allowed, size=what["bytes"])
        if odd and (self.opening is None or (time, writer, fields["seq"]) < self.opening[:3]):
            self.opening = (time, writer, fields["seq"], hashlib.sha256(line).hexdigest(), actor)
        if taken:
            self.sums.update(taken=1, taken_bytes=what["bytes"])
        self._tell(what, opened, served=served)
        if what["resource"] == "notice" and asked["path"] == "/robots.txt":
            self.sums["robots"] += 1
            self.robots = [min([time, *self.robots])]
        if told := what.get("told"):
            version = self.heard.setdefault((told["name"], told["digest"], allowed), [time, time, 0, set()])
            version[:3] = min(time, version[0]), max(time, version[1]), version[2] + 1
            version[3] |= {actor} if len(version[3]) < LISTED else set()
        own = {**verdict, "ref": what["ref"], "status": status, "subject": actor, "t": time}
        if (
            not allowed
            and (due := self.placed.get((time, what["ref"])))
            and all(due[key] == own[key] for key in PLACED)
        ):
            del self.placed[time, what["ref"]]

    def _tell(self, what: dict[str, Any], opened: dict[str, Any], *, served: bool) -> None:
        """Count what is told by its values."""
        verdict, client, agent = what["verdict"], opened["client"], opened.get("agent", {})
        values = [client["address"], agent.get("agent"), agent.get("fingerprint"), what["host"], verdict["rung"]]
        values += [verdict["intended"], verdict["mode"], what["resource"], str(what["status"])]
        told = [(name, str(value or "")) for name, value in zip(TALLIES, values, strict=True)]
        if what["forbidden"] and served:
            self.sums["forbidden"] += 1
            told.append(("rules", str(opened["request"].get("forbidden") or "?")))
        for name, value in told:
            if value in self.tallies[name] or len(self.tallies[name]) < MOST_VALUES:
                self.tallies[name][value] += 1
        for sign in what["signals"]:
            one = self.signals.setdefault(sign["detector"], [0, 0, 0])
            observed = sign["mode"] != "enforce" or verdict["mode"] != "enforce"
            one[:] = one[0] + 1, one[1] + observed, max(one[2], sign["seen"])

    def most(self, name: str, told: dict[str, int]) -> dict[str, int]:
        """The most frequent values; which of equals are told, or of very many, is for the maker to choose."""
        all_of = self.tallies[name]
        most = sorted(count for _, count in all_of.most_common(LISTED))
        right = all(all_of[value] == count for value, count in told.items()) and sorted(told.values()) == most
        return told if right or len(all_of) == MOST_VALUES else dict(all_of.most_common(LISTED))

    def _heard(self, told: list[dict[str, Any]]) -> list[dict[str, Any]]:
        heard = [
            {
                "asked": asked,
                "digest": digest,
                "first": first,
                "last": last,
                "name": name,
                "subjects": len(by),
                "times": n,
            }
            for (name, digest, asked), (first, last, n, by) in self.heard.items()
        ]
        return told if sorted(told, key=str) == sorted(heard, key=str) or len(heard) > LISTED else heard

    def counted(self) -> dict[str, Any]:
        """What has to stand in incident.json."""
        sums, opening, told = self.sums, self.opening or (0, "", 0, "", ""), self.told
        taken = {"bytes": sums["taken_bytes"], "objects": self.rows.objects("taken > 0"), "requests": sums["taken"]}
        first, last = min(self.times, default=0), max(self.times, default=0)
        return {
            **{name: sums[name] for name in ("bytes", "held_us", "imported", "micros", "odd", "refused", "requests")},
            **{name: self.most(name, told[name]) for name in TALLIES},
            "actor": opening[4],
            "distinct": self.rows.objects(),
            "first": first,
            "forbidden": {"rules": self.most("rules", told["forbidden"]["rules"]), "served": sums["forbidden"]},
            "id": opening[3][:12],
            "last": last,
            "measures": [one for one in told["measures"] if (one["t"], one["ref"]) not in self.placed],
            "notices": self._heard(told["notices"]),
            "opened": opening[0],
            "robots": {"asked": sums["robots"], "first": min(self.robots, default=None)},
            "rung": max(self.tallies["imposed"], key=RUNGS.index, default="allow"),
            "rung_intended": max(self.tallies["intended"], key=RUNGS.index, default="allow"),
            "signals": {
                name: {**told["signals"].get(name, {}), "count": count, "observed": observed, "seen": seen}
                for name, (count, observed, seen) in self.signals.items()
            },
            "span_seconds": (last - first) // SECOND,
            "subjects": sorted(self.actors),
            "taken": taken,
            "trapped": sums["trapped"],
        }


TALLIES = (
    "addresses", "agents", "fingerprints", "hosts", "imposed", "intended", "modes", "resources", "statuses",
)  # fmt: skip
RUNGS = ["allow", "throttle", "challenge", "tarpit", "block"]
PLACED = (
    "cause",
    "ref",
    "rung",
    "seconds",
    "status",
    "subject",
    "t",
)  # of a measure; what followed it is not looked at
LISTED, MOST_VALUES = 50, 1_000  # values told in incident.json, and those that are counted at all


class Exhibits:
    """Captured exchanges as WARC files: each is written again from its record and compared, byte for byte."""

    def __init__(self) -> None:
        self.rows = ["file,sha256,leaf,time,client,status,reference,body"]
        self.due: dict[str, str] = {}  # file name -> SHA-256

    def add(self, log: Log, index: int, fields: dict[str, Any], line: bytes, opened: dict[str, Any]) -> None:
        what, client, exchange = fields["what"], opened["client"], opened["exchange"]
        name = f"{log.shard}-{index}.warc"
        sha = hashlib.sha256(warc(f"{log.notes[log.size].origin} {index}", fields, line, client, exchange)).hexdigest()
        body = "; ".join([*exchange["cut"], exchange["left_out"]]).strip("; ") or "whole"
        cells = (name, sha, index, w3c(fields["t"]), client["address"], what["status"], what["ref"], body)
        self.rows.append(",".join(map(str, cells)))
        self.due[EXHIBITS + name] = sha

    def check(self, files: "Files") -> str:
        """C12: the exhibits are those that records commit to, no more and no fewer, and the index lists just them."""
        there = {name for name in files.names if name.startswith(EXHIBITS)} - {EXHIBITS + "README.txt"}
        for name in sorted(there ^ {*self.due, EXHIBITS + "index.csv"}):
            raise Refused("no record commits to it" if name in there else "a record commits to it; it is missing", name)
        for name, sha in self.due.items():
            if files.digest(name) != sha:
                raise Refused("it is not the exchange that its record commits to", name)
        if files.small(EXHIBITS + "index.csv") != "".join(f"{row}\n" for row in self.rows).encode():
            raise Refused("it does not list just the exhibits, as their records have them", EXHIBITS + "index.csv")
        return f"{len(self.due)} captured exchanges, each as its record commits to it"


def warc(place: str, fields: dict[str, Any], line: bytes, client: dict[str, Any], exchange: dict[str, Any]) -> bytes:
    """The exhibit of a record, as it has to be."""
    leaf, cut, written = hashlib.sha256(line).hexdigest(), set(exchange["cut"]), b""
    names = {kind: f"<urn:uuid:{uuid.uuid5(WARC, f'{leaf} {kind}')}>" for kind in ("response", "request")}
    long = "length" if cut & {"body", "response"} else "" if fields["what"]["complete"] else "disconnect"
    short = {"response": "unspecified" if exchange["left_out"] else long, "request": "length" * ("request" in cut)}
    body = {"response": base64.b64decode(exchange["body"]), "request": b""}
    answered = bool(exchange["response"])
    for kind, other in (("response", "request"), ("request", "response")):
        if kind == "response" and not answered:
            continue
        block = base64.b64decode(exchange[kind]) + body[kind]
        told = f"WARC/1.1\r\nWARC-Type: {kind}\r\nWARC-Record-ID: {names[kind]}\r\nWARC-Date: {w3c(fields['t'])}\r\n"
        told += f"WARC-Target-URI: {exchange['uri']}\r\n"
        told += f"ScrapeGuard-Client: {client['address']} {client['port'] or '-'}\r\nScrapeGuard-Record: {place}\r\n"
        told += f"ScrapeGuard-Reference: {fields['what']['ref']}\r\n"
        told += f"WARC-Concurrent-To: {names[other]}\r\n" if answered else ""
        told += f"WARC-Truncated: {short[kind]}\r\n" if short[kind] else ""
        told += f"WARC-Block-Digest: sha256:{hashlib.sha256(block).hexdigest()}\r\n"
        told += f"WARC-Payload-Digest: sha256:{hashlib.sha256(body[kind]).hexdigest()}\r\n"
        told += f"Content-Type: application/http; msgtype={kind}\r\nContent-Length: {len(block)}\r\n\r\n"
        written += told.encode() + block + b"\r\n\r\n"
    return written


def w3c(micros: int) -> str:
    return f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros):%Y-%m-%dT%H:%M:%S.%fZ}"


class Links:
    """Why several subjects are one actor: each link rests on two disclosed records that share what it says they share.

    How often a link would join strangers is the maker's count among records that are not here: it is not checked.
    """

    def __init__(self, told: dict[str, Any]) -> None:
        with shaped(INCIDENT, 0, "C13"):
            self.told: list[dict[str, Any]] = [dict(link) for link in told["links"]]
            self.steps = {str(step["digest"]) for step in told["evasion"]}
            ends = {str(link[end]["digest"]) for link in self.told for end in ("first", "second")}
            self.wanted = self.steps | ends
        self.found: dict[str, dict[str, Any]] = {}  # digest of a record -> what a link can rest on
        self.rejected: set[str] = set()

    def add(self, digest: str, fields: dict[str, Any], opened: dict[str, Any]) -> None:
        agent, account = opened.get("agent", {}), opened.get("account", {})
        self.found[digest] = {
            "agent": agent.get("fingerprint") or agent.get("agent"),
            "credential": account.get("credential"),
            "pass": account.get("pass"),
            "ref": fields["what"]["ref"],
            "subject": "address:" + (opened["client"]["key"] or "unknown"),
            "t": fields["t"],
        }

    def check(self, subjects: set[str], dark: bool) -> str:
        """C13: the links that are followed hold and lead from one subject to all; those rejected are not followed."""
        if dark:
            return "nothing, as there are requests that cannot be opened"
        group = {subject: subject for subject in subjects}  # each leads to another of its group, or is its head
        count = 0
        with shaped(INCIDENT, 0, "C13"):
            for link in self.told:
                if link["rejected"] is not None:
                    if link["id"] not in self.rejected:
                        raise Refused(f"no record rejects the link {link['id']}", INCIDENT)
                    continue
                one, other = self._ends(link)
                count += 1
                group[head(group, one)] = head(group, other)
            heads = {head(group, subject) for subject in subjects}
            if len(heads) > 1:
                lone = min(subject for subject in subjects if head(group, subject) != head(group, min(subjects)))
                raise Refused(f"no link joins {lone} to the others", INCIDENT)
            for digest in sorted(self.steps - self.found.keys()):
                raise Refused(f"a step of the story rests on the record {digest[:16]}, which is not here", INCIDENT)
        return f"{count} links between {len(subjects)} subjects, {len(self.steps)} steps, each by records that are here"

    def _ends(self, link: dict[str, Any]) -> tuple[str, str]:
        """The subjects that a link joins; Refused when its records do not bear it out."""
        name, first, second = str(link["id"]), link["first"], link["second"]
        text = f"{link['reason']}|{first['digest']}|{second['digest']}"
        if hashlib.sha256(text.encode()).hexdigest()[:12] != name:
            raise Refused(f"the link {name} is not between these two records", INCIDENT)
        if name in self.rejected or not link["joined"]:
            raise Refused(f"the link {name} was rejected, and is followed", INCIDENT)
        ends = []
        for told in (first, second):
            found = self.found.get(told["digest"])
            if found is None:
                raise Refused(f"the link {name} rests on the record {told['digest'][:16]}, which is not here", INCIDENT)
            if any(found[key] != told[key] for key in ("ref", "subject", "t")):
                raise Refused(f"the link {name} says something else of the record {told['digest'][:16]}", INCIDENT)
            ends.append(found)
        shared = SHARED.get(link["reason"], "")
        if shared and (not ends[0][shared] or ends[0][shared] != ends[1][shared]):
            raise Refused(f"the records of the link {name} do not share their {shared}", INCIDENT)
        if link["apart_us"] != ends[1]["t"] - ends[0]["t"] or link["apart_us"] < 0:
            raise Refused(f"the records of the link {name} are not so far apart", INCIDENT)
        return str(ends[0]["subject"]), str(ends[1]["subject"])


SHARED = {"return": "agent", "network": "agent", "rotation": "agent", "account": "credential", "pass": "pass"}


def head(group: dict[str, str], subject: str) -> str:
    while group[subject] != subject:
        subject = group[subject]
    return subject


# ----------------------------------------------------------------------------- time stamps (RFC 3161)

SHA256 = bytes.fromhex("608648016503040201")
SIGNED_DATA, TST_INFO = bytes.fromhex("2a864886f70d010702"), bytes.fromhex("2a864886f70d0109100104")
CONTENT_TYPE, MESSAGE_DIGEST = bytes.fromhex("2a864886f70d010903"), bytes.fromhex("2a864886f70d010904")
CERTIFICATE, CERTIFICATE_2 = bytes.fromhex("2a864886f70d010910020c"), bytes.fromhex("2a864886f70d010910022f")
PSS = bytes.fromhex("2a864886f70d01010a")
DIGESTS: dict[bytes, hashes.HashAlgorithm] = {
    SHA256: hashes.SHA256(),
    bytes.fromhex("608648016503040202"): hashes.SHA384(),
    bytes.fromhex("608648016503040203"): hashes.SHA512(),
}
Der = tuple[int, bytes, bytes]  # tag, body, the whole element


class Tokens:
    """Time stamps checked against roots from outside."""

    def __init__(self, roots: Sequence[x509.Certificate]) -> None:
        self.roots = roots
        self.good = 0
        self.notes: list[str] = []

    def check(self, files: "Files", file: str, over: str) -> int | None:
        """Its time when it counts. Refused when it is over something else, altered or in a false name."""
        with shaped(file, 0, "C4"):
            info, *_, certificates, signer = told = token(files.small(file))
            fields = parts(single(info)[1])
            if parts(parts(fields[2][1])[0][1])[0][1] != SHA256:
                raise Refused("it is not over SHA-256", file)
            if parts(fields[2][1])[1][1].hex() != files.digest(over):
                raise Refused(f"it is over something else than {over}", file)
            signature_of(told, file)
            text = fields[4][1].decode("ascii").removesuffix("Z")
            whole, _, fraction = text.partition(".")
            time = int(datetime.strptime(whole + "+0000", "%Y%m%d%H%M%S%z").timestamp()) * SECOND
            time += int((fraction + "000000")[:6])
            if not self._leads(signer, certificates, time, file):
                if self.roots:
                    self.notes.append(f"{file} leads to no root that you gave, and counts for nothing")
                return None
        self.good += 1
        return time

    def _leads(self, signer: x509.Certificate, known: Sequence[x509.Certificate], time: int, file: str) -> bool:
        usage = signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
        if not usage.critical or list(usage.value) != [ExtendedKeyUsageOID.TIME_STAMPING]:
            raise Refused("its signer's certificate is not one for time stamping only", file)
        here, at = signer, datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time)
        for _ in range(8):
            if not here.not_valid_before_utc <= at <= here.not_valid_after_utc:
                raise Refused(f"the certificate of {here.subject.rfc4514_string()} was not valid then", file)
            if any(here == root or issued(here, root) for root in self.roots):
                return True
            if any(here.issuer == root.subject for root in self.roots):
                raise Refused("it uses the name of an authority that you gave, but not its key", file)
            above = next((one for one in known if one != here and may_issue(one) and issued(here, one)), None)
            if above is None:
                break
            here = above
        return False


Token = tuple[bytes, Der, dict[bytes, Der], list[Der], bytes, list[x509.Certificate], x509.Certificate]


def token(data: bytes) -> Token:
    """The parts of a TimeStampResp that are needed: see `Tokens.check`. Raises ValueError and IndexError."""
    status, content = parts(single(data)[1])[:2]
    if int.from_bytes(parts(status[1])[0][1], "big") not in (0, 1):
        raise ValueError("it was not granted")
    kind, wrapped = parts(content[1])
    fields = parts(single(wrapped[1])[1])
    inner_kind, inner = parts(next(one for one in fields if one[0] == 0x30)[1])
    if kind[1] != SIGNED_DATA or inner_kind[1] != TST_INFO:
        raise ValueError("it is no time stamp")
    certificates = [
        x509.load_der_x509_certificate(one[2]) for part in fields if part[0] == 0xA0 for one in parts(part[1])
    ]
    (signer_info,) = parts(fields[-1][1])
    own = parts(signer_info[1])
    issuer, serial = parts(own[1][1])
    number = int.from_bytes(serial[1], "big", signed=True)
    signer = next(c for c in certificates if c.serial_number == number and c.issuer.public_bytes() == issuer[2])
    attributes = own[3]
    if attributes[0] != 0xA0:
        raise ValueError("it has no signed attributes")
    values = {parts(one[1])[0][1]: parts(parts(one[1])[1][1])[0] for one in parts(attributes[1])}
    return single(inner[1])[1], attributes, values, own[4:], parts(own[2][1])[0][1], certificates, signer


def signature_of(told: Token, file: str) -> None:
    """The signed attributes fit the content and name the signer's certificate; the signer signed them."""
    info, attributes, values, after, algorithm, _, signer = told
    digest = DIGESTS[algorithm]
    hasher = hashes.Hash(digest)
    hasher.update(info)
    if values[MESSAGE_DIGEST][1] != hasher.finalize() or values[CONTENT_TYPE][1] != TST_INFO:
        raise Refused("its content was altered", file)
    new = CERTIFICATE_2 in values
    named = parts(parts(parts(values[CERTIFICATE_2 if new else CERTIFICATE][1])[0][1])[0][1])
    print_of = signer.fingerprint(hashes.SHA256() if new else hashes.SHA1())  # noqa: S303 - RFC 3161's own, of old
    if next(one[1] for one in named if one[0] == 4) != print_of:
        raise Refused("it names another certificate than it carries", file)
    message, key, signature = b"\x31" + attributes[2][1:], signer.public_key(), after[1][1]
    pss = parts(after[0][1])[0][1] == PSS
    try:
        if isinstance(key, rsa.RSAPublicKey):
            scheme = padding.PSS(padding.MGF1(digest), padding.PSS.AUTO) if pss else padding.PKCS1v15()
            key.verify(signature, message, scheme, digest)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, message, ec.ECDSA(digest))
        else:
            raise Refused("its key is neither RSA nor ECDSA", file)
    except InvalidSignature as error:
        raise Refused("its signature does not fit", file) from error


def parts(data: bytes) -> list[Der]:
    """The DER elements that `data` consists of. Raises ValueError for what is no DER."""
    found, at = [], 0
    while at < len(data):
        head, length = at + 2, data[at + 1]
        if length & 0x80:
            more = length & 0x7F
            head, length = head + more, int.from_bytes(data[head : head + more], "big")
            if not 0 < more < 5:
                raise ValueError("a length is malformed")
        if head + length > len(data):
            raise ValueError("it is cut short")
        found.append((data[at], data[head : head + length], data[at : head + length]))
        at = head + length
        if len(found) > 1000:
            raise ValueError("it has too many parts")
    return found


def single(data: bytes) -> Der:
    (one,) = parts(data)
    return one


def issued(child: x509.Certificate, parent: x509.Certificate) -> bool:
    try:
        child.verify_directly_issued_by(parent)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def may_issue(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


# ------------------------------------------------------------------------------------------- reading without believing

LITTER = re.compile(r"\.DS_Store|Thumbs\.db|desktop\.ini|\._.*")
BROKEN = (zipfile.BadZipFile, ValueError, NotImplementedError, OverflowError, EOFError, RuntimeError, struct.error)
SURPRISES = (
    KeyError, IndexError, TypeError, ValueError, AttributeError, ArithmeticError, StopIteration, RecursionError,
    UnsupportedAlgorithm, x509.ExtensionNotFound, x509.DuplicateExtension, x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)  # fmt: skip


class Files:
    """The files of a bundle, read in place: nothing is unpacked, nothing is larger than it may be.

    A zip has one layout: entries in the order of its directory, stored and not compressed, no comment, no extra field,
    times of 1980; no other is read, so that every byte of the file is accounted for.
    """

    def __init__(self, path: str) -> None:
        self._folder = Path(path)
        self._zip: zipfile.ZipFile | None = None
        self.open_files: set[Any] = set()  # closed in the end
        self.sizes: dict[str, int] = {}
        self.litter: list[str] = []  # what systems leave in folders that are looked into: no part of the bundle
        try:
            self._look(path)
        except (Refused, Unusable, OSError):
            self.close()
            raise
        self.names = set(self.sizes)

    def _look(self, path: str) -> None:
        if self._folder.is_dir():
            self._list()
        else:
            with open(path, "rb") as file:  # noqa: PTH123
                if file.read(2) != b"PK":
                    raise Unusable(f"{path} is neither a folder nor a zip file")
                self._open(path, file)
        if TAGMANIFEST not in self.sizes and "bagit.txt" not in self.sizes:
            raise Unusable(f"{path} holds no BagIt bag")

    def _list(self) -> None:
        for path in self._folder.rglob("*"):
            name = path.relative_to(self._folder).as_posix()
            if LITTER.fullmatch(path.name) and path.is_file() and not path.is_symlink():
                self.litter.append(name)
                continue
            if path.is_symlink() or not (path.is_file() or path.is_dir()) or not NAME.fullmatch(name):
                raise Refused("no file of a bundle is of this kind or has such a name", ascii(name)[1:-1])
            if path.is_file():
                self.sizes[name] = path.stat().st_size
            if len(self.sizes) > MOST_FILES:
                raise Unusable(f"{self._folder} holds more than {MOST_FILES} files")

    def _open(self, path: str, file: BinaryIO) -> None:
        try:
            self._zip = zipfile.ZipFile(path)
        except BROKEN as error:
            raise Refused(f"the zip container is damaged ({error})") from error
        infos = self._zip.infolist()
        if len(infos) > MOST_FILES or sum(info.file_size for info in infos) > MOST_BYTES:
            raise Unusable(f"{path} unpacks to more than {MOST_FILES} files or {MOST_BYTES} bytes")
        if not laid_out(file, infos):
            told = "is not packed as we pack: another program packed it again, or it was altered"
            raise Unusable(f"{path} {told}. Unpack it, and check the folder.")
        for name, number in Counter(info.filename for info in infos).items():
            if number > 1 or not NAME.fullmatch(name):
                raise Refused("the name comes twice, or no file of a bundle has it", ascii(name)[1:-1])
        self.sizes = {info.filename: info.file_size for info in infos}

    def close(self) -> None:
        """Close the container and what is still being read of it."""
        for file in self.open_files:
            file.close()
        if self._zip is not None:
            self._zip.close()

    @contextmanager
    def opened(self, name: str) -> Iterator[Any]:
        if name not in self.sizes:
            raise Refused("it is missing", name)
        try:
            with self._zip.open(name) if self._zip else (self._folder / name).open("rb") as file:
                self.open_files.add(file)
                yield file
                self.open_files.discard(file)
        except BROKEN as error:
            raise Refused(f"it cannot be unpacked ({error})", name) from error

    def small(self, name: str) -> bytes:
        """A file as a whole."""
        if self.sizes.get(name, 0) > MOST_SMALL:
            raise Refused(f"it is larger than {MOST_SMALL} bytes", name)
        with self.opened(name) as file:
            data: bytes = file.read()
        return data

    def digest(self, name: str) -> str:
        with self.opened(name) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def lines(self, name: str) -> Iterator[bytes]:
        """The lines of a file without their newlines."""
        if name not in self.sizes:
            raise Refused("it is missing", name)
        done, rest = 0, b""
        with self.opened(name) as file:
            while block := file.read(1 << 18):
                *lines, rest = (rest + block).split(b"\n")
                for number, line in enumerate((*lines, rest), done + 1):
                    if len(line) >= LONGEST_LINE:
                        raise Refused(f"it is longer than {LONGEST_LINE} bytes", name, number)
                    if number <= done + len(lines):
                        yield line
                done += len(lines)
        if rest:
            raise Refused("it does not end in a line end", name, done + 1)


def laid_out(file: BinaryIO, infos: list[zipfile.ZipInfo]) -> bool:
    """Write the zip's headers anew from names, sizes and CRCs, and find them where they must be, byte for byte."""
    place, directory = 0, b""
    for info in infos:
        name = info.filename.encode()
        sizes = (info.CRC, info.file_size, info.file_size, len(name), 0)
        local = struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, 0, 0, 0, 33, *sizes) + name
        file.seek(place)
        if file.read(len(local)) != local or info.header_offset != place:
            return False
        directory += struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 788, 20, 0, 0, 0, 33, *sizes, 0, 0, 0, MODE, place)
        directory += name
        place += len(local) + info.file_size
    directory += struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, len(infos), len(infos), len(directory), place, 0)
    file.seek(place)
    return file.read(len(directory) + 1) == directory


MODE = 0o100644 << 16


def canonical(data: bytes, file: str, line: int = 0, check: str = "") -> dict[str, Any]:
    """A JSON object in its one spelling: keys sorted, no spaces, ASCII, no floats."""
    try:
        value = json.loads(data)
        again = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        raise Refused("it is not JSON of the kind we write", file, line, check) from error
    if not isinstance(value, dict) or again != data:
        raise Refused("it is not canonical JSON", file, line, check)
    return value


def hexed(text: bytes, file: str, line: int) -> bytes:
    if not HEX.fullmatch(text):
        raise Refused("it is no SHA-256 in hex", file, line, "C5")
    return bytes.fromhex(text.decode())


@contextmanager
def shaped(file: str, line: int = 0, check: str = "") -> Iterator[None]:
    """Turn a surprise about types or fields inside into Refused."""
    try:
        yield
    except SURPRISES as error:
        told = f"it has not the shape it must have ({type(error).__name__}: {str(error)[:200]})"
        raise Refused(told, file, line, check) from error


def moment(micros: int) -> str:
    try:
        return f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros):%Y-%m-%d %H:%M:%S} UTC"
    except OverflowError:
        return f"{micros} us since 1970"


def between(since: int, until: int) -> str:
    return f"from {moment(since)} to {moment(until)}"


def printable(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode().translate(dict.fromkeys((*range(32), 127), "?"))


def told(result: Result) -> Iterator[str]:
    """The result as lines of text."""
    for check, looked in result.steps:
        yield f"{check:<4}{CHECKS[check]:<14}{looked}"
    if result.failed:
        where = f"{result.file}, line {result.line}" if result.line else result.file
        yield f"{result.failed:<4}{CHECKS[result.failed]:<14}FAILED {where}: {result.problem}"
    yield from (f"    when: {text}" for text in result.bounds)
    yield from (f"    missing: {text}" for text in result.missing)
    yield from (f"    note: {text}" for text in result.notes)
    if result.code == UNUSABLE:
        yield result.problem
    yield result.verdict


def trust(keys: Sequence[str], roots: Sequence[str], witnesses: Sequence[str], max_delay: int = MAX_DELAY) -> Trust:
    """From what stands on the command line. Raises ValueError and OSError."""
    pems = [Path(path).read_bytes() for path in roots]
    found = [
        x509.load_pem_x509_certificates(one) if b"-----" in one else [x509.load_der_x509_certificate(one)]
        for one in pems
    ]
    return Trust(brought(keys), tuple(one for each in found for one in each), brought(witnesses), max_delay)


def brought(given: Sequence[str]) -> tuple[Key, ...]:
    """Keys as they are, or in files with one a line."""
    texts = (Path(one).read_text("utf-8-sig") if Path(one).is_file() else one for one in given)
    return tuple(load_key(line) for text in texts for line in text.split())


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the checks; answer the exit code."""
    parser = argparse.ArgumentParser(description="Check a bundle of evidence without trusting who made it.")
    parser.add_argument("bundle", help="the zip, or the folder it was unpacked to")
    parser.add_argument("--key", action="append", default=[], metavar="VKEY", help="the log's key, from outside")
    parser.add_argument("--tsa-root", action="append", default=[], metavar="PEM", help="the authority's root")
    parser.add_argument("--witness", action="append", default=[], metavar="VKEY", help="the witness's key")
    parser.add_argument("--max-delay", type=int, default=MAX_DELAY, help="seconds from event to stamp [%(default)s]")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    try:
        known = trust(given.key, given.tsa_root, given.witness, given.max_delay)
    except (ValueError, OSError, binascii.Error) as error:
        print(f"What you brought along cannot be used: {error}", file=sys.stderr)
        return UNUSABLE
    result = verify(given.bundle, known)
    print(json.dumps(result.told()) if given.json else "\n".join(map(printable, told(result))))
    return result.code


if __name__ == "__main__":
    sys.exit(main())
