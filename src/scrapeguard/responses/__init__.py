"""What is answered instead of the site, one answer for each rung that has one. To add one: its file and its entry."""

from collections.abc import Callable
from dataclasses import dataclass

from starlette.types import ASGIApp

from scrapeguard.facts.passes import ChallengeSettings, Passes
from scrapeguard.model import Facts, Rung, Verdict
from scrapeguard.responses.block import block
from scrapeguard.responses.challenge import challenge
from scrapeguard.responses.gate import Gate
from scrapeguard.responses.pit import Pit, TarpitSettings
from scrapeguard.responses.preferences import Language
from scrapeguard.responses.refusal import House
from scrapeguard.responses.tarpit import Tarpit
from scrapeguard.responses.tasks import Tasks
from scrapeguard.responses.throttle import throttle

ANSWERS: dict[Rung, Callable[[House, Verdict, Facts], ASGIApp]] = {
    Rung.THROTTLE: throttle,
    Rung.CHALLENGE: challenge,
    Rung.BLOCK: block,
}  # a rung that is not here is answered like the next milder one that is; the tarpit holds on to more than a verdict

TARPIT = TarpitSettings()


@dataclass(frozen=True, slots=True)
class ResponseSettings:
    """[responses]"""

    site: str = ""  # the name of the site, on top of the page
    language: Language = "en"  # of the page, for whoever reads none of ours


class Responses:
    """`answer` gives the ASGI app for a verdict above ALLOW. `terms` is a URL or a path; both may be empty.

    `gate` answers what belongs to a challenge, which begins at the score `begins`.
    """

    def __init__(
        self,
        settings: ResponseSettings,
        contact: str,
        terms: str,
        *,
        holding: TarpitSettings = TARPIT,
        passes: Passes | None = None,
        begins: int = 0,
    ) -> None:
        passes = passes or Passes(ChallengeSettings())
        self._house = House.of(settings.site, contact, terms, settings.language, Tasks(passes, begins))
        self._pit = Pit(holding)
        self.gate = Gate(self._house, passes)

    def release(self) -> None:
        """Hold no connection any more. Safe to call from any thread."""
        self._pit.release()

    def answer(self, verdict: Verdict, facts: Facts, *, hold: bool = True) -> ASGIApp:
        """`hold`: whether the connection that this is sent on may be held; a proxy's question may not."""
        if verdict.rung is Rung.TARPIT:
            return Tarpit(self._pit, self._house, verdict, facts) if hold else block(self._house, verdict, facts)
        rung = max(rung for rung in ANSWERS if rung <= max(verdict.rung, Rung.THROTTLE))
        return ANSWERS[rung](self._house, verdict, facts)
