"""Bundles of actors with several addresses: complete for each, joined by links that are checked, rejections too."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from authority import Authority
from bundling import Files, brought, keeping, packed, unpacked
from insider import Case, World, lines, rebag, reseal, without

from scrapeguard.evidence import keys
from scrapeguard.evidence.incidents import incidents
from scrapeguard.evidence.log import EvidenceLog, EvidenceSettings
from scrapeguard.evidence.rejections import reject
from scrapeguard.evidence.verify import ANCHORED, INVALID, Result, verify
from scrapeguard.exports.bundle import export

sys.path.insert(0, str(Path(__file__).parent.parent / "evidence"))
from linking import rotation

REQUEST, REJECTED = b'{"k":"request"', b'{"k":"link.rejected"'
INCIDENT = "data/analysis/incident.json"
Told = dict[str, Any]


def made(folder: Path, rejecting: int) -> World:
    """A scraper at four addresses among 300 people; `rejecting` of its last links are rejected before the export."""
    authority = Authority(folder / "tsa")
    evidence = folder / "evidence"
    rotation(evidence, zero=time.time_ns() // 1000 - 3_700_000_000)
    (found,) = incidents(evidence)
    for link in [link for link in found.found.links if not link.weak][-rejecting:] if rejecting else ():
        log = EvidenceLog(EvidenceSettings(directory=str(evidence)), Path)
        reject(log, link.id, link.reason, "J. Doe", "known to us")
    with authority.serve() as url:
        first = incidents(evidence)[0]
        bundle = export(evidence, first.found, folder / "bundle.zip", 30, keeping(url, authority))
    signer = keys.load(evidence, "shop.example/evidence/web1")
    case = Case(unpacked(bundle.path), signer, authority, Authority(folder / "rogue"), folder)
    return case, bundle, brought(bundle, authority, max_delay=7200)


@pytest.fixture(scope="module")
def joined(tmp_path_factory: pytest.TempPathFactory) -> World:
    return made(tmp_path_factory.mktemp("joined"), 0)


@pytest.fixture(scope="module")
def parted(tmp_path_factory: pytest.TempPathFactory) -> World:
    return made(tmp_path_factory.mktemp("parted"), 2)


def checked(world: World, files: Files, folder: Path) -> Result:
    """What the verifier says of files that the key's holder sealed again, with a fresh stamp."""
    case = world[0]
    return verify(str(packed(reseal(rebag(files), case.signer, case.authority), folder)), world[2])


def told(case: Case) -> Told:
    value: Told = json.loads(case.files[INCIDENT])
    return value


def with_told(case: Case, change: Callable[[Told], None]) -> Files:
    value = told(case)
    change(value)
    return {**case.files, INCIDENT: json.dumps(value, sort_keys=True, separators=(",", ":")).encode()}


def test_a_bundle_holds_all_records_of_all_its_addresses_and_verifies(joined: World) -> None:
    result = verify(str(joined[1].path), joined[2])
    assert (result.code, result.problem) == (ANCHORED, "")
    value = told(joined[0])
    assert len(value["subjects"]) == 4
    assert value["requests"] == 4 * 23 + 1
    assert dict(result.steps)["C13"].startswith("6 links between 4 subjects")


def test_a_rejection_parts_the_incident_and_is_told_in_the_bundle(parted: World) -> None:
    result = verify(str(parted[1].path), parted[2])
    assert (result.code, result.problem) == (ANCHORED, "")
    value = told(parted[0])
    assert len(value["subjects"]) == 3
    (one, other) = [link for link in value["links"] if link["rejected"]]
    assert one["rejected"]["who"] == other["rejected"]["who"] == "J. Doe"
    assert one["second"]["subject"] == ""  # who is no part of it is not named
    assert b"203.0.116" not in b"".join(parted[0].files.values())


def lone(value: Told) -> None:
    """Without the links that lead to the last address."""
    value["links"] = [link for link in value["links"] if link["second"]["subject"] != "address:203.0.116.10"]


def another_reason(value: Told) -> None:
    value["links"][0]["reason"] = "account"


def another_end(value: Told) -> None:
    value["links"][0]["second"]["subject"] = "address:203.0.116.10"


def sooner(value: Told) -> None:
    value["links"][0]["apart_us"] = 1


def made_up(value: Told) -> None:
    value["links"][0]["first"]["digest"] = "0" * 64


def another_step(value: Told) -> None:
    value["evasion"][0]["digest"] = "0" * 64


def fewer_subjects(value: Told) -> None:
    value["subjects"] = value["subjects"][:3]


@pytest.mark.parametrize(
    ("change", "check", "said"),
    [
        (lone, "C13", "no link joins address:203.0.116.10 to the others"),
        (another_reason, "C13", "is not between these two records"),
        (another_end, "C13", "says something else of the record"),
        (sooner, "C13", "are not so far apart"),
        (made_up, "C13", "is not between these two records"),
        (another_step, "C13", "a step of the story rests on the record"),
        (fewer_subjects, "C11", "subjects is"),
    ],
)
def test_an_insider_who_changes_what_joins_the_addresses_is_caught(
    change: Callable[[Told], None], check: str, said: str, joined: World, tmp_path: Path
) -> None:
    result = checked(joined, with_told(joined[0], change), tmp_path)
    assert (result.code, result.failed) == (INVALID, check)
    assert said in result.problem


def test_one_record_of_the_third_address_left_out_is_caught(joined: World, tmp_path: Path) -> None:
    requests = [line for line in lines(joined[0], "/records.jsonl") if line.startswith(REQUEST)]
    third = requests[60]
    result = checked(joined, without(joined[0], lambda line: line == third), tmp_path)
    assert (result.code, result.failed) == (INVALID, "C10")


def test_a_rejection_that_is_left_out_is_caught_by_the_count_of_such_records(parted: World, tmp_path: Path) -> None:
    result = checked(parted, without(parted[0], lambda line: line.startswith(REJECTED)), tmp_path)
    assert (result.code, result.failed) == (INVALID, "C10")
    assert "link.rejected" in result.problem


def test_a_rejected_link_that_is_told_as_followed_is_caught(parted: World, tmp_path: Path) -> None:
    def follow(value: Told) -> None:
        for link in value["links"]:
            link["joined"], link["rejected"] = True, None

    result = checked(parted, with_told(parted[0], follow), tmp_path)
    assert (result.code, result.failed) == (INVALID, "C13")
    assert "was rejected, and is followed" in result.problem


def test_a_rejection_that_nobody_recorded_is_caught(joined: World, tmp_path: Path) -> None:
    def pretend(value: Told) -> None:
        value["links"][0] |= {"joined": False, "rejected": {"t": 1, "who": "J. Doe", "why": "made up"}}

    result = checked(joined, with_told(joined[0], pretend), tmp_path)
    assert (result.code, result.failed) == (INVALID, "C13")
    assert "no record rejects the link" in result.problem


def test_not_provable_that_an_address_was_never_linked(joined: World) -> None:
    """Who leaves out an address with all its records and links claims less; the counts of the others still hold."""
    readme = b" ".join(joined[0].files["README.txt"].split())
    assert b"that an address which is not here is not the same actor" in readme
