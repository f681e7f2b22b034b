"""What is in force: the configuration and the notices that the records of a process refer to."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from scrapeguard.config import Config
from scrapeguard.evidence.canonical import Json, canonical, digest
from scrapeguard.evidence.kept import keep
from scrapeguard.evidence.record import SHORT
from scrapeguard.evidence.settings import settings as told
from scrapeguard.model import Mode
from scrapeguard.version import __version__


class InForce:
    """Nothing at first; `change` puts something in force."""

    def __init__(self) -> None:
        self.active: dict[str, Json] | None = None
        self.short = ("", "")  # digests of the settings and of the notices, as records name them
        self._notices: dict[str, str] = {}  # name -> digest of each notice in force
        self._bytes: list[tuple[str, bytes]] = []  # folder and content of what is in force

    def change(self, mode: Mode, config: Config, published: Mapping[str, bytes]) -> Iterator[tuple[str, Json]]:
        """Put these in force; answers the records that say so, kind and fields."""
        settings = told(config)
        notices = {name: digest(data) for name, data in published.items()}
        before, self._notices = self._notices, notices
        self.active = {
            "code": __version__,
            "config": digest(settings),
            "file": config.digest,
            "mode": mode,
            "notices": notices,
        }
        self._bytes = [("configs", settings), *(("notices", data) for data in published.values())]
        self.short = (digest(settings)[:SHORT], digest(canonical(notices).encode("ascii"))[:SHORT])
        records: list[tuple[str, Json]] = [("config.activated", self.active)]
        for name, data in published.items():
            if before.get(name) != notices[name]:
                records.append(("notice.published", {"digest": notices[name], "name": name, "size": len(data)}))
        return iter(records)

    def keep(self, directory: Path) -> None:
        """Keep the bytes of what is in force, each once. Raises OSError."""
        for folder, data in self._bytes:
            keep(directory / folder, data)
