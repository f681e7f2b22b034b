"""Where a server of ours listens: an address and a port, or a Unix socket."""

import errno
import socket
from pathlib import Path

from scrapeguard.errors import ConfigError

UDP = "udp://"
HINT = 'Write it like "127.0.0.1:8000", "[::1]:8000", ":8000" or "unix:/run/scrapeguard.sock".'

TO_DO = {
    errno.EADDRINUSE: "Stop what listens there, or choose a free one.",
    errno.EACCES: "Choose a port from 1024 on, or give the process CAP_NET_BIND_SERVICE.",
    errno.EADDRNOTAVAIL: "Choose an address of this machine.",
}


def bind(listen: str) -> socket.socket:
    """A socket bound to "host:port", ":port" (all addresses) or "unix:/path". Raises ConfigError."""
    if listen.startswith("unix:"):
        return _bind_path(Path(listen.removeprefix("unix:")), listen)
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise ConfigError(f"{listen!r} is no address to listen at.", HINT)
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, int(port)))
    except OSError as error:
        made.close()
        said = f"{listen} cannot be listened at ({error.strerror})."
        raise ConfigError(said, TO_DO.get(error.errno or 0, HINT)) from error
    return made


def bind_datagrams(where: str) -> socket.socket:
    """A socket for datagrams, bound to "udp://host:port", or a Unix one at a path. Raises ConfigError."""
    if not where.startswith(UDP):
        return _bind_path(Path(where), where, socket.SOCK_DGRAM)
    host, _, port = where.removeprefix(UDP).rpartition(":")
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        made.bind((host.strip("[]"), int(port)))
    except (OSError, ValueError, OverflowError) as error:
        made.close()
        said = f"{where} cannot be listened at ({error})."
        raise ConfigError(said, "Write it like udp://127.0.0.1:5514, and choose a port that is free.") from error
    return made


def _bind_path(path: Path, listen: str, kind: socket.SocketKind = socket.SOCK_STREAM) -> socket.socket:
    if not path.name:
        raise ConfigError(f"{listen!r} is no path.", HINT)
    left = path.is_socket()
    if left and _heard(path, kind):
        raise ConfigError(f"{listen} cannot be listened at (it is in use).", TO_DO[errno.EADDRINUSE])
    made = socket.socket(socket.AF_UNIX, kind)
    try:
        if left:
            path.unlink()  # behind, by an earlier run
        made.bind(str(path))
        path.chmod(0o660)
    except OSError as error:
        made.close()
        said = f"{listen} cannot be listened at ({error.strerror or error})."
        raise ConfigError(said, "Name a path in a folder that is there and can be written.") from error
    return made


def _heard(path: Path, kind: socket.SocketKind) -> bool:
    """Whether somebody listens at a Unix socket."""
    with socket.socket(socket.AF_UNIX, kind) as line:
        line.setblocking(False)
        return line.connect_ex(str(path)) in (0, errno.EAGAIN)  # EAGAIN: so many wait already


def name(bound: socket.socket, secure: bool = False) -> str:
    """Where a bound socket is, as one would write it in a browser or a proxy's configuration."""
    if bound.family == socket.AF_UNIX:
        return f"unix:{bound.getsockname()}"
    host, port = bound.getsockname()[:2]
    return f"{'https' if secure else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"
