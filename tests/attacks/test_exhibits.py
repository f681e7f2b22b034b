"""Exhibits: what tools of others say of them, what is done to them is caught, and what they never hold."""

import io
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from bundling import PAGE, Files, packed
from insider import Case, World, put, regrow, replaced, sealed
from warcio.archiveiterator import ArchiveIterator

from scrapeguard.evidence.verify import INVALID, verify

INDEX = "data/exhibits/index.csv"


def exhibits(files: Files) -> list[str]:
    return sorted(name for name in files if name.endswith(".warc"))


def test_warcio_passes_the_digests_of_every_record(world: World, tmp_path: Path) -> None:
    files = world[0].files
    assert len(exhibits(files)) == 8
    for name in exhibits(files):
        path = tmp_path / Path(name).name
        path.write_bytes(files[name])
        command = [str(Path(sys.executable).with_name("warcio")), "check", "-v", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert len(re.findall("digest pass", done.stdout)) == len(re.findall("WARC-Record-ID", done.stdout)) == 2


def test_an_exhibit_is_the_answer_and_the_request_tied_to_each_other_and_to_the_record(world: World) -> None:
    case = world[0]
    first = exhibits(case.files)[0]
    answer, asked = ArchiveIterator(io.BytesIO(case.files[first]))
    assert (answer.rec_type, asked.rec_type) == ("response", "request")
    for record, other in ((answer, asked), (asked, answer)):
        fields = record.rec_headers
        assert fields.get_header("WARC-Concurrent-To") == other.rec_headers.get_header("WARC-Record-ID")
        assert fields.get_header("ScrapeGuard-Client") == "192.0.2.7 40123"
        leaf = fields.get_header("ScrapeGuard-Record").split()[1]
        assert first.endswith(f"-{leaf}.warc")
        assert f",{leaf},{fields.get_header('WARC-Date')}," in case.files[INDEX].decode()
    assert PAGE in case.files[first]


def test_what_was_cut_says_so_and_has_the_digest_of_what_is_there(world: World) -> None:
    files = world[0].files
    cut = [name for name in exhibits(files) if b"WARC-Truncated: length" in files[name]]
    assert len(cut) == 2
    for name in cut:
        assert re.search(rf"{Path(name).name},.*,body\n", files[INDEX].decode())


def test_no_secret_is_in_them(world: World) -> None:
    for name, data in world[0].files.items():
        assert b"5ecret" not in data, name
    shown = world[0].files[exhibits(world[0].files)[0]]
    assert b"\r\ncookie: *\r\n" in shown
    assert b"\r\nset-cookie: *\r\n" in shown
    assert b"?page=2&token=* HTTP/1.1" in shown


def on(change: Callable[[bytes], bytes], nth: int = 0) -> Callable[[Case], Files]:
    def plant(case: Case) -> Files:
        name = exhibits(case.files)[nth]
        changed = change(case.files[name])
        assert changed != case.files[name]
        return {**case.files, name: changed}

    return plant


def records_of(data: bytes) -> list[bytes]:
    return [b"WARC/1.1\r\n" + part for part in data.split(b"WARC/1.1\r\n")[1:]]


def swapped(case: Case) -> Files:
    """Two exhibits under each other's names."""
    one, two = exhibits(case.files)[:2]
    return {**case.files, one: case.files[two], two: case.files[one]}


def added(case: Case) -> Files:
    name = exhibits(case.files)[0]
    return {**case.files, re.sub(r"-\d+\.warc", "-7.warc", name): case.files[name]}


def added_and_listed(case: Case) -> Files:
    files = added(case)
    row = files[INDEX].splitlines(keepends=True)[1]
    return {**files, INDEX: files[INDEX] + re.sub(rb"-\d+\.warc", b"-7.warc", row)}


def left_out(case: Case) -> Files:
    name = exhibits(case.files)[0]
    files = {each: data for each, data in case.files.items() if each != name}
    rows = files[INDEX].splitlines(keepends=True)
    return {**files, INDEX: b"".join(row for row in rows if Path(name).name.encode() not in row)}


def left_out_with_its_disclosure(case: Case) -> Files:
    files = left_out(case)
    leaf = re.findall(r"-(\d+)\.warc", exhibits(case.files)[0])[-1].encode()
    told = case.files[case.name("/disclosures.txt")].splitlines()
    gone = [line for line in told if line.startswith(leaf + b" ") and b'"exchange"' in line]
    assert gone
    return put(case, "/disclosures.txt", [line for line in told if line not in gone], files)


def another_body(case: Case) -> Files:
    """Exhibit and disclosure changed alike, the commitment left as it was."""
    files = replaced(case.files, case.name("/disclosures.txt"), b'"size":', b'"size":9')
    return regrow(case, files, case.authority)


ATTACKS: list[tuple[str, Callable[[Case], Files], str]] = [
    ("another date", on(lambda data: data.replace(b"WARC-Date: 2", b"WARC-Date: 3")), "C12"),
    ("another address of the page", on(lambda data: data.replace(b"shop.example/item", b"shop.example/else")), "C12"),
    ("another visitor", on(lambda data: data.replace(b"192.0.2.7", b"192.0.2.8")), "C12"),
    ("the last record dropped", on(lambda data: records_of(data)[0]), "C12"),
    ("the records in another order", on(lambda data: b"".join(reversed(records_of(data)))), "C12"),
    ("cut in the middle of a record", on(lambda data: data[:-40]), "C12"),
    ("cut in the middle of the first record", on(lambda data: data[: len(data) // 3]), "C12"),
    ("the digests renamed", on(lambda data: data.replace(b"-Digest", b"-Difest")), "C12"),
    ("another body", on(lambda data: data.replace(b"Malachite", b"Turquoise")), "C12"),
    ("a record twice", on(lambda data: data + records_of(data)[1]), "C12"),
    ("the mark of a cut taken away", on(lambda data: data.replace(b"WARC-Truncated: length\r\n", b""), 2), "C12"),
    ("bodies swapped", swapped, "C12"),
    ("one added", added, "C12"),
    ("one added and listed", added_and_listed, "C12"),
    ("one left out", left_out, "C12"),
    ("one left out, with its disclosure", left_out_with_its_disclosure, "C9"),
    ("the disclosure changed", another_body, "C9"),
    ("the index emptied", lambda case: {**case.files, INDEX: b""}, "C12"),
    ("another status in the index", lambda case: replaced(case.files, INDEX, b",403,", b",200,"), "C12"),
    ("a smuggled file", lambda case: {**case.files, "data/exhibits/more.txt": b"x"}, "C12"),
]


@pytest.mark.parametrize("who", ["key", "key+tsa"])
@pytest.mark.parametrize(("what", "plant", "check"), ATTACKS, ids=[each[0] for each in ATTACKS])
def test_it_is_caught(
    world: World, tmp_path: Path, what: str, plant: Callable[[Case], Files], check: str, who: str
) -> None:
    case, _, trust = world
    result = verify(str(packed(sealed(case, plant(case), who), tmp_path)), trust)
    assert (result.code, result.failed) == (INVALID, check), result
    assert result.problem
