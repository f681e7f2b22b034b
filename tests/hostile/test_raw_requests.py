"""Raw bytes on the wire, valid and broken: never a traceback, never a 5xx, and the server goes on."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from serving import Served, serve

DATA = Path(os.environ.get("SCRAPEGUARD_DATA") or Path(__file__).parents[3] / "shared" / "data")
REQUESTS = DATA / "bad-requests" / "gunicorn"
CONFIG = '[facts]\ntrusted_proxies = ["127.0.0.1"]\n'
SITE = """
from common_site import site
from scrapeguard import ScrapeGuard
import os
application = ScrapeGuard(site, config=os.environ["GUARD_CONFIG"])
"""
ODD = {
    "an agent of 8 KB": b"GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: " + b"Mozilla/5.0 (" * 630 + b"\r\n\r\n",
    "an agent that is no UTF-8": b"GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: \xff\xfe\xc3\x28\x80\r\n\r\n",
    "500 headers": b"GET / HTTP/1.1\r\nHost: a\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(500)) + b"\r\n",
    "500 equal headers": b"GET / HTTP/1.1\r\nHost: a\r\n" + b"User-Agent: x\r\n" * 500 + b"\r\n",
    "20,000 forwarders": b"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: " + b"1.2.3.4," * 20_000 + b"\r\n\r\n",
    "forwarders of junk": b"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: ,, ;[::\xff%]:99999, 1.2.3.4.5,\t\r\n\r\n",
    "a mapped forwarder": b"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: ::ffff:192.0.2.7\r\n\r\n",
    "a path with NUL": b"GET /%00/../%2e%2e/%zz%f HTTP/1.1\r\nHost: a\r\n\r\n",
    "a path that is no UTF-8": b"GET /\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n",
    "a path of 30 KB": b"GET /" + b"a/" * 15_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    "a query of junk": b"GET /?%00&&==&%ff=%&page=" + b"9" * 5_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    "an absolute target": b"GET http://b\xe4d:x@/[ HTTP/1.1\r\nHost: a\r\n\r\n",
    "a host of junk": b"GET / HTTP/1.1\r\nHost: [::1]:x:y\x7f\r\n\r\n",
    "no host": b"GET / HTTP/1.0\r\n\r\n",
    "a referer and cookies of junk": b"GET / HTTP/1.1\r\nHost: a\r\nReferer: \x80:\r\nCookie: ;;=;\xff=\r\n\r\n",
    "robots.txt with a body": b"GET /robots.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    "TLS on a plain port": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)),
}


@pytest.fixture(scope="module", params=["httptools", "h11"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "guarded.py").write_text(SITE, "utf-8")
    (folder / "common_site.py").write_text(Path(__file__).with_name("calling.py").read_text("utf-8"), "utf-8")
    with serve("guarded:application", folder, CONFIG, extra=(f"--http={request.param}",)) as running:
        yield running


def unharmed(served: Served) -> None:
    assert served.get("/robots.txt").status == 200
    assert "Traceback" not in served.log(), served.log()


@pytest.mark.parametrize("what", ODD)
def test_an_odd_request_is_answered_without_harm(served: Served, what: str) -> None:
    answer = served.raw(ODD[what])
    assert not answer or answer.startswith(b"HTTP/1.1 ")
    assert answer[9:10] in (b"", b"2", b"4"), answer[:200]
    unharmed(served)


@pytest.mark.skipif(not REQUESTS.is_dir(), reason=f"{REQUESTS} is missing: no collection of bad requests to send")
def test_a_collection_of_valid_and_invalid_requests_does_no_harm(served: Served) -> None:
    files = sorted(REQUESTS.rglob("*.http"))
    assert len(files) > 100
    for file in files:
        answer = served.raw(wire(file.read_bytes()), patience=0.5)
        assert answer[9:10] in (b"", b"1", b"2", b"4"), (file.name, answer[:200])
    unharmed(served)


def wire(text: bytes) -> bytes:
    """A request of the collection as sent: the files spell control characters out and have line ends for reading."""
    for written, meant in ((b"\n", b""), (rb"\r\n", b"\r\n"), (rb"\0", b"\0"), (rb"\n", b"\n"), (rb"\t", b"\t")):
        text = text.replace(written, meant)
    return text


def test_the_evidence_of_it_all_is_one_json_object_a_line(served: Served) -> None:
    served.raw(b'GET /"%0a{}\\ HTTP/1.1\r\nHost: a\r\nUser-Agent: "\\u2028\t}{\r\n\r\n')
    for file in (served.folder / "evidence").rglob("*.jsonl"):
        data = file.read_bytes()
        assert data.endswith(b"\n")
        assert all(isinstance(json.loads(line), dict) for line in data.splitlines() if not line.startswith(b"~"))
