"""The linter finds what contradicts itself, says where, and has nothing against a site that says one thing."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from scrapeguard.notices import Notices, NoticeSettings, Purposes
from scrapeguard.notices.lint import lint_robots, lint_security, lint_tdm

NOW = datetime(2026, 11, 24, tzinfo=UTC)
OPEN = Purposes("unstated", "unstated")
PLAIN = NoticeSettings()


def found(text: str, policy: Purposes = OPEN, settings: NoticeSettings = PLAIN) -> list[tuple[str, str]]:
    return [(it.place, it.text) for it in lint_robots("robots.txt", text.encode(), settings, policy)]


@pytest.mark.parametrize("said", ["allow", "refuse", "unstated"])
def test_what_we_write_ourselves_has_no_contradiction_whatever_the_policy(said: str) -> None:
    for name in Purposes().stances():
        policy = Purposes(**{**Purposes().stances(), name: said})  # type: ignore[arg-type]
        settings = NoticeSettings(terms_url="/terms", contact="a@shop.example")
        assert list(Notices(settings, Path, ("/trap/*",), policy).lint(NOW)) == []


def test_allowing_what_the_policy_refuses_is_found_and_so_is_refusing_what_it_allows() -> None:
    ((place, text),) = found("User-agent: *\nAllow: /\n", Purposes("unstated", "refuse"))
    assert place == "robots.txt"
    assert "AI2Bot" in text
    assert "policy refuses ai_train" in text
    texts = [text for _, text in found("User-agent: *\nDisallow: /\n", Purposes("allow", "unstated"))]
    assert any("policy allows search" in text for text in texts)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("Content-Signal: search=yes, ai-train=yes\nDisallow: /x", "allow to ai_train, and the policy says refuse"),
        ("Content-Signal: search=yes\nDisallow: /", "It allows search, and its group forbids every path."),
        ("Content-Signal: search=yes\nContent-Usage: search=n", "both yes and no to search"),
    ],
)
def test_a_signal_that_contradicts_is_found_at_its_line(line: str, says: str) -> None:
    listed = found(f"User-agent: *\n{line}\n", Purposes("unstated", "refuse"))
    assert any(says in text and place.startswith("robots.txt:") for place, text in listed), listed


def test_a_signal_for_one_path_is_no_contradiction_to_the_rest() -> None:
    text = "User-agent: *\nContent-Signal: ai-train=no\nContent-Signal: /open/ ai-train=yes\nDisallow: /x\n"
    assert found(text) == []


@pytest.mark.parametrize("name", ["360Spider", "Baiduspider", "RivalBot"])
def test_shutting_out_one_competitor_is_found_and_shutting_out_all_is_not(name: str) -> None:
    ((_, text),) = found(f"User-agent: *\nDisallow: /cart\n\nUser-agent: {name}\nDisallow: /\n")
    assert "is shut out" in text
    assert found("User-agent: *\nDisallow: /\n") == []


def test_letting_in_a_single_one_is_found() -> None:
    text = "User-agent: *\nDisallow: /\n\nUser-agent: Baiduspider\nUser-agent: Baiduspider-render\nAllow: /\n"
    assert [text for _, text in found(text) if "only Baidu is let in" in text]


def test_a_group_that_forgets_what_all_are_forbidden_is_found_and_one_that_repeats_it_or_opens_it_is_not() -> None:
    shared = "User-agent: *\nDisallow: /cart\nDisallow: /search\n\n"
    ((place, text),) = found(f"{shared}User-agent: bingbot\nDisallow: /cart\n")
    assert (place, "/search" in text, "/cart" in text) == ("robots.txt:5", True, False)
    assert found(f"{shared}User-agent: bingbot\nDisallow: /cart\nDisallow: /search\n") == []
    assert found(f"{shared}User-agent: bingbot\nDisallow: /cart\nAllow: /search\n") == []
    assert found(f"{shared}User-agent: GPTBot\nUser-agent: CCBot\nDisallow: /\n", settings=PLAIN)[1:] == []


def test_words_that_no_robot_can_read_are_found() -> None:
    ((_, text),) = found("# All rights reserved.\nUser-agent: *\nDisallow: /cart\n")
    assert text == "Its comments reserve what no line for robots does."
    assert found("# 未经许可，禁止采集\nUser-agent: *\nDisallow: /cart\n")
    assert found("User-agent: *\nDisallow: /cart\n", settings=NoticeSettings(terms_url="/terms"))
    assert found("# All rights reserved.\nUser-agent: *\nContent-Signal: ai-train=no\nDisallow: /cart\n") == []


def test_terms_that_robots_may_not_read_are_found() -> None:
    text = "User-agent: *\nContent-Signal: ai-train=no\nDisallow: /legal\n"
    assert "forbids robots to read the terms" in found(text, settings=NoticeSettings(terms_url="/legal/terms"))[0][1]


@pytest.mark.parametrize(("days", "says"), [(-1, "expired"), (3, "in 3 days"), (500, "more than a year"), (200, "")])
def test_a_security_txt_is_told_when_it_ends(days: int, says: str) -> None:
    listed = list(lint_security(NOW + timedelta(days=days), NOW))
    assert [says in it.text for it in listed] == ([True] if says else [])


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        ([{"location": "/", "tdm-reservation": 1}, {"location": "/open/*", "tdm-reservation": 0}], "never reached"),
        ([{"location": "/open/*", "tdm-reservation": 0}, {"location": "/", "tdm-reservation": 1}], ""),
        ({"location": "/", "tdm-reservation": 1}, "no list"),
        ([{"location": "/", "tdm-reservation": "yes"}], "neither 0 nor 1"),
        ([1], "no list"),
        ([{"location": 7}], "no location"),
    ],
)
def test_a_tdmrep_file_is_read_in_its_order(rules: object, says: str) -> None:
    listed = list(lint_tdm("tdmrep.json", json.dumps(rules).encode()))
    assert [says in it.text for it in listed] == ([True] if says else [])


@pytest.mark.parametrize(
    "data", [b"", b"\xff\x00", b"[" * 100_000, b"User-agent", b":" * 9000, b"Content-Signal: =,,=\n" * 99]
)
def test_no_file_breaks_the_linter(data: bytes) -> None:
    list(lint_robots("robots.txt", b"User-agent: *\n" + data, PLAIN, Purposes()))
    assert list(lint_tdm("tdmrep.json", data))
