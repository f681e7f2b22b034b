"""How our servers run: uvicorn with bounds of our own, in one process or several, ending without losing a request."""

import asyncio
import functools
import importlib.util
import logging
import resource
import signal
import socket
import ssl
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import Connection

import click
import uvicorn

from scrapeguard.cli.collecting import settle
from scrapeguard.cli.workers import Workers
from scrapeguard.config import Config
from scrapeguard.errors import ScrapeGuardError
from scrapeguard.sidecar import ServerSettings
from scrapeguard.stores import StoreSettings

App = Callable[..., Awaitable[None]]
Stop = Callable[[], None]

log = logging.getLogger("scrapeguard.workers")

MOST_DESCRIPTORS = 1 << 20
FAULTY = 2  # exit code of a worker whose configuration is refused
LOG = "%(levelname)s %(name)s %(message)s"
FOREVER = 10**9  # seconds
KEEP_ALIVE = 65  # seconds; longer than the minute for which most proxies keep a connection


@dataclass(frozen=True, slots=True)
class Manner:
    """How a server runs; each worker gets a copy."""

    bounds: ServerSettings
    end_seconds: int  # for what is under way at the end
    websockets: bool = True
    date_header: bool = True
    tls_cert: str | None = None
    tls_key: str | None = None


def configured(app: Callable[[], App], manner: Manner, begun: Callable[[], Awaitable[None]]) -> uvicorn.Config:
    """uvicorn as we want it: it trusts no forwarding header, logs nothing of its own, and has our bounds."""
    return uvicorn.Config(
        app,
        factory=True,
        interface="asgi3",
        http=_protocol(manner.bounds),  # type: ignore[arg-type]  # whatever makes protocols will do
        ws="auto" if manner.websockets else "none",
        h11_max_incomplete_event_size=manner.bounds.head_bytes,
        limit_concurrency=manner.bounds.connections or None,
        lifespan="on",
        proxy_headers=False,
        server_header=False,
        date_header=manner.date_header,
        access_log=False,
        log_config=None,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=manner.end_seconds,
        callback_notify=begun,
        timeout_notify=FOREVER,
        ssl_certfile=manner.tls_cert,
        ssl_keyfile=manner.tls_key,
    )


def _protocol(bounds: ServerSettings) -> object:
    """Ours, where the parser is there that it needs; else uvicorn's own, which bounds no more than a head's size."""
    if importlib.util.find_spec("httptools") is None:
        click.echo("Note: without httptools, slow requests are waited for: pip install 'scrapeguard[fast]'.", err=True)
        return "h11"
    from scrapeguard.cli.bounded import Bounded  # late: it needs an optional package

    return functools.partial(Bounded, bounds=bounds)


def run(application: Callable[[Stop], App], bound: socket.socket, manner: Manner, workers: int) -> None:
    """Serve at a bound socket until told to end. `application` gets what stops the listening."""
    work = functools.partial(_work, application, manner)
    if workers == 1:
        work(bound, None)
    else:
        logging.basicConfig(level=logging.INFO, format=LOG)
        Workers(work, bound, workers).run()


def _work(application: Callable[[Stop], App], manner: Manner, bound: socket.socket, tell: Connection | None) -> None:
    """What one process does. It tells once when it has begun."""

    async def begun() -> None:
        settle()
        parent = parent_process()
        if tell is not None and parent is not None:
            with suppress(BrokenPipeError):  # who started us has died already
                tell.send(True)
            asyncio.get_running_loop().add_reader(parent.sentinel, _orphaned, parent.sentinel)

    _widen()
    logging.basicConfig(level=logging.INFO, format=LOG)
    logging.getLogger("uvicorn.error").addFilter(_of_interest)
    server = uvicorn.Server(configured(lambda: application(lambda: stop(server, bound)), manner, begun))
    try:
        with suppress(KeyboardInterrupt):  # uvicorn has ended in order by then
            server.run([bound])
    except ScrapeGuardError as error:
        if tell is None:
            raise
        log.error("a worker cannot begin: %s", error)
        sys.exit(FAULTY)


def _widen() -> None:
    """As many file descriptors as we may have: the usual 1,024 are few for visitors who each take two."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MOST_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _orphaned(sentinel: int) -> None:
    """Who started us was killed: nobody would replace or end us, so we end."""
    asyncio.get_running_loop().remove_reader(sentinel)
    log.error("the process that started this worker has died; the worker ends")
    signal.raise_signal(signal.SIGTERM)


def _of_interest(record: logging.LogRecord) -> bool:
    """Not the traceback of each request that was cut off when the time at the end was over: uvicorn says how many."""
    cause = None if record.exc_info is None else record.exc_info[1]
    return not isinstance(cause, asyncio.CancelledError | KeyboardInterrupt)


def stop(server: uvicorn.Server, bound: socket.socket) -> None:
    """Take no new connections but those that wait already: closing would reset them."""
    loop, config, state = asyncio.get_running_loop(), server.config, server.server_state

    def protocol() -> asyncio.Protocol:
        made: asyncio.Protocol = config.http_protocol_class(config, state, server.lifespan.state)  # type: ignore[call-arg]
        return made

    with suppress(OSError):  # BlockingIOError: nobody waits any more
        while True:
            line, _ = bound.accept()
            line.setblocking(False)
            task = loop.create_task(_taken(loop, protocol, line, config.ssl))
            state.tasks.add(task)
            task.add_done_callback(state.tasks.discard)
    for each in server.servers:
        each.close()


async def _taken(
    loop: asyncio.AbstractEventLoop,
    protocol: Callable[[], asyncio.Protocol],
    line: socket.socket,
    tls: ssl.SSLContext | None,
) -> None:
    with suppress(OSError):  # gone already
        await loop.connect_accepted_socket(protocol, line, ssl=tls)


def bounds(config: Config) -> ServerSettings:
    """[server] of an examined configuration."""
    found = config.known()["server"]
    assert isinstance(found, ServerSettings)
    return found


def note_workers(config: Config, workers: int) -> None:
    """Say, where it is so, that the workers do not share their counts."""
    store = config.known()["store"]
    assert isinstance(store, StoreSettings)
    if workers > 1 and store.url.startswith("memory:"):
        click.echo(
            f"Note: store.url is memory://, so each of the {workers} workers counts on its own, and a visitor can do "
            f"{workers} times as much. Set store.url to a redis:// URL for one count.",
            err=True,
        )
