"""robots.txt means what RFC 9309 says it means, line by line."""

import pytest

from scrapeguard.notices.robots import MAX_BYTES, MAX_LINE, Robots, parse
from scrapeguard.notices.rules import Rule, encoded


def allowed(robots: Robots, token: str, path: str) -> bool:
    rule = robots.group(token).rule(encoded(path.encode()))
    return rule is None or rule.allow


def test_groups_of_one_token_are_merged_and_a_named_agent_does_not_obey_the_others_group():
    robots = parse(
        b"User-agent: a\nDisallow: /1\n\nUser-agent: *\nDisallow: /2\n\nuser-agent: A\nuser-agent: b\nDisallow: /3"
    )
    assert [allowed(robots, "A", path) for path in ("/1", "/2", "/3")] == [False, True, False]
    assert [allowed(robots, "b", path) for path in ("/1", "/2", "/3")] == [True, True, False]
    assert [allowed(robots, "c", path) for path in ("/1", "/2", "/3")] == [True, False, True]


def test_an_empty_group_frees_its_agent():
    robots = parse(b"User-agent: *\nDisallow: /\nUser-agent: a\nDisallow:")
    assert allowed(robots, "a", "/x")
    assert not allowed(robots, "b", "/x")


def test_rules_before_the_first_group_and_keys_nobody_knows_change_nothing():
    robots = parse(
        b"Disallow: /\nUser-agent: a\nCrawl-delay: 1\nContent-Signal: ai-train=no\n"
        b"User-agent: b\nSitemap: x\nDisallow: /x"
    )
    assert [allowed(robots, token, "/x") for token in ("a", "b", "c")] == [False, False, True]


def test_the_longest_pattern_decides_and_of_two_as_long_allow():
    robots = parse(
        b"User-agent: *\nDisallow: /a\nAllow: /a/b\nDisallow: /a/b/*.gif$\nDisallow: /t\nAllow: /t\nDisallow: /*.z"
    )
    assert [allowed(robots, "x", path) for path in ("/a/c", "/a/b", "/a/b/x.gif", "/a/b/x.gif?", "/t", "/t.z")] == [
        False, True, False, True, True, False,
    ]  # fmt: skip


def test_the_decision_is_explained_by_the_line_that_made_it():
    robots = parse("User-agent: *  # all\r\nDisallow: /é # why\r\n\rAllow: /é/x".encode())
    rule = robots.group("x").rule(encoded("/é/".encode()))
    assert rule is not None
    assert (rule.line, rule.allow, rule.text, robots.group("x").token) == (2, False, "Disallow: /é", "*")
    rule = robots.group("x").rule(encoded("/é/x".encode()))
    assert rule is not None
    assert (rule.line, rule.allow, rule.text) == (4, True, "Allow: /é/x")
    assert robots.group("x").rule("/") is None


def test_robots_txt_itself_is_allowed_unless_it_is_named():
    assert allowed(parse(b"User-agent: *\nDisallow: /\nDisallow: /*.txt$"), "x", "/robots.txt")
    assert not allowed(parse(b"User-agent: *\nDisallow: /robots.txt"), "x", "/robots.txt")


def test_a_name_with_digits_means_itself_though_its_token_ends_before_them():
    robots = parse(b"User-agent: MJ12bot/1.4\nDisallow: /1\nUser-agent: 360Spider\nDisallow: /2")
    assert not allowed(robots, "MJ12bot", "/1")
    assert not allowed(robots, "MJ", "/1")
    assert not allowed(robots, "360spider", "/2")
    assert allowed(robots, "", "/2")


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("/a*", "/a", True), ("/a*$", "/ab", True), ("/*$", "/", True), ("/$", "/a", False), ("*", "/", True),
        ("/a**b", "/ab", True), ("/*a$", "/a/ba", True), ("/ab*ba", "/aba", False), ("/ab*ba", "/abba", True),
        ("/ab*ba$", "/aba", False), ("/$a", "/$a", True), ("$", "/", False), ("/a$*", "/a$b", True),
        ("/*a*b*c$", "/abcabc", True), ("/*a*b*c$", "/cba", False), ("a", "/a", False), ("/a$$", "/a$", True),
    ],
)  # fmt: skip
def test_wildcards_match_as_they_must(pattern: str, path: str, matches: bool):
    assert Rule(1, False, "", pattern).matches(path) is matches


def test_what_is_the_same_by_rfc_3986_is_the_same_here():
    assert encoded(b"/%7e%41%2f%zz%") == "/~A%2F%zz%"
    assert encoded("/ツ".encode()) == encoded(b"/%e3%83%84") == "/%E3%83%84"


def test_what_lies_beyond_the_limits_says_nothing_not_even_half_a_line():
    head = b"User-agent: *\nDisallow: /a\n"
    cut = head + b"#" * (MAX_BYTES - len(head) - 12) + b"\nDisallow: /bcd\nDisallow: /e"
    robots = parse(cut)
    assert [allowed(robots, "x", path) for path in ("/a", "/b", "/bcd", "/e")] == [False, True, True, True]
    long = parse(b"User-agent: *\nDisallow: /" + b"x" * MAX_LINE)
    assert not allowed(long, "x", "/" + "x" * (MAX_LINE - len("Disallow: /")))


@pytest.mark.parametrize(
    "data", [b"", b"\xef\xbb\xbf", b"\0" * 99, b":\n::\n", b"\xff" * 999, b"User-agent\nDisallow:", b"\r" * 9]
)
def test_no_file_is_too_broken_to_be_read(data: bytes):
    assert allowed(parse(data), "x", "/")
