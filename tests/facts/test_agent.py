"""User agents: people are not taken for robots, robots are known, and nobody buys our time with a long one."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapeguard import config
from scrapeguard.errors import ConfigError
from scrapeguard.facts.agent import MAX_RAW, catalogue, classify
from scrapeguard.facts.catalogue import read

DATA = Path(os.environ.get("SCRAPEGUARD_DATA") or Path(__file__).parents[3] / "shared" / "data") / "ua"
needs_lists = pytest.mark.skipif(not DATA.exists(), reason=f"{DATA} is missing: no lists of real agents")

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"
)
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
SAFARI = f"{IPHONE} Version/18.4 Mobile/15E148 Safari/604.1"


@pytest.mark.parametrize(
    ("raw", "name", "version", "system"),
    [
        (CHROME, "Chrome", 156, "Windows"),
        (f"{CHROME} Edg/156.0.0.0", "Edge", 156, "Windows"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox", 140, "Linux"),
        (SAFARI, "Mobile Safari", 18, "iOS"),
        (
            "Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; Trident/4.0; SLCC2; Media Center PC 6.0)",
            "IE",
            8,
            "Windows",
        ),
        (CHROME.replace("Windows NT 10.0; Win64; x64", "Linux; Android 6.0; CUBOT MAX"), "Chrome", 156, "Android"),
        (f"User-Agent: {CHROME}", "Chrome", 156, "Windows"),
        (f'"{CHROME}"', "Chrome", 156, "Windows"),
    ],
)
def test_browsers_are_browsers(raw: str, name: str, version: int, system: str) -> None:
    found = classify(raw)
    assert (found.kind, found.name, found.version, found.system) == ("browser", name, version, system)
    assert (found.operator, found.token) == ("", "Mozilla")


@pytest.mark.parametrize(
    "raw",
    [
        f"{SAFARI} Brave",
        f"{CHROME} Viber",
        f"{CHROME} Honorlock",
        f"{IPHONE} Mobile/15E148 CamScanner/6.1",
        CHROME.replace("Gecko)", "Gecko, Safari/419.3)"),
        f"{CHROME} Scandinavia/2.0",
    ],
)
def test_a_browser_with_one_more_word_is_no_robot(raw: str) -> None:
    """Browsers in which people are examined, message or scan a receipt."""
    assert classify(raw).kind in ("browser", "app")


@pytest.mark.parametrize(
    ("raw", "kind", "name", "token"),
    [
        ("curl/8.5.0", "library", "curl", "curl"),
        ("python-requests/2.32.3", "library", "python-requests", "python-requests"),
        ("Python/3.12 aiohttp/3.9.5", "library", "Python", "Python"),
        ("Go-http-client/2.0", "library", "Go-http-client", "Go-http-client"),
        ("Scrapy/2.11 (+https://scrapy.org)", "library", "Scrapy", "Scrapy"),
        ("Mozilla/4.5 (compatible; HTTrack 3.0x; Windows 98)", "library", "HTTrack", "HTTrack"),
        (CHROME.replace("Chrome/", "HeadlessChrome/"), "headless", "HeadlessChrome", "HeadlessChrome"),
        ("Mozilla/5.0 (compatible; FooBot/3.2; +https://foo.example/bot)", "crawler", "FooBot", "FooBot"),
        ("Acme Crawler 2 (mail@acme.example)", "crawler", "Acme", "Acme"),
        ("Acme web_crawler/2", "crawler", "web_crawler", "web_crawler"),
        (f"{CHROME} (compatible; Foo/1.0)", "crawler", "Foo", "Foo"),
        (f"Thing/1.0 {CHROME}", "crawler", "Thing", "Thing"),
        ("Newsdesk RSS 4", "reader", "Newsdesk", "Newsdesk"),
        ("Acme-Uptime/1", "monitor", "Acme-Uptime", "Acme-Uptime"),
        ("PriceChecker/3 CFNetwork/1490.0.4 Darwin/23.2.0", "app", "PriceChecker", "PriceChecker"),
        ("shop/5.1 (Android 14; Pixel 8)", "app", "shop", "shop"),
        (f"{IPHONE} Mobile/15E148 Instagram 330.0.3.29.91 (iPhone14,3; iOS 17_5)", "app", "Instagram", "Mozilla"),
        ("SomeTool/1.0", "library", "SomeTool", "SomeTool"),
        ("PHONE.T35 (MAUI/T35_S116;WAP Browser/MAUI (HTTPS)) Profile/ Q03C1-2.40", "app", "PHONE.T35", "PHONE.T35"),
        (CHROME.replace("Gecko)", "Gecko; Shop Console)"), "crawler", "Shop", "Shop"),
        (CHROME.replace("Gecko)", "Gecko, Acmegenix)"), "crawler", "Acmegenix", "Acmegenix"),
        (f"{CHROME} AcmeScan/3.0", "crawler", "AcmeScan", "AcmeScan"),
        (f"{CHROME} acme_scanner", "crawler", "acme_scanner", "acme_scanner"),
        (f"{CHROME} PlayStore-Google", "crawler", "PlayStore-Google", "PlayStore-Google"),
        (f"{CHROME} acme_monitoring x12", "crawler", "acme_monitoring", "acme_monitoring"),
        (f"{CHROME.replace('NT 10.0', 'NT 10_0')},gzip(gfe) (via a.example.com)", "crawler", *["a.example.com"] * 2),
    ],
)
def test_programs_are_what_they_say(raw: str, kind: str, name: str, token: str) -> None:
    found = classify(raw)
    assert (found.kind, found.name, found.token, found.operator) == (kind, name, token, "")


@pytest.mark.parametrize(
    ("raw", "kind", "token", "operator", "version"),
    [
        (
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
            "crawler",
            "Googlebot",
            "Google",
            2,
        ),
        ("Googlebot-Image/1.0", "crawler", "Googlebot", "Google", None),
        ("Sogou web spider/4.0(+http://www.sogou.com/docs)", "crawler", "Sogou web spider", "Sogou", None),
        ("Baiduspider-ads", "crawler", "Baiduspider", "Baidu", None),
        (f"{SAFARI} (compatible; bingbot/2.0)", "crawler", "bingbot", "Microsoft", 2),
        ("facebookexternalhit/1.1 Facebot Twitterbot/1.0", "preview", "facebookexternalhit", "Meta", 1),
        ("TelegramBot (like TwitterBot)", "preview", "TelegramBot", "Telegram", None),
        ("Mozilla/5.0 (compatible; GPTBot/1.3; +https://openai.com/gptbot)", "crawler", "GPTBot", "OpenAI", 1),
        ("Feedly/1.0 (+http://www.feedly.com/fetcher.html; 12 subscribers)", "reader", "Feedly", "Feedly", 1),
    ],
)
def test_known_robots_are_known(raw: str, kind: str, token: str, operator: str, version: int | None) -> None:
    found = classify(raw)
    assert (found.kind, found.token, found.operator) == (kind, token, operator)
    assert version is None or found.version == version


@pytest.mark.parametrize("raw", ["opscode-thing", "SLCC2", "cubot", "abbott", "Talbots/2 (iPhone)", "notgooglebotx"])
def test_a_name_inside_a_word_is_not_that_name(raw: str) -> None:
    found = classify(raw)
    assert found.kind not in ("crawler", "headless")
    assert found.operator == ""


@pytest.mark.parametrize("raw", [None, "", "-", "   ", "\x00\x01", "日本語", "....", "%00", "Mozilla/5.0"])
def test_who_says_nothing_is_unknown(raw: str | None) -> None:
    assert classify(raw).kind == "unknown"
    assert classify(raw).raw == (raw or "")


@given(st.text(max_size=1500) | st.binary(max_size=1500).map(lambda it: it.decode("utf-8", "surrogateescape")))
def test_no_agent_is_too_odd(raw: str) -> None:
    for prefix in ("", "Mozilla/5.0 (X11; Linux) ", "a bot ", "http://"):
        found = classify(prefix + raw)
        assert len(found.raw) <= MAX_RAW
        assert len(found.name) <= MAX_RAW
        found.raw.encode()


ATTACKS = [
    "a.",
    "a-",
    "7@a-",
    "http:",
    "(at)",
    "bot",
    "bot/",
    "x1;",
    "Mozilla/",
    "_.",
    "1.",
    "a1. ",
    "agent-",
    "W" * 7 + " ",
]


@pytest.mark.parametrize("piece", ATTACKS)
def test_a_long_agent_costs_well_under_a_millisecond(piece: str) -> None:
    agents = [f"Mozilla/5.0 ({round_} " + piece * (8192 // len(piece)) for round_ in range(20)]
    began = time.process_time()
    for raw in agents:
        classify(raw)
    assert (time.process_time() - began) / len(agents) < 0.001


def test_every_file_of_the_catalogue_is_whole_and_no_two_claim_a_name() -> None:
    crawlers = catalogue().crawlers
    assert len(crawlers) > 100
    names = [name for crawler in crawlers for name in crawler.agents]
    assert len(set(names)) == len(names)
    assert len({crawler.token for crawler in crawlers}) == len(crawlers)
    for crawler in crawlers:
        assert all(name == name.lower() for name in crawler.agents)
        assert all(suffix.startswith(".") or "*" in suffix for suffix in crawler.rdns)
        assert crawler.ranges == "" or crawler.ranges.startswith("https://")
        for name in crawler.agents:
            assert classify(name).token == crawler.token, name


def test_robots_that_anybody_can_run_have_no_operator() -> None:
    assert {crawler.operator for crawler in catalogue().crawlers if crawler.token in ("heritrix", "Mastodon")} == {""}


def test_a_faulty_file_of_the_catalogue_is_named(tmp_path: Path) -> None:
    whole = (config.shipped("robots/agents") / "googlebot.toml").read_text()
    for text in ("token = ", 'token = "x"', whole + 'color = "red"', whole.replace('"crawler"', '"cralwer"')):
        (tmp_path / "x.toml").write_text(text)
        with pytest.raises(ConfigError, match=r"x\.toml"):
            read(tmp_path)


def listed(name: str) -> Iterator[tuple[str, str]]:
    """(section, agent) of a YAML file of lists of strings."""
    section = ""
    for line in (DATA / name).read_text("utf-8").splitlines():
        if not line.startswith(" "):
            section = line
        elif line.strip().startswith("- "):
            text = line.strip()[2:]
            yield section, json.loads(text) if text.startswith('"') else text.strip("'")


@needs_lists
def test_of_known_crawlers_more_than_95_in_100_are_told_from_people() -> None:
    entries = json.loads((DATA / "crawler-user-agents.json").read_text())
    agents = [raw for entry in entries for raw in entry["instances"]]
    agents += [raw for _, raw in listed("isbot-crawlers.yml")]
    missed = [raw for raw in agents if classify(raw).kind in ("browser", "app", "unknown")]
    assert len(agents) > 2_000
    assert len(missed) / len(agents) < 0.05


@needs_lists
def test_of_browsers_not_one_in_a_thousand_is_taken_for_a_robot() -> None:
    agents = (DATA / "browsers-npm-user-agents.txt").read_text("utf-8").splitlines()
    agents += [raw for section, raw in listed("isbot-browsers.yml") if "nsignificat bots" not in section]
    wrong = [raw for raw in agents if classify(raw).kind not in ("browser", "app", "reader")]
    honest = (
        "Slurp",
        "PG_SLEEP",
        "print(",
        "Laravel Reaver",
        "Lucidworks",
        "kendra",
        "MyLib",
        "Amzn-User",
        "GTmetrix",
        "Miniature.io",
    )
    mistaken = [raw for raw in wrong if not any(name in raw for name in honest)]  # listed there, but no browsers
    assert len(agents) > 1_400
    assert len(mistaken) / len(agents) < 0.001


@needs_lists
def test_an_agent_never_seen_costs_less_than_100_microseconds() -> None:
    """The promise is 50 on a machine at rest; tests may run on a busy one."""
    agents = (DATA / "browsers-npm-user-agents.txt").read_text("utf-8").splitlines()
    classify("warm")
    began = time.process_time()
    for number, raw in enumerate(agents):
        classify(f"{raw} {number}")
    assert (time.process_time() - began) / len(agents) < 0.000_100
