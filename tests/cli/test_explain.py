"""`explain`: by the reference a visitor quotes, what was seen, what it weighed and what would have changed it."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from building import BLOCKED, FINE, HELD, OBSERVED, REFUSED, SERVED, facts, open_log, signal
from click.testing import CliRunner, Result

from scrapeguard.cli import main
from scrapeguard.config import Config
from scrapeguard.model import Identity, Rung, Verdict
from scrapeguard.notices import NoticeSettings
from scrapeguard.policy import Policy

sys.path.insert(0, str(Path(__file__).parent.parent / "evidence"))
from linking import rotation

FIRST, LATER, SEEN, CALM, KNOWN = (
    "7H2K-9QXA-0001",
    "7H2K-9QXA-0002",
    "7H2K-9QXA-0003",
    "7H2K-9QXA-0004",
    "7H2K-9QXA-0005",
)
PACE = Verdict(Rung.THROTTLE, Rung.THROTTLE, "signals", (signal("pace", 4, 133, 120),), 4, 30)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("explain")
    log = open_log(folder)
    config = Config({"notices": {"contact": "mailto:data@shop.example"}, "policy": {"block": 9}})
    config.section("policy", Policy)
    config.section("notices", NoticeSettings)
    log.activate("enforce", config, {})
    identity = Identity("refuted", "dns", "Google", "Googlebot", "search")
    for second, reference, verdict, outcome in (
        (0, CALM, FINE, SERVED),
        (1, FIRST, BLOCKED, REFUSED),
        (5, LATER, HELD, REFUSED),
        (6, "L17", PACE, SERVED),
        (7, "L17", FINE, SERVED),
        (9, SEEN, OBSERVED, SERVED),
    ):
        log.request(facts(second, reference=reference), verdict, outcome)
    log.request(replace(facts(2000, "/\x1b[2Jitem", reference=KNOWN), identity=identity), PACE, REFUSED)
    log.close()
    return folder


def run(directory: Path, reference: str, *options: str) -> Result:
    return CliRunner().invoke(main, ["explain", reference, str(directory), *options])


def told(directory: Path, reference: str) -> dict[str, object]:
    (one,) = json.loads(run(directory, reference, "--json").output)
    assert isinstance(one, dict)
    return one


def test_a_block_is_explained_with_numbers_limits_and_the_smallest_change(directory: Path) -> None:
    output = run(directory, FIRST).output
    for piece in (
        "7H2K-9QXA-0001: GET /item/1 on shop.example",
        "Decided: block, for 15 min from then on.",
        "pace weighs 4: 130 requests in 60 s; the limit is 120.",
        "Together they weigh 9; throttle from 4, challenge from 6, block from 9 (in force then).",
        "The smallest change: pace: 10 fewer (130 where the limit is 120).",
        "Then the weight would be 5, and the rung throttle.",
        "The visitor was told with 403: a refusal that said so, with the reference, whom to ask (mailto:data@",
    ):
        assert piece in output, output


def test_a_request_under_a_measure_leads_to_the_one_that_brought_it(directory: Path) -> None:
    one = told(directory, LATER)
    assert (one["cause"], one["placed_by"]) == ("standing", FIRST)
    assert "It was imposed by the request 7H2K-9QXA-0001" in run(directory, LATER).output
    assert one["nearest"] == {"without": ["pace"], "fewer": {"pace": 10}, "score": 5, "rung": "throttle"}


def test_what_was_only_observed_and_what_was_fine_is_said_to_be_so(directory: Path) -> None:
    assert "Nothing was imposed, for the guard only observed; otherwise" in run(directory, SEEN).output
    calm = run(directory, CALM).output
    assert "Nothing was odd" in calm
    assert "The site answered with 200 and 5,120 bytes." in calm


def test_an_identity_is_told_with_how_it_was_settled_and_no_control_reaches_the_terminal(directory: Path) -> None:
    output = run(directory, KNOWN).output
    assert "It said that it was Googlebot of Google, which is not true by DNS." in output
    assert "\x1b" not in output


@pytest.mark.parametrize(
    "quoted",
    [
        "7h2k-9qxa-0001", "7H2K9QXA0001", " 7h2k 9qxa oool ", "7H2K-9QXA-OOO1", "7H2K 9QXA OOO1", "7h2k-9qxa-oooi",
        "7H2K.9QXA.000L", "7H2K–9QXA–0001", "urn:scrapeguard:7H2K-9QXA-0001",
    ],
)  # fmt: skip
def test_a_reference_is_found_as_people_quote_it(directory: Path, quoted: str) -> None:
    assert told(directory, quoted)["reference"] == FIRST


def test_a_reference_of_several_records_is_said_to_be_ambiguous(directory: Path) -> None:
    output = run(directory, "L17").output
    assert output.startswith("2 records have this reference")
    assert len(json.loads(run(directory, "L17", "--json").output)) == 2


@pytest.mark.parametrize("reference", ["", "7H2K", "nothing", '"', "\\", "../../etc/passwd", "7H2K-9QXA-0009", "\x00"])
def test_a_reference_that_is_none_is_a_sentence_and_a_hint(directory: Path, reference: str) -> None:
    result = run(directory, reference)
    assert result.exit_code == 2
    assert "There is no record" in result.output


def test_a_folder_without_evidence_is_a_sentence_and_a_hint(tmp_path: Path) -> None:
    result = run(tmp_path, FIRST)
    assert (result.exit_code, "There is no evidence in" in result.output) == (2, True)


def test_a_damaged_log_and_a_lost_configuration_still_explain(directory: Path, tmp_path: Path) -> None:
    record = max((directory / "records").glob("*.jsonl"), key=lambda path: path.stat().st_size)
    (tmp_path / "records").mkdir()
    torn = (
        record.read_bytes() + b'{"k":"request","what":{"ref":"7H2K-9QXA-0001"\n{"k":"request","what":{"ref":"7H2K-9QXA'
    )
    (tmp_path / "records" / record.name).write_bytes(torn)
    (tmp_path / "records" / "empty.jsonl").write_bytes(b"")
    assert "by default; the one in force then was not kept" in run(tmp_path, FIRST).output


def test_the_other_addresses_of_the_same_actor_are_named(tmp_path: Path) -> None:
    used = rotation(tmp_path, addresses=3)
    one = told(tmp_path, "st0p-oo2o")
    assert one["linked"] == [f"address:{used[0]}", f"address:{used[2]}"]
    output = run(tmp_path, "ST0P-0020").output
    assert f"2 other addresses are taken for the same actor: {used[0]}, {used[2]}." in output
    assert f"`scrapeguard links list {one['incident']}` says why" in output
