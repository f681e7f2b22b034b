"""A log with one scraper and some people in it, exported, for tests of bundles."""

import asyncio
import random
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import building
from authority import Authority
from building import BLOCKED, FINE, FIREFOX, HELD, REFUSED, SLOWED, open_log, signal

from scrapeguard.evidence.capture import Capture, CaptureSettings
from scrapeguard.evidence.incidents import incidents
from scrapeguard.evidence.keeper import KeeperSettings
from scrapeguard.evidence.verify import Trust, trust
from scrapeguard.exports.bundle import Bundle, export
from scrapeguard.exports.container import pack
from scrapeguard.exports.keeping import Keeping
from scrapeguard.model import Facts, Outcome, Resource, Rung, Verdict

NOTICE = Verdict(Rung.ALLOW, Rung.ALLOW, "notice")
HOSTILE = "<script>alert(1)</script>\x1b[31m\u202e\udcff\x00'\"&"
NOTED = Verdict(Rung.ALLOW, Rung.ALLOW, "none", (signal(weight=1),), 1)  # seen, and served
PAGE = "<!doctype html><title>Item</title><p>Malachite, 3.9 g/cm³</p>\n".encode()
SPAN = 900 * building.SECOND  # the scene began so long ago, and is over
Files = dict[str, bytes]


def begun(ago: int = SPAN) -> int:
    return time.time_ns() // 1000 - ago


def exchange(facts: Facts, verdict: Verdict, status: int, body: bytes = PAGE, kind: bytes = b"text/html") -> str:
    """An exchange as it is captured."""

    async def sent(_: object) -> None: ...

    headers = [(b"host", b"shop.example"), (b"user-agent", b"catalogue-bot/1.0"), (b"cookie", b"sid=5ecret")]
    capture = Capture(CaptureSettings(exchanges=9, bytes=1024))
    tape = capture.begin(facts, verdict, {"http_version": "1.1", "headers": headers}, sent)
    assert tape is not None
    answer = [(b"content-type", kind), (b"set-cookie", b"sid=5ecret"), (b"content-length", b"%d" % len(body))]
    asyncio.run(tape({"type": "http.response.start", "status": status, "headers": answer}))
    asyncio.run(tape({"type": "http.response.body", "body": body}))
    return tape.told()


def scene(folder: Path, start: int | None = None, leave_out: int = 0) -> None:
    """People read; a scraper asks robots.txt, takes 320 objects in four runs, each ended by a measure it runs into.

    `start` is when it began (a quarter of an hour ago), `leave_out` how many of the scraper's objects are not recorded.
    """
    chance, zero = random.Random(1), begun() if start is None else start

    def facts(second: float, *words: str, **more: object) -> Facts:
        made = building.facts(second, *words, **more)  # type: ignore[arg-type]
        return replace(made, time=made.time - building.START + zero)

    log = open_log(folder)
    for person in range(10):
        for number in range(20):
            path = f"/item/{chance.randrange(400)}"
            log.request(facts(number * 7 + person, path, f"198.51.100.{person}"), FINE, Outcome(200, 900, 80, True))
    second, item = 0.0, leave_out
    log.request(facts(0, "/robots.txt", resource=Resource.NOTICE), NOTICE, Outcome(200, 64, 90, True))
    for run in range(4):
        for _ in range(80 if run or not leave_out else 80 - leave_out):
            second, item = second + chance.random(), item + 1
            log.request(
                facts(
                    second,
                    f"/item/{item}",
                    raw=FIREFOX if run else "catalogue-bot/1.0",
                    resource=Resource.PAGE if item % 5 else Resource.DATA,
                    forbidden="Disallow: /item/2" if str(item).startswith("2") else "",
                    reference=f"7H2K-{item:04}",
                ),
                FINE,
                Outcome(200 if item % 17 else 404, chance.randrange(2000, 30_000), 800, complete=True),
            )
        second += 0.5
        met = BLOCKED if run else SLOWED
        for when, verdict, status in ((second - 0.2, NOTED, 200), (second, met, 403)):  # these two are captured
            asked = facts(when, f"/item/{item}", reference=f"9QXA-{run:04}", query="page=2&token=5ecret")
            body = PAGE * (40 if run == 1 else 1)
            outcome = Outcome(status, len(body), 700, complete=True)
            log.request(asked, verdict, outcome, exchange=exchange(asked, verdict, status, body))
        for _ in range(12):
            second += 1.3
            log.request(facts(second, f"/item/{item}"), HELD, REFUSED)
        second += 30 + chance.random() * 30
    log.request(facts(second, f"/item/{HOSTILE}", raw=HOSTILE, forbidden=HOSTILE), BLOCKED, REFUSED)
    log.close()


def keeping(url: str = "", authority: Authority | None = None) -> Keeping:
    """Who keeps the scene's log; `url` is where the authority is asked."""
    settings = KeeperSettings(site="shop.example", host="web1")
    if authority is not None:
        settings = replace(settings, authorities=(url,), authority_roots=(str(authority.root),))
    return Keeping(settings)


def exported(folder: Path, kept: Keeping | None = None) -> Bundle:
    """The one incident of `folder`/evidence, exported to `folder`/bundle.zip."""
    (found,) = incidents(folder / "evidence")
    return export(folder / "evidence", found.found, folder / "bundle.zip", 30, kept or keeping())


def bundled(folder: Path, kept: Keeping | None = None) -> Bundle:
    """The one incident of `scene`, exported."""
    scene(folder / "evidence")
    return exported(folder, kept)


def brought(bundle: Bundle, authority: Authority | None = None, **more: int) -> Trust:
    """What a reader has by another road."""
    return trust([bundle.key], [str(authority.root)] if authority else [], [], **more)


def unpacked(bundle: Path) -> Files:
    with zipfile.ZipFile(bundle) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(files: Files, folder: Path) -> Path:
    """The files in a zip of the right layout, so that only their content can be wrong."""
    place = folder / f"packed-{len(list(folder.iterdir()))}"
    for name, data in files.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    out = place.with_suffix(".zip")
    pack(place, out)
    return out
