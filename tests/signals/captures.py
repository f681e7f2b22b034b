"""Requests as real tools and browsers sent them, read from the reference data."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from scrapeguard.facts.reader import FactsReader, FactsSettings
from scrapeguard.model import Facts

DATA = Path(os.environ.get("SCRAPEGUARD_DATA") or Path(__file__).parents[3] / "shared" / "data")
FOLDER = DATA / "tool-requests"
START = 1_790_000_000_000_000
PLAIN = re.compile(r"=== conn \d+ request \d+ t=([\d.]+)")
SECURE = re.compile(r"--- conn \d+ stream \d+ \(h2\) t=([\d.]+)")


def captured(name: str) -> list[Facts]:
    """The facts of each request of a capture such as "curl" or "tls/requests"; skips where the data are missing."""
    path = FOLDER / f"{name}.txt"
    if not path.exists():
        pytest.skip(f"{path} is missing: set SCRAPEGUARD_DATA to the folder of the reference data")
    reader = FactsReader(FactsSettings(), lambda host, agent, path: "")
    return [reader.read(scope, START + round(moment * 1e6)) for moment, scope in _scopes(path.read_text("latin-1"))]


def _scopes(text: str) -> Iterator[tuple[float, dict[str, object]]]:
    lines = iter(text.splitlines())
    for line in lines:
        plain, secure = PLAIN.match(line), SECURE.match(line)
        begun = plain or secure
        if begun is None:
            continue
        first = next(lines).split(" ") if plain else []
        pairs = []
        for header in lines:
            if not header or header.startswith(("---", "===", "# ")):
                break
            name, _, value = header.removeprefix(":").partition(": ")
            pairs.append((name.lower(), value))
        named = dict(pairs)
        method, target = first[:2] if plain else (named["method"], named["path"])
        host = [("host", named["authority"])] if secure else []
        path, _, query = target.partition("?")
        yield (
            float(begun[1]),
            {
                "type": "http",
                "method": method,
                "scheme": "https" if secure else "http",
                "path": path,
                "raw_path": path.encode(),
                "query_string": query.encode(),
                "client": ("192.0.2.7", 40000),
                "headers": [
                    (name.encode(), value.encode("latin-1"))
                    for name, value in host + pairs
                    if name not in ("method", "authority", "scheme", "path")
                ],
            },
        )
