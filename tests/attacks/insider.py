"""What attackers can do with a bundle: pack it again, seal it with the log's key, grow the tree anew, stamp it anew."""

import base64
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from authority import Authority
from bundling import Files

from scrapeguard.evidence.canonical import canonical
from scrapeguard.evidence.checkpoint import Checkpoint, Signer
from scrapeguard.evidence.timestamp import request
from scrapeguard.evidence.tree import inclusion_proof, leaf_hash, nodes_of, root_of
from scrapeguard.evidence.verify import Trust
from scrapeguard.exports.bundle import Bundle

SEAL, TAGMANIFEST = "seal/seal-sha256.txt", "tagmanifest-sha256.txt"


@dataclass(frozen=True)
class Case:
    """A bundle, and what an insider has besides."""

    files: Files
    signer: Signer
    authority: Authority
    other: Authority  # another authority with the same names
    folder: Path

    @property
    def insider(self) -> tuple[Signer, Authority, Authority, Path]:
        """All but the files."""
        return self.signer, self.authority, self.other, self.folder

    def name(self, end: str) -> str:
        """The first file whose name ends so."""
        return next(name for name in sorted(self.files) if name.endswith(end))


World = tuple[Case, Bundle, Trust]  # what every attack begins with


def digests(files: Files, names: Sequence[str]) -> bytes:
    return "".join(f"{sha256(files[name]).hexdigest()}  {name}\n" for name in names).encode()


def rebag(files: Files) -> Files:
    """The files with manifests made anew; the seal stays."""
    files = dict(files)
    payload = sorted(name for name in files if name.startswith("data/"))
    oxum = f"Payload-Oxum: {sum(len(files[name]) for name in payload)}.{len(payload)}".encode()
    files["bag-info.txt"] = re.sub(rb"Payload-Oxum: .*", oxum, files["bag-info.txt"])
    files["manifest-sha256.txt"] = digests(files, payload)
    tags = sorted(name for name in files if "/" not in name and name != TAGMANIFEST)
    files[TAGMANIFEST] = digests(files, tags)
    return files


def reseal(files: Files, signer: Signer, authority: Authority | None = None) -> Files:
    """The files with manifests and seal made anew, as somebody with the log's key would."""
    files = {name: data for name, data in rebag(files).items() if not name.startswith("seal/")}
    if authority is not None:
        files[f"seal/{TAGMANIFEST}.127.0.0.1.tsr"] = stamp(files[TAGMANIFEST], authority)
    files[SEAL] = digests(files, [TAGMANIFEST, *sorted(name for name in files if name.startswith("seal/"))])
    files[SEAL + ".sig"] = signer.key.sign(files[SEAL])
    return files


def sealed(case: Case, files: Files, who: str) -> Files:
    """The files as they are made to look by who changed them: "files", "re-bag", "key", "key+tsa"."""
    if who == "re-bag":
        return rebag(files)
    if who == "key":
        return reseal(files, case.signer)
    return reseal(files, case.signer, case.authority) if who == "key+tsa" else files


def stamp(data: bytes, authority: Authority) -> bytes:
    return authority.reply(request(sha256(data).digest(), 7))


def replaced(files: Files, name: str, old: bytes, new: bytes, count: int = 1) -> Files:
    assert old in files[name], (name, old)
    return {**files, name: files[name].replace(old, new, count)}


def lines(case: Case, end: str) -> list[bytes]:
    return case.files[case.name(end)].splitlines()


def put(case: Case, end: str, new: Sequence[bytes], files: Files | None = None) -> Files:
    return {**(files or case.files), case.name(end): b"".join(line + b"\n" for line in new)}


def without(case: Case, places: Callable[[bytes], bool]) -> Files:
    """The bundle without the disclosed records of which `places` is true, their places and disclosures."""
    records, index = lines(case, "/records.jsonl"), lines(case, "/records.index")
    gone = {index[at].split(b" ")[0] for at, line in enumerate(records) if places(line)}
    assert gone
    kept = [at for at, place in enumerate(index) if place.split(b" ")[0] not in gone]
    files = put(case, "/records.jsonl", [records[at] for at in kept])
    files = put(case, "/records.index", [index[at] for at in kept], files)
    told = [line for line in lines(case, "/disclosures.txt") if line.split(b" ")[0] not in gone]
    return put(case, "/disclosures.txt", told, files)


def regrow(case: Case, files: Files, authority: Authority | None = None) -> Files:
    """The tree grown anew over the records as they are now, each checkpoint signed, and stamped if one can."""
    files = dict(files)
    leaves = [bytes.fromhex(line.decode()) for line in lines(case, "/leaves.hex")]
    index = files[case.name("/records.index")].splitlines()
    for place, line in zip(index, files[case.name("/records.jsonl")].splitlines(), strict=True):
        leaves[int(place.split(b" ")[0])] = leaf_hash(line)
    return grown(case, files, leaves, authority)


def grown(case: Case, files: Files, leaves: list[bytes], authority: Authority | None = None) -> Files:
    files = dict(files)
    files[case.name("/leaves.hex")] = "".join(leaf.hex() + "\n" for leaf in leaves).encode()
    note = b""
    for name in sorted(files):
        found = re.fullmatch(r"(data/log/[^/]+/checkpoint-)(\d+)", name)
        if found is None:
            continue
        size = min(int(found[2]), len(leaves))
        del files[name]
        text = Checkpoint(f"{case.signer.name}/{found[1].split('/')[2]}", size, root_of(leaves[:size]))
        note = text.signed([case.signer]).encode()
        files[f"{found[1]}{size}"] = note
        for token in [each for each in files if each.startswith(name + ".")]:
            del files[token]
            if authority is not None:
                files[f"{found[1]}{size}.127.0.0.1.tsr"] = stamp(note, authority)
    for name in [name for name in files if name.endswith(".tlog-proof")]:
        number = int(name.split("/")[-1].split(".")[0])
        index, records = (files[case.name(end)].splitlines() for end in ("/records.index", "/records.jsonl"))
        line = next(
            (line for place, line in zip(index, records, strict=False) if place.startswith(b"%d " % number)), None
        )
        if line is not None:
            files[name.replace(".tlog-proof", ".json")] = line
        size = max(int(each.split("-")[-1]) for each in files if re.fullmatch(r"data/log/[^/]+/checkpoint-\d+", each))
        note = files[f"{name.split('/proof/')[0]}/checkpoint-{size}"]
        steps = inclusion_proof(number, size, nodes_of(leaves[:size]))
        told = "".join(base64.b64encode(step).decode() + "\n" for step in steps)
        files[name] = f"c2sp.org/tlog-proof@v1\nindex {number}\n{told}\n".encode() + note
    return about(files)


def about(files: Files) -> Files:
    """With the checkpoints that bundle.json names."""
    told = json.loads(files["data/bundle.json"])
    for month in told["checkpoints"]:
        sizes = [re.fullmatch(rf"data/log/{month}/checkpoint-(\d+)", name) for name in files]
        last = max(int(found[1]) for found in sizes if found)
        text = files[f"data/log/{month}/checkpoint-{last}"].partition(b"\n\n")[0] + b"\n"
        told["checkpoints"][month] = text.decode()
    return {**files, "data/bundle.json": canonical(told).encode()}
