"""Upstreams that fail in every way: the visitor is told rightly and soon, it is on record, and nothing is left open."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from proxying import OK, Line, Upstream, ask, body, descriptors, events, failure, head, sidecar, soon, upstream
from serving import Served, free_port

GET = b"GET %b HTTP/1.1\r\nHost: shop.example\r\n%b\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module")
def site() -> Iterator[Upstream]:
    with upstream() as running:
        yield running


@pytest.fixture(scope="module")
def served(site: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with sidecar(tmp_path_factory.mktemp("failures") / "it", site.url) as running:
        yield running


@pytest.fixture(autouse=True)
def unharmed(site: Upstream, served: Served) -> Iterator[None]:
    """Whatever a test does to it, the sidecar goes on, keeps its temper, and closes what it opened."""
    assert head(ask(served, GET % (b"/", b"")))[0] == 200
    before = descriptors(served.process.pid)
    yield
    assert head(ask(served, GET % (b"/", b"")))[0] == 200
    assert "Traceback" not in served.log(), served.log()
    assert soon(lambda: descriptors(served.process.pid) <= before + 1)


def closing(sent: bytes) -> object:
    async def answer(line: Line) -> None:
        await line.write(sent)
        line.writer.close()

    return answer


BAD = {
    "closes without a word": b"",
    "sends no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "closes within its head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "sends a head without end": b"HTTP/1.1 200 OK\r\nX: " + b"y" * 500_000,
    "sends headers with control characters": b"HTTP/1.1 200 OK\r\nX: a\x01b\r\nContent-Length: 2\r\n\r\nok",
    "sends a header with NUL": b"HTTP/1.1 200 OK\r\nX: a\x00b\r\nContent-Length: 2\r\n\r\nok",
    "sends a folded header": b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nok",
    "names a header with a space": b"HTTP/1.1 200 OK\r\nX : a\r\nContent-Length: 2\r\n\r\nok",
    "says two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 5\r\n\r\nhello",
    "says a length and chunks": CHUNKED.replace(b"\r\n\r\n", b"\r\nContent-Length: 2\r\n\r\n")
    + b"2\r\nok\r\n0\r\n\r\n",
    "says a length that is no number": b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok",
    "says a length beyond all numbers": b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nok",
    "uses an unknown coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nxxx",
    "uses two codings in two headers": CHUNKED.replace(b"\r\n", b"\r\nTransfer-Encoding: gzip\r\n", 1)
    + b"2\r\nok\r\n0\r\n\r\n",
    "changes protocols unasked": b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "answers 99": b"HTTP/1.1 099 Low\r\nContent-Length: 2\r\n\r\nok",
    "answers 799": b"HTTP/1.1 799 High\r\nContent-Length: 2\r\n\r\nok",
    "answers with TLS": b"\x15\x03\x01\x00\x02\x02\x46",
}


@pytest.mark.parametrize("what", BAD)
def test_an_upstream_that(site: Upstream, served: Served, what: str) -> None:
    """… is answered for with 502, the reference is on record with what was wrong, and nothing of it leaks."""
    known = len(events(served))
    site.answers["/bad"] = closing(BAD[what])  # type: ignore[assignment]
    answer = ask(served, GET % (b"/bad", b""))
    status, fields = head(answer)
    assert (status, fields["content-type"], fields["cache-control"]) == (502, "application/problem+json", "no-store")
    told = json.loads(body(answer))
    assert failure(served, known) | {"kind": ""} == {
        "kind": "", "phase": "answer", "ref": told["reference"], "status": 502, "upstream": site.url
    }  # fmt: skip


def test_a_person_gets_a_page_in_his_language(site: Upstream, served: Served) -> None:
    known = len(events(served))
    site.answers["/bad"] = closing(b"")  # type: ignore[assignment]
    asked = GET % (b"/bad", b"Accept: text/html,*/*;q=0.8\r\nAccept-Language: zh-CN,en;q=0.5\r\n")
    answer = ask(served, asked)
    assert head(answer)[1]["content-type"] == "text/html; charset=utf-8"
    assert '<html lang="zh-Hans">' in body(answer).decode()
    assert str(failure(served, known)["ref"]) in body(answer).decode()


CUT = {
    "within a length": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
    "within a chunk": CHUNKED + b"9\r\nhalf",
    "before the last chunk": CHUNKED + b"4\r\nhalf\r\n",
    "by a chunk of garbage": CHUNKED + b"4\r\nhalf\r\nzz\r\n\r\n",
    "by a chunk longer than it says": CHUNKED + b"4\r\nhalfmore\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("what", CUT)
def test_a_response_cut(site: Upstream, served: Served, what: str) -> None:
    """… never looks whole to the visitor."""
    known = len(events(served))
    site.answers["/cut"] = closing(CUT[what])  # type: ignore[assignment]
    answer = ask(served, GET % (b"/cut", b""))
    assert not answer.endswith(b"0\r\n\r\n")
    assert b"half" not in answer or not answer.endswith(b"\r\n\r\nhalf\r\n0\r\n\r\n")
    if answer.startswith(b"HTTP/1.1 200"):
        assert b"Content-Length: 9" in CUT[what] or b"transfer-encoding: chunked" in answer.lower()
    else:
        assert answer.startswith(b"HTTP/1.1 502")
    assert failure(served, known)["status"] == 502


async def hang(line: Line) -> None:
    await line.reader.read(1)


async def hang_within(line: Line) -> None:
    await line.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
    await line.reader.read(1)


def test_an_upstream_that_never_answers_is_given_up(site: Upstream, served: Served) -> None:
    known = len(events(served))
    site.answers["/hang"] = hang
    began = time.monotonic()
    assert head(ask(served, GET % (b"/hang", b"")))[0] == 504
    assert 0.5 < time.monotonic() - began < 2
    told = failure(served, known)
    assert (told["kind"], told["phase"]) == ("timeout", "answer")


def test_an_upstream_that_stops_within_its_response_is_given_up(site: Upstream, served: Served) -> None:
    known = len(events(served))
    site.answers["/hang"] = hang_within
    answer = ask(served, GET % (b"/hang", b""))
    assert answer.endswith(b"\r\n\r\nhalf")
    told = failure(served, known)
    assert (told["kind"], told["phase"]) == ("timeout", "body")


def test_an_upstream_that_takes_no_body_is_given_up(site: Upstream, served: Served) -> None:
    async def take_nothing(line: Line) -> None:
        await asyncio.sleep(3)

    known = len(events(served))
    site.answers["/take"] = take_nothing
    with served.socket() as line:
        line.sendall(b"PUT /take HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n")
        pushed = threading.Thread(target=push, args=(line, 100), daemon=True)
        pushed.start()
        assert head(line.recv(65536))[0] == 504
    pushed.join(5)
    told = failure(served, known)
    assert (told["kind"], told["phase"]) == ("timeout", "send")


def push(line: socket.socket, megabytes: int) -> None:
    try:
        for _ in range(megabytes):
            line.sendall(bytes(1_000_000))
    except OSError:
        pass  # the other end has heard enough


def test_a_visitor_who_sends_slowly_is_waited_for(site: Upstream, served: Served) -> None:
    async def read_it(line: Line) -> None:
        await line.body(3)
        await line.write(OK)

    site.answers["/slowly"] = read_it
    with served.socket() as line:
        line.sendall(b"POST /slowly HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n")
        for _ in range(3):
            time.sleep(0.3)  # in all longer than the upstream has to answer
            line.sendall(b"x")
        assert head(line.recv(65536))[0] == 200


def test_a_visitor_who_breaks_off_within_his_body_ends_the_request(site: Upstream, served: Served) -> None:
    """The upstream sees it end early, and never takes the half for the whole."""
    ends: list[bytes] = []

    async def read_it(line: Line) -> None:
        await line.read(b"half")
        try:
            ends.append(await line.reader.read())
        except OSError:
            ends.append(b"")  # reset: an end as well

    site.answers["/broken"] = read_it
    with served.socket() as line:
        line.sendall(b"POST /broken HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
        assert soon(lambda: any(b"half" in it.seen for it in site.lines))
    assert soon(lambda: len(ends) == 1)
    assert b"0\r\n\r\n" not in ends[0]


def test_an_answer_before_the_whole_body_reaches_the_visitor(site: Upstream, served: Served) -> None:
    site.answers["/early"] = b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig"
    with served.socket() as line:
        line.sendall(b"POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" + bytes(200_000))
        assert head(line.recv(65536))[0] == 413


@pytest.mark.parametrize(
    ("request_", "times", "status"),
    [
        (GET % (b"/die", b""), 2, 200),
        (b"DELETE /die HTTP/1.1\r\nHost: a\r\n\r\n", 2, 200),
        (b"POST /die HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 1, 502),
        (b"PUT /die HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab", 1, 502),
    ],
)
def test_only_what_may_be_done_twice_is_tried_again(
    site: Upstream, served: Served, request_: bytes, times: int, status: int
) -> None:
    """On a connection that was kept and turns out to be dead; never once a part of a body was sent."""
    came = 0

    async def die_at_first(line: Line) -> None:
        nonlocal came
        came += 1
        if came == 1:
            line.writer.transport.abort()
        else:
            await line.write(OK)

    ask(served, GET % (b"/", b""))  # leaves a connection
    site.answers["/die"] = die_at_first
    assert head(ask(served, request_))[0] == status
    assert came == times


def test_a_new_connection_that_dies_is_not_tried_again(site: Upstream, served: Served) -> None:
    came = 0

    async def die(line: Line) -> None:
        nonlocal came
        came += 1
        line.writer.transport.abort()

    site.answers["/die"] = die
    assert head(ask(served, GET % (b"/die", b"")))[0] == 502
    assert came == 2  # on the kept one, and on a new one; then it is the upstream's fault


def test_a_hundred_failures_leave_nothing_open(site: Upstream, served: Served) -> None:
    site.answers["/bad"] = closing(BAD["sends no HTTP"])  # type: ignore[assignment]
    before = descriptors(served.process.pid)
    for _ in range(100):
        assert head(ask(served, GET % (b"/bad", b"")))[0] == 502
    assert soon(lambda: descriptors(served.process.pid) <= before + 1)


def test_an_upstream_that_comes_back_is_used_within_a_second(tmp_path_factory: pytest.TempPathFactory) -> None:
    port = free_port()
    with sidecar(tmp_path_factory.mktemp("back") / "it", f"http://127.0.0.1:{port}") as alone:
        assert head(ask(alone, GET % (b"/", b"")))[0] == 502
        assert failure(alone, 0)["kind"] == "refused"
        for _ in range(2):
            running = Upstream(port)
            began = time.monotonic()
            while head(ask(alone, GET % (b"/", b"")))[0] != 200:
                assert time.monotonic() - began < 1
            running.stop()
            assert head(ask(alone, GET % (b"/", b"")))[0] == 502


def test_of_several_upstreams_the_ones_that_are_well_serve(tmp_path_factory: pytest.TempPathFactory) -> None:
    """One refuses connections, one fails its health check: no visitor notices; and the rest share the work."""
    config = '[guard]\nmode = "observe"\n[proxy]\nhealth_path = "/health"\nhealth_seconds = 0.1\ndrain_seconds = 0.1\n'
    gone = f"http://127.0.0.1:{free_port()}"
    with upstream() as one, upstream() as two, upstream() as sick:
        sick.answers["/health"] = b"HTTP/1.1 500 Sick\r\nContent-Length: 0\r\n\r\n"
        with sidecar(tmp_path_factory.mktemp("fleet") / "it", gone, one.url, sick.url, two.url, config=config) as all_:
            assert soon(lambda: f"{sick.url} answers 500" in all_.log())
            assert [head(ask(all_, GET % (b"/", b"")))[0] for _ in range(20)] == [200] * 20
            counts = [sum(it.seen.count(b"GET / ") for it in each.lines) for each in (one, two, sick)]
            assert min(counts[:2]) >= 5
            assert counts[2] == 0
            sick.answers["/health"] = OK
            assert soon(lambda: f"{sick.url} is well again" in all_.log())
            assert soon(lambda: ask(all_, GET % (b"/", b"")) != b"" and b"GET / " in sick.seen())


def test_a_bounded_pool_makes_visitors_wait_and_then_says_so(tmp_path_factory: pytest.TempPathFactory) -> None:
    config = '[guard]\nmode = "observe"\n[proxy]\nconnections = 1\nconnect_seconds = 0.3\ndrain_seconds = 0.1\n'
    with upstream() as one, sidecar(tmp_path_factory.mktemp("pool") / "it", one.url, config=config) as served:
        go = threading.Event()

        async def wait(line: Line) -> None:
            await asyncio.to_thread(go.wait, 5)
            await line.write(OK)

        one.answers["/wait"] = wait
        with served.socket() as line:
            line.sendall(GET % (b"/wait", b""))
            assert soon(lambda: b"/wait" in one.seen())
            answer = ask(served, GET % (b"/", b""))
            assert (head(answer)[0], head(answer)[1]["retry-after"]) == (503, "1")
            with served.socket() as other:
                other.sendall(GET % (b"/", b""))
                time.sleep(0.1)
                go.set()
                assert head(other.recv(65536))[0] == 200
        assert len(one.lines) == 1
