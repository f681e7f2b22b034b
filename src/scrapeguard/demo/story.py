"""The demo from beginning to end: everybody comes, and what has become of each of them."""

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from scrapeguard.demo.authority import Stamping
from scrapeguard.demo.crowd import PASSERS_BY
from scrapeguard.demo.people import PEOPLE, Role
from scrapeguard.demo.scrapers import SCRAPERS
from scrapeguard.demo.stage import guarded_site
from scrapeguard.demo.visitor import Visitor
from scrapeguard.errors import InputError

HEAD_START = 1.5  # seconds in which people are alone on the site
MARKER = "demo.json"  # by which a later demo knows that it may clear the folder

Tell = Callable[[str, str], None]  # who, and what happens to them


@dataclass(frozen=True, slots=True)
class Part:
    """What has become of one visitor."""

    name: str
    kind: str
    doing: str
    requests: int
    refused: int
    first_refusal: int | None  # the number of the request, counted from 1

    @property
    def as_it_should_be(self) -> bool:
        """Whoever is welcome was never refused; whoever copies was."""
        return bool(self.refused) is (self.kind == "scraper")

    def told(self) -> dict[str, object]:
        return {
            "name": self.name,
            "kind": self.kind,
            "doing": self.doing,
            "requests": self.requests,
            "refused": self.refused,
            "first_refusal": self.first_refusal,
            "as_it_should_be": self.as_it_should_be,
        }


def prepare(folder: Path) -> Path:
    """The folder for this demo, empty; one that holds something else is left alone. Raises InputError."""
    if folder.is_dir() and any(folder.iterdir()):
        if not (folder / MARKER).is_file():
            raise InputError(f"{folder} is not empty and not of an earlier demo.", "Name another folder with --out.")
        shutil.rmtree(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MARKER).write_text("{}\n", "utf-8")
    except OSError as error:
        raise InputError(f"{folder} cannot be written ({error.strerror}).", "Name another one with --out.") from error
    return folder


def play(evidence: Path, tell: Tell, stamping: Stamping | None = None) -> list[Part]:
    """Serve the guarded site, let everybody visit it, and answer what has become of them."""
    with guarded_site(evidence, stamping) as port:
        tell("", f"A catalogue of 600 minerals is served at http://127.0.0.1:{port}, guarded.")
        return asyncio.run(_visits(port, tell))


async def _visits(port: int, tell: Tell) -> list[Part]:
    async def visit(role: Role, delay: float) -> Part:
        def say(text: str) -> None:
            tell(role.name, text)

        visitor = Visitor(port, role.address, say)
        await asyncio.sleep(delay)
        say(role.doing)
        try:
            await role.play(visitor)
        finally:
            visitor.close()
        part = Part(role.name, role.kind, role.doing, len(visitor.answers), visitor.refused, visitor.first_refusal)
        say(f"leaves after {part.requests} requests, {part.refused or 'none'} of them refused")
        return part

    visits = [visit(role, 0.2 * turn) for turn, role in enumerate((*PEOPLE, PASSERS_BY))]
    visits += [visit(role, HEAD_START + turn) for turn, role in enumerate(SCRAPERS)]
    return await asyncio.gather(*visits)
