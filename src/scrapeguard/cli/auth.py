"""`auth`: the guard as a decision service, which a proxy asks before it passes a request on."""

import functools
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from scrapeguard import config as configuration
from scrapeguard import parts
from scrapeguard.cli import listening, serving
from scrapeguard.cli.proxy import door
from scrapeguard.doors import fastcgi as fastcgi_door
from scrapeguard.doors.drain import Drain
from scrapeguard.doors.forward_auth import ForwardAuth, demand_proxies
from scrapeguard.errors import ConfigError

END = 10  # seconds for what is under way at SIGTERM: no answer takes as long
DRAIN = 1.0  # and before that, so long proxies are asked to connect anew


@click.command()
@click.option("--listen", default="127.0.0.1:9000", show_default=True, metavar="ADDR", help="Where to listen.")
@click.option("--fastcgi", metavar="ADDR", help="Answer there in FastCGI too, for Apache.")
@click.option("--report-socket", metavar="WHERE", help="Where the proxy logs what it answered, in datagrams.")
@click.option("--upstream", metavar="URL", help="The site: its own robots.txt is told, where it has one.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 256), help="Processes.")
@click.option("--config", "file", type=click.Path(), help="The configuration; it has to name your proxies.")
def auth(
    listen: str, fastcgi: str | None, report_socket: str | None, upstream: str | None, workers: int, file: str | None
) -> None:
    """Answer the proxy's question: may this request pass? For nginx, Caddy, HAProxy, Traefik, Envoy and others.

    config/deploy/ has a configuration for each of them. ADDR is host:port, [address]:port, :port or unix:/path.

    nginx, HAProxy, Caddy and Apache can report what became of a request: WHERE is udp://127.0.0.1:9002 for all of them,
    or the path of a Unix socket for nginx and HAProxy. With others, and without it, status and size are not seen:
    signals.misses is silent, and the evidence says what was asked for, not what was taken.

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
    with _meeting(reporting is not None and workers > 1) as beside:
        served = functools.partial(application, file, also, reporting, beside, upstream)
        serving.run(served, bound, serving.Manner(serving.bounds(config), END, websockets=False), workers)


@contextmanager
def _meeting(needed: bool) -> Iterator[Path | None]:
    """A folder of their own for workers that have to find one another, gone afterwards. Raises ConfigError."""
    if not needed:
        yield None
        return
    try:
        made = tempfile.TemporaryDirectory(prefix="scrapeguard-")
    except OSError as error:
        hint = "Several workers hand one another reports there: let TMPDIR name a folder that can be written."
        raise ConfigError(f"No temporary folder can be made ({error.strerror}).", hint) from error
    with made as folder:
        yield Path(folder)


def application(
    file: str | None,
    also: socket.socket | None,
    reporting: socket.socket | None,
    beside: Path | None,
    upstream: str | None,
    stop: serving.Stop,
) -> serving.App:
    """What one worker serves."""
    app = ForwardAuth(file, reporting, beside, door().Sidecar((upstream,)) if upstream else None)
    return Drain(app if also is None else fastcgi_door.beside(app, also), lambda: DRAIN, stop)
