"""robots.txt is told to everybody, in the version that can be proved; and nobody is led into a trap who obeys it."""

import asyncio
from pathlib import Path
from time import perf_counter

import pytest
from building import agent, facts
from protego import Protego
from robotstxt import RobotsMatcher
from starlette.types import Message, Receive, Scope, Send

from scrapeguard.config import load
from scrapeguard.errors import ConfigError
from scrapeguard.facts.agent import catalogue
from scrapeguard.model import Agent
from scrapeguard.notices import Notices, NoticeSettings
from scrapeguard.notices.robots import MAX_BYTES

ASKED = facts(path="/robots.txt")
FULL = NoticeSettings(
    terms_url="https://shop.example/terms",
    contact="mailto:data@shop.example",
    sitemaps=("https://shop.example/a.xml", "https://shop.example/b.xml"),
)


def robot(token: str) -> Agent:
    return Agent(token, "crawler", token, None, "", "", token)


def ask(notices: Notices, host: str = "shop.example", method: str = "GET", **headers: str) -> tuple[int, dict, bytes]:
    """Status, headers and body of the answer."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        raise AssertionError("a notice reads no body")

    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    asked = facts(path="/robots.txt", host=host, method=method)
    answer = notices.answer(asked) or notices.through(asked, without_robots)
    asyncio.run(answer({"type": "http", "method": method, "headers": pairs}, receive, send))
    fields = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], fields, b"".join(message["body"] for message in sent[1:])


async def without_robots(_: Scope, __: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b"not here"})


def write(folder: Path, text: str | bytes, name: str = "own.txt") -> Notices:
    data = text if isinstance(text, bytes) else text.encode()
    (folder / name).write_bytes(data)
    return Notices(NoticeSettings(robots=name), folder.joinpath)


def test_our_file_says_what_is_reserved_to_googles_parser_and_to_protego():
    notices = Notices(FULL, Path, ("/trap/*", "/.hidden"))
    text = notices.offered()["robots.txt"].decode()
    google, scrapy = RobotsMatcher(), Protego.parse(text)
    for token, path, allowed in (
        ("Googlebot", "/item/7", True),
        ("Googlebot", "/trap/x", False),
        ("AnyBot", "/.hidden", False),
        ("GPTBot", "/item/7", False),
        ("Google-Extended", "/", False),
        ("CCBot", "/trap/x", False),
    ):
        url = f"https://shop.example{path}"
        assert google.is_allowed(text, token, url) is allowed, (token, path)
        assert scrapy.can_fetch(url, token) is allowed, (token, path)
        assert (notices.forbidden("shop.example", robot(token), path) == "") is allowed, (token, path)
    assert list(scrapy.sitemaps) == list(FULL.sitemaps)
    google.is_allowed(text, "AnyBot", "https://shop.example/")
    assert google.content_signal == {"ai_train": False, "ai_input": None, "search": True}
    assert "# Terms of use: https://shop.example/terms\n" in text
    assert "# Contact for operators of robots: mailto:data@shop.example\n" in text


def test_our_file_forbids_every_crawler_known_to_train_and_lets_search_engines_in():
    notices = Notices(NoticeSettings(), Path)
    for crawler in catalogue().crawlers:
        forbidden = notices.forbidden(None, robot(crawler.token), "/item/7")
        if crawler.use in ("training", "search"):
            assert bool(forbidden) is (crawler.use == "training"), crawler.token


def test_our_file_leaves_out_what_is_not_set():
    text = Notices(NoticeSettings(), Path).offered()["robots.txt"].decode()
    assert "{" not in text
    assert not any(word in text for word in ("Terms of use", "Contact", "Sitemap"))


@pytest.mark.parametrize(
    "settings",
    [
        {"terms_url": "https://shop.example/\nDisallow: /"},
        {"terms_url": 'https://shop.example/">'},
        {"terms_url": "javascript:alert(1)"},
        {"terms_url": "https://shop.example/条款"},
        {"contact": "me\r\nUser-agent: *"},
        {"sitemaps": ["https://shop.example/\rDisallow: /"]},
        {"sitemaps": ["https://shop.example/map#here"]},
        {"hosts": {"shop.example:8080": "own.txt"}},
        {"robots": "missing.txt"},
        {"hosts": {"shop.example": "missing.txt"}},
        {"robots": "."},
    ],
)
def test_a_setting_that_would_say_something_else_is_refused(settings: dict[str, object], tmp_path: Path):
    with pytest.raises(ConfigError):
        Notices(load({"notices": settings}).section("notices", NoticeSettings), tmp_path.joinpath)


def test_a_file_too_long_to_be_obeyed_is_not_published(tmp_path: Path):
    write(tmp_path, b"#" * MAX_BYTES)
    with pytest.raises(ConfigError, match="longer than 512000 bytes"):
        write(tmp_path, b"#" * (MAX_BYTES + 1))


def test_a_file_of_the_sites_own_is_served_byte_for_byte(tmp_path: Path):
    data = b"\xef\xbb\xbfUser-agent: *\r\nDisallow: /caf\xe9\r\n\x00"
    notices = write(tmp_path, data)
    status, fields, body = ask(notices)
    assert (status, body) == (200, data)
    assert fields["content-type"] == "text/plain; charset=utf-8"
    assert fields["content-length"] == str(len(data))
    assert fields["cache-control"] == "max-age=3600"
    assert notices.offered() == {"robots.txt": data}


def test_whoever_has_this_version_already_is_told_so_and_a_head_gets_no_body(tmp_path: Path):
    notices = write(tmp_path, "User-agent: *\nDisallow: /a\n")
    tag = ask(notices)[1]["etag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        status, fields, body = ask(notices, if_none_match=known)
        assert (status, fields["etag"], body) == (304, tag, b"")
    assert ask(notices, if_none_match='"other"')[0] == 200
    status, fields, body = ask(notices, method="HEAD")
    assert (status, fields["content-length"], body) == (200, "27", b"")
    (tmp_path / "own.txt").write_text("User-agent: *\nDisallow: /b\n")
    assert ask(Notices(NoticeSettings(robots="own.txt"), tmp_path.joinpath))[1]["etag"] != tag


def test_each_host_has_its_own_rules(tmp_path: Path):
    (tmp_path / "shop.txt").write_text("User-agent: *\nDisallow: /shop\n")
    notices = Notices(NoticeSettings(hosts={"Shop.Example": "shop.txt"}), tmp_path.joinpath)
    assert ask(notices, "shop.example")[2] == (tmp_path / "shop.txt").read_bytes()
    assert b"/shop" not in ask(notices, "other.example")[2]
    assert notices.forbidden("shop.example", robot("AnyBot"), "/shop/1") == "Disallow: /shop"
    assert notices.forbidden("other.example", robot("AnyBot"), "/shop/1") == ""
    assert notices.forbidden(None, robot("AnyBot"), "/shop/1") == ""
    assert set(notices.offered()) == {"robots.txt", "robots.txt@shop.example"}


def test_only_asking_for_the_notice_is_covered():
    notices = Notices(NoticeSettings(), Path)
    assert notices.covers(ASKED)
    assert not notices.covers(facts(path="/robots.txt", method="POST"))
    assert not notices.covers(facts(path="/Robots.txt"))
    assert not notices.covers(facts(path="/a/robots.txt"))
    assert notices.answer(facts(path="/item/1")) is None


def test_a_site_that_answers_itself_is_left_to_it_and_its_rules_are_known_if_it_names_the_file(tmp_path: Path):
    (tmp_path / "own.txt").write_text("User-agent: *\nDisallow: /a\n")
    unknown = Notices(NoticeSettings(serve_robots=False), tmp_path.joinpath, ("/trap",))
    known = Notices(NoticeSettings(serve_robots=False, robots="own.txt"), tmp_path.joinpath)
    for notices in (unknown, known):
        assert notices.covers(ASKED)
        assert notices.answer(ASKED) is None
        assert notices.offered() == {}
    assert unknown.forbidden(None, robot("AnyBot"), "/a") == ""
    assert known.forbidden(None, robot("AnyBot"), "/a") == "Disallow: /a"


def test_a_trap_that_a_robot_may_enter_is_refused(tmp_path: Path):
    own = NoticeSettings(robots="own.txt")
    (tmp_path / "own.txt").write_text("User-agent: *\nDisallow: /trap/\nUser-agent: bingbot\nDisallow: /cart\n")
    with pytest.raises(ConfigError, match="does not forbid 'bingbot' the trap '/trap/\\*'"):
        Notices(own, tmp_path.joinpath, ("/trap/*",))
    (tmp_path / "own.txt").write_text("User-agent: bingbot\nDisallow: /\n")
    with pytest.raises(ConfigError, match="does not forbid '\\*'"):
        Notices(own, tmp_path.joinpath, ("/trap/*",))
    (tmp_path / "own.txt").write_text("User-agent: *\nUser-agent: bingbot\nDisallow: /trap/\n")
    Notices(own, tmp_path.joinpath, ("/trap/*",))


def test_an_escape_does_not_get_round_a_rule(tmp_path: Path):
    notices = write(tmp_path, "User-agent: *\nDisallow: /secret\nDisallow: /café\n")
    for path in (
        "/secret",
        "/%73ecret",
        "/se%63ret/x?y",
        "/caf%C3%A9",
        "/caf%c3%a9",
        "/café".encode().decode("latin-1"),
    ):
        assert notices.forbidden(None, robot("AnyBot"), path), path
    assert notices.forbidden(None, robot("AnyBot"), "/SECRET") == ""


def test_no_path_makes_the_matcher_slow_or_its_memory_grow(tmp_path: Path):
    notices = write(tmp_path, "User-agent: *\n" + "Disallow: /*a*a*a*a*a*a*a*a*b$\n" * 50)
    began = perf_counter()
    assert notices.forbidden(None, robot("AnyBot"), "/" + "a" * 8000) == ""
    assert perf_counter() - began < 0.5
    for number in range(20_000):
        notices.forbidden(f"{number}.example", agent(), f"/{number}")
    assert len(notices._verdicts) <= 8192
