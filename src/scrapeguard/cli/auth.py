"""`auth`: the guard as a decision service, which a proxy asks before it passes a request on."""

import functools
import logging
import socket
from collections.abc import Awaitable, Callable

import click
import uvicorn
from uvicorn.supervisors import Multiprocess

from scrapeguard import config as configuration
from scrapeguard import parts
from scrapeguard.cli import listening
from scrapeguard.doors import fastcgi as fastcgi_door
from scrapeguard.doors.forward_auth import ForwardAuth, demand_proxies
from scrapeguard.errors import ConfigError

App = Callable[..., Awaitable[None]]
KEEP_ALIVE = 65  # seconds; longer than the minute for which most proxies keep a connection
END = 10  # seconds for what is under way at SIGTERM: no answer takes as long


@click.command()
@click.option("--listen", default="127.0.0.1:9000", show_default=True, metavar="ADDR", help="Where to listen.")
@click.option("--fastcgi", metavar="ADDR", help="Answer there in FastCGI too, for Apache.")
@click.option("--report-socket", metavar="PATH", help="A Unix datagram socket, where the proxy logs what it answered.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 256), help="Processes.")
@click.option("--config", "file", type=click.Path(), help="The configuration; it has to name your proxies.")
def auth(listen: str, fastcgi: str | None, report_socket: str | None, workers: int, file: str | None) -> None:
    """Answer the proxy's question: may this request pass? For nginx, Caddy, HAProxy, Traefik, Envoy and others.

    config/deploy/ has a configuration for each of them. ADDR is host:port, [address]:port, :port or unix:/path.

    nginx and HAProxy can report what became of a request; with others, and without --report-socket, its status and
    size are not seen: signals.misses is silent, and the evidence says what was asked for, not what was taken.

    SIGHUP reads the configuration again, SIGTERM ends.
    """
    config = configuration.load(file)
    parts.examine(config)
    demand_proxies(config)
    if report_socket and workers > 1:
        said = f"Reports for {workers} workers would reach the wrong one."
        raise ConfigError(said, "Use --report-socket with one worker.")
    bound = listening.bind(listen)
    reporting = listening.bind_datagrams(report_socket) if report_socket else None
    also = listening.bind(fastcgi) if fastcgi else None
    click.echo(f"Answering at {listening.name(bound)}{f', and in FastCGI at {fastcgi}' if fastcgi else ''}.")
    listening.note_workers(config, workers)
    server = uvicorn.Config(
        functools.partial(application, file, also, reporting),
        factory=True,
        ws="none",
        lifespan="on",
        workers=workers,
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_config=None,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=END,
    )
    if workers > 1:
        Multiprocess(server, [bound]).run()
    else:
        uvicorn.Server(server).run([bound])


def application(file: str | None, also: socket.socket | None, reporting: socket.socket | None) -> App:
    """What one worker serves."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    app = ForwardAuth(file, reporting)
    return app if also is None else fastcgi_door.beside(app, also)
