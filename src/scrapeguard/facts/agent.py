"""User agents: what kind of program asks, what it is called, and who runs it. Whole words, never parts of words.

The order of evidence: a robot we know by name, a word that gives a program away, a link to whoever runs it; what is
left is a browser or an app if it names an engine or a device, and a program that only names itself otherwise.
"""

import re
from functools import cache, lru_cache

import ua_parser
from ua_parser import Domain
from user_agents import parsers

from scrapeguard import config
from scrapeguard.facts import words as known
from scrapeguard.facts.catalogue import Catalogue, read
from scrapeguard.model import Agent, AgentKind

MAX_RAW = 1024  # characters of an agent that are kept
LOOKED_AT = 512  # and looked at; whoever sends more is not to buy more of our time
REMEMBERED = 4096  # agents

WORD = re.compile(r"[a-z0-9_][a-z0-9_.!-]*[a-z0-9_!]|[a-z]")
PRODUCT = re.compile(r"\d*[A-Za-z](?:[A-Za-z0-9_.!-]*[A-Za-z0-9_!])?")
VERSION = re.compile(r"[/ ]v?(\d{1,6})(?!\d)")
NO_BROWSER = parsers.Browser("", (), "")
COMMON = frozenset(
    {"mozilla", "compatible", "applewebkit", "khtml", "like", "gecko", "chrome", "safari", "version", "mobile", "msie"}
    | {"windows", "nt", "linux", "android", "x11", "macintosh", "intel", "mac", "os", "x", "iphone", "ipad", "cpu", "u"}
    | {"wow64", "win64", "x64", "x86_64", "i686", "trident", "firefox", "opera", "presto", "wv", "en", "en-us", "rv"}
    | {"gzip", "gfe", "via"}  # what Google's proxies add
)


def classify(raw: str | None) -> Agent:
    """The agent in a User-Agent header; None and "" are an agent that does not say what it is."""
    raw = (raw or "")[:MAX_RAW]
    if not raw.isascii():  # half a surrogate, from the bytes of a log, is more than a parser can bear
        raw = raw.encode("utf-8", "replace").decode("utf-8")
    return _classified(raw)


@cache
def catalogue() -> Catalogue:
    """The robots known by name, read once."""
    return read(config.shipped("robots/agents"))


@cache
def parser() -> ua_parser.Resolver:
    """ua-parser's rules on its native engine, without a cache of its own."""
    return ua_parser.BestAvailableResolver(ua_parser.load_builtins())


@lru_cache(REMEMBERED)
def _classified(raw: str) -> Agent:
    text = raw[:LOOKED_AT].lower().lstrip(" \"'").removeprefix("user-agent: ")
    plain = known.LINK.sub(" ", text) if _any(known.LINK_PARTS, text) else text
    words = WORD.findall(plain)
    robot = catalogue().find(words)
    if robot is not None:
        return Agent(raw, robot.kind, robot.token, _version(text, robot.agents[0]), "", robot.operator, robot.token)
    kind, clue = _named(plain, words)
    if kind is None:
        kind = _described(text, words, linked=plain is not text)
    if kind == "browser":
        return _browser(raw, text)
    name = _name(raw, clue)
    if not name and plain is text:
        kind = "unknown"
    return Agent(raw, kind, name, _version(text, name.lower()), "", "", name)


def _any(parts: tuple[str, ...], text: str) -> bool:
    return any(map(text.__contains__, parts))


def _named(plain: str, words: list[str]) -> tuple[AgentKind | None, str]:
    """The kind that one word tells, and the word."""
    if words and words[0] in known.FIRST_NAMES:
        return known.FIRST_NAMES[words[0]], words[0]
    if not known.NAMES.keys().isdisjoint(words):
        word = next(word for word in words if word in known.NAMES)
        if word in known.IN_APPS and words[0] not in (word, "mozilla") and _any(known.DEVICES, plain):
            return "app", ""
        return known.NAMES[word], word
    for parts, pattern in ((known.ROBOT_PARTS, known.ROBOT), (known.TOOL_PARTS, known.TOOL)):
        if not _any(parts, plain) or (pattern is known.TOOL and _any(known.IN_APP, plain)):
            continue
        found = pattern.search(plain)
        if found is not None:
            around = next((it[0] for it in WORD.finditer(plain) if it.end() > found.start()), "")
            return "crawler", "" if around in known.PLAIN else around
    return None, ""


def _described(text: str, words: list[str], linked: bool) -> AgentKind:
    """The kind that an agent as a whole tells."""
    mozilla = text.startswith(("mozilla/", "opera/"))
    engine = _any(known.ENGINES, text)
    if linked:
        return "crawler"
    if _any(known.IN_APP, text):
        return "browser" if mozilla or engine else "app"
    if any(_is_site(word) for word in words if "." in word):
        return "crawler"
    if mozilla or engine:
        if "compatible" in words and "msie" not in words:
            return "crawler"
        if not mozilla and "mozilla/" in text:
            return "crawler"  # a program that puts its name before a browser's
        if _any(known.SERVICE_PARTS, text) and not _any(known.PHONES, text) and known.SERVICE.search(text):
            return "crawler"
        return "browser" if engine or _any(known.SYSTEMS, text) else "crawler"
    if _any(known.DEVICES, text):
        return "app"
    for kind, parts in known.HINTS:
        if _any(parts, text):
            return kind
    return "library"


def _is_site(word: str) -> bool:
    """ "example.com"; neither "com.example" nor "1.2.de"."""
    name, _, ending = word.rpartition(".")
    return ending in known.SITES and not name.rpartition(".")[2].isdigit() and name.partition(".")[0] not in known.SITES


def _browser(raw: str, text: str) -> Agent:
    """A browser, or a browser inside an app, as user_agents names it.

    Its pieces are used, not its constructor: that parses for a millisecond, and a new agent with each request must not
    buy so much of our time.
    """
    found = parser()(raw[:LOOKED_AT], Domain.USER_AGENT | Domain.OS)
    browser, system = found.user_agent, found.os
    shown = parsers.parse_browser(browser.family, browser.major) if browser else NO_BROWSER
    kind: AgentKind = "browser"
    if shown.family in parsers.EMAIL_PROGRAM_FAMILIES or _any(known.IN_APP, text):
        kind = "app"
    major = shown.version[0] if shown.version else None
    version = major if isinstance(major, int) else None
    return Agent(raw, kind, shown.family, version, system.family if system else "", "", "Mozilla")


def _name(raw: str, clue: str) -> str:
    """What an agent calls itself: the word that gave it away, or else its first product that is not common to all."""
    first = ""
    for match in PRODUCT.finditer(known.LINK.sub(" ", raw[:LOOKED_AT])):
        word = match[0]
        lower = word.lower()
        if lower == clue or (not clue and lower not in COMMON):
            return word
        if not first and lower not in COMMON:
            first = word
    return first


def _version(text: str, name: str) -> int | None:
    """The major version behind a name: "googlebot/2.1" is 2."""
    if not name:
        return None
    version = VERSION.match(text, text.find(name) + len(name))
    return int(version[1]) if version else None
