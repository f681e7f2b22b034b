"""`proxy`: the guard as a reverse proxy in front of any site."""

import asyncio
import functools
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from types import ModuleType

import click
import uvicorn
from uvicorn.supervisors import Multiprocess

from scrapeguard import config as configuration
from scrapeguard import parts
from scrapeguard.cli import listening
from scrapeguard.errors import ConfigError
from scrapeguard.stores import StoreSettings

App = Callable[..., Awaitable[None]]

KEEP_ALIVE = 65  # seconds; longer than the minute for which most proxies keep a connection


@click.command()
@click.option("--upstream", "upstreams", multiple=True, metavar="URL", help="The site; more than once for several.")
@click.option("--listen", default="127.0.0.1:8000", show_default=True, metavar="ADDR", help="Where to listen.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 256), help="Processes.")
@click.option("--config", "file", type=click.Path(), help="The configuration; the defaults without it.")
@click.option("--tls-cert", type=click.Path(), help="A PEM file with the certificate chain, to speak TLS.")
@click.option("--tls-key", type=click.Path(), help="A PEM file with its key.")
def proxy(
    upstreams: tuple[str, ...], listen: str, workers: int, file: str | None, tls_cert: str | None, tls_key: str | None
) -> None:
    """Stand in front of a site, pass on what is allowed, and keep the evidence.

    URL is http://host:port, https://host (its certificate is verified) or unix:/path. Without --upstream, those of
    [proxy] upstreams in the configuration. ADDR is host:port, [address]:port, :port or unix:/path.

    SIGHUP reads the configuration again, SIGTERM ends; neither loses a request.
    """
    config = configuration.load(file)
    parts.examine(config)
    store = config.known()["store"]
    assert isinstance(store, StoreSettings)
    if bool(tls_cert) != bool(tls_key):
        raise ConfigError("A certificate and its key come together.", "Give both --tls-cert and --tls-key.")
    for name in filter(None, (tls_cert, tls_key)):
        if not Path(name).is_file():
            raise ConfigError(f"{name}: there is no such file.", "Name a PEM file.")
    settings = door().ready(config, upstreams)
    bound = listening.bind(listen)
    where = listening.name(bound, bool(tls_cert))
    click.echo(f"Listening at {where}, in front of {', '.join(settings.upstreams)}.")
    if workers > 1 and store.url.startswith("memory:"):
        click.echo(
            f"Note: store.url is memory://, so each of the {workers} workers counts on its own, and a visitor can do "
            f"{workers} times as much. Set store.url to a redis:// URL for one count.",
            err=True,
        )
    options = (workers, int(settings.end_seconds), tls_cert, tls_key)
    if workers > 1:
        Multiprocess(configured(functools.partial(application, file, upstreams), *options), [bound]).run()
        return
    server = uvicorn.Server(configured(lambda: application(file, upstreams, lambda: stop(server, bound)), *options))
    server.run([bound])


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


def configured(
    app: Callable[[], App], workers: int, end_seconds: int, tls_cert: str | None, tls_key: str | None
) -> uvicorn.Config:
    """uvicorn as the sidecar wants it: it trusts no forwarding header, and adds no header to the site's own."""
    return uvicorn.Config(
        app,
        factory=True,
        interface="asgi3",
        http="httptools",
        lifespan="on",
        workers=workers,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        access_log=False,
        log_config=None,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=end_seconds,
        ssl_certfile=tls_cert,
        ssl_keyfile=tls_key,
    )


def application(file: str | None, upstreams: tuple[str, ...], stop: Callable[[], None] | None = None) -> App:
    """What one worker serves."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    served: App = door().served(file, upstreams, stop)
    return served


def door() -> ModuleType:
    """The sidecar, which needs more packages than the rest of us."""
    try:
        from scrapeguard.doors import proxy as sidecar
    except ModuleNotFoundError as error:
        raise ConfigError(f"The sidecar needs {error.name}.", "pip install 'scrapeguard[proxy]'") from error
    return sidecar
