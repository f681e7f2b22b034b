"""What a bundle holds and what it keeps to itself; and that strangers' tools agree with it."""

import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from building import BLOCKED, FINE, OBSERVED, REFUSED, SERVED, facts, open_log
from bundling import HOSTILE, bundled, scene, unpacked
from click.testing import CliRunner
from scrapeguard.evidence.signing import public_pem, signer

from scrapeguard.cli import main
from scrapeguard.evidence.incidents import incident, incidents
from scrapeguard.evidence.reading import segments
from scrapeguard.evidence.verify import INCOMPLETE, VERIFIED, load_key, verify
from scrapeguard.exports.bundle import export
from scrapeguard.exports.words import lasting, moment, shown, size


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("bundle")
    bundled(place)
    return place


def test_the_same_log_gives_the_same_bundle(folder: Path) -> None:
    (found,) = incidents(folder / "evidence")
    again = export(folder / "evidence", found, folder / "again.zip", 30)
    assert again.path.read_bytes() == (folder / "bundle.zip").read_bytes()
    assert not list(folder.glob(".bundle-*"))


def test_records_are_the_lines_of_the_log_byte_for_byte(folder: Path) -> None:
    files = unpacked(folder / "bundle.zip")
    log = segments(folder / "evidence")[0].read_bytes().splitlines()
    (name,) = [name for name in files if name.endswith("records.jsonl")]
    assert set(files[name].splitlines()) <= set(log)
    assert len(files[name].splitlines()) == 374 + 4  # start, config.activated, notice.published, close


def test_nobody_else_is_in_it(folder: Path) -> None:
    assert not [name for name, data in unpacked(folder / "bundle.zip").items() if b"198.51.100" in data]


def test_the_private_key_is_not_in_it_and_readable_by_its_owner_only(folder: Path) -> None:
    path = folder / "evidence" / "bundle.key"
    secret = path.read_bytes().splitlines()[1]
    assert path.stat().st_mode & 0o777 == 0o600
    assert secret not in (folder / "bundle.zip").read_bytes()


def test_strangers_tools_agree(folder: Path, tmp_path: Path) -> None:
    shutil.unpack_archive(folder / "bundle.zip", tmp_path)
    sums = subprocess.run(
        ["sha256sum", "-c", "--strict", "sha256sums.txt"], cwd=tmp_path, capture_output=True, text=True
    )
    assert sums.returncode == 0, sums.stderr
    command = re.search(r"openssl pkeyutl .*?manifest\.sig", (tmp_path / "README.txt").read_text(), re.DOTALL)
    assert command is not None
    words = command[0].replace("\\\n", " ").split()
    signed = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert "Signature Verified Successfully" in signed.stdout
    (tmp_path / "manifest.json").write_bytes((tmp_path / "manifest.json").read_bytes() + b" ")
    assert subprocess.run(words, cwd=tmp_path, capture_output=True).returncode != 0


def test_the_readmes_recipe_for_one_record_works(folder: Path, tmp_path: Path) -> None:
    shutil.unpack_archive(folder / "bundle.zip", tmp_path)
    (log,) = (tmp_path / "log").iterdir()
    recipe = "sed -n 9p records.jsonl | tr -d '\\n' | sha256sum"
    told = subprocess.run(["sh", "-c", recipe], cwd=log, capture_output=True, text=True, check=True).stdout.split()[0]
    record = json.loads((log / "records.jsonl").read_bytes().splitlines()[8])
    chain = (log / "chain.txt").read_text().splitlines()
    assert chain[record["seq"]] == f"{record['seq']} {told}"
    assert chain[record["seq"] - 1] == f"{record['seq'] - 1} {record['prev']}"


def test_the_verifier_runs_on_its_own(folder: Path) -> None:
    key = signer(folder / "evidence")
    (folder / "key.pem").write_bytes(public_pem(key))
    command = [sys.executable, "-m", "scrapeguard.evidence.verify", str(folder / "bundle.zip"), str(folder / "key.pem")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == VERIFIED
    assert done.stdout.splitlines()[-1] == "VERIFIED"
    assert subprocess.run(command[:-1], capture_output=True).returncode == 3


def test_an_incident_over_several_segments_is_one_bundle_that_verifies(tmp_path: Path) -> None:
    logs = [open_log(tmp_path / "evidence", max_segment_mb=1) for _ in range(2)]
    for number in range(3000):
        logs[number % 2].request(facts(number / 100, f"/item/{number}"), FINE, SERVED)
        logs[number % 2].request(facts(number / 100, f"/item/{number}", "203.0.113.5"), FINE, SERVED)
    logs[0].request(facts(31), BLOCKED, REFUSED)  # exported while both still write
    (found,) = incidents(tmp_path / "evidence")
    bundle = export(tmp_path / "evidence", found, tmp_path / "bundle.zip", 30)
    result = verify(str(bundle.path), load_key(bundle.key))
    for log in logs:
        log.close()
    assert result.code == VERIFIED, result
    assert len([name for name in unpacked(bundle.path) if name.endswith("chain.txt")]) == len(
        segments(tmp_path / "evidence")
    )
    assert len(segments(tmp_path / "evidence")) >= 4


def test_what_another_process_lost_at_that_time_makes_it_incomplete(tmp_path: Path) -> None:
    place = tmp_path / "evidence"
    scene(place)
    busy = open_log(place)
    busy.request(facts(10, address="203.0.113.5"), FINE, SERVED)
    busy.event("gap", {"count": 3, "error": "ENOSPC", "first": 1, "last": 2, "unsynced": 0})
    busy.close()
    (found,) = incidents(place)
    bundle = export(place, found, tmp_path / "bundle.zip", 30)
    result = verify(str(bundle.path), load_key(bundle.key))
    assert result.code == INCOMPLETE
    assert result.gaps[0].startswith("3 records could not be written (ENOSPC)")


def test_a_torn_end_is_told_even_when_a_later_process_described_it(tmp_path: Path) -> None:
    place = tmp_path / "evidence"
    scene(place)
    (path,) = segments(place)
    path.write_bytes(path.read_bytes()[:-100])
    open_log(place).close()
    (found,) = incidents(place)
    bundle = export(place, found, tmp_path / "bundle.zip", 30)
    result = verify(str(bundle.path), load_key(bundle.key))
    assert result.code == INCOMPLETE
    assert path.name in result.gaps[0]


# The report.


class Reader(HTMLParser):
    """Collects what a browser would act on."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in ("meta", "rect", "line", "polygon"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("rect", "line", "polygon"):
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def read(folder: Path) -> tuple[str, Reader]:
    html = unpacked(folder / "bundle.zip")["analysis/report.html"].decode()
    reader = Reader()
    reader.feed(html)
    return html, reader


def test_the_report_fetches_nothing_and_runs_nothing(folder: Path) -> None:
    html, reader = read(folder)
    assert not reader.tags & {
        "script",
        "link",
        "img",
        "iframe",
        "object",
        "embed",
        "base",
        "form",
        "video",
        "use",
        "image",
    }
    assert not [name for name, _ in reader.attributes if name.startswith("on") or name in ("src", "href", "xlink:href")]
    assert "default-src &#x27;none&#x27;" in html or "default-src 'none'" in html
    assert "url(" not in html
    assert "@import" not in html
    assert "://" not in html


def test_the_report_is_whole_and_escapes_what_came_from_outside(folder: Path) -> None:
    html, reader = read(folder)
    assert reader.open == []
    assert "<script" not in html
    assert "<script>alert(1)</script>\\x1b[31m\\u202e\\udcff\\x00'\"&" in reader.text
    assert not set(HOSTILE) & set(html) & {"\x1b", "\u202e", "\udcff", "\x00"}


def test_the_report_answers_the_five_questions_and_says_what_is_not_proved(folder: Path) -> None:
    _, reader = read(folder)
    for heading in (
        "1. What was forbidden", "2. How it was protected", "3. What they were told", "4. How they came back",
        "5. How much was taken", "6. What this does not prove",
    ):  # fmt: skip
        assert heading in reader.text
    assert "302 different objects in 302 answers" in reader.text
    assert "After the first measure 292 requests followed" in reader.text
    assert "User-agent: *\nDisallow: /private" in reader.text


def test_observe_mode_is_not_called_protection(tmp_path: Path) -> None:
    log = open_log(tmp_path / "evidence")
    log.request(facts(), OBSERVED, SERVED)
    log.close()
    (found,) = incidents(tmp_path / "evidence")
    export(tmp_path / "evidence", found, tmp_path / "bundle.zip", 30)
    _, reader = read(tmp_path)
    assert "Observation is not a protective measure" in reader.text
    assert "No measure was imposed" in reader.text


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a<b", "a&lt;b"),
        ("\x1b[0m", "\\x1b[0m"),
        ("a\nb", "a\\nb"),
        ("\u202e", "\\u202e"),
        ("\ud800", "\\ud800"),
        ("é", "é"),
    ],
)
def test_text_from_outside_is_shown_and_does_nothing(text: str, html: str) -> None:
    assert shown(text) == html


def test_numbers_and_times_read_well() -> None:
    assert [size(value) for value in (1, 999, 1500, 2_340_000, 7 * 10**9)] == [
        "1 byte", "999 bytes", "1.5 kB", "2.3 MB", "7.0 GB",
    ]  # fmt: skip
    spans = (400_000, 12_000_000, 200_000_000, 900_000_000, 18_720_000_000, 273_600_000_000)
    assert [lasting(value) for value in spans] == ["0.4 s", "12 s", "3 min 20 s", "15 min", "5 h 12 min", "3 days 4 h"]
    assert moment(0) == "1970-01-01 00:00:00 UTC"
    assert moment(10**20) == "100000000000000000000 µs since 1970"


# The commands.


def run(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, list(words))
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


def test_the_commands_lead_from_a_log_to_a_verified_bundle(folder: Path, tmp_path: Path) -> None:
    evidence, out = str(folder / "evidence"), str(tmp_path / "case.zip")
    code, listed = run("incidents", evidence, "--json")
    assert code == 0
    (told,) = json.loads(listed)
    assert told["requests"] == 374
    code, output = run("incidents", evidence)
    assert (code, told["id"][:8] in output) == (0, True)
    code, output = run("show", told["id"][:5], "-e", evidence)
    assert code == 0
    assert "292 requests after the first measure" in output
    assert "\x1b[31m" not in output
    assert json.loads(run("show", told["id"], "-e", evidence, "--json")[1]) == told
    code, output = run("export", told["id"], "-e", evidence, "--out", out, "--json")
    bundle = json.loads(output)
    assert (code, bundle["path"]) == (0, out)
    code, output = run("verify", out, "--key", bundle["key"], "--json")
    assert (code, json.loads(output)["verdict"]) == (0, "VERIFIED")
    code, output = run("verify", out)
    assert code == 3
    assert "CONSISTENT, UNANCHORED" in output


def test_verify_names_the_step_the_file_and_the_line(folder: Path, tmp_path: Path) -> None:
    data = (folder / "bundle.zip").read_bytes()
    place = data.index(b'"status":200')
    changed = tmp_path / "changed.zip"
    changed.write_bytes(data[: place + 9] + b"3" + data[place + 10 :])
    code, output = run("verify", str(changed))
    assert code == 1
    assert "FAILED log/" in output
    assert output.endswith("INVALID\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("incidents", "nowhere"), "nowhere holds no evidence"),
        (("show", "abc", "-e", "nowhere"), "nowhere holds no evidence"),
        (("verify", "nothing.zip", "--key", "zz"), "--key cannot be used"),
        (("verify", "nothing.zip"), "No such file"),
    ],
)
def test_mistakes_are_told_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, output = run(*words)
    assert code == 2
    assert said in output
    assert "Traceback" not in output


def test_export_of_what_is_not_there_is_refused_with_what_there_is(folder: Path) -> None:
    (found,) = incidents(folder / "evidence")
    code, output = run("export", "ffff", "-e", str(folder / "evidence"))
    assert (code, found.found.id in output) == (2, True)
    assert incident(folder / "evidence", found.found.id[:3]).found == found.found
