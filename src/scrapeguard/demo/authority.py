"""The demo's own time-stamping authority (RFC 3161): `openssl ts` behind HTTP on loopback, with a root of its own.

It stands for somebody else: a real one is run by another party, and its root is known from elsewhere.
"""

import asyncio
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from scrapeguard.demo.serving import served

ROOT = "authority-root.pem"
PATIENCE = 20  # seconds for one command
LONGEST = 10_000  # bytes of a query
CONFIG = """
[ tsa ]
default_tsa = one
[ one ]
serial = serial
crypto_device = builtin
signer_cert = tsa.pem
certs = root.pem
signer_key = tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""
EXTENSIONS = "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
EXTENSIONS += "extendedKeyUsage=critical,timeStamping\n"
NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout")


@dataclass(frozen=True, slots=True)
class Stamping:
    """Where it is asked, and the certificate to check its answers against."""

    url: str
    root: Path


@contextmanager
def stamping(folder: Path) -> Iterator[Stamping | None]:
    """Run the authority while the block lasts, its root kept in `folder`; None when openssl is missing or refuses."""
    with tempfile.TemporaryDirectory(prefix="demo-authority-") as place:
        if not _made(Path(place)):
            yield None
            return
        root = folder / ROOT
        root.write_bytes((Path(place) / "root.pem").read_bytes())
        with served(_app(Path(place)), "demo-authority") as port:
            yield Stamping(f"http://127.0.0.1:{port}/", root.absolute())


def _made(place: Path) -> bool:
    """Make the authority's certificates and keys."""
    (place / "extensions").write_text(EXTENSIONS)
    (place / "config").write_text(CONFIG)
    (place / "serial").write_text("01\n")
    usage = ("-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    issue = ("-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial", "-extfile", "extensions", "-out", "tsa.pem")
    root, own = "/CN=Demo Time Stamping Root", "/CN=Demo Time Stamping"
    return (
        _openssl(place, "req", "-x509", *NEW_KEY, "root.key", "-out", "root.pem", "-days", "30", "-subj", root, *usage)
        and _openssl(place, "req", *NEW_KEY, "tsa.key", "-out", "tsa.csr", "-subj", own)
        and _openssl(place, "x509", "-req", "-in", "tsa.csr", "-days", "30", *issue)
    )


def _openssl(place: Path, *arguments: str) -> bool:
    program = shutil.which("openssl")
    if program is None:
        return False
    try:
        command = [program, *arguments]
        done = subprocess.run(command, cwd=place, capture_output=True, timeout=PATIENCE, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _app(place: Path) -> Starlette:
    turn = asyncio.Lock()

    async def stamp(request: Request) -> Response:
        query = (await request.body())[:LONGEST]
        async with turn:
            reply = await asyncio.to_thread(_reply, place, query)
        return Response(reply, 200 if reply else 500, media_type="application/timestamp-reply")

    return Starlette(routes=[Route("/", stamp, methods=["POST"])])


def _reply(place: Path, query: bytes) -> bytes:
    """The answer to a query; nothing when openssl does not give one."""
    (place / "query").write_bytes(query)
    asked = ("ts", "-reply", "-config", "config", "-section", "one", "-queryfile", "query", "-out", "reply")
    return (place / "reply").read_bytes() if _openssl(place, *asked) else b""
