"""Whatever is done to a bundle, `verify` says so, names the place, and never falls over."""

import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from bundling import Files, bundled, packed, resealed, unpacked
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scrapeguard.evidence.canonical import canonical, digest
from scrapeguard.evidence.signing import signer
from scrapeguard.evidence.verify import INCOMPLETE, INVALID, UNANCHORED, UNUSABLE, VERIFIED, Result, load_key, verify


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("bundle")
    bundled(place)
    return place


@pytest.fixture(scope="module")
def owner(folder: Path) -> Ed25519PrivateKey:
    return signer(folder / "evidence")


@pytest.fixture(scope="module")
def key(owner: Ed25519PrivateKey) -> Ed25519PublicKey:
    return owner.public_key()


@pytest.fixture
def files(folder: Path) -> Files:
    return unpacked(folder / "bundle.zip")


def records(files: Files) -> str:
    return next(name for name in files if name.endswith("records.jsonl"))


def chain(files: Files) -> str:
    return next(name for name in files if name.endswith("chain.txt"))


def refused(result: Result, file: str, line: int | None = None) -> None:
    assert result.code == INVALID, result
    assert result.file == file, result
    assert result.problem
    if line is not None:
        assert result.line == line, result


def test_the_bundle_as_exported_is_verified_with_the_key_from_outside(folder: Path, key: Ed25519PublicKey) -> None:
    result = verify(str(folder / "bundle.zip"), key)
    assert result.code == VERIFIED, result
    assert result.anchored
    assert [name for name, _ in result.steps] == [
        "container", "manifest", "signature", "chain", "notices", "figures", "completeness",
    ]  # fmt: skip


def test_without_a_key_from_outside_it_is_only_consistent(folder: Path) -> None:
    assert verify(str(folder / "bundle.zip")).code == UNANCHORED


# Without the signer's key: every file, every way.

NAMES = (
    "README.txt", "analysis/incident.json", "analysis/report.html", "config", "keys/signer.pem", "chain.txt",
    "records.jsonl", "manifest.json", "manifest.sig", "notices", "sha256sums.txt",
)  # fmt: skip


def named(files: Files, short: str) -> str:
    return next(name for name in files if short in name)


def test_the_table_has_every_file_of_a_bundle(files: Files) -> None:
    assert {named(files, short) for short in NAMES} == set(files)


@pytest.mark.parametrize("where", [0.0, 0.5, 1.0], ids=["first byte", "middle byte", "last byte"])
@pytest.mark.parametrize("short", NAMES)
def test_one_changed_byte_in_any_file(
    files: Files, key: Ed25519PublicKey, tmp_path: Path, short: str, where: float
) -> None:
    name = named(files, short)
    data = bytearray(files[name])
    data[round(where * (len(data) - 1))] ^= 1
    files[name] = bytes(data)
    result = verify(str(packed(files, tmp_path)), key)
    if name == "manifest.json":  # may now lie about any file, not be JSON, or fail its signature
        assert result.code == INVALID
        assert result.file
    else:
        refused(result, name)


@pytest.mark.parametrize("short", NAMES)
def test_any_file_dropped(files: Files, key: Ed25519PublicKey, tmp_path: Path, short: str) -> None:
    name = named(files, short)
    del files[name]
    refused(verify(str(packed(files, tmp_path)), key), name)


@pytest.mark.parametrize("name", ["evil.txt", "notices/0000", "log/other/records.jsonl", "analysis/x.html"])
def test_any_file_added(files: Files, key: Ed25519PublicKey, tmp_path: Path, name: str) -> None:
    files[name] = b"x"
    refused(verify(str(packed(files, tmp_path)), key), name)


@pytest.mark.parametrize("first", NAMES)
def test_any_two_files_swapped(files: Files, key: Ed25519PublicKey, tmp_path: Path, first: str) -> None:
    for second in NAMES[NAMES.index(first) + 1 :]:
        mixed, one, two = dict(files), named(files, first), named(files, second)
        mixed[one], mixed[two] = mixed[two], mixed[one]
        result = verify(str(packed(mixed, tmp_path)), key)
        assert result.code == INVALID
        assert result.file in (one, two)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("short", NAMES)
def test_any_entry_twice(folder: Path, files: Files, key: Ed25519PublicKey, tmp_path: Path, short: str) -> None:
    copy = tmp_path / "twice.zip"
    copy.write_bytes((folder / "bundle.zip").read_bytes())
    with zipfile.ZipFile(copy, "a") as archive:
        archive.writestr(named(files, short), b"another")
    refused(verify(str(copy), key), named(files, short))


@pytest.mark.parametrize("short", ["records.jsonl", "chain.txt", "notices", "report.html"])
def test_a_new_manifest_without_the_key(files: Files, key: Ed25519PublicKey, tmp_path: Path, short: str) -> None:
    name, signature = named(files, short), files["manifest.sig"]
    files[name] += b"one more line\n"
    again = resealed(files, Ed25519PrivateKey.generate())
    again["keys/signer.pem"], again["manifest.sig"] = files["keys/signer.pem"], signature
    again = {**again, **_manifest_of(again)}
    refused(verify(str(packed(again, tmp_path)), key), "manifest.sig")
    refused(verify(str(packed(again, tmp_path))), "manifest.sig")


def _manifest_of(files: Files) -> Files:
    kept = {name: data for name, data in files.items() if name not in ("manifest.json", "manifest.sig")}
    del kept["sha256sums.txt"]
    sums = "".join(f"{digest(kept[name])}  {name}\n" for name in sorted(kept)).encode()
    kept["sha256sums.txt"] = sums
    told = {name: {"sha256": digest(data), "size": len(data)} for name, data in kept.items()}
    return {"sha256sums.txt": sums, "manifest.json": canonical({"files": told}).encode()}


def test_signed_again_with_another_key(files: Files, key: Ed25519PublicKey, tmp_path: Path) -> None:
    again = packed(resealed(files, Ed25519PrivateKey.generate()), tmp_path)
    refused(verify(str(again), key), "keys/signer.pem")
    assert verify(str(again)).code == UNANCHORED  # never "verified"


def test_any_byte_of_the_zip_itself(folder: Path, key: Ed25519PublicKey, tmp_path: Path) -> None:
    data = (folder / "bundle.zip").read_bytes()
    copy = tmp_path / "changed.zip"
    directory = data.rindex(b"PK\5\6")
    places = {
        *range(2, 60),
        *range(60, len(data), 1997),
        *range(directory - 700, directory, 7),
        *range(directory, len(data)),
    }
    for place in sorted(places):
        copy.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        assert verify(str(copy), key).code in (INVALID, UNUSABLE), place
    for changed in (data + b"\0", data[:-1], data[: len(data) // 2], b"PK" + data[10:], data[:4] + b"\0" + data[4:]):
        copy.write_bytes(changed)
        assert verify(str(copy), key).code == INVALID


# With the signer's key: somebody who can sign changes the records afterwards.

Change = Callable[[list[bytes]], list[bytes]]
LINE_ATTACKS: dict[str, tuple[Change, int]] = {
    "changed": (lambda rows: [*rows[:9], rows[9].replace(b'"status":200', b'"status":201'), *rows[10:]], 10),
    "dropped": (lambda rows: rows[:9] + rows[10:], -1),
    "doubled": (lambda rows: [*rows[:10], rows[9], *rows[10:]], 11),
    "invented": (lambda rows: [*rows[:10], rows[9].replace(b'"seq":', b'"seq":9'), *rows[10:]], 11),
    "reordered": (lambda rows: [*rows[:9], rows[10], rows[9], *rows[11:]], 11),
    "spaced": (lambda rows: [*rows[:9], rows[9].replace(b",", b", ", 1), *rows[10:]], 10),
    "start dropped": (lambda rows: rows[1:], 1),
    "not json": (lambda rows: [*rows[:9], b"{", *rows[10:]], 10),
    "a list": (lambda rows: [*rows[:9], b"[]", *rows[10:]], 10),
    "nan": (lambda rows: [*rows[:9], b'{"seq":NaN}', *rows[10:]], 10),
    "deep": (lambda rows: [*rows[:9], b"[" * 30_000 + b"]" * 30_000, *rows[10:]], 10),
    "long": (lambda rows: [*rows[:9], b"x" * 100_000, *rows[10:]], 10),
    "empty object": (lambda rows: [*rows[:9], b"{}", *rows[10:]], 10),
    "wrong types": (lambda rows: [*rows[:9], b'{"k":[],"prev":1,"seq":"9","t":null,"what":3}', *rows[10:]], 10),
    "float": (lambda rows: [*rows[:9], rows[9].replace(b'"bytes":', b'"bytes":0.5,"x":'), *rows[10:]], 10),
    "huge number": (lambda rows: [*rows[:9], b'{"seq":' + b"9" * 5000 + b"}", *rows[10:]], 10),
    "negative": (lambda rows: [*rows[:9], b'{"k":"request","prev":"","seq":-1,"t":1,"what":{}}', *rows[10:]], 10),
    "not utf-8": (lambda rows: [*rows[:9], b'{"k":"\xff"}', *rows[10:]], 10),
}


@pytest.mark.parametrize("attack", LINE_ATTACKS)
def test_records_changed_by_somebody_who_can_sign(
    files: Files, owner: Ed25519PrivateKey, key: Ed25519PublicKey, tmp_path: Path, attack: str
) -> None:
    change, line = LINE_ATTACKS[attack]
    name = records(files)
    before = files[name].splitlines()
    rows = change(list(before))
    assert rows != before
    files[name] = b"\n".join(rows) + b"\n"
    result = verify(str(packed(resealed(files, owner), tmp_path)), key)
    if attack == "dropped":  # the digest of the line stays in the chain; the figures no longer follow
        refused(result, "analysis/incident.json")
    else:
        refused(result, name, line)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda rows: [*rows[:50], rows[50][:-1] + (b"0" if rows[50][-1:] != b"0" else b"1"), *rows[51:]], None),
        (lambda rows: rows[:50] + rows[51:], 51),
        (lambda rows: [*rows[:50], rows[51], rows[50], *rows[52:]], 51),
        (lambda rows: [*rows[:50], b"fifty", *rows[51:]], 51),
        (lambda rows: rows[:300], None),
        (lambda rows: [], None),
    ],
    ids=["changed", "dropped", "reordered", "nonsense", "cut short", "empty"],
)
def test_the_chain_changed_by_somebody_who_can_sign(
    files: Files, owner: Ed25519PrivateKey, key: Ed25519PublicKey, tmp_path: Path, change: Change, line: int | None
) -> None:
    # line 50 of the chain is another visitor's, just before a line that is disclosed: see the fixture
    rows = files[chain(files)].splitlines()
    disclosed = {json.loads(row)["seq"] for row in files[records(files)].splitlines()}
    at = next(seq - 1 for seq in sorted(disclosed) if seq > 50 and seq - 1 not in disclosed)
    shift = at - 50
    changed = rows[:shift] + change(rows[shift:]) if line is None else change(rows)
    files[chain(files)] = b"\n".join(changed) + (b"\n" if changed else b"")
    result = verify(str(packed(resealed(files, owner), tmp_path)), key)
    refused(result, chain(files) if line is not None else records(files), line)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("requests", 1),
        ("bytes", 10**12),
        ("distinct", 9000),
        ("actor", "address:203.0.113.1"),
        ("first", 0),
        ("id", "x"),
    ],
)
def test_figures_that_do_not_follow_from_the_records(
    files: Files, owner: Ed25519PrivateKey, key: Ed25519PublicKey, tmp_path: Path, field: str, value: object
) -> None:
    told = json.loads(files["analysis/incident.json"])
    files["analysis/incident.json"] = canonical({**told, field: value}).encode()
    result = verify(str(packed(resealed(files, owner), tmp_path)), key)
    refused(result, "analysis/incident.json")
    assert field in result.problem


def test_another_notice_than_the_one_in_force(
    files: Files, owner: Ed25519PrivateKey, key: Ed25519PublicKey, tmp_path: Path
) -> None:
    name = named(files, "notices/")
    files[name] = b"User-agent: *\nDisallow: /\n"
    refused(verify(str(packed(resealed(files, owner), tmp_path)), key), name)
    moved = f"notices/{digest(files[name])}"
    files[moved] = files.pop(name)
    refused(verify(str(packed(resealed(files, owner), tmp_path)), key), moved)


def test_a_notice_that_was_not_kept_makes_it_incomplete(
    files: Files, owner: Ed25519PrivateKey, key: Ed25519PublicKey, tmp_path: Path
) -> None:
    del files[named(files, "notices/")]
    result = verify(str(packed(resealed(files, owner), tmp_path)), key)
    assert result.code == INCOMPLETE
    assert "was not kept" in result.gaps[0]


# Hostile containers.


@pytest.mark.parametrize(
    "name", ["../evil", "/etc/evil", "a/../../evil", "C:\\evil", "a//b", "log/a/b/c", "\x1b[31m", "."]
)
def test_names_that_lead_elsewhere(folder: Path, tmp_path: Path, name: str) -> None:
    copy = tmp_path / "names.zip"
    copy.write_bytes((folder / "bundle.zip").read_bytes())
    with zipfile.ZipFile(copy, "a") as archive:
        archive.writestr(name, b"x")
    result = verify(str(copy))
    assert result.code == INVALID
    assert result.file.isprintable()


def test_a_link_in_the_zip(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "link.zip"
    copy.write_bytes((folder / "bundle.zip").read_bytes())
    with zipfile.ZipFile(copy, "a") as archive:
        link = zipfile.ZipInfo("zlink", (1980, 1, 1, 0, 0, 0))
        link.create_system, link.external_attr, link.compress_type = 3, 0o120777 << 16, zipfile.ZIP_STORED
        archive.writestr(link, b"/etc/passwd")
    assert verify(str(copy)).code == INVALID


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("README.txt", "w") as file:
        for _ in range(100):
            file.write(bytes(1 << 20))
    refused(verify(str(bomb)), "README.txt")


def test_a_bundle_that_claims_to_be_huge_is_not_read(folder: Path, tmp_path: Path) -> None:
    data = bytearray((folder / "bundle.zip").read_bytes())
    at = data.rindex(b"PK\1\2") + 24
    data[at : at + 4] = struct.pack("<L", 0xF0000000)
    copy = tmp_path / "huge.zip"
    copy.write_bytes(bytes(data))
    result = verify(str(copy))
    assert result.code == UNUSABLE
    assert "unpacks to more than" in result.problem


def test_a_small_file_that_unpacks_to_much_is_refused(files: Files, owner: Ed25519PrivateKey, tmp_path: Path) -> None:
    files["analysis/incident.json"] = b" " * (17 << 20)
    refused(verify(str(packed(resealed(files, owner), tmp_path))), "analysis/incident.json")


def test_sizes_that_lie(folder: Path, tmp_path: Path) -> None:
    data = bytearray((folder / "bundle.zip").read_bytes())
    for at in (22, data.index(b"PK\1\2") + 24):
        data[at : at + 4] = struct.pack("<L", 3)
    copy = tmp_path / "lies.zip"
    copy.write_bytes(bytes(data))
    refused(verify(str(copy)), "README.txt")


@pytest.mark.parametrize("content", [b"", b"P", b"PK", b"not a zip", b"\x1f\x8b" * 40], ids=repr)
def test_what_is_no_bundle_cannot_be_used(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    assert verify(str(path)).code == (INVALID if content == b"PK" else UNUSABLE)


def test_what_is_not_there_cannot_be_used(tmp_path: Path) -> None:
    assert verify(str(tmp_path / "nothing")).code == UNUSABLE
    assert verify(str(tmp_path)).code == UNUSABLE


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 10**6), st.binary(min_size=1, max_size=12)), min_size=1, max_size=6))
def test_random_damage_never_falls_over(folder: Path, tmp_path: Path, damage: list[tuple[int, bytes]]) -> None:
    data = (folder / "bundle.zip").read_bytes()
    changed = data
    for place, bits in damage:
        at = place % len(data)
        changed = changed[:at] + bits + changed[at + len(bits) :]
    path = tmp_path / "random.zip"
    path.write_bytes(changed)
    result = verify(str(path))
    if changed != data:
        assert result.code in (INVALID, UNUSABLE)


@pytest.mark.parametrize(
    "text", ["", "zz", "00" * 31, "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "é"]
)
def test_a_key_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        load_key(text)
