"""A log with one scraper and some people in it, exported, for tests of bundles."""

import random
import zipfile
from pathlib import Path

from building import BLOCKED, FINE, FIREFOX, HELD, REFUSED, SLOWED, facts, open_log
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from scrapeguard.evidence.canonical import canonical, digest
from scrapeguard.evidence.incidents import incidents
from scrapeguard.evidence.signing import public_pem
from scrapeguard.exports.bundle import Bundle, export
from scrapeguard.exports.container import pack
from scrapeguard.model import Outcome, Resource, Rung, Verdict

NOTICE = Verdict(Rung.ALLOW, Rung.ALLOW, "notice")
HOSTILE = "<script>alert(1)</script>\x1b[31m\u202e\udcff\x00'\"&"


def scene(folder: Path) -> None:
    """People read; a scraper asks robots.txt, takes 320 objects in four runs, each ended by a measure it runs into."""
    chance = random.Random(1)
    log = open_log(folder)
    for person in range(10):
        for number in range(20):
            path = f"/item/{chance.randrange(400)}"
            log.request(facts(number * 7 + person, path, f"198.51.100.{person}"), FINE, Outcome(200, 900, 80, True))
    second, item = 0.0, 0
    log.request(facts(0, "/robots.txt", resource=Resource.NOTICE), NOTICE, Outcome(200, 64, 90, True))
    for run in range(4):
        for _ in range(80):
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
        log.request(facts(second, f"/item/{item}", reference=f"9QXA-{run:04}"), BLOCKED if run else SLOWED, REFUSED)
        for _ in range(12):
            second += 1.3
            log.request(facts(second, f"/item/{item}"), HELD, REFUSED)
        second += 30 + chance.random() * 30
    log.request(facts(second, f"/item/{HOSTILE}", raw=HOSTILE, forbidden=HOSTILE), BLOCKED, REFUSED)
    log.close()


def bundled(folder: Path) -> Bundle:
    """The one incident of `scene`, exported."""
    scene(folder / "evidence")
    (found,) = incidents(folder / "evidence")
    return export(folder / "evidence", found, folder / "bundle.zip", 30)


Files = dict[str, bytes]


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


def resealed(files: Files, key: Ed25519PrivateKey) -> Files:
    """The files with digests, manifest and signature made anew, as somebody with a key would."""
    made = ("manifest.json", "manifest.sig", "sha256sums.txt")
    kept = {name: data for name, data in files.items() if name not in made}
    kept["keys/signer.pem"] = public_pem(key)
    sums = "".join(f"{digest(kept[name])}  {name}\n" for name in sorted(kept)).encode()
    kept["sha256sums.txt"] = sums
    told = {name: {"sha256": digest(data), "size": len(data)} for name, data in kept.items()}
    kept["manifest.json"] = canonical({"files": told, "format": "scrapeguard-bundle/1", "incident": "x"}).encode()
    kept["manifest.sig"] = key.sign(kept["manifest.json"])
    return kept
