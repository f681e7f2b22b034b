"""Doubt: which requests are looked at twice: those of an address that takes pages, and nothing that belongs to them.

What is counted for a fingerprint or a session is counted for thousands of people as well, if their browsers are alike.
So only what hardly any of them does is counted there: the second look costs everybody else nothing, and a crowd does
not dilute what it sees.
"""

from scrapeguard.facts.walk import step_of
from scrapeguard.model import AgentKind, Doubt, Facts, Resource, Seen, Step, Watch
from scrapeguard.signals.watches import HOUR, PAGES, of_page

DOUBTED: frozenset[AgentKind] = frozenset({"browser", "headless", "library", "unknown"})
TEXT_BROWSERS = frozenset({"Lynx", "Links", "ELinks", "w3m"})
REACH = 16  # the widest first step of a walk that several addresses are on


def doubt(facts: Facts, taken: Seen, assets: Seen) -> Doubt | None:
    """The doubt about a request; `taken` and `assets` are those of its address in a day.

    Of a program that names itself, pages only: an app or an integration may ask an API for thousands of its users.
    Where a site has no assets of its own, or that is not known yet, only a page that no other page led to is looked at;
    in the first case `bare` is 0.
    """
    if facts.resource is not Resource.PAGE and facts.resource is not Resource.DATA:
        return None
    if (
        not isinstance(taken, int)
        or not isinstance(assets, int)
        or (facts.has_assets is not False and assets * PAGES >= taken)
    ):
        return None
    agent, led = facts.agent, of_page(facts)
    if agent is None or agent.kind not in DOUBTED or agent.name in TEXT_BROWSERS:
        return None
    if facts.resource is Resource.DATA and (led or agent.kind != "browser"):
        return None
    if facts.has_assets:
        return Doubt(taken)
    return None if led else Doubt(0 if facts.has_assets is False else taken)


def asked(facts: Facts, doubted: Doubt) -> Step | None:
    """Where a doubted request stands in a row of numbers, before it is decided about."""
    return step_of(facts) if doubted.rung is None else None


OWN_TRAIL = Watch("own-trail", "steps", HOUR, asked, closer=True, reach=REACH)
