"""What a challenge costs who solves it, and what it costs us: CPU, all in, with the default settings.

    python benchmarks/challenge.py [--solves 20] [--browser]

Ours is everything the guard does for one pass, evidence included: the page, the answer to it, and the look whether the
cookie came along, called in this process, less what three requests cost that nobody suspects (the control). Theirs is
altcha-solver, a solver made to pass such challenges, and with --browser a headless Chromium: the CPU of all its
processes from an open challenge to the page behind it, less the same without a challenge.
"""

import argparse
import asyncio
import base64
import html
import json
import os
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from altcha_solver import AltchaSolver

from scrapeguard import ScrapeGuard
from scrapeguard.model import Rung

TESTS = Path(__file__).parent.parent / "tests"
BROWSER = {
    "host": "shop.example",
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "accept-language": "en-US,en;q=0.5",
    "accept-encoding": "gzip, deflate, br, zstd",
    "sec-fetch-dest": "document",
    "sec-fetch-mode": "navigate",
    "sec-fetch-site": "none",
}


async def site(_: Any, __: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"the page"})


ALONE = {name: {"mode": "off"} for name in ("rotation", "continued")}  # so many who look alike would be one to them
Asked = tuple[int, dict[bytes, bytes], str]


async def ask(guard: ScrapeGuard, address: str, method: str, path: str, body: bytes = b"", **more: str) -> Asked:
    """One request, by the ASGI alone: status, headers, body."""
    route, _, query = path.partition("?")
    headers = [(name.encode(), value.encode()) for name, value in (BROWSER | more).items()]
    scope = {
        "type": "http", "method": method, "scheme": "https", "path": route, "raw_path": route.encode(),
        "query_string": query.encode(), "client": (address, 5000), "headers": headers, "root_path": "",
    }  # fmt: skip
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": body}

    async def send(message: Any) -> None:
        sent.append(message)

    await guard(scope, receive, send)
    return sent[0]["status"], dict(sent[0]["headers"]), sent[1].get("body", b"").decode()


def solved(page: str) -> bytes:
    """The form that answers a challenge, solved by a solver made for that."""
    found = re.search(r'data-challenge="(.*?)"', page)
    assert found is not None, page
    challenge = json.loads(html.unescape(found[1]))
    solution = AltchaSolver().solve(challenge)
    answer = {"challenge": challenge, "solution": {name: solution[name] for name in ("counter", "derivedKey")}}
    work = base64.b64encode(json.dumps(answer).encode()).decode()
    return urlencode({"work": work, "to": "/item/1"}).encode()


async def costs(guard: ScrapeGuard, solves: int) -> tuple[float, float, float]:
    """CPU seconds of one pass: three requests of others, ours, the solver's. The clock is read rarely: it costs too."""
    visitors = [f"192.0.{number // 250}.{number % 250 + 1}" for number in range(solves)]
    others = [f"198.51.{number // 250}.{number % 250 + 1}" for number in range(solves)]
    began = time.process_time()
    for address in others:
        for number in range(3):
            assert (await ask(guard, address, "GET", f"/item/{number}", cookie="session=1"))[0] == 200
    plain = time.process_time() - began
    for address in visitors:
        await guard.parts.store.place(f"address:{address}", Rung.CHALLENGE, 900, time.time_ns() // 1000)

    began = time.process_time()
    pages = [(await ask(guard, address, "GET", "/item/1"))[2] for address in visitors]
    ours = time.process_time() - began
    began = time.process_time()
    forms = [solved(page) for page in pages]
    theirs = time.process_time() - began
    began = time.process_time()
    for address, form in zip(visitors, forms, strict=True):
        status, headers, _ = await ask(guard, address, "POST", "/.sg/pass", form)
        assert status == 303, status
        cookie = headers[b"set-cookie"].decode().partition(";")[0]
        assert (await ask(guard, address, "GET", headers[b"location"].decode(), cookie=cookie))[0] == 303
    ours += time.process_time() - began
    return plain / solves, ours / solves, theirs / solves


async def measure(solves: int, *, browser: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        tables = {"evidence": {"directory": folder}, "keeper": {"run": False}, "signals": ALONE}
        guard = ScrapeGuard(site, tables)
        await costs(guard, 1)
        plain, whole, theirs = await costs(guard, solves)
        await guard.close()
    settings = guard.parts.passes.settings
    ours = whole - plain
    print(f"{solves} solves, {settings.calculations} calculations at most, cost {settings.cost}; CPU for one pass:")
    print(f"  control, three requests    {1e3 * plain:9.3f} ms")
    print(f"  ours                       {1e3 * ours:9.3f} ms more")
    print(f"  altcha-solver              {1e3 * theirs:9.1f} ms   {theirs / ours:5.0f} : 1")
    if browser:
        with_one, without = chromium(solves)
        spent = with_one - without
        print(
            f"  headless Chromium          {1e3 * spent:9.1f} ms   {spent / ours:5.0f} : 1, and {without:.2f} s to load"
        )


def chromium(solves: int) -> tuple[float, float]:
    """Mean CPU seconds of a headless Chromium for a page with a challenge before it, and for one without."""
    sys.path[:0] = [str(TESTS), str(TESTS / "browsers")]
    from driving import Wanted, browser
    from test_browsers import CHALLENGED, shop

    found = []
    for options in (CHALLENGED, {**CHALLENGED, "challenge": 0}):
        with (
            tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
            shop(Path(folder) / "shop", options) as (_, url),
        ):
            taken = []
            for _ in range(min(solves, 8)):
                with browser(Wanted()) as window:
                    window.visit("about:blank")
                    before = family()
                    window.visit(url.format("127.0.0.1") + "/item/1")
                    window.wait_for("of the shop")
                    taken.append(family() - before)
            found.append(statistics.mean(taken))
    return found[0], found[1]


def family() -> float:
    """CPU seconds of all Chromium processes that descend from this one."""
    ticks, parents, seconds = os.sysconf("SC_CLK_TCK"), {}, {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            head, _, tail = path.read_text().rpartition(") ")
        except OSError:
            continue
        fields = tail.split()
        number = int(path.parent.name)
        parents[number] = int(fields[1])
        seconds[number] = (int(fields[11]) + int(fields[12])) / ticks if "chrom" in head else 0.0
    total = 0.0
    for number, spent in seconds.items():
        at = number
        while at in parents and at != os.getpid():
            at = parents[at]
        total += spent if at == os.getpid() else 0.0
    return total


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--solves", type=int, default=20)
    parser.add_argument("--browser", action="store_true")
    options = parser.parse_args()
    asyncio.run(measure(options.solves, browser=options.browser))
