"""The report of an actor with several addresses: the story step by step, its links, their errors, and who it was."""

import sys
import time
import zipfile
from pathlib import Path

import pytest
from bundling import keeping

from scrapeguard.evidence.incidents import incidents
from scrapeguard.evidence.log import EvidenceLog, EvidenceSettings
from scrapeguard.evidence.rejections import reject
from scrapeguard.exports.bundle import export
from scrapeguard.exports.steps import CHINESE, ENGLISH
from scrapeguard.exports.timeline import percent

sys.path.insert(0, str(Path(__file__).parent.parent / "evidence"))
from linking import rotation

HOSTILE = "<b onclick=alert(1)>{0}\x1b[31m"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The files of a bundle of three addresses, one of whose links was rejected with hostile words."""
    folder = tmp_path_factory.mktemp("story")
    evidence = folder / "evidence"
    rotation(evidence, addresses=3, zero=time.time_ns() // 1000 - 3_700_000_000)
    (found,) = incidents(evidence)
    (first, *_) = [link for link in found.found.links if link.reason == "return"]
    reject(EvidenceLog(EvidenceSettings(directory=str(evidence)), Path), first.id, first.reason, "J. Doe", HOSTILE)
    (found,) = incidents(evidence)
    export(evidence, found.found, folder / "bundle.zip", 30, keeping())
    with zipfile.ZipFile(folder / "bundle.zip") as archive:
        return {name: archive.read(name).decode("utf-8", "replace") for name in archive.namelist()}


def test_each_step_has_its_time_its_record_and_whether_it_is_inferred(pages: dict[str, str]) -> None:
    html = pages["data/analysis/report.en.html"]
    assert "It was handed /robots.txt" in html
    assert "The same address asked on, 1.0 s after the measure ST0P-0020, while it still held." in html
    assert "It was back from another address, 4.0 s after 203.0.113.7 was refused (7H2K-9QXA)" in html
    assert html.count("inferred; wrong at most in 0.00") == 2
    assert html.count("blocked (403) for 15 min, by its signals. The answer (403) said so, with the reference; 2") == 3


def test_each_link_has_its_error_and_a_rejected_one_says_by_whom_and_why(pages: dict[str, str]) -> None:
    html = pages["data/analysis/report.en.html"]
    assert "0 of 300 strangers share it." in html
    assert "Not followed: rejected by J. Doe on " in html
    assert "&lt;b onclick=alert(1)&gt;{0}\\x1b[31m" in html
    assert "<b onclick" not in html


def test_every_address_has_its_ports_times_network_and_fingerprint(pages: dict[str, str]) -> None:
    html = pages["data/analysis/report.en.html"]
    for piece in ("41026 first, 41048 last; 23 different", "203.0.115.0/24; the connection itself", "b0b0b0b0b0b0b0b0"):
        assert piece in html


def test_chinese_tells_the_same_story(pages: dict[str, str]) -> None:
    html = pages["data/analysis/report.zh.html"]
    assert "在 203.0.113.7 被拒绝（7H2K-9QXA）后 4.0 s，从另一地址再次前来" in html
    assert html.count("推断；出错至多 0.00") == 2
    assert "未采用：J. Doe 于 " in html


def test_the_elements_and_the_readme_speak_of_all_addresses(pages: dict[str, str]) -> None:
    assert "Returns from other addresses, by links whose error is printed: 2." in pages["data/analysis/report.en.html"]
    assert "Addresses with source ports, times and networks: 3." in pages["data/analysis/report.en.html"]
    assert "address:203.0.113.7 and 2 other addresses" in pages["README.txt"]


def test_every_word_of_the_story_is_there_in_both_languages() -> None:
    assert ENGLISH.keys() == CHINESE.keys()


def test_an_error_is_written_without_rounding_it_away() -> None:
    assert [percent(ppm) for ppm in (1, 28, 3_032, 10_000, 1_000_000)] == [
        "0.0001 %",
        "0.0028 %",
        "0.3032 %",
        "1 %",
        "100 %",
    ]
