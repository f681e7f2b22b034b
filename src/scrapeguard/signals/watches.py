"""What several detectors count together: shared, so that each is counted once."""

from scrapeguard.facts.walk import step_of
from scrapeguard.model import AgentKind, Facts, Resource, Seen, Step, Watch

HOUR = 3600
DAY = 86400
WEEK = 7 * DAY
MACHINES: frozenset[AgentKind] = frozenset({"reader", "preview", "monitor"})
PAGES = 10  # so many pages for one asset are no browser's
DATA = 150  # different data objects that one page may ask for
MOST_BROWSERS = 30  # further browsers behind one address that are believed; a forger can invent any number


def of_page(facts: Facts) -> bool:
    """Whether a page asked for this, as scripts do; True as well where the door cannot tell."""
    if facts.referer or facts.headers is None:
        return facts.referer != ""
    return facts.headers.raw.get(b"sec-fetch-site", b"none") != b"none"


def led_here(facts: Facts) -> bool:
    """Whether a page of this site led here: somebody followed a link of it, or it shows this, or its scripts ask.

    Where no referer is sent, as some sites and people want it, the browser's word and a cookie do. A page that a script
    fetches is not one that somebody opened. Headers are what they are: whoever copies them all seems to be led. So
    this makes what is said of somebody milder, and never silent.
    """
    raw = {} if facts.headers is None else facts.headers.raw
    site = raw.get(b"sec-fetch-site")
    if site is not None and site != b"same-origin" and site != b"same-site":
        return False
    if facts.referer:
        if facts.host and f"//{facts.host}" not in facts.referer:
            return False
    elif site is None or b"cookie" not in raw:
        return False
    return facts.resource is not Resource.PAGE or raw.get(b"sec-fetch-mode", b"navigate") == b"navigate"


def led_on(facts: Facts, taken: Seen, served: Seen) -> bool:
    """The same for data only where pages were opened, and had a few each: a script can ask for thousands from one."""
    if facts.resource is not Resource.DATA:
        return led_here(facts)
    if not isinstance(taken, int) or not isinstance(served, int):
        return False
    return served <= taken * PAGES and led_here(facts)


def unopened(facts: Facts) -> bool:
    """Whether a script of this site fetched what looks like a page, as a browser says, and nobody opened it.

    Links that are fetched ahead of a click, parts of pages, suggestions while somebody types, what counts visitors,
    what a service worker keeps for a journey: it is data that a page asked for, under another name.
    """
    if facts.resource is not Resource.PAGE or facts.headers is None:
        return False
    raw = facts.headers.raw
    fetched = raw.get(b"sec-fetch-dest") == b"empty" or b"sec-purpose" in raw
    return fetched and raw.get(b"sec-fetch-site") == b"same-origin"


def by_worker(facts: Facts) -> bool:
    """Whether a service worker asks: its requests have the address of its script as their referer."""
    raw = {} if facts.headers is None else facts.headers.raw
    if raw.get(b"sec-fetch-dest") != b"empty" or raw.get(b"sec-fetch-site") != b"same-origin":
        return False
    return (facts.referer or "").endswith(".js")


def picture(facts: Facts) -> bool:
    """Whether a browser wants this as a picture, whatever its name."""
    return facts.headers is not None and facts.headers.raw.get(b"sec-fetch-dest") == b"image"


def suffices(assets: int, taken: int, served: int) -> bool:
    """Whether so many assets in a day go with so many pages and data objects in an hour, as those of a browser do.

    A cache saves most assets, but not one for `PAGES` pages. Data goes with the pages that were opened, or the assets.
    """
    return assets > 0 and assets * PAGES >= taken and (served <= taken * DATA or served <= assets * DATA // PAGES)


def shown(assets: int, pages: int) -> bool:
    """Whether every second page, or more of them, came with something to see."""
    return assets * 2 >= pages


def taken_by(facts: Facts) -> str | None:
    """What a collector is after: a page, or data asked for without a page. Of what nobody opened, the path alone."""
    if facts.resource is Resource.PAGE:
        return facts.path if unopened(facts) else facts.object
    return facts.object if facts.resource is Resource.DATA and not of_page(facts) else None


def opened_by(facts: Facts) -> str | None:
    """The same, but for what nobody opened."""
    return None if unopened(facts) else taken_by(facts)


def served_by(facts: Facts) -> str | None:
    """Data that a page asked for, and what looks like a page and nobody opened.

    The query of data is left out: pages ask again and again, "since" another moment.
    """
    if facts.resource is Resource.DATA:
        return facts.path if of_page(facts) else None
    return facts.object if unopened(facts) else None


def browser_of(facts: Facts) -> str | None:
    """One browser behind an address: told by its cookies, or else its agent, when it fetches assets as browsers do.

    On a site that has no assets of its own, when it fetches pages.
    """
    if facts.resource is not (Resource.PAGE if facts.has_assets is False else Resource.ASSET):
        return None
    cookies = facts.headers.raw.get(b"cookie") if facts.headers is not None else None
    if cookies:  # browsers send the oldest first (RFC 6265 section 5.4), and that one changes least
        return cookies.partition(b";")[0].decode("latin-1")
    return facts.credential or (facts.agent.raw if facts.agent else None)


def asset(facts: Facts) -> int:
    return 1 if facts.resource is Resource.ASSET else 0


def robots_txt(facts: Facts) -> int:
    return 1 if facts.resource is Resource.NOTICE and facts.path == "/robots.txt" else 0


def step(facts: Facts) -> Step | None:
    return step_of(facts) if facts.resource is Resource.PAGE or facts.resource is Resource.DATA else None


TAKEN = Watch("taken", "distinct", HOUR, opened_by, bits=1024)
TAKEN_DAY = Watch("taken-day", "distinct", DAY, taken_by, bits=2048)
SERVED = Watch("served", "distinct", HOUR, served_by, bits=1024)
BROWSERS = Watch("browsers", "distinct", HOUR, browser_of, bits=256)
ASSETS = Watch("assets", "count", DAY, asset)
ROBOTS_TXT = Watch("robots.txt", "count", DAY, robots_txt)


def further(browsers: Seen) -> int:
    """How many browsers more than one person's; a session that begins in mid-visit makes one person look like two."""
    return min(max(browsers - 2, 0), MOST_BROWSERS) if isinstance(browsers, int) else 0
