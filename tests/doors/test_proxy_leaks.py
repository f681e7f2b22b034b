"""Nothing is left behind by a hundred thousand requests, whatever goes wrong: descriptors and memory stay flat.

`make leaks` sends so many; the suite, with fewer, only that the ways to fail are really gone through.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from proxying import OK, Line, Upstream, ask, descriptors, head, sidecar, soon, upstream
from servers import RedisServer
from serving import Served

MANY = int(os.environ.get("SOAK_REQUESTS", "4000"))
AT_ONCE = 32
MEGABYTE = 1 << 20
GET = b"GET /%b HTTP/1.1\r\nHost: a\r\nConnection: %b\r\n\r\n"
CONFIG = """
[guard]
mode = "observe"
[proxy]
connect_seconds = 0.5
answer_seconds = 0.3
idle_seconds = 0.3
drain_seconds = 0.1
[store]
url = "{url}"
"""


@dataclass
class Stand:
    served: Served
    site: Upstream
    redis: RedisServer


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory, redis_servers: dict[str, RedisServer]) -> Iterator[Stand]:
    redis = RedisServer(next(iter(redis_servers.values())).binary)
    folder = tmp_path_factory.mktemp("leaks") / "it"
    with upstream() as site, sidecar(folder, site.url, config=CONFIG.format(url=redis.url)) as served:
        site.answers |= {"/garbage": b"\x00\xff garbage\r\n\r\n", "/early": early, "/hang": hang, "/pour": pour}
        yield Stand(served, site, redis)
    redis.end()


async def early(line: Line) -> None:
    """The head of a long answer, and then the end."""
    await line.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")
    line.writer.close()
    raise OSError


async def hang(_: Line) -> None:
    await asyncio.sleep(5)


async def pour(line: Line) -> None:
    await line.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    for _ in range(10):
        await line.write(bytes(100_000))


def resident(pid: int) -> int:
    """Bytes of memory a process holds now."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def asks(port: int, path: bytes) -> None:
    """One request over a connection of its own, read to its end, whatever comes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(GET % (path, b"close"))
        with suppress(OSError):
            await reader.read()
    finally:
        writer.close()


async def keeps(port: int, path: bytes) -> None:
    """Ten requests over one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(10):
        writer.write(GET % (path, b"keep-alive"))
        await reader.readuntil(b"\r\n\r\nok")
    writer.close()


async def vanishes(port: int, path: bytes) -> None:
    """Gone in the middle of a body, one way or the other."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    if path == b"up":
        writer.write(b"PUT /up HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + bytes(5000))
        await writer.drain()
    else:
        writer.write(GET % (path, b"close"))
        with suppress(OSError, asyncio.IncompleteReadError):
            await reader.readexactly(2000)
    writer.transport.abort()


Visit = Callable[[int, bytes], Awaitable[None]]
WAYS: dict[str, tuple[Visit, bytes, int, int]] = {  # how, what for, requests each time, its share of all
    "well": (keeps, b"", 10, 30),
    "garbage": (asks, b"garbage", 1, 12),
    "early": (asks, b"early", 1, 12),
    "hang": (asks, b"hang", 1, 4),
    "client-gone": (vanishes, b"pour", 1, 8),
    "client-gone-hanging": (vanishes, b"hang", 1, 4),
    "upload-gone": (vanishes, b"up", 1, 8),
    "site-killed": (asks, b"", 1, 12),
    "redis-killed": (keeps, b"", 10, 10),
}


def crowd(stand: Stand, way: str, share: float) -> None:
    visit, path, each, parts = WAYS[way]
    left = max(AT_ONCE, int(MANY * parts / 100 * share) // each)

    async def one() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            await visit(stand.served.port, path)

    async def all_() -> None:
        await asyncio.gather(*(one() for _ in range(AT_ONCE)))

    asyncio.run(all_())


def quiet(stand: Stand, before: int) -> bool:
    """Whether no more descriptors are open than before."""
    return soon(lambda: descriptors(stand.served.process.pid) <= before, 10)


@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_left_behind(way: str, stand: Stand) -> None:
    pid, site = stand.served.process.pid, stand.site
    crowd(stand, "well", 0.02)
    if way == "site-killed":
        stand.site.stop()
    elif way == "redis-killed":
        stand.redis.kill()
    crowd(stand, way, 0.3)  # until all that is kept for good is there: pools, caches, counts
    assert soon(lambda: descriptors(pid) < 120)
    held, open_ = resident(pid), descriptors(pid)
    began = time.monotonic()
    crowd(stand, way, 0.7)
    seconds = time.monotonic() - began
    assert quiet(stand, open_ + 8), f"{descriptors(pid)} descriptors; there were {open_}"
    grown = (resident(pid) - held) / MEGABYTE
    print(
        f"{way}: {open_} -> {descriptors(pid)} descriptors, {grown:+.1f} MB of {held / MEGABYTE:.0f}, {seconds:.0f} s"
    )
    assert grown < 8
    if way == "site-killed":
        stand.site = Upstream(site.port)
        stand.site.answers = site.answers
    elif way == "redis-killed":
        stand.redis.start()
    assert soon(lambda: head(ask(stand.served, GET % (b"", b"close")))[0] == 200, 1)
    if way == "redis-killed":
        assert soon(lambda: ask(stand.served, GET % (b"", b"close")) != b"" and gap_over(stand.served), 2)
    for line in site.lines:
        line.seen = b""
    site.lines.clear()
    assert "Traceback" not in stand.served.log()
    assert OK.endswith(b"ok")


def gap_over(served: Served) -> bool:
    kinds = [it["k"] for it in served.records() if it["k"] in ("gap.start", "gap.end")]
    return kinds[-1:] == ["gap.end"]
