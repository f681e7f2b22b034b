"""How our servers run: uvicorn with bounds of our own, in one process or several, ending without losing a request."""

import asyncio
import functools
import importlib.util
import logging
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress

import click
import uvicorn
from uvicorn.supervisors import Multiprocess

from scrapeguard.config import Config
from scrapeguard.sidecar import ServerSettings
from scrapeguard.stores import StoreSettings

App = Callable[..., Awaitable[None]]
Stop = Callable[[], None]

KEEP_ALIVE = 65  # seconds; longer than the minute for which most proxies keep a connection


def configured(
    app: Callable[[], App], config: Config, workers: int, end_seconds: int, **more: str | bool | None
) -> uvicorn.Config:
    """uvicorn as we want it: it trusts no forwarding header, logs nothing of its own, and has our bounds."""
    bounds = config.known()["server"]
    assert isinstance(bounds, ServerSettings)
    return uvicorn.Config(
        app,
        factory=True,
        interface="asgi3",
        http=_protocol(bounds),  # type: ignore[arg-type]  # whatever makes protocols will do
        h11_max_incomplete_event_size=bounds.head_bytes,
        limit_concurrency=bounds.connections or None,
        lifespan="on",
        workers=workers,
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_config=None,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=end_seconds,
        **more,  # type: ignore[arg-type]
    )


def _protocol(bounds: ServerSettings) -> object:
    """Ours, where the parser is there that it needs; else uvicorn's own, which bounds no more than a head's size."""
    if importlib.util.find_spec("httptools") is None:
        click.echo("Note: without httptools, slow requests are waited for: pip install 'scrapeguard[fast]'.", err=True)
        return "h11"
    from scrapeguard.cli.bounded import Bounded  # late: it needs an optional package

    return functools.partial(Bounded, bounds=bounds)


def run(
    application: Callable[[Stop | None], App],
    bound: socket.socket,
    config: Callable[[Callable[[], App]], uvicorn.Config],
) -> None:
    """Serve at a bound socket until told to end. `application` gets what stops the listening, where that is needed."""
    made = config(functools.partial(application, None))
    if made.workers > 1:
        supervisor = Multiprocess(made, [bound])
        threading.Thread(target=_leave, args=(supervisor, bound), daemon=True).start()
        supervisor.run()
        return
    server = uvicorn.Server(made)
    made.app = lambda: application(lambda: stop(server, bound))
    server.run([bound])


def _leave(supervisor: Multiprocess, bound: socket.socket) -> None:
    """At the end, only the workers shall listen: what came to us, nobody would answer."""
    supervisor.should_exit.wait()
    bound.close()


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


def begin() -> None:
    """What each process does first."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")


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
