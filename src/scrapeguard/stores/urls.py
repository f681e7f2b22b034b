"""What store.url says: one server, sentinels that name a master, or nodes of a cluster, and how to connect to them.

redis://user:password@host:6379/0       rediss:// over TLS, unix:///run/redis.sock
redis+sentinel://user:password@host:26379,host:26379/service?db=0&sentinel_username=…&sentinel_password=…
redis+cluster://user:password@host:7000,host:7001       see cluster.py

Over TLS, ssl_ca_certs, ssl_certfile and ssl_keyfile name PEM files, and ssl_check_hostname=false takes a certificate of
another host; they hold for sentinels too. The user and the password in front of the hosts are not for sentinels.
"""

from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlencode

from redis.asyncio.connection import ConnectionPool, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from scrapeguard.errors import ConfigError
from scrapeguard.stores.lines import Kind, Node, Options, Way

CONNECT_SECONDS = 1.0  # nobody waits that long, but a connection from afar may need it
OF_SENTINELS = "sentinel_"  # what the names of options begin with that are for sentinels
FILES = ("ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile")
LOGIN = {"username", "password"}


@dataclass(frozen=True, slots=True)
class Place:
    """Hosts of one kind, and how to connect to each."""

    way: Way
    nodes: list[Node]


def place_of(urls: list[str], timeout: float, port: int = 6379) -> Place:
    """What redis://, rediss:// or unix:// URLs name, which differ in their hosts only. Raises ConfigError."""
    pools = [_read(url, timeout) for url in urls]
    options: Options = pools[0].connection_kwargs
    nodes = [(str(it.connection_kwargs.get("host", "")), int(it.connection_kwargs.get("port", port))) for it in pools]
    return Place(_way(pools[0].connection_class, options), nodes)


def sentinels_of(url: str, timeout: float) -> tuple[Place, Way, str]:
    """The sentinels that a URL names, how to connect to the master, and its name. Raises ConfigError."""
    urls, service, asking = several(url, OF_SENTINELS)
    if not service:
        raise ConfigError(
            "store.url names no service for Sentinel.",
            'Write it like "redis+sentinel://host:26379,host:26379/mymaster".',
        )
    if set(asking) - LOGIN:
        raise ConfigError(
            f"store.url has {OF_SENTINELS}{min(set(asking) - LOGIN)}, which is not known.",
            "For the sentinels themselves there are sentinel_username and sentinel_password.",
        )
    masters = place_of(urls, timeout, 26379)
    tls = {name: value for name, value in masters.way.options.items() if name.startswith("ssl")}
    way = _way(masters.way.kind, {**_patience(CONNECT_SECONDS), **tls, **asking})
    return Place(way, masters.nodes), masters.way, unquote(service)


def several(url: str, prefix: str = "") -> tuple[list[str], str, Options]:
    """A URL with several hosts as one for each host, its path, and the options whose names begin with a prefix."""
    scheme, _, rest = url.partition("://")
    rest, _, query = rest.partition("?")
    hosts, _, path = rest.partition("/")
    user, at, hosts = hosts.rpartition("@")
    options = parse_qsl(query, keep_blank_values=True)
    kept = urlencode([(name, value) for name, value in options if not prefix or not name.startswith(prefix)])
    urls = [f"{scheme.partition('+')[0]}://{user}{at}{host}?{kept}" for host in hosts.split(",") if host]
    if not urls:
        raise unreadable()
    return urls, path, {name.removeprefix(prefix): v for name, v in options if prefix and name.startswith(prefix)}


def unreadable() -> ConfigError:
    hint = 'Write it like "redis://user:password@host:6379/0" or "unix:///run/redis.sock", and "/" as %2F.'
    return ConfigError("store.url cannot be read.", hint)


def _read(url: str, timeout: float) -> ConnectionPool:
    """A URL as the package reads it. Raises ConfigError."""
    try:
        pool = ConnectionPool.from_url(url, **_patience(timeout))
        pool.connection_class(**pool.connection_kwargs)
    except (ValueError, TypeError, RedisError):  # whose text may hold part of a password
        raise unreadable() from None
    return pool


def _way(kind: Kind, options: Options) -> Way:
    """With the certificates read. Raises ConfigError."""
    one = kind(**options)
    if not isinstance(one, SSLConnection):
        return Way(kind, options)
    try:
        one.ssl_context.get()
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        files = ", ".join(f"{name}={options[name]}" for name in FILES if name in options)
        said = "TLS cannot be set up as store.url says"
        raise ConfigError(
            f"{said}: {error}.", f"They have to be PEM files that this user can read: {files}."
        ) from error
    return Way(kind, options, one.ssl_context)


def _patience(timeout: float) -> Options:
    return {
        "socket_timeout": timeout,
        "socket_connect_timeout": CONNECT_SECONDS,
        "retry": Retry(NoBackoff(), 0),  # a script run twice would count twice
        "protocol": 2,  # no HELLO: one round trip less for a new connection
    }
