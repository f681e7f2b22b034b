"""Bundles made to hurt whoever opens them: a verdict in a sentence, never a traceback, never much memory."""

import json
import random
import struct
import zipfile
from pathlib import Path

import pytest
from bundling import packed
from insider import World, put, regrow, reseal

from scrapeguard.evidence.verify import INVALID, UNUSABLE, told, verify


def zipped(out: Path, entries: list[tuple[str, bytes]], how: int = zipfile.ZIP_STORED) -> Path:
    """A zip that is laid out as ours, unless it is compressed."""
    with zipfile.ZipFile(out, "w", how) as archive:
        for name, data in entries:
            info = zipfile.ZipInfo(name)
            info.external_attr = 0o100644 << 16
            archive.writestr(info, data, how)
    return out


@pytest.mark.parametrize(
    "name", ["../evil", "/etc/passwd", "data/../../evil", "a\\b", "data/a b", "C:evil", ".hidden", "x" * 999]
)
def test_names_that_leave_the_bundle(tmp_path: Path, name: str) -> None:
    result = verify(str(zipped(tmp_path / "a.zip", [("bagit.txt", b"x"), (name, b"x")])))
    assert (result.code, result.failed) == (INVALID, "C1")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_comes_twice(tmp_path: Path) -> None:
    result = verify(str(zipped(tmp_path / "a.zip", [("bagit.txt", b"x"), ("bagit.txt", b"y")])))
    assert (result.code, result.failed) == (INVALID, "C1")


def test_a_bomb(tmp_path: Path) -> None:
    bomb = zipped(tmp_path / "a.zip", [("bagit.txt", bytes(50_000_000))], zipfile.ZIP_DEFLATED)
    assert bomb.stat().st_size < 100_000
    assert verify(str(bomb)).code == UNUSABLE


def test_a_size_that_lies(tmp_path: Path) -> None:
    data = zipped(tmp_path / "a.zip", [("bagit.txt", b"x")]).read_bytes()
    place = data.index(b"PK\x01\x02")
    (tmp_path / "a.zip").write_bytes(data[: place + 24] + struct.pack("<I", 2**32 - 1) + data[place + 28 :])
    assert verify(str(tmp_path / "a.zip")).code in (INVALID, UNUSABLE)


def test_bytes_before_behind_and_between(world: World, tmp_path: Path) -> None:
    whole, out = world[1].path.read_bytes(), tmp_path / "a.zip"
    place = whole.index(b"PK\x01\x02")
    for data in (
        whole + b"x",
        whole[:place] + b"x" + whole[place:],
        b"PK" + whole,
        whole[:-1],
        whole[: len(whole) // 2],
    ):
        out.write_bytes(data)
        assert verify(str(out), world[2]).code in (INVALID, UNUSABLE)


@pytest.mark.parametrize(
    ("end", "data"),
    [
        ("/incident.json", b"[" * 100_000),
        ("/incident.json", b"{" + b'"a":' * 50_000),
        ("/incident.json", b'{"first":1e999,"last":1}'),
        ("/incident.json", b'{"first":"x","last":null}'),
        ("/records.jsonl", b"x" * 200_000),
        ("/records.jsonl", b"[" * 60_000 + b"\n"),
        ("/records.jsonl", b"\n" * 1000),
        ("/records.index", b"9" * 5000 + b" x\n"),
        ("/records.index", b"-1 x\n"),
        ("/disclosures.txt", b"0 [[[[\n"),
        ("/disclosures.txt", "\u0664 [\n".encode()),
        ("/leaves.hex", b"zz\n"),
        ("/leaves.hex", b" " * 60_000 + b"\n"),
        ("/peaks.hex", b""),
        ("/peaks.hex", b"9" * 5000 + b"\n"),
        ("/peaks.hex", b"-1\n"),
        ("/keys.jsonl", b"{}\n"),
        ("/keys.jsonl", b'{"k":"created","t":1,"vkey":1}\n'),
        (".tlog-proof", b"\xff\n\n\xff"),
        (".tsr", b"\x30\x84\xff\xff\xff\xff"),
        (".tsr", b"\x30\x80" * 5000),
        (".tsr", b""),
    ],
)  # fmt: skip
def test_a_file_that_is_not_what_it_should_be_sealed_by_the_log_s_key(
    world: World, tmp_path: Path, end: str, data: bytes
) -> None:
    case, _, trust = world
    files = reseal({**case.files, case.name(end): data}, case.signer)
    result = verify(str(packed(files, tmp_path)), trust)
    assert result.code == INVALID, result
    assert result.problem


@pytest.mark.parametrize(
    "end", ["/leaves.hex", "/peaks.hex", "/records.jsonl", "/records.index", "/disclosures.txt", "/keys.jsonl"]
)
def test_a_file_that_is_not_there(world: World, tmp_path: Path, end: str) -> None:
    case, _, trust = world
    files = {name: data for name, data in case.files.items() if name != case.name(end)}
    assert verify(str(packed(reseal(files, case.signer), tmp_path)), trust).code == INVALID


def test_values_of_every_other_type_in_every_place_of_a_record(world: World, tmp_path: Path) -> None:
    """An insider's records of any shape are refused in a sentence."""
    case, _, trust = world
    chance = random.Random(7)
    records = case.files[case.name("/records.jsonl")].splitlines()
    for _ in range(60):
        at = chance.randrange(len(records))
        fields = json.loads(records[at])
        inside = chance.choice([fields, fields["what"]])
        if inside:
            inside[chance.choice(sorted(inside))] = chance.choice([None, -1, 10**30, "", "\ud800", [], {}, [[1]], True])
        line = json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()
        files = regrow(case, put(case, "/records.jsonl", [*records[:at], line, *records[at + 1 :]]))
        result = verify(str(packed(reseal(files, case.signer), tmp_path)), trust)
        "\n".join(told(result)).encode("utf-8", "backslashreplace")
