"""The visitor's request, rebuilt from the sub-request with which a proxy asks whether it may pass.

What is read depends on the mode, which the proxy's configuration names and nobody guesses: a proxy overwrites only the
headers it knows, so that every other one may have been written by the visitor himself.
"""

import re
from typing import Any, Literal
from urllib.parse import unquote_to_bytes

from starlette.types import Scope

from scrapeguard.errors import InputError

Mode = Literal["nginx", "nginx-page", "generic", "haproxy", "envoy"]
Pairs = list[tuple[bytes, bytes]]

CHECK, ENVOY = "/check", "/envoy"  # Envoy puts the visitor's path and query behind its prefix, so it has no `mode`
TOLD: dict[Mode, tuple[bytes, bytes]] = {
    "nginx": (b"x-original-uri", b"x-original-method"),
    "nginx-page": (b"x-original-uri", b"x-original-method"),
    "generic": (b"x-forwarded-uri", b"x-forwarded-method"),
    "haproxy": (b"x-forwarded-uri", b"x-forwarded-method"),
}
NAMED: dict[bytes, Mode] = {f"mode={mode}".encode(): mode for mode in TOLD}
NAMES = b"x-forwarded-names"  # of the headers that came, in order: HAProxy's client loses it, and adds some of its own
ABSOLUTE = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]{0,15}://[^/?#]*")
METHOD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}")


def mode_of(scope: Scope) -> Mode:
    """The mode that a sub-request names. Raises InputError."""
    if scope["path"] != CHECK:
        return "envoy"
    mode = NAMED.get(scope["query_string"])
    if mode is None:
        asked = scope["query_string"][:40].decode("latin-1")
        raise InputError(f"{asked!r} names no mode.", f"Ask for {CHECK}?mode= and one of {', '.join(TOLD)}.")
    return mode


def original(scope: Scope, mode: Mode) -> Scope:
    """The scope of the visitor's request, with the proxy as its peer, as if it had been passed on. Raises InputError.

    The peer has to be a proxy that is trusted: this believes what it says.
    """
    headers: Pairs = scope["headers"]
    if mode == "envoy":
        raw: bytes = scope.get("raw_path") or scope["path"].encode("latin-1", "replace")
        target, method = raw.removeprefix(ENVOY.encode()), scope["method"].encode()
        if query := scope["query_string"]:
            target += b"?" + query
    else:
        target, method = (_only(headers, name) for name in TOLD[mode])
        headers = [pair for pair in headers if pair[0] not in TOLD[mode]]
    if mode == "haproxy":
        places = {name: place for place, name in enumerate(_only(headers, NAMES).split(b","))}
        headers = sorted((pair for pair in headers if pair[0] in places), key=lambda pair: places[pair[0]])
    if METHOD.fullmatch(method) is None:
        raise InputError(f"{method[:40]!r} is no method.", "Pass the visitor's method on as it is.")
    return _scope(scope, headers, method.decode(), target)


def _only(headers: Pairs, name: bytes) -> bytes:
    """The value of a header that has to be there exactly once: of two, one is not the proxy's."""
    values = [value for key, value in headers if key == name]
    if len(values) != 1:
        raise InputError(f"{name.decode()} is there {len(values)} times.", "Let the proxy set it, over the visitor's.")
    return values[0]


def _scope(scope: Scope, headers: Pairs, method: str, target: bytes) -> Scope:
    absolute = ABSOLUTE.match(target)
    path, _, query = target[absolute.end() if absolute else 0 :].partition(b"#")[0].partition(b"?")
    path = path or b"/"
    upgrade: Any = next((value for name, value in headers if name == b"upgrade"), b"")
    return {
        "type": "websocket" if upgrade.lower() == b"websocket" else "http",
        "asgi": scope["asgi"],
        "http_version": scope["http_version"],
        "method": method,
        "scheme": scope["scheme"],
        "path": unquote_to_bytes(path).decode("utf-8", "replace"),
        "raw_path": path,
        "query_string": query,
        "root_path": "",
        "headers": headers,
        "client": scope["client"],
        "server": scope["server"],
    }
