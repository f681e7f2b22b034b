"""Newer lists of the addresses that crawlers come from, fetched from their operators and checked before they are used.

The list before is kept under the name of its digest, so that what an address was judged by can be shown later.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from scrapeguard.errors import FormatError, InputError
from scrapeguard.facts import ranges
from scrapeguard.facts.ranges import RangeList

TIMEOUT = 10.0  # seconds
MOST_CHANGED = 50  # per cent; a list that has grown or shrunk by more needs a second look
EVERY = 3600  # seconds; the drafts ask never to fetch more often than once an hour

Fetch = Callable[[str], bytes]


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What became of one list."""

    url: str
    result: Literal["new", "same", "recent", "refused", "failed"]
    prefixes: int = 0
    said: str = ""


def refresh(
    urls: Iterable[str], before: Mapping[str, RangeList], folder: Path, now: datetime, get: Fetch, accept: bool = False
) -> list[Refreshed]:
    """Fetch each list into `folder`; what is refused or fails leaves the list before as it is. Raises InputError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [_one(url, before.get(url), folder, now, get, accept) for url in sorted(set(urls))]
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error.strerror}).", "Choose another --directory.") from error


def _one(url: str, before: RangeList | None, folder: Path, now: datetime, get: Fetch, accept: bool) -> Refreshed:
    path = folder / f"{re.sub(r'[^a-z0-9]+', '-', url.partition('://')[2].lower()).strip('-')}.json"
    if path.exists() and now.timestamp() - path.stat().st_mtime < EVERY:
        return Refreshed(url, "recent", len(before.prefixes) if before else 0)
    try:
        found = ranges.prefixes(ranges.read(get(url), url), url)
    except InputError as error:
        failed = isinstance(error, FormatError)
        return Refreshed(url, "refused" if failed else "failed", len(before.prefixes) if before else 0, error.message)
    if before is not None and not accept and ranges.changed(before, found) > MOST_CHANGED:
        said = f"it had {len(before.prefixes):,} prefixes and has {len(found):,}; --accept takes it all the same"
        return Refreshed(url, "refused", len(before.prefixes), said)
    same = before is not None and set(before.prefixes) == set(found)
    _keep(path, url, found, now)
    return Refreshed(url, "same" if same else "new", len(found))


def _keep(path: Path, url: str, prefixes: tuple[str, ...], now: datetime) -> None:
    """Raises OSError. The time is that of the fetch: until then the operator's list was so."""
    if path.exists():
        data = path.read_bytes()
        earlier = path.parent / "earlier"
        earlier.mkdir(exist_ok=True)
        (earlier / f"{path.stem}-{hashlib.sha256(data).hexdigest()[:16]}.json").write_bytes(data)
    rows = [{"ipv6Prefix" if ":" in prefix else "ipv4Prefix": prefix} for prefix in prefixes]
    time = now.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps({"url": url, "creationTime": time, "prefixes": rows}, indent=1), "utf-8")
    draft.replace(path)


def over_https(url: str) -> bytes:
    """What a URL gives: no redirects, up to a size. Raises InputError when it cannot be fetched."""
    parts = urlsplit(url)
    if parts.scheme != "https" or parts.hostname is None:
        raise InputError(f"{url}: is not https.", "Only https shows that a list is its operator's.")
    return fetch(HTTPSConnection(parts.hostname, parts.port, timeout=TIMEOUT), url)


def fetch(connection: HTTPConnection, url: str) -> bytes:
    """What `url` gives over a connection to its host, which is closed then. Raises InputError."""
    parts = urlsplit(url)
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    hint = "Try again later, or look at the URL."
    try:
        connection.request("GET", target, headers={"User-Agent": "ScrapeGuard", "Accept": "application/json"})
        answer = connection.getresponse()
        data = answer.read(ranges.LARGEST + 1)
    except (OSError, HTTPException) as error:
        raise InputError(f"{url}: cannot be fetched ({error}).", hint) from error
    finally:
        connection.close()
    if answer.status != 200:
        raise InputError(f"{url}: was answered with {answer.status}.", hint)
    return data
