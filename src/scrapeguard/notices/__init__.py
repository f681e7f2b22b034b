"""What the site publishes about what robots may do, served to everybody before any decision."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from starlette.types import ASGIApp

from scrapeguard.model import Agent, Facts


@dataclass(frozen=True, slots=True)
class NoticeSettings:
    """[notices]"""

    robots: str = ""
    hosts: dict[str, str] = field(default_factory=dict)
    terms_url: str = ""
    contact: str = ""
    sitemaps: tuple[str, ...] = ()
    serve_robots: bool = True


class Notices:
    def __init__(self, settings: NoticeSettings, path: Callable[[str], Path]) -> None:
        self.settings = settings

    def answer(self, facts: Facts) -> ASGIApp | None:
        return None

    def forbidden(self, host: str | None, agent: Agent, path: str) -> str:
        return ""

    def published(self) -> Mapping[str, bytes]:
        return {}
