"""The answers given instead of the site's own, one for each rung that has one."""

from dataclasses import dataclass

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp

from scrapeguard.model import Facts, Rung, Verdict


@dataclass(frozen=True, slots=True)
class ResponseSettings:
    """[responses]"""


class Responses:
    def __init__(self, settings: ResponseSettings) -> None:
        self.settings = settings

    def answer(self, verdict: Verdict, facts: Facts) -> ASGIApp:
        return PlainTextResponse("refused", 429 if verdict.rung is Rung.THROTTLE else 403)
