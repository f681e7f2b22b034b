"""What a bundle holds and what it keeps to itself; what its report says; and the commands around it."""

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from building import BLOCKED, FINE, OBSERVED, REFUSED, SERVED, facts, open_log
from bundling import HOSTILE, NOTICE, brought, bundled, exported, scene, unpacked
from click.testing import CliRunner

from scrapeguard.cli import main
from scrapeguard.evidence import verify as verifying
from scrapeguard.evidence.incidents import incident, incidents
from scrapeguard.evidence.reading import segments
from scrapeguard.evidence.verify import INCOMPLETE, UNANCHORED, verify
from scrapeguard.exports import chinese, english
from scrapeguard.exports.bundle import Bundle
from scrapeguard.exports.words import lasting, moment, shown, size
from scrapeguard.model import Resource


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return bundled(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="module")
def folder(made: Bundle) -> Path:
    return made.path.parent


def test_records_are_the_lines_of_the_log_byte_for_byte(folder: Path) -> None:
    files = unpacked(folder / "bundle.zip")
    log = {line for path in segments(folder / "evidence") for line in path.read_bytes().splitlines()}
    (name,) = [name for name in files if name.endswith("records.jsonl")]
    assert set(files[name].splitlines()) <= log
    kinds = [json.loads(line)["k"] for line in files[name].splitlines()]
    assert kinds.count("request") == 378
    assert {"start", "config.activated", "notice.published", "window.close"} <= set(kinds)


def test_nobody_else_is_in_it(folder: Path) -> None:
    assert not [name for name, data in unpacked(folder / "bundle.zip").items() if b"198.51.100" in data]


def test_no_private_key_is_in_it(folder: Path) -> None:
    whole = (folder / "bundle.zip").read_bytes()
    for path in (folder / "evidence/keys/log.key", folder / "evidence/keys/vault.key"):
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.read_bytes().splitlines()[-2 if b"BEGIN" in path.read_bytes() else 0] not in whole


def test_the_verifier_runs_alone_as_one_file(made: Bundle, tmp_path: Path) -> None:
    alone = tmp_path / "verify.py"
    alone.write_bytes(unpacked(made.path)["verify.py"])
    command = [sys.executable, "-I", str(alone), str(made.path)]
    done = subprocess.run([*command, "--key", made.key, "--json"], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == UNANCHORED, done.stderr
    assert json.loads(done.stdout)["verdict"] == "CONSISTENT-UNANCHORED"
    done = subprocess.run([*command, "--key", "nonsense"], capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)


def test_an_unpacked_folder_is_checked_like_the_zip(made: Bundle, tmp_path: Path) -> None:
    for name, data in unpacked(made.path).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    assert verify(str(tmp_path), brought(made)).code == UNANCHORED
    (tmp_path / "data/more").symlink_to("/etc/passwd")
    assert verify(str(tmp_path), brought(made)).failed == "C1"


def test_who_was_killed_during_it_and_found_later_is_told_and_who_was_killed_after_it_is_not(tmp_path: Path) -> None:
    scene(tmp_path / "evidence")
    exported(tmp_path)  # its hours are counted and committed to
    (found,) = incidents(tmp_path / "evidence")
    told = {"damage": (), "damaged": 0, "head": "0" * 64, "records": 9, "seq": 8, "torn": None, "unopened": 0}
    more = {"unwritten": {"ms": 50, "records": 512}}
    for name, last in (("during", found.last), ("after", found.last + 7200 * 1_000_000)):
        log = open_log(tmp_path / "evidence")
        log.event("recovery", {**told, **more, "last": last, "segment": f"{name}.jsonl"})
        log.close()
        bundle = exported(tmp_path)
    result = verify(str(bundle.path), brought(bundle))
    assert result.code == UNANCHORED
    (note,) = [note for note in result.notes if "was killed" in note]
    assert note.startswith(f"during.jsonl was killed or broke off after record 8 of {moment(found.last)}")
    assert "at most 512, or those of 50 ms" in note


def test_an_incident_over_several_segments_is_one_bundle_that_verifies(tmp_path: Path) -> None:
    logs = [open_log(tmp_path / "evidence", max_segment_mb=1) for _ in range(2)]
    for number in range(1500):
        logs[number % 2].request(facts(number / 100, f"/item/{number}"), FINE, SERVED)
        logs[number % 2].request(facts(number / 100, f"/item/{number}", "203.0.113.5"), FINE, SERVED)
    logs[0].request(facts(31), BLOCKED, REFUSED)  # exported while both still write
    logs[0].flush()
    bundle = exported(tmp_path)
    result = verify(str(bundle.path), brought(bundle))
    for log in logs:
        log.close()
    assert result.code == UNANCHORED, result
    assert len(segments(tmp_path / "evidence")) >= 4


def test_the_report_tells_which_notices_were_told_and_the_bundle_an_alarm_of_over_blocking(tmp_path: Path) -> None:
    log = open_log(tmp_path / "evidence")
    told, terms = ("robots.txt", "0123456789abcdef" * 4), ("terms", "fedcba9876543210" * 4)
    log.request(facts(0, "/robots.txt", resource=Resource.NOTICE), NOTICE, SERVED, told=told)
    for number in range(50):
        log.request(facts(number, f"/item/{number}"), FINE, SERVED)
    log.request(facts(51), BLOCKED, REFUSED, told=terms)
    log.event("alarm.overblock", {"detectors": {"pace": 4}, "measured": 9, "people": 4})
    log.close()
    bundle = exported(tmp_path)
    result = verify(str(bundle.path), brought(bundle))
    assert result.code == UNANCHORED, result
    _, reader = read(tmp_path)
    for digest in ("0123456789abcdef…", "fedcba9876543210…"):
        assert digest in reader.text
    assert "versions of notices served: 1." in reader.text
    public = b"".join(data for name, data in unpacked(bundle.path).items() if name.startswith("data/log/"))
    assert b'"k":"alarm.overblock"' in public


def test_a_second_export_after_more_requests_verifies_too(tmp_path: Path) -> None:
    scene(tmp_path / "evidence")
    first = exported(tmp_path)
    assert verify(str(first.path), brought(first)).code == UNANCHORED
    log = open_log(tmp_path / "evidence")
    log.request(facts(0, address="203.0.113.5"), FINE, SERVED)
    log.close()
    second = exported(tmp_path)
    result = verify(str(second.path), brought(second))
    assert result.code == UNANCHORED, result
    assert second.key == first.key


def test_what_another_process_lost_at_that_time_makes_it_incomplete(tmp_path: Path) -> None:
    scene(tmp_path / "evidence")
    busy = open_log(tmp_path / "evidence")
    busy.request(facts(10, address="203.0.113.5"), FINE, SERVED)
    busy.event("gap", {"count": 3, "error": "ENOSPC", "first": 1, "last": 2, "unsynced": 0})
    busy.close()
    bundle = exported(tmp_path)
    result = verify(str(bundle.path), brought(bundle))
    assert result.code == INCOMPLETE
    assert re.match(r"3 records of \S+\.jsonl from .+ to .+ could not be written \(ENOSPC\)", result.missing[0])


def test_a_torn_end_is_told_even_when_a_later_process_described_it(tmp_path: Path) -> None:
    scene(tmp_path / "evidence")
    (path,) = segments(tmp_path / "evidence")
    path.write_bytes(path.read_bytes()[:-30])
    open_log(tmp_path / "evidence").close()
    bundle = exported(tmp_path)
    result = verify(str(bundle.path), brought(bundle))
    assert result.code == INCOMPLETE, result
    assert path.name in " ".join(result.missing)


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


def read(folder: Path, language: str = "en") -> tuple[str, Reader]:
    html = unpacked(folder / "bundle.zip")[f"data/analysis/report.{language}.html"].decode()
    reader = Reader()
    reader.feed(html)
    return html, reader


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_report_fetches_nothing_and_runs_nothing(folder: Path, language: str) -> None:
    html, reader = read(folder, language)
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


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_report_is_whole_and_escapes_what_came_from_outside(folder: Path, language: str) -> None:
    html, reader = read(folder, language)
    assert reader.open == []
    assert "<script" not in html
    assert "<script>alert(1)</script>\\x1b[31m\\u202e\\udcff\\x00'\"&" in reader.text
    assert not set(HOSTILE) & set(html) & {"\x1b", "\u202e", "\udcff", "\x00"}


def test_the_report_answers_the_questions_and_says_what_is_not_proved(folder: Path) -> None:
    _, reader = read(folder)
    for heading in [english.SAID[str(number)] for number in range(1, 10)]:
        assert heading in reader.text
    assert "306 different objects in 306 answers" in reader.text
    assert "After the first measure 295 requests followed" in reader.text
    assert "User-agent: *\nDisallow: /private" in reader.text
    assert reader.text.count("Rests on: ") == 6


def test_both_languages_say_the_same_things(folder: Path) -> None:
    assert english.SAID.keys() == chinese.SAID.keys()
    assert english.ELEMENTS.keys() == chinese.ELEMENTS.keys() == set("abcdefghij")
    assert len(english.NOTHING_PROVED) == len(chinese.NOTHING_PROVED)
    assert len(english.ASSUMPTIONS) == len(chinese.ASSUMPTIONS)
    for name, text in english.SAID.items():
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", chinese.SAID[name])), name
    _, reader = read(folder, "zh")
    assert "306 次答复中取得 306 个不同对象" in reader.text


def test_the_ten_elements_say_what_is_there_and_what_is_missing(folder: Path) -> None:
    html, reader = read(folder)
    assert html.count('<b class="there">') + html.count('<b class="partly">') + html.count('<b class="missing">') == 10
    assert "g. Use elsewhere" in reader.text


def test_a_licence_s_price_and_the_assumptions_are_printed(folder: Path, tmp_path: Path) -> None:
    (found,) = incidents(folder / "evidence")
    words = ("export", found.found.id, "-e", str(folder / "evidence"), "--out", str(tmp_path / "bundle.zip"))
    assert run(*words, "--licence-price", "0.05 EUR")[0] == 0
    _, reader = read(tmp_path)
    assert "306 objects at 0.05 EUR each would have cost 15.30 EUR" in reader.text
    assert "not CPU time" in reader.text


def test_observe_mode_is_not_called_protection(tmp_path: Path) -> None:
    log = open_log(tmp_path / "evidence")
    log.request(facts(), OBSERVED, SERVED)
    log.close()
    exported(tmp_path)
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
    assert told["requests"] == 378
    code, output = run("incidents", evidence)
    assert (code, told["id"][:8] in output) == (0, True)
    code, output = run("show", told["id"][:5], "-e", evidence)
    assert code == 0
    assert "295 requests after the first measure" in output
    assert "\x1b[31m" not in output
    assert json.loads(run("show", told["id"], "-e", evidence, "--json")[1]) == told
    code, output = run("export", told["id"], "-e", evidence, "--out", out, "--json")
    bundle = json.loads(output)
    assert (code, bundle["path"]) == (0, out)
    code, output = run("verify", out, "--key", bundle["key"], "--json")
    assert (code, json.loads(output)["verdict"]) == (3, "CONSISTENT-UNANCHORED")
    code, output = run("verify", out)
    assert code == 3
    assert output.endswith("CONSISTENT-UNANCHORED\n")


def test_verify_names_the_check_the_file_and_what_is_wrong(folder: Path, tmp_path: Path) -> None:
    data = (folder / "bundle.zip").read_bytes()
    place = data.index(b'"status":200')
    changed = tmp_path / "changed.zip"
    changed.write_bytes(data[: place + 9] + b"3" + data[place + 10 :])
    code, output = run("verify", str(changed))
    assert code == verifying.INVALID
    assert "FAILED data/log/" in output
    assert output.endswith("INVALID\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("incidents", "nowhere"), "nowhere holds no evidence"),
        (("show", "abc", "-e", "nowhere"), "nowhere holds no evidence"),
        (("verify", "nothing.zip", "--key", "zz"), "What you brought along cannot be used"),
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
