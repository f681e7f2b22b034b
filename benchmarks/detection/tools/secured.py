"""fastapi-guard, with the settings it comes with, over an access log: which request of each client it refuses first.

    python secured.py ACCESS.LOG NAMES.JSON     in the combined format; the clients' names by address

It runs on the log's clock, so that it is as fast as it can be and still sees what was sent when. Of the headers it sees
what the log has: host, agent and referer. Redis is left out; in one process that changes nothing but its speed. Prints
one JSON object: {client: [requests, number of the first that was refused or null]}. What comes after is not asked.
"""

import asyncio
import json
import logging
import re
import sys
import time
from datetime import datetime
from pathlib import Path

LINE = re.compile(r'(\S+) - \S+ \[([^]]+)\] "(\S+) (\S+)[^"]*" \d+ \S+ "([^"]*)" "([^"]*)"')
now = 0.0
time.time = lambda: now  # before anybody has taken it

from fastapi import FastAPI, Response  # noqa: E402
from guard import SecurityConfig, SecurityMiddleware  # noqa: E402

logging.disable(logging.CRITICAL)
app = FastAPI()
app.add_middleware(SecurityMiddleware, config=SecurityConfig(enable_redis=False))


@app.api_route("/{path:path}", methods=["GET", "HEAD", "POST"])
async def everything(path: str) -> Response:
    return Response("a page", 200)


async def status(address: str, method: str, target: str, referer: str, agent: str) -> int:
    path, _, query = target.partition("?")
    headers = [(b"host", b"127.0.0.1")]
    headers += [(b"user-agent", agent.encode())] if agent not in ("", "-") else []
    headers += [(b"referer", referer.encode())] if referer not in ("", "-") else []
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http", "method": method,
        "path": path, "raw_path": path.encode(), "query_string": query.encode(), "root_path": "", "headers": headers,
        "client": (address, 40_000), "server": ("127.0.0.1", 80),
    }  # fmt: skip
    said: list[int] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, object]) -> None:
        if message["type"] == "http.response.start":
            said.append(int(str(message["status"])))

    await app(scope, receive, send)  # type: ignore[arg-type]
    return said[0]


async def main(lines: list[str], names: dict[str, str]) -> None:
    global now
    found: dict[str, list[int | None]] = {}
    for line in lines:
        match = LINE.match(line)
        if match is None or match[1] not in names:
            continue
        address, when, method, target, referer, agent = match.groups()
        made = found.setdefault(names[address], [0, None])
        made[0] = (made[0] or 0) + 1
        if made[1] is None and method in ("GET", "HEAD", "POST"):
            now = datetime.strptime(when, "%d/%b/%Y:%H:%M:%S %z").timestamp()
            if await status(address, method, target, referer, agent) != 200:
                made[1] = made[0]
    print(json.dumps(found))


if __name__ == "__main__":
    asyncio.run(
        main(Path(sys.argv[1]).read_text(errors="replace").splitlines(), json.loads(Path(sys.argv[2]).read_text()))
    )
