"""`auth`: the guard as a decision service, which a proxy asks before it passes a request on."""

import functools
import socket

import click

from scrapeguard import config as configuration
from scrapeguard import parts
from scrapeguard.cli import listening, serving
from scrapeguard.cli.proxy import door
from scrapeguard.doors import fastcgi as fastcgi_door
from scrapeguard.doors.drain import Drain
from scrapeguard.doors.forward_auth import ForwardAuth, demand_proxies

END = 10  # seconds for what is under way at SIGTERM: no answer takes as long
DRAIN = 1.0  # and before that, so long proxies are asked to connect anew


@click.command()
@click.option("--listen", default="127.0.0.1:9000", show_default=True, metavar="ADDR", help="Where to listen.")
@click.option("--fastcgi", metavar="ADDR", help="Answer there in FastCGI too, for Apache.")
@click.option("--report-socket", metavar="PATH", help="A Unix datagram socket, where the proxy logs what it answered.")
@click.option("--upstream", metavar="URL", help="The site: its own robots.txt is told, where it has one.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 256), help="Processes.")
@click.option("--config", "file", type=click.Path(), help="The configuration; it has to name your proxies.")
def auth(
    listen: str, fastcgi: str | None, report_socket: str | None, upstream: str | None, workers: int, file: str | None
) -> None:
    """Answer the proxy's question: may this request pass? For nginx, Caddy, HAProxy, Traefik, Envoy and others.

    config/deploy/ has a configuration for each of them. ADDR is host:port, [address]:port, :port or unix:/path.

    nginx and HAProxy can report what became of a request; with others, and without --report-socket, its status and
    size are not seen: signals.misses is silent, and the evidence says what was asked for, not what was taken.

    SIGHUP reads the configuration again, SIGTERM ends.
    """
    config = configuration.load(file)
    parts.examine(config)
    demand_proxies(config)
    if upstream:
        door().ready(config, (upstream,))
    bound = listening.bind(listen)
    reporting = listening.bind_datagrams(report_socket) if report_socket else None
    also = listening.bind(fastcgi) if fastcgi else None
    click.echo(f"Answering at {listening.name(bound)}{f', and in FastCGI at {fastcgi}' if fastcgi else ''}.")
    serving.note_workers(config, workers)
    served = functools.partial(application, file, also, reporting, workers > 1, upstream)
    serving.run(served, bound, serving.Manner(serving.bounds(config), END, websockets=False), workers)


def application(
    file: str | None,
    also: socket.socket | None,
    reporting: socket.socket | None,
    shared: bool,
    upstream: str | None,
    stop: serving.Stop,
) -> serving.App:
    """What one worker serves."""
    app = ForwardAuth(file, reporting, shared, door().Sidecar((upstream,)) if upstream else None)
    return Drain(app if also is None else fastcgi_door.beside(app, also), lambda: DRAIN, stop)
