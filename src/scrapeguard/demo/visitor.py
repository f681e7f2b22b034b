"""One visitor of the demo's site: real HTTP/1.1 over a connection of its own, from an address of its own."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from scrapeguard.demo.site import HOST
from scrapeguard.errors import InputError


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of the site, or of the guard in its place."""

    status: int
    headers: dict[str, str]  # names lower-case
    body: bytes

    @property
    def refused(self) -> bool:
        return self.status in (403, 429)

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    @property
    def reason(self) -> str:
        """What a machine is told when it is refused (RFC 9457)."""
        if self.headers.get("content-type") != "application/problem+json":
            return "a page that says why"
        return str(json.loads(self.body).get("detail", ""))


@dataclass(slots=True)
class Visitor:
    """Where it comes from, and everything it has been answered so far; it tells when an address is first refused."""

    port: int
    address: str
    tell: Callable[[str], None]
    answers: list[Answer] = field(default_factory=list)
    stopped: set[str] = field(default_factory=set)  # addresses that have been refused
    _streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def get(self, path: str, headers: Mapping[str, str]) -> Answer:
        """GET a path with these headers in their order, behind `Host`."""
        lines = [f"{name}: {value}" for name, value in ({"Host": HOST} | dict(headers)).items()]
        reader, writer = self._streams or await self._connect()
        writer.write("\r\n".join([f"GET {path} HTTP/1.1", *lines, "", ""]).encode("latin-1"))
        try:
            answer = await _read(reader)
        except (OSError, asyncio.IncompleteReadError) as error:
            raise InputError(f"The site broke off its answer to GET {path}.", "Run the demo again.") from error
        if answer.headers.get("connection", "").lower() == "close":
            self.close()
        self.answers.append(answer)
        if answer.refused and self.address not in self.stopped:
            self.stopped.add(self.address)
            self.tell(f"request {len(self.answers)}, from {self.address}, is answered {answer.status}: {answer.reason}")
        return answer

    def move(self, address: str) -> None:
        """Come back from another address."""
        self.tell(f"comes back from {address}")
        self.close()
        self.address = address

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    @property
    def refused(self) -> int:
        return sum(answer.refused for answer in self.answers)

    @property
    def first_refusal(self) -> int | None:
        """The number of the first request that was refused, counted from 1."""
        return next((number for number, answer in enumerate(self.answers, 1) if answer.refused), None)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            self._streams = await asyncio.open_connection("127.0.0.1", self.port, local_addr=(self.address, 0))
        except OSError as error:
            raise InputError(
                f"A visitor cannot come from {self.address} ({error.strerror}).",
                "The demo needs all of 127.0.0.0/8 on the loopback interface, as Linux has it.",
            ) from error
        return self._streams


async def _read(reader: asyncio.StreamReader) -> Answer:
    """One answer from the wire. This site and the guard always tell the length of theirs."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    pairs = [line.partition(":") for line in head[1:] if line]
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Answer(int(head[0].split()[1]), headers, body)
