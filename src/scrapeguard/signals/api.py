"""API: data asked for by itself, and none of the pages that use it. A list counts as many objects as it gives.

Sees: scrapers that have found the API behind a site, and take it in lists of twenty or a thousand, so that a limit of
requests means nothing. What a list gives is what its address asks for (`per_page=50`), or `listed`, if it only says
which page of it is wanted.
Wrongs: whoever opens an API by hand, or writes a program for one that is meant for programs: say so in `routes`. The
access class of a route, the first pattern that fits ("/v1/*"), is one of

    page     for the pages of this site: what this detector looks after; so is all data that no pattern names
    public   for anybody's programs: only the other detectors' limits hold
    login    for who is logged in
    signed   for who has a key

Who has a session or a key is let be on login and signed, and as a program that names itself or an app everywhere; an
app without a key whose agent says that it is one is let be too. Asked for without one, a login or signed route is
odd at once, but weighs little: a session may have ended. A page left open, or one from a browser's own cache, asks
without having been fetched today: what comes with a page's referer weighs little.
"""

import re
from dataclasses import dataclass, field
from typing import Literal

from scrapeguard.model import Facts, Mode, Resource, Seen, Signal, Watch
from scrapeguard.signals.watches import ASSETS, HOUR, TAKEN, of_page

Access = Literal["page", "public", "login", "signed"]
SIZE = re.compile(r"(?:^|[?&])(?:limit|size|count|rows|take|top|first|\$top|(?:per|page)_?(?:page|size|limit)|pagesize)"
                  r"(?:\[\w*\])?=(\d{1,6})(?=&|$)", re.IGNORECASE)  # fmt: skip
PAGED = re.compile(r"(?:^|[?&])(?:p|pg|page\w*|offset|start|from|skip|cursor|after|before)(?:\[\w*\])?=", re.IGNORECASE)
MOST = 1000  # objects of one list that are believed: asking for more does not bring more


def _bare(facts: Facts) -> str | None:
    return facts.object if facts.resource is Resource.DATA and not of_page(facts) else None


def _led(facts: Facts) -> str | None:
    if facts.resource is not Resource.DATA or not of_page(facts):
        return None
    return (
        facts.object if facts.query and listed(facts.query, 2) > 1 else facts.path
    )  # "since" another moment is no list


def listed(query: str, usual: int) -> int:
    """How many objects an answer to this query gives; `usual` for a page of a list that does not say."""
    if not query:
        return 1
    size = SIZE.search(query)
    if size is not None:
        return min(max(int(size[1]), 1), MOST)
    return usual if PAGED.search(query) else 1


@dataclass(frozen=True, slots=True)
class Api:
    mode: Mode = "enforce"
    weight: int = 4
    limit: int = 100  # objects in an hour that no page asked for
    answers: int = 3  # and in at least so many answers: somebody may look at an API by hand
    light: int = 2  # the weight of data with a page's referer, from an address that fetched neither page nor asset
    light_limit: int = 200  # objects of that kind
    keyless: int = 5  # different objects in an hour that need a login or a key, without one
    listed: int = 20  # objects of a page of a list that does not say how many
    routes: dict[str, Access] = field(default_factory=dict)  # the access class of paths; "*" at the end = anything

    def watches(self) -> tuple[Watch, ...]:
        bare = Watch("bare-data", "distinct", HOUR, _bare, bits=512)
        return (bare, Watch("led-data", "distinct", HOUR, _led, bits=512), TAKEN, ASSETS)

    def detect(self, facts: Facts, seen: tuple[Seen, ...]) -> Signal | None:
        if facts.resource is not Resource.DATA:
            return None
        bare, led, taken, assets = seen
        if not isinstance(bare, int) or not isinstance(led, int) or not isinstance(taken, int):
            return None
        access, agent = self.access(facts.path), facts.agent
        if access == "public" or agent is None or agent.kind in ("app", "reader", "preview", "monitor"):
            return None
        if agent.kind == "crawler" and agent.operator:
            return None
        if facts.credential is not None and (access != "page" or agent.kind != "browser"):
            return None
        if access != "page" and bare > self.keyless:
            need = "a login" if access == "login" else "a key"
            said = f"{bare} different data objects in an hour from routes that need {need}, without one"
            return self._signal(self.light, said, bare, self.keyless)
        each = listed(facts.query, self.listed)
        if not of_page(facts):
            said = f"{bare * each} data objects in an hour, in {bare} answers that no page asked for"
            return self._signal(self.weight, said, bare * each, self.limit) if bare >= self.answers else None
        if taken or assets or not facts.has_assets:
            return None
        said = f"{led * each} data objects in an hour, in {led} answers, and no page or asset beside them"
        return self._signal(self.light, said, led * each, self.light_limit)

    def access(self, path: str) -> Access:
        """The access class of a path."""
        for pattern, access in self.routes.items():
            if path.startswith(pattern[:-1]) if pattern.endswith("*") else path == pattern:
                return access
        return "page"

    def _signal(self, weight: int, said: str, number: int, limit: int) -> Signal | None:
        if number <= limit:
            return None
        return Signal("api", weight, f"{said}; the limit is {limit}", number, limit, self.mode)
