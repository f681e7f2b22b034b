"""Our verdicts are those of Google's parser: on real files, and on files nobody would write."""

import json
import os
import re
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from protego import Protego
from robotstxt import RobotsMatcher

from scrapeguard.notices import Notices, NoticeSettings
from scrapeguard.notices.robots import HOME, parse
from scrapeguard.notices.rules import encoded

DATA = Path(os.environ.get("SCRAPEGUARD_DATA") or Path(__file__).parents[2].parent / "shared/data") / "robots"


def allowed(robots: bytes, token: str, path: str) -> bool:
    rule = parse(robots).group(token).rule(encoded(path.encode()))
    return rule is None or rule.allow


@pytest.mark.skipif(not (DATA / "oracle.jsonl").exists(), reason=f"{DATA}/oracle.jsonl is missing: no real files")
def test_all_verdicts_on_real_files_are_those_of_googles_parser():
    compared, different = 0, []
    for line in (DATA / "oracle.jsonl").read_text("utf-8").splitlines():
        story = json.loads(line)
        robots = parse((DATA / "real-files" / story["file"]).read_bytes())
        for token, path, verdict in story["cases"]:
            compared += 1
            rule = robots.group(token).rule(encoded(path.encode()))
            if (rule is None or rule.allow) is not verdict:
                different.append((story["file"], token, path, verdict))
    assert compared > 8_000
    assert different == []


@pytest.mark.skipif(not (DATA / "ai-robots-txt-test-files").exists(), reason=f"{DATA} has no files of ai.robots.txt")
def test_the_test_files_of_ai_robots_txt_are_read_as_googles_parser_reads_them():
    """Names with spaces, brackets and pipes among them: what is no token is matched by its beginning, or not at all."""
    folder = DATA / "ai-robots-txt-test-files"
    body, google = (folder / "robots.txt").read_bytes(), RobotsMatcher()
    names = [*json.loads((folder / "robots.json").read_text("utf-8")), "Mozilla", "Googlebot", "AnyBot"]
    tokens = {re.match("[A-Za-z_-]*", name)[0] for name in names} - {""}  # type: ignore[index]
    verdicts = {token: allowed(body, token, "/item/7") for token in tokens}
    site = "https://shop.example/item/7"
    assert verdicts == {token: google.is_allowed(body.decode(), token, site) for token in tokens}
    assert {token for token, verdict in verdicts.items() if verdict} == {"AnyBot", "Googlebot", "Mozilla"}
    assert len(tokens) > 40


LISTED = DATA.parent / "ua" / "ai-robots-txt.json"


@pytest.mark.skipif(not LISTED.exists(), reason=f"{LISTED} is missing: nobody else's list of robots")
def test_who_trains_by_the_list_of_ai_robots_txt_is_refused_by_our_file_when_training_is():
    listed = json.loads(LISTED.read_text("utf-8"))
    training = [name for name, told in listed.items() if "train" in told["function"].lower()]
    ours = Protego.parse(Notices(NoticeSettings(), Path).offered()["robots.txt"].decode())
    left = [name for name in training if ours.can_fetch("https://shop.example/item/7", name)]
    assert len(training) > 15
    assert left == ["Scrapy", "Timpibot"]  # a tool that anybody uses for anything; a search engine


MEANT = ["User-agent", "user-agent", "USERAGENT", "User agent", "Disallow", "disalow", "DISALLAW", "Allow", "allow"]
NOT_MEANT = ["Sitemap", "Crawl-delay", "Content-Signal", "Content-Usage", "Host", "", "Noindex", "Disallowed", "x"]
KEYS = st.sampled_from([*MEANT, *NOT_MEANT])
AGENTS = st.sampled_from(
    ["*", "* foo", "*foo", "FooBot", "foobot/1.0", "Foo Bar", "bar", "BAR_-", "bar_-x", "", "9bot"]
)
PATTERNS = st.text(st.sampled_from("/ab*$%4163.eéC$?=&#i ;:ツ"), max_size=9).map(lambda rest: "/" + rest)
PATHS = st.text(st.sampled_from("/ab$%4163.eC?=&"), max_size=9).map(lambda rest: "/" + rest.lstrip("/"))
VALUES = AGENTS | PATTERNS | st.sampled_from(["/index.html", "/a/index.htm", "*a", "$", "", "/", "/%62", "/%2f", "/%"])
LINES = st.builds(
    "{}{}{}{}{}".format,
    KEYS,
    st.sampled_from([":", ": ", " : ", " ", "\t", "", ":\t", "  "]),
    VALUES,
    st.sampled_from(["", " # why", "#", " ", "\t", " /b"]),
    st.sampled_from(["\n", "\r\n", "\r", "\n\n", "\n\r"]),
)
FILES = st.builds("{}{}".format, st.sampled_from(["", "\ufeff"]), st.lists(LINES, max_size=14).map("".join))


def escaped(path: str) -> str:
    """With its escapes in upper case, as RFC 9309 compares them; Google's parser takes a URL's as they come."""
    return re.sub("%[0-9A-Fa-f]{2}", lambda found: found[0].upper(), path)


@settings(max_examples=500, deadline=None)
@given(FILES, st.sampled_from(["FooBot", "foo", "bar", "BAR_-", "Other"]), PATHS)
@example("User-agent: FooBot\nDisallow: /\nAllow: /a/index.html", "FooBot", "/a/")
@example("User-agent: *\nDisallow: /\nUser-agent: FooBot", "FooBot", "/a")
def test_verdicts_on_any_file_are_those_of_googles_parser(robots: str, token: str, path: str):
    if path == HOME:
        return
    assert allowed(robots.encode(), token, path) is RobotsMatcher().is_allowed(
        robots, token, f"https://x.example{escaped(path)}"
    )
