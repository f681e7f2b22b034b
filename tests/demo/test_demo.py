"""The demo keeps what it promises, cleans up after itself, and touches nothing that is not its own."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import opened
import pytest

SCRAPEGUARD = [sys.executable, "-c", "from scrapeguard.cli import main; main()"]
COMMAND = [*SCRAPEGUARD, "demo"]
DATA = Path(os.environ.get("SCRAPEGUARD_DATA") or Path(__file__).parents[3] / "shared" / "data")


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], cwd=cwd, capture_output=True, text=True, timeout=100, check=False)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object]]:
    """One demo, played once for all tests here: the folder it was played in and its summary."""
    folder = tmp_path_factory.mktemp("demo")
    done = run("--json", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, json.loads(done.stdout)


def test_nobody_welcome_is_refused_and_every_scraper_is(played: tuple[Path, dict[str, object]]) -> None:
    _, summary = played
    visitors = {visitor["name"]: visitor for visitor in summary["visitors"]}
    assert len(visitors) == 13
    for visitor in visitors.values():
        assert visitor["requests"] >= 6
        assert (visitor["refused"] > 0) is (visitor["kind"] == "scraper"), visitor
    assert visitors["naive"]["first_refusal"] <= 30
    assert visitors["walker"]["first_refusal"] <= 150
    assert visitors["mover"]["first_refusal"] <= 150


def test_it_ends_within_a_minute(played: tuple[Path, dict[str, object]]) -> None:
    assert played[1]["seconds"] < 60


def test_one_who_changes_its_address_is_one_actor_by_links_that_are_as_sure_as_the_default_demands(
    played: tuple[Path, dict[str, object]],
) -> None:
    incidents = played[1]["incidents"]
    assert len(incidents) == 3
    (moved,) = [each for each in incidents if len(each["addresses"]) > 1]
    assert set(moved["addresses"]) == {"127.9.1.76", "127.9.2.77", "127.9.3.78"}
    joining = [link for link in moved["links"] if link["joined"]]
    assert len(joining) >= 2
    assert all(0 < link["error"]["ppm"] <= 10_000 for link in joining)  # link_error_percent = 1
    assert all(link["error"]["of"] >= 400 for link in joining)  # strangers on record, who were counted
    kinds = [step["kind"] for step in moved["evasion"]]
    assert [kind for kind in kinds if kind in ("notice", "stopped", "moved")] == [
        "notice", "stopped", "moved", "stopped", "moved", "stopped",
    ]  # fmt: skip


def test_the_bundle_shows_the_addresses_their_links_and_the_sequence(played: tuple[Path, dict[str, object]]) -> None:
    folder, summary = played
    with zipfile.ZipFile(folder / "demo-output" / "bundle.zip") as archive:
        told = json.loads(archive.read("data/analysis/incident.json"))
    assert len(told["addresses"]) >= 2
    assert sum(link["joined"] for link in told["links"]) >= 1
    assert summary["proof"]["verdict"] == "ANCHORED"
    report = (folder / "demo-output" / "report.html").read_text()
    for said in ("It was handed robots.txt", "It was back from another address", "What joins the addresses"):
        assert said in report


def test_the_evidence_agrees_with_what_the_visitors_saw(played: tuple[Path, dict[str, object]]) -> None:
    folder, summary = played
    requests = [record for record in opened.records(folder) if record["k"] == "request"]
    assert len(requests) == sum(visitor["requests"] for visitor in summary["visitors"])
    refused = sum(record["what"]["status"] in (403, 429) for record in requests)
    assert refused == sum(visitor["refused"] for visitor in summary["visitors"])


def test_the_bundle_verifies_and_its_changed_copy_does_not(played: tuple[Path, dict[str, object]]) -> None:
    folder, summary = played
    proof = summary["proof"]
    assert (proof["verdict"], proof["exhibits"] > 1) == ("ANCHORED", True)
    brought = ["--key", proof["key"], "--tsa-root", proof["tsa_root"]]
    file = folder / "demo-output" / "bundle.zip"
    done = subprocess.run([*SCRAPEGUARD, "verify", file, *brought], capture_output=True, timeout=30, check=False)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, b"ANCHORED"), done.stdout
    assert summary["proof"]["changed"]["verdict"] == "INVALID"
    for bundle, code in (("bundle.zip", 3), ("bundle-changed.zip", 1)):  # 3: no key is given from outside here
        file = folder / "demo-output" / bundle
        done = subprocess.run([*SCRAPEGUARD, "verify", file], capture_output=True, timeout=30, check=False)
        assert done.returncode == code, done.stdout
    assert b"<svg" in (folder / "demo-output" / "report.html").read_bytes()


def test_the_demo_tests_itself_on_record_before_anybody_comes(played: tuple[Path, dict[str, object]]) -> None:
    kinds = [record["k"] for record in opened.records(played[0])]
    assert kinds.index("selftest.result") < kinds.index("request")
    (result,) = [record for record in opened.records(played[0]) if record["k"] == "selftest.result"]
    assert result["what"]["good"] is True


def test_without_openssl_it_says_so_and_goes_on_unanchored(tmp_path: Path) -> None:
    without = {name: value for name, value in os.environ.items() if name != "PATH"} | {"PATH": ""}
    done = subprocess.run(COMMAND, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False, env=without)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nobody time-stamps the evidence" in " ".join(done.stdout.split())
    assert "CONSISTENT-UNANCHORED" in done.stdout
    assert "127.9.1.76 and 2 more are one actor" in " ".join(done.stdout.split())
    assert done.stdout.rstrip().endswith("report.html")


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    done = run("--out", str(tmp_path), cwd=tmp_path)
    assert done.returncode == 2
    assert "is not empty and not of an earlier demo" in done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_an_interrupt_ends_it_at_once_and_leaves_nothing_running(tmp_path: Path) -> None:
    with subprocess.Popen(
        COMMAND, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as process:
        told = ""
        assert process.stdout is not None
        while "looks around" not in told:
            line = process.stdout.readline()
            assert line, told
            told += line
        process.send_signal(signal.SIGINT)
        began = time.monotonic()
        told += process.stdout.read()
        assert process.wait(10) != 0
    assert time.monotonic() - began < 5
    assert "Traceback" not in told, told
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
    assert opened.records(tmp_path)[-1]["k"] == "close"


@pytest.mark.skipif(not DATA.is_dir(), reason=f"{DATA} is missing: no captured browser to compare with")
def test_the_demos_browser_sends_what_a_captured_one_sends() -> None:
    from scrapeguard.demo.browser import chromium

    text = (DATA / "tool-requests" / "chromium-headful-plainhttp-hostname.txt").read_text()
    captured = {match[1]: match[2] for match in re.finditer(r"^GET (\S+) HTTP/1.1\n((?:.+\n)+)", text, re.MULTILINE)}
    for path, kind, referer in (
        ("/", "page", ""),
        ("/static/style.css", "style", "/"),
        ("/static/app.js", "script", "/"),
    ):
        lines = [line.partition(": ") for line in captured[path].splitlines()]
        theirs = {name: value for name, _, value in lines if name not in ("Host", "Cookie")}
        ours = chromium("X11; Linux x86_64").request(kind, referer)
        assert list(ours) == list(theirs), path
        assert ours | {"Referer": ""} == theirs | {"Referer": ""}
