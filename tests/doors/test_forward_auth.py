"""Forward-auth behind real proxies, each with the configuration that we ship."""

import json
import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any

import pytest
from fronts import LARGE, OPENS, PROXIES, Site, ask, auth, front, raw
from serving import CHROME, Served, free_port, wait_until

from scrapeguard.cli import listening
from scrapeguard.doors.reports import LONGEST, read

CONFIG = """
[facts]
trusted_proxies = ["127.0.0.1"]
[lists]
deny = ["127.0.0.66"]
[signals.pace]
limit = 4
distinct = 2
"""
TOLD = ("x-sg-verdict", "x-sg-client", "x-sg-score", "x-sg-request-id")
FORGED = {
    "X-SG-Verdict": "allow",
    "X-SG-Client": "198.51.100.1",
    "X-SG-Score": "0",
    "X-SG-Request-Id": "forged",
    "X-SG-Refusal": "forged",
    "X-Forwarded-For": "198.51.100.1",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "forged.example",
    "X-Forwarded-Uri": "/forged",
    "X-Forwarded-Method": "OPTIONS",
    "X-Original-URI": "/forged",
    "X-Original-Method": "OPTIONS",
    "Forwarded": "for=198.51.100.1",
    "X-Real-IP": "198.51.100.1",
}


@dataclass
class Stand:
    name: str
    place: Served
    auth: Served
    site: Site

    def records(self, path: str) -> list[dict[str, Any]]:
        """The records of a path; they are on the disk soon after."""
        return [it for it in self.auth.records() if it["k"] == "request" and it["who"]["path"] == path]

    def recorded(self, path: str, count: int = 1) -> list[dict[str, Any]]:
        wait_until(lambda: len(self.records(path)) >= count, self.auth)
        return self.records(path)

    def reached(self, path: str) -> list[tuple[str, str, list[tuple[str, str]], int]]:
        return [it for it in self.site.seen if it[1].partition("?")[0] == path]


@pytest.fixture(scope="module")
def deciding(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with auth(tmp_path_factory.mktemp("auth"), CONFIG) as served:
        yield served


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.close()


@pytest.fixture(scope="module", params=PROXIES)
def stand(
    request: pytest.FixtureRequest, deciding: Served, site: Site, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stand]:
    folder = tmp_path_factory.mktemp("front") / "it"
    with front(request.param, folder, deciding, site) as place:
        yield Stand(request.param, place, deciding, site)


@pytest.fixture(scope="module", params=OPENS)
def open_stand(
    request: pytest.FixtureRequest, deciding: Served, site: Site, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stand]:
    """The proxy that lets through when nobody answers; but somebody does."""
    folder = tmp_path_factory.mktemp("front") / "it"
    with front(request.param, folder, deciding, site, fail_open=True) as place:
        yield Stand(request.param, place, deciding, site)


def address(stand: Stand, test: int) -> str:
    """An address of the loopback that no other proxy and test has, so that counts are their own."""
    return f"127.0.{PROXIES.index(stand.name) + 1}.{test}"


def told(head: list[tuple[str, str]]) -> dict[str, str]:
    """What the site is told; each exactly once."""
    values = [(name, value) for name, value in head if name.startswith("x-sg-")]
    assert len(values) == len(dict(values)), values
    return dict(values)


def score(record: dict[str, Any]) -> str:
    return str(record["what"]["verdict"]["score"])


def test_what_is_allowed_reaches_the_site_with_all_that_was_decided(stand: Stand) -> None:
    path, who = f"/{stand.name}/allowed", address(stand, 1)
    answer = ask(stand.place, "GET", path, who, CHROME)
    assert (answer.status, answer.text) == (200, b"the site")
    (head,) = [it[2] for it in stand.reached(path)]
    (record,) = stand.recorded(path)
    values = told(head)
    assert [values.get(name) for name in TOLD] == ["allow", who, score(record), record["what"]["ref"]]
    assert record["who"]["address"] == who
    assert record["what"]["method"] == "GET"


def test_a_body_reaches_the_site_and_is_not_sent_with_the_question(stand: Stand) -> None:
    path = f"/{stand.name}/posted"
    assert ask(stand.place, "POST", path, address(stand, 2), CHROME, b"x" * 300_000).status == 200
    assert [(it[0], it[3]) for it in stand.reached(path)] == [("POST", 300_000)]
    assert stand.recorded(path)[0]["what"]["method"] == "POST"


def test_a_head_request_is_recorded_as_one(stand: Stand) -> None:
    path = f"/{stand.name}/head"
    answer = ask(stand.place, "HEAD", path, address(stand, 3), CHROME)
    assert (answer.status, answer.text) == (200, b"")
    assert stand.recorded(path)[0]["what"]["method"] == "HEAD"


def test_a_visitor_can_forge_nothing(stand: Stand) -> None:
    path, who = f"/{stand.name}/forged", address(stand, 4)
    assert ask(stand.place, "GET", path, who, CHROME | FORGED).status == 200
    (record,) = stand.recorded(path)
    assert (record["who"]["address"], record["what"]["method"]) == (who, "GET")
    assert record["what"]["host"] == "127.0.0.1"
    values = told(stand.reached(path)[0][2])
    assert [values.get(name) for name in TOLD] == ["allow", who, score(record), record["what"]["ref"]]
    assert not stand.records("/forged")


def test_odd_bytes_of_the_target_are_judged_as_they_were_sent(stand: Stand) -> None:
    path, query = f"/{stand.name}/a%20b/..%2F%C3%28//c", "q=%00&x='(*)&y=%ff%FE&z=a+b?c"
    assert ask(stand.place, "GET", f"{path}?{query}", address(stand, 5), CHROME).status == 200
    assert stand.recorded(path)[0]["who"]["query"] == query


def test_a_refusal_is_the_visitors_answer_and_is_counted_once(stand: Stand) -> None:
    who = address(stand, 6)
    paths = [f"/{stand.name}/many/{number}" for number in range(8)]
    answers = [ask(stand.place, "GET", path, who, {"User-Agent": "tool/1"}) for path in paths]
    statuses = [answer.status for answer in answers]
    first = statuses.index(429)
    assert statuses == [200] * first + [429] * (8 - first)
    for path, answer in list(zip(paths, answers, strict=True))[first:]:
        problem = json.loads(answer.text)
        assert answer.getheader("Content-Type") == "application/problem+json"
        assert answer.getheader("Cache-Control") == "no-store"
        assert int(answer.getheader("Retry-After", "")) == problem["retry_after"] > 0
        assert problem["status"] == 429
        assert problem["reasons"]
        assert not stand.reached(path)
        (record,) = stand.recorded(path)
        assert record["what"]["ref"] == problem["reference"]
        assert record["what"]["status"] == 429


def test_a_person_gets_a_page_and_a_post_or_head_is_refused_alike(stand: Stand) -> None:
    who = "127.0.0.66"
    page = ask(stand.place, "GET", f"/{stand.name}/page", who, CHROME)
    assert page.status == 403
    assert page.getheader("Content-Type") == "text/html; charset=utf-8"
    assert b"<html" in page.text
    posted = ask(stand.place, "POST", f"/{stand.name}/page", who, CHROME, b"x" * 1000)
    assert (posted.status, b"<html" in posted.text) == (403, True)
    head = ask(stand.place, "HEAD", f"/{stand.name}/page", who, CHROME)
    assert (head.status, head.text) == (403, b"")
    assert not stand.reached(f"/{stand.name}/page")
    assert [it["what"]["method"] for it in stand.recorded(f"/{stand.name}/page", 3)] == ["GET", "POST", "HEAD"]


def test_robots_txt_is_told_to_everybody(stand: Stand) -> None:
    for who in ("127.0.0.66", address(stand, 7)):
        answer = ask(stand.place, "GET", "/robots.txt", who, CHROME)
        assert answer.status == 200
        assert b"User-agent: *" in answer.text
    assert not stand.reached("/robots.txt")


def test_what_the_questions_own_paths_are_called_is_no_secret_door(stand: Stand) -> None:
    for path in ("/_scrapeguard", "/check?mode=generic", "/render", "/envoy/x", "/healthz"):
        assert ask(stand.place, "GET", path, "127.0.0.66", CHROME).status in (403, 404), path


@pytest.mark.parametrize("name", PROXIES)
def test_nobody_is_let_through_when_the_decision_service_is_down(name: str, site: Site, tmp_path: Path) -> None:
    with front(name, tmp_path / "it", None, site) as place:
        path = f"/{name}/closed"
        answer = ask(place, "GET", path, "127.0.0.1", CHROME | FORGED)
        assert answer.status in (500, 502, 503)
        assert path not in [it[1] for it in site.seen]


@pytest.mark.parametrize("name", OPENS)
def test_who_fails_open_says_so_and_passes_nothing_on_that_was_forged(name: str, site: Site, tmp_path: Path) -> None:
    with front(name, tmp_path / "it", None, site, fail_open=True) as place:
        path = f"/{name}/open"
        assert ask(place, "POST", path, "127.0.0.1", CHROME | FORGED, b"x" * 100_000).status == 200
        (head,) = [it[2] for it in site.seen if it[1] == path]
        assert {name: value for name, value in told(head).items() if name in TOLD} == {"x-sg-verdict": "unjudged"}


def test_to_fail_open_lets_nobody_through_who_is_refused(open_stand: Stand) -> None:
    paths = [f"/{open_stand.name}/trap/{number}" for number in range(8)]
    statuses = [ask(open_stand.place, "GET", path, address(open_stand, 8), {}).status for path in paths]
    assert statuses[-1] == 429
    assert ask(open_stand.place, "GET", f"/{open_stand.name}/trap", "127.0.0.66", {}).status == 403
    assert len([path for path in paths if open_stand.reached(path)]) == statuses.count(200) < 8


@pytest.mark.parametrize("odd", [b"X-Odd: \x01\x02", b"X-Odd: " + b"\xe9" * 6000, b"X-Odd\x80: a", b"X(Odd): a"])
def test_no_header_makes_the_question_fail_so_that_it_is_open(open_stand: Stand, odd: bytes) -> None:
    """A blocked visitor sends what the proxy may pass on and the decision service may not like."""
    path = f"/{open_stand.name}/odd"
    request = b"GET %b HTTP/1.1\r\nHost: 127.0.0.1\r\n%b\r\nConnection: close\r\n\r\n" % (path.encode(), odd)
    assert b" 200 " not in raw(open_stand.place, request, "127.0.0.66").partition(b"\r\n")[0]
    assert not open_stand.reached(path)


def test_no_length_of_a_reason_makes_the_question_fail_so_that_it_is_open(open_stand: Stand) -> None:
    """The reasons of a refusal name the agent; nginx has one page of memory for the headers of an answer."""
    paths = [f"/{open_stand.name}/long/{number}" for number in range(8)]
    agent = {"User-Agent": "\u00e9" * 4000}
    answers = [ask(open_stand.place, "GET", path, address(open_stand, 9), agent) for path in paths]
    assert answers[-1].status == 429
    assert json.loads(answers[-1].text)["reference"]


def fastcgi(deciding: Served, data: bytes, address: str = "127.0.0.1") -> bytes:
    """Bytes to the FastCGI port as they are, and what comes back."""
    port = int((deciding.folder / "fastcgi").read_text("utf-8"))
    return raw(Served(port, deciding.folder, deciding.process), data, address)


def question(**params: str) -> bytes:
    """A FastCGI request: begin as an authorizer, CGI variables, and their end."""
    pairs = b"".join(bytes((len(k), len(v))) + k.encode() + v.encode() for k, v in params.items())
    parts = ((1, b"\0\2\0\0\0\0\0\0"), (4, pairs), (4, b""))
    return b"".join(b"\1" + bytes((kind, 0, 1, len(data) >> 8, len(data) & 255, 0, 0)) + data for kind, data in parts)


ASKED = {"REQUEST_URI": "/fastcgi", "REQUEST_METHOD": "GET", "REMOTE_ADDR": "192.0.2.1"}


def test_only_a_trusted_proxy_is_answered_in_fastcgi(deciding: Served) -> None:
    assert b"Status: 200\r\n" in fastcgi(deciding, question(**ASKED))
    assert b"Status: 403\r\n" in fastcgi(deciding, question(**ASKED), "127.0.4.77")
    assert b"Status: 403\r\n" in fastcgi(deciding, question(**{**ASKED, "REMOTE_ADDR": "127.0.0.66"}))
    assert b"Status: 403\r\n" in fastcgi(deciding, question(REQUEST_URI="/", REMOTE_ADDR="192.0.2.1"))


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\1\4\0\1\0\2\0\0\xff\xff\1\4\0\1\0\0\0\0",  # a length of four bytes that are not there
        b"\1\4\0\1\0\2\0\0\x05\x05\1\4\0\1\0\0\0\0",  # a name that is longer than all there is
        (b"\1\4\0\1\xff\xff\0\0" + b"a" * 65_535) * 2,
    ],
)
def test_what_is_no_fastcgi_is_not_answered_and_harms_nobody(deciding: Served, garbage: bytes) -> None:
    with suppress(ConnectionResetError):  # closed while there was more to read
        assert fastcgi(deciding, garbage) == b""
    assert b"Status: 200\r\n" in fastcgi(deciding, question(**ASKED))
    assert "Traceback" not in deciding.log()


@pytest.fixture
def hearing(request: pytest.FixtureRequest) -> Iterator[str]:
    """Where reports are heard, as a proxy can send them: the path of a socket, which has to be short, or udp://…."""
    if request.param == "udp":
        yield f"udp://127.0.0.1:{free_port()}"
        return
    folder = Path(mkdtemp(prefix="sg-"))
    yield str(folder / "s")
    rmtree(folder)


@pytest.mark.parametrize(
    ("name", "hearing"),
    [("nginx", "unix"), ("haproxy", "unix"), ("caddy", "udp"), ("apache2", "udp")],
    indirect=["hearing"],
)
def test_what_the_site_answered_comes_back_where_the_proxy_reports_it(
    name: str, hearing: str, site: Site, tmp_path: Path
) -> None:
    with (
        auth(tmp_path / "auth", CONFIG, hearing) as deciding,
        front(name, tmp_path / "it", deciding, site, reports=hearing) as place,
    ):
        stand = Stand(name, place, deciding, site)
        sent = {"X-SG-Request-Id": "0000-0000-0000", "User-Agent": "sg=0000-0000-0000 200 5"}
        for method, path in (("GET", "/found"), ("GET", "/missing/1"), ("HEAD", "/head")):
            ask(place, method, path, "127.0.6.1", CHROME | sent)
        told = [stand.recorded(path)[0]["what"] for path in ("/found", "/missing/1", "/head")]
        assert [(it["status"], it["bytes"], it["complete"]) for it in told] == [
            (200, 8, True),
            (404, 8, True),
            (200, 0, True),
        ]
        assert ask(place, "GET", "/x", "127.0.0.66", CHROME).status == 403
        request = b"GET /large HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: a\r\n\r\n"
        with socket.create_connection(("127.0.0.1", place.port), source_address=("127.0.6.2", 0)) as line:
            line.sendall(request)
            assert line.recv(1000)
        (cut,) = stand.recorded("/large")
        assert cut["what"]["status"] == 200
        assert cut["what"]["bytes"] < len(LARGE)
        assert cut["what"]["complete"] is (name == "caddy")  # which does not say so


@pytest.mark.parametrize("name", ["caddy", "apache2"])
def test_who_reports_goes_on_when_nobody_hears_it_for_a_while(name: str, site: Site, tmp_path: Path) -> None:
    """Neither does the proxy need somebody there when it starts, nor is a visitor kept waiting for it."""
    hearing = f"udp://127.0.0.1:{free_port()}"
    with auth(tmp_path / "auth", CONFIG) as deaf, front(name, tmp_path / "it", deaf, site, reports=hearing) as place:
        for number in range(3):
            assert ask(place, "GET", f"/unheard/{number}", "127.0.6.2", CHROME).status == 200
        with closing(listening.bind_datagrams(hearing)) as heard:
            heard.settimeout(0.2)
            found = None
            for number in range(20):
                ask(place, "GET", f"/heard/{number}", f"127.0.6.{number + 3}", CHROME)
                with suppress(TimeoutError):
                    found = read(heard.recv(LONGEST))
                if found:
                    break
            assert found is not None, place.log()
            assert (found.status, found.size, found.whole) == (200, 8, True)


@pytest.mark.parametrize("hearing", ["unix", "udp"], indirect=True)
def test_a_report_that_does_not_come_or_is_garbage_loses_no_record(hearing: str, tmp_path: Path) -> None:
    with auth(tmp_path / "auth", CONFIG, hearing) as deciding:
        question = {"X-Original-URI": "/unreported", "X-Original-Method": "GET", "X-Forwarded-For": "192.0.2.1"}
        answer = ask(deciding, "GET", "/check?mode=nginx", "127.0.0.1", question)
        assert answer.status == 200
        garbage = (b"", b"\xff" * 5000, b"sg=0000-0000-0000 200 5", b"sg=a", b"sg=0000-0000-0000 999999 5", b"{" * 9000)
        unix = hearing.startswith("/")
        with socket.socket(socket.AF_UNIX if unix else socket.AF_INET, socket.SOCK_DGRAM) as line:
            for data in garbage:
                line.sendto(data, hearing if unix else ("127.0.0.1", int(hearing.rpartition(":")[2])))
        deciding.stop()
        (record,) = [it for it in deciding.records() if it["k"] == "request"]
        assert (record["what"]["status"], record["what"]["complete"]) == (0, False)
        assert "Traceback" not in deciding.log()


NOTICES = """
[notices]
url = "https://shop.example"
owner = "Shop"
contact = "mailto:legal@shop.example"
security_expires = "2099-01-01T00:00:00Z"
terms_url = "/terms"
publish = ["tdm", "license", "terms", "security"]
headers = ["link", "tdm", "usage", "robots-tag"]
"""
ADDED = ("link", "tdm-reservation", "content-usage", "x-robots-tag")


@pytest.fixture(scope="module")
def publishing(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A decision service that has much to tell robots, and knows the site."""
    config = CONFIG + NOTICES
    with auth(tmp_path_factory.mktemp("auth"), config, upstream=f"http://127.0.0.1:{site.port}") as served:
        yield served


@pytest.mark.parametrize("name", PROXIES)
def test_the_sites_answers_tell_robots_what_is_published(
    name: str, publishing: Served, site: Site, tmp_path: Path
) -> None:
    """Once each; what the site says itself stays; a refusal and a robots.txt tell nothing in headers."""
    who = f"127.0.8.{PROXIES.index(name) + 1}"
    with front(name, tmp_path / "it", publishing, site) as place:
        answer = ask(place, "GET", f"/{name}/page", who, CHROME)
        assert answer.status == 200
        said = {it: answer.headers.get_all(it) for it in ADDED}
        assert said["tdm-reservation"] == ["1"]
        assert said["content-usage"] == ["train-ai=n, search=y"]
        assert [len(value or ()) for value in said.values()] == [1, 1, 1, 1]
        assert 'rel="terms-of-service"' in str(said["link"])
        assert 'rel="license"' in str(said["link"])
        own = ask(place, "GET", f"/own/{name}", who, CHROME)
        assert (own.headers.get_all("tdm-reservation"), own.headers.get_all("x-robots-tag")) == (["0"], ["noindex"])
        assert "<https://shop.example/next>" in str(own.headers.get_all("link"))
        assert 'rel="license"' in str(own.headers.get_all("link"))
        assert ask(place, "GET", f"/missing/{name}", who, CHROME).headers.get_all("tdm-reservation") == ["1"]
        assert ask(place, "GET", "/", "127.0.0.66", CHROME).headers.get_all("tdm-reservation") is None
        assert not [it for _, path, head, _ in site.seen if path == f"/{name}/page" for it in head if "notice" in it[0]]


def test_without_notices_nothing_is_added(stand: Stand) -> None:
    answer = ask(stand.place, "GET", f"/{stand.name}/silent", address(stand, 12), CHROME)
    assert [it for it in (*ADDED, "tdm-policy") if answer.getheader(it) is not None] == []


@pytest.mark.parametrize("name", PROXIES)
def test_every_notice_is_told_to_everybody_where_the_proxys_lines_for_it_are_switched_on(
    name: str, publishing: Served, site: Site, tmp_path: Path
) -> None:
    """And nothing beside them: what only looks like one is judged, and the site's."""
    notices = {
        "/robots.txt": ("text/plain", b"User-agent: *"),
        "/.well-known/tdmrep.json": ("application/json", b'"tdm-reservation"'),
        "/.well-known/security.txt": ("text/plain", b"Contact: mailto:legal@shop.example"),
        "/terms": ("text/html", b"<html"),
        "/.sg/license.xml": ("application/rsl+xml", b"<rsl"),
    }
    with front(name, tmp_path / "it", publishing, site, notices=True) as place:
        site.seen.clear()
        for who in ("127.0.0.66", f"127.0.9.{PROXIES.index(name) + 1}"):
            for path, (kind, text) in notices.items():
                answer = ask(place, "GET", path, who, CHROME)
                assert answer.status == 200, path
                assert answer.getheader("Content-Type", "").startswith(kind), path
                assert text in answer.text, path
                assert ask(place, "HEAD", path, who, CHROME).status == 200, path
        assert [it[1] for it in site.seen if it[1] != "/robots.txt"] == []
        site.seen.clear()
        near = ("/.well-known/tdmrep.jsonx", "/.well-known/securityxtxt", "/termsx", "/.well-known/")
        for place_in_row, path in enumerate(near):
            assert ask(place, "GET", path, "127.0.0.66", CHROME).status == 403, path
            passing = f"127.0.{10 + PROXIES.index(name)}.{place_in_row + 1}"
            assert ask(place, "GET", path, passing, CHROME).status == 200, path
        assert {it[1] for it in site.seen} - {"/robots.txt"} == set(near)
    stand = Stand(name, place, publishing, site)
    assert {it["what"]["verdict"]["cause"] for it in stand.recorded("/terms", 4)} == {"notice"}


@pytest.mark.parametrize("name", PROXIES)
def test_the_sites_own_robots_txt_is_told_as_it_is_and_what_it_forbids_is_known(
    name: str, publishing: Served, site: Site, tmp_path: Path
) -> None:
    site.robots = b"User-agent: *\nDisallow: /private\n# of the site\n"
    with front(name, tmp_path / "it", publishing, site) as place:
        for who in ("127.0.0.66", "127.0.7.1"):
            answer = ask(place, "GET", "/robots.txt", who, CHROME)
            assert (answer.status, answer.text) == (200, site.robots)
        assert ask(place, "GET", "/.sg/license.xml", "127.0.0.66", CHROME).status == 200
    stand = Stand(name, place, publishing, site)
    assert [it["what"]["verdict"]["cause"] for it in stand.recorded("/robots.txt", 2)][:2] == ["notice"] * 2
    site.robots = None


def test_a_site_that_is_known_is_asked_for_its_robots_txt_before_anybody_is_held_to_it(
    site: Site, tmp_path: Path
) -> None:
    site.robots = b"User-agent: *\nDisallow: /private\n"
    with auth(tmp_path / "auth", CONFIG, upstream=f"http://127.0.0.1:{site.port}") as deciding:
        question = {"X-Original-Method": "GET", "X-Forwarded-For": "192.0.2.1"}
        wait_until(
            lambda: (
                ask(deciding, "GET", "/check?mode=nginx", "127.0.0.1", question | {"X-Original-URI": "/private"}).status
                == 200
                and any(it["what"].get("forbidden") for it in deciding.records() if it["k"] == "request")
            ),
            deciding,
        )
    site.robots = None
