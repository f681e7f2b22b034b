"""A record is one canonical line, whatever a hostile request put in it, and holds no secret."""

import dataclasses
import json
from pathlib import Path

import pytest
from building import BLOCKED, FINE, OBSERVED, REFUSED, SERVED, agent, facts
from hypothesis import given
from hypothesis import strategies as st

from scrapeguard.evidence import record, redact
from scrapeguard.evidence.canonical import canonical, digest
from scrapeguard.evidence.commitments import Committer
from scrapeguard.model import Facts, Outcome, Resource, Rung, Signal, Verdict

hostile = st.text(st.characters(exclude_categories=()), max_size=60)  # lone surrogates and controls included
short = ("c" * 16, "d" * 16)


def lined(f: Facts, verdict: Verdict = FINE, outcome: Outcome = SERVED, source: record.Source | None = None) -> bytes:
    return both(f, verdict, outcome, source)[0]


def both(
    f: Facts, verdict: Verdict = FINE, outcome: Outcome = SERVED, source: record.Source | None = None
) -> tuple[bytes, bytes]:
    """The public line, and the openings that belong to it."""
    imported = 0 if source is None else 1_795_000_000_000_000
    what, groups = record.request(f, verdict, outcome, short, source, imported)
    sd, openings, _ = Committer().commit(groups)
    return record.request_line(5, 3, record.ZERO, sd, 17, "a" * 32, f.time, what, "2026-11-24T09"), openings


def back(line: bytes) -> dict[str, dict[str, object]]:
    value = json.loads(line)
    assert isinstance(value, dict)
    return value


def opened(openings: bytes) -> dict[str, dict[str, object]]:
    return {name: value for _, name, value in json.loads(openings)}


@given(hostile, hostile, hostile, hostile, hostile, hostile)
def test_every_record_is_one_canonical_line_and_comes_back(
    path: str, query: str, raw: str, host: str, method: str, reason: str
) -> None:
    f = facts(path=path, query=query, raw=raw, host=host, method=method, forbidden=path, referer=query)
    verdict = Verdict(Rung.BLOCK, Rung.BLOCK, "signals", (Signal(raw, 3, reason, 9, 8),), 3, 900)
    line, openings = both(f, verdict, REFUSED)
    assert b"\n" not in line
    assert b"\r" not in line
    assert line.isascii()
    assert len(line) <= record.LONGEST
    value = back(line)
    assert canonical(value).encode() == line
    assert canonical(json.loads(openings)).encode() == openings
    assert opened(openings)["agent"]["agent"] == raw
    assert value["what"]["host"] == host
    assert opened(openings)["request"]["reasons"] == [reason]
    assert value["what"]["method"] == method[:32]


@pytest.mark.parametrize("verdict", [FINE, BLOCKED, OBSERVED], ids=["fine", "blocked", "observed"])
def test_the_hand_built_line_is_what_the_rule_says(verdict: Verdict) -> None:
    unseen = dataclasses.replace(
        facts(), agent=None, host=None, fingerprint=None, forbidden=None, credential="9f86d081884c7d65"
    )
    for f in (facts(), unseen, facts(query="page=2", referer="https://other.example/a?b=c", trapped=True)):
        for source in (None, ("e" * 64, 12)):
            for text in both(f, verdict, SERVED, source):
                assert canonical(json.loads(text)).encode() == text


def test_facts_that_name_somebody_are_committed_to_and_stand_only_in_the_openings() -> None:
    f = facts(path="/p-4711", query="q=x", referer="https://shop.example/r", raw="Agent/1", address="198.51.100.23")
    f = dataclasses.replace(f, credential="9f86d081884c7d65", forbidden="Disallow: /p-47")
    public, openings = both(f, BLOCKED, REFUSED)
    for personal in ("198.51.100", "4711", "Agent/1", "/r", "5f1d2c3b", "40123", "9f86d081", "p-47"):
        assert personal.encode() not in public
    groups = opened(openings)
    assert set(groups) == {"account", "agent", "client", "request"} == set(back(public)["sd"])
    assert groups["client"]["address"] == "198.51.100.23"
    assert groups["client"]["port"] == 40123
    assert back(public)["what"]["forbidden"] is True
    for disclosure in json.loads(openings):
        assert back(public)["sd"][disclosure[1]] == digest(canonical(disclosure).encode())


def test_equal_facts_have_different_commitments_each_time() -> None:
    """Or who wants to know would try all addresses."""
    first, second = back(lined(facts()))["sd"], back(lined(facts()))["sd"]
    assert not set(first.values()) & set(second.values())


def test_a_group_of_which_nothing_is_known_is_not_committed_to() -> None:
    f = dataclasses.replace(facts(), agent=None, fingerprint=None)
    assert set(back(lined(f))["sd"]) == {"client", "request"}


def test_a_longest_possible_request_still_fits_a_leaf() -> None:
    wide = "\U0001f577" * 9000
    f = dataclasses.replace(facts(path=wide, query=wide, host=wide, forbidden=wide, referer=wide), agent=agent(wide))
    line = lined(f, Verdict(Rung.BLOCK, Rung.BLOCK, "signals", tuple(Signal("x", 1, wide, 1, 1) for _ in range(12))))
    assert len(line) <= record.LONGEST
    assert canonical(json.loads(line)).encode() == line


def test_a_record_from_a_log_says_which_file_which_line_and_when_it_was_read() -> None:
    value = back(lined(facts(), source=("ab" * 32, 77)))
    assert value["what"]["source"] == {"file": "ab" * 32, "line": 77}
    assert value["what"]["imported"] == 1_795_000_000_000_000
    assert "source" not in back(lined(facts()))["what"]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("page=2&sort=name", "page=2&sort=name"),
        ("q=monkey&keyword=key", "q=monkey&keyword=key"),
        ("postcode=12345&country=de", "postcode=12345&country=de"),
        ("password=hunter2", "password=*"),
        ("a=1&access_token=abc&b=2", "a=1&access_token=*&b=2"),
        ("PHPSESSID=abc", "PHPSESSID=*"),
        ("api_key=1;code=99;state=7", "api_key=*;code=*;state=*"),
        ("%74oken=abc", "%74oken=*"),
        ("user[password]=x", "user[password]=*"),
        ("token", "token"),
        ("token=a=b", "token=*"),
        ("/login?next=/a?token=x", "/login?next=/a?token=*"),
        ("/a;jsessionid=F00/b", "/a;jsessionid=*"),
        ("", ""),
    ],
)
def test_values_of_telling_parameters_are_not_written_down(sent: str, kept: str) -> None:
    assert redact.query(sent) == kept


def test_no_part_of_a_record_repeats_a_secret_of_the_query() -> None:
    f = facts(path="/reset;sid=S3CRET", query="token=S3CRET&page=1", referer="https://shop.example/x?pin=S3CRET")
    assert b"S3CRET" not in b"".join(both(f))
    tracked = dataclasses.replace(f, object="/reset;sid=S3CRET?token=S3CRET")
    assert b"S3CRET" not in b"".join(both(tracked))


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("https://shop.example/list?page=2", "https://shop.example/list?page=2"),
        ("https://other.example/mail?id=7&box=in", "https://other.example/mail"),
        ("https://user:pw@other.example/x", "https://other.example/x"),
        ("https://other.example/x#part", "https://other.example/x"),
        ("https://[broken/?x=1", ""),
        ("not a url?x=1", "not a url"),
    ],
)
def test_a_referer_keeps_only_what_is_ours_to_keep(sent: str, kept: str) -> None:
    assert redact.referer(sent, "shop.example") == kept


def test_only_odd_requests_are_kept_when_asked_so(tmp_path: Path) -> None:
    assert not record.odd(facts(), FINE)
    assert record.odd(facts(), BLOCKED)
    assert record.odd(facts(), OBSERVED)
    assert record.odd(facts(forbidden="Disallow: /private"), FINE)
    assert record.odd(facts(resource=Resource.NOTICE), Verdict(Rung.ALLOW, Rung.ALLOW, "notice"))


@pytest.mark.parametrize("value", [1.5, float("nan"), {1: 2}, b"x", {"a": complex(1)}], ids=repr)
def test_canonical_json_refuses_what_has_no_one_spelling(value: object) -> None:
    with pytest.raises(TypeError):
        canonical(value)
