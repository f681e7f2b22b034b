"""A BagIt bag (RFC 8493) with a seal: files in a folder, their digests in manifests, a signature over it all.

    bagit.txt  bag-info.txt  manifest-sha256.txt  tagmanifest-sha256.txt
    bagit-profile.json                              what every such bag has (BagIt Profiles 1.3), named by bag-info.txt
    seal/tagmanifest-sha256.txt.<authority>.tsr     RFC 3161 time stamps over tagmanifest-sha256.txt
    seal/seal-sha256.txt                            digests of tagmanifest-sha256.txt and of its time stamps
    seal/seal-sha256.txt.sig                        the Ed25519 signature over that, 64 bytes

The seal lies outside the manifests, because it comes after them.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from scrapeguard.evidence.checkpoint import Signer
from scrapeguard.exports.container import BLOCK
from scrapeguard.version import __version__

BAGIT = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
TAGMANIFEST = "tagmanifest-sha256.txt"
SEAL = "seal/seal-sha256.txt"
PROFILE = Path(__file__).with_name("bagit-profile.json")
PROFILE_ID = "urn:uuid:6f2c1f0e-0f4b-4d5c-9a57-2d1a0c6f3e82"


def close(folder: Path, info: Mapping[str, str]) -> None:
    """Write the manifests over what lies in `folder`: payload under data/, everything else is a tag file."""
    payload = sorted(path for path in (folder / "data").rglob("*") if path.is_file())
    oxum = f"{sum(path.stat().st_size for path in payload)}.{len(payload)}"
    made = {"Bag-Software-Agent": f"scrapeguard {__version__}", "BagIt-Profile-Identifier": PROFILE_ID}
    fields = {**made, **info, "Payload-Oxum": oxum}
    write(folder / PROFILE.name, PROFILE.read_bytes())
    write(folder / "bagit.txt", BAGIT.encode())
    write(folder / "bag-info.txt", "".join(f"{name}: {value}\n" for name, value in fields.items()).encode())
    write(folder / "manifest-sha256.txt", _listed(folder, payload))
    write(folder / TAGMANIFEST, _listed(folder, sorted(path for path in folder.iterdir() if path.is_file())))


def seal(folder: Path, signer: Signer, stamps: Mapping[str, bytes]) -> None:
    """Seal a closed bag; `stamps` are time stamps over its tagmanifest, by the authority's name."""
    for name, stamp in stamps.items():
        write(folder / f"seal/{TAGMANIFEST}.{name}.tsr", stamp)
    listed = _listed(folder, [folder / TAGMANIFEST, *sorted((folder / "seal").glob("*.tsr"))])
    write(folder / SEAL, listed)
    write(folder / f"{SEAL}.sig", signer.key.sign(listed))


def _listed(folder: Path, paths: Sequence[Path]) -> bytes:
    """As sha256sum writes it."""
    return "".join(f"{measured(path)[0]}  {path.relative_to(folder).as_posix()}\n" for path in paths).encode()


def measured(path: Path) -> tuple[str, int]:
    """SHA-256 and size of a file."""
    sha = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            sha.update(block)
    return sha.hexdigest(), path.stat().st_size


def write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
