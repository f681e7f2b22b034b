"""An honest bundle in other people's hands: unpacked by their tools, on their systems, it stays what it is."""

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from insider import World
from programs import program

from scrapeguard.evidence import verify as verifying
from scrapeguard.evidence.verify import ANCHORED, INVALID, UNUSABLE, trust, verify

UNPACK = {
    "python": (sys.executable, "-m", "zipfile", "-e", "{zip}", "."),
    "unzip": ("unzip", "-q", "{zip}"),
}
ELSEWHERE: dict[str, Mapping[str, str]] = {
    "C": {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
    "Apia": {"TZ": "Pacific/Apia"},
    "Kathmandu": {"TZ": "Asia/Kathmandu", "LANG": "tr_TR.UTF-8"},
}


@pytest.fixture
def unpacked(world: World, tmp_path: Path) -> Path:
    place = tmp_path / "Fall 7 数据 été"
    with zipfile.ZipFile(world[1].path) as archive:
        archive.extractall(place)
    return place


@pytest.mark.parametrize("tool", UNPACK)
def test_unpacked_by_any_tool(world: World, tmp_path: Path, tool: str) -> None:
    if tool == "unzip":
        program("unzip")
    command = [word.format(zip=world[1].path) for word in UNPACK[tool]]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert verify(str(tmp_path), world[2]).code == ANCHORED


@pytest.mark.parametrize("where", ELSEWHERE)
def test_in_any_place_language_and_hour_from_a_folder_that_cannot_be_written(
    world: World, unpacked: Path, where: str
) -> None:
    for path in (*unpacked.rglob("*"), unpacked):
        path.chmod(0o555 if path.is_dir() else 0o444)
    command = [sys.executable, "-I", verifying.__file__, str(unpacked), "--json"]
    brought = ["--key", world[1].key, "--tsa-root", str(world[0].authority.root)]
    done = subprocess.run([*command, *brought], env=os.environ | ELSEWHERE[where], capture_output=True, cwd="/")
    assert (done.returncode, done.stderr) == (ANCHORED, b"")
    assert json.loads(done.stdout)["verdict"] == "ANCHORED"


def test_what_systems_leave_in_folders_is_passed_over_and_told(world: World, unpacked: Path) -> None:
    left = (".DS_Store", "data/Thumbs.db", "data/analysis/desktop.ini", "seal/._seal-sha256.txt")
    for name in left:
        (unpacked / name).write_bytes(b"\0\0\0\1Bud1")
    result = verify(str(unpacked), world[2])
    assert result.code == ANCHORED
    brought = ["--key", world[1].key, "--tsa-root", str(world[0].authority.root)]
    subprocess.run(["bash", "verify.sh", *brought], cwd=unpacked, check=True, capture_output=True)
    assert sorted(note.split(" ")[0] for note in result.notes if "no part of the bundle" in note) == sorted(left)
    (unpacked / ".DS_Store").unlink()
    (unpacked / ".DS_Store").symlink_to("/etc/passwd")
    assert verify(str(unpacked), world[2]).code == INVALID


@pytest.mark.parametrize("how", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_packed_again_it_is_not_called_invalid_and_who_has_it_is_told_to_unpack_it(
    world: World, unpacked: Path, tmp_path: Path, how: int
) -> None:
    with zipfile.ZipFile(tmp_path / "again.zip", "w", how) as archive:
        for path in sorted((path for path in unpacked.rglob("*") if path.is_file()), reverse=True):
            archive.write(path, path.relative_to(unpacked).as_posix())
    result = verify(str(tmp_path / "again.zip"), world[2])
    assert result.code == UNUSABLE
    assert "Unpack it, and check the folder" in result.problem


def test_changed_line_ends_are_told_as_what_they_are(world: World, unpacked: Path) -> None:
    readme = unpacked / "README.txt"
    readme.write_bytes(readme.read_bytes().replace(b"\n", b"\r\n"))
    result = verify(str(unpacked), world[2])
    assert (result.code, result.file) == (INVALID, "README.txt")
    assert "only its line ends were changed" in result.problem
    readme.write_bytes(readme.read_bytes() + b"more")
    assert "line ends" not in verify(str(unpacked), world[2]).problem


def test_keys_and_roots_in_files_of_any_kind(world: World, tmp_path: Path) -> None:
    keys, root = tmp_path / "a+b keys.txt", tmp_path / "root.cer"
    other = verifying.Key("other", 1, bytes(32))
    keys.write_bytes(f"\ufeff{other}\r\n{world[1].key}\r\n".encode())
    (certificate,) = x509.load_pem_x509_certificates(world[0].authority.root.read_bytes())
    root.write_bytes(certificate.public_bytes(Encoding.DER))
    assert verify(str(world[1].path), trust([str(keys)], [str(root)], [])).code == ANCHORED
