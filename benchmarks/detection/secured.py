"""fastapi-guard beside us: as it comes from PyPI, in the tools' environment, over the unguarded access log."""

import json
import re
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from benchmarks.detection.peers import Found
from benchmarks.detection.site import items_in

LINE = re.compile(r'(\S+) - \S+ \[[^]]+\] "\S+ (\S+)[^"]*" (\d+)')
SCRIPT = Path(__file__).parent / "tools" / "secured.py"
SECONDS = 1800  # it takes a sixth of a second of CPU a request


def secured(tools: Path, log: Path, names: Mapping[str, str]) -> list[Found]:
    """What it would have made of each client. Raises CalledProcessError and TimeoutExpired."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as listed:
        json.dump(dict(names), listed)
        listed.flush()
        command = [tools / "bin/python", SCRIPT, log, listed.name]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=SECONDS)
    refused: dict[str, list[int | None]] = json.loads(done.stdout.splitlines()[-1])
    found = {name: Found("fastapi-guard", name) for name in refused}
    taken: dict[str, set[int]] = {name: set() for name in refused}
    for line in log.read_text(errors="replace").splitlines():
        match = LINE.match(line)
        if match is None or names.get(match[1], "") not in found:
            continue
        name = names[match[1]]
        made, at = found[name], refused[name][1]
        made.requests += 1
        if made.requests == at:
            made.refused_at, made.items = at, len(taken[name])
        if match[3] == "200":
            taken[name].update(items_in(match[2]))
    for name, made in found.items():
        if made.refused_at is None:
            made.items = len(taken[name])
    return list(found.values())
