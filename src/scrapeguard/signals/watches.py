"""What several detectors count together: shared, so that each is counted once."""

from scrapeguard.facts.walk import step_of
from scrapeguard.model import Facts, Resource, Seen, Step, Watch

HOUR = 3600
DAY = 86400
WEEK = 7 * DAY
MOST_BROWSERS = 30  # further browsers behind one address that are believed; a forger can invent any number


def of_page(facts: Facts) -> bool:
    """Whether a page asked for this, as scripts do; True as well where the door cannot tell."""
    if facts.referer or facts.headers is None:
        return facts.referer != ""
    return facts.headers.raw.get(b"sec-fetch-site", b"none") != b"none"


def taken_by(facts: Facts) -> str | None:
    """What a collector is after: a page, or data asked for without a page."""
    if facts.resource is Resource.PAGE or (facts.resource is Resource.DATA and not of_page(facts)):
        return facts.object
    return None


def served_by(facts: Facts) -> str | None:
    """Data that a page asked for. Its query is left out: pages ask again and again, "since" another moment."""
    return facts.path if facts.resource is Resource.DATA and of_page(facts) else None


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


TAKEN = Watch("taken", "distinct", HOUR, taken_by, bits=1024)
TAKEN_DAY = Watch("taken-day", "distinct", DAY, taken_by, bits=2048)
SERVED = Watch("served", "distinct", HOUR, served_by, bits=1024)
BROWSERS = Watch("browsers", "distinct", HOUR, browser_of, bits=256)
ASSETS = Watch("assets", "count", DAY, asset)
ROBOTS_TXT = Watch("robots.txt", "count", DAY, robots_txt)


def further(browsers: Seen) -> int:
    """How many browsers more than one person's; a session that begins in mid-visit makes one person look like two."""
    return min(max(browsers - 2, 0), MOST_BROWSERS) if isinstance(browsers, int) else 0
