"""`proxy`: the guard as a reverse proxy in front of any site."""

import functools
import ssl
from pathlib import Path
from types import ModuleType

import click

from scrapeguard import config as configuration
from scrapeguard import parts
from scrapeguard.cli import listening, serving
from scrapeguard.errors import ConfigError


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
    if bool(tls_cert) != bool(tls_key):
        raise ConfigError("A certificate and its key come together.", "Give both --tls-cert and --tls-key.")
    for name in filter(None, (tls_cert, tls_key)):
        if not Path(name).is_file():
            raise ConfigError(f"{name}: there is no such file.", "Name a PEM file.")
    if tls_cert:
        _try_tls(tls_cert, tls_key)
    settings = door().ready(config, upstreams)
    bound = listening.bind(listen)
    where = listening.name(bound, bool(tls_cert))
    click.echo(f"Listening at {where}, in front of {', '.join(settings.upstreams)}.")
    serving.note_workers(config, workers)
    end = int(settings.end_seconds)
    manner = serving.Manner(serving.bounds(config), end, date_header=False, tls_cert=tls_cert, tls_key=tls_key)
    serving.run(functools.partial(application, file, upstreams), bound, manner, workers)


def _try_tls(cert: str, key: str | None) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key)
    except OSError as error:
        said = f"{cert} and {key} cannot be used ({error.strerror or error})."
        raise ConfigError(said, "They must be PEM, can be read, and the key must be the certificate's.") from error


def application(file: str | None, upstreams: tuple[str, ...], stop: serving.Stop) -> serving.App:
    """What one worker serves."""
    served: serving.App = door().served(file, upstreams, stop)
    return served


def door() -> ModuleType:
    """The sidecar, which needs more packages than the rest of us."""
    try:
        from scrapeguard.doors import proxy as sidecar
    except ModuleNotFoundError as error:
        raise ConfigError(f"The sidecar needs {error.name}.", "pip install 'scrapeguard[proxy]'") from error
    return sidecar
