"""Check a bundle without trusting who made it: container, manifest, signature, chain, notices, figures, completeness.

    python -m scrapeguard.evidence.verify BUNDLE.zip [KEY]

KEY is the signer's public key (a PEM file, or 64 hex digits) and has to come by another road than the bundle.
Needs the standard library, `cryptography`, and the two modules beside it, which need less.
"""

import hashlib
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from scrapeguard.evidence.audit import Audit
from scrapeguard.evidence.unpacking import InvalidError, Unpacked, UnusableError, parsed, shaped

UNSIGNED = {"manifest.json", "manifest.sig"}


# The verdicts; each is the exit code that says so.
VERIFIED = 0  # everything holds, signed by the key from outside
INVALID = 1  # something was changed
UNUSABLE = 2  # no bundle
UNANCHORED = 3  # everything holds, but only by a key that came with it
INCOMPLETE = 4  # everything holds, and the log says that records are missing
VERDICTS = ("VERIFIED", "INVALID", "UNUSABLE", "CONSISTENT, UNANCHORED", "INCOMPLETE")


@dataclass(slots=True)
class Result:
    """What was found, step by step."""

    code: int = UNUSABLE
    steps: list[tuple[str, str]] = field(default_factory=list)  # those that held, and what each looked at
    failed: str = ""  # the step that did not
    problem: str = ""
    file: str = ""
    line: int = 0
    gaps: list[str] = field(default_factory=list)
    key: str = ""  # the signer's public key, 64 hex digits
    anchored: bool = False  # it was given from outside

    @property
    def verdict(self) -> str:
        return VERDICTS[self.code]


def verify(path: str, key: Ed25519PublicKey | None = None) -> Result:
    """Check the bundle at `path`, with a key that did not come from it if there is one. Raises nothing."""
    result = Result()
    try:
        result.failed = "container"
        files = Unpacked(path)
    except InvalidError as invalid:
        return _invalid(result, invalid)
    except (UnusableError, OSError) as error:
        result.problem = str(error)
        return result
    audit = Audit(files)
    steps: dict[str, Callable[[], str]] = {
        "container": lambda: f"{len(files.names)} files, every byte of the zip accounted for",
        "manifest": lambda: _manifest(files),
        "signature": lambda: _signature(files, key, result),
        "chain": audit.chain,
        "notices": audit.notices,
        "figures": audit.figures,
        "completeness": audit.completeness,
    }
    try:
        for result.failed, step in steps.items():
            result.steps.append((result.failed, step()))
    except InvalidError as invalid:
        return _invalid(result, invalid)
    finally:
        files.close()
    result.failed, result.gaps, result.anchored = "", audit.gaps, key is not None
    result.code = INCOMPLETE if audit.gaps else VERIFIED if key else UNANCHORED
    return result


def load_key(text: str) -> Ed25519PublicKey:
    """A public key from PEM or 64 hex digits. Raises ValueError."""
    if re.fullmatch(r"\s*[0-9a-fA-F]{64}\s*", text):
        return Ed25519PublicKey.from_public_bytes(bytes.fromhex(text.strip()))
    try:
        key = load_pem_public_key(text.encode())
    except (UnsupportedAlgorithm, TypeError) as error:
        raise ValueError("it is no public key we know") from error
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("it is not an Ed25519 public key")
    return key


def _manifest(files: Unpacked) -> str:
    """Every file is in the manifest with its size and SHA-256, and the manifest names no other."""
    with shaped("manifest.json"):
        told = dict(parsed(files.small("manifest.json"), "manifest.json")["files"])
        for name in sorted(files.names ^ (told.keys() | UNSIGNED)):
            raise InvalidError("the manifest does not list it" if name in files.names else "it is missing", name)
        for name, expected in told.items():
            sha, size = hashlib.sha256(), 0
            for block in files.blocks(name):
                sha.update(block)
                size += len(block)
            if expected != {"sha256": sha.hexdigest(), "size": size}:
                raise InvalidError(f"its SHA-256 is {sha.hexdigest()}; the manifest says otherwise", name)
    sums = {name: expected["sha256"] for name, expected in told.items() if name != "sha256sums.txt"}
    if files.small("sha256sums.txt") != "".join(f"{sums[name]}  {name}\n" for name in sorted(sums)).encode():
        raise InvalidError("it does not say what the manifest says", "sha256sums.txt")
    return f"{len(told)} files with their sizes and SHA-256"


def _signature(files: Unpacked, given: Ed25519PublicKey | None, result: Result) -> str:
    """The manifest is signed by the key from outside; without one, by the key in the bundle."""
    try:
        inside = load_key(files.small("keys/signer.pem").decode())
    except ValueError as error:
        raise InvalidError(f"it is no key: {error}", "keys/signer.pem") from error
    result.key = _hex(inside)
    if given is not None and _hex(given) != result.key:
        raise InvalidError(f"the bundle is signed by {result.key}, not by the key you gave", "keys/signer.pem")
    try:
        inside.verify(files.small("manifest.sig"), files.small("manifest.json"))
    except InvalidSignature as error:
        raise InvalidError("the signature does not fit manifest.json and the key", "manifest.sig") from error
    return f"Ed25519 by {result.key}, " + ("the key you gave" if given else "a key that came with the bundle")


def _hex(key: Ed25519PublicKey) -> str:
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


def _invalid(result: Result, invalid: InvalidError) -> Result:
    result.code, result.problem, result.file, result.line = INVALID, invalid.message, invalid.file, invalid.line
    return result


def main(arguments: list[str]) -> int:
    """Print the steps; answer the exit code."""
    key = None
    if len(arguments) > 1:
        given = Path(arguments[1])
        key = load_key(given.read_text() if given.is_file() else arguments[1])
    result = verify(arguments[0], key)
    for number, (name, looked) in enumerate(result.steps, 1):
        print(f"{number}. {name}: {looked}")
    if result.problem:
        print(f"{result.failed} FAILED {result.file} line {result.line}: {result.problem}")
    print(result.verdict)
    return result.code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
