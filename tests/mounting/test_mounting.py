"""Mounted in five frameworks, served by four servers: the same promises hold in each."""

import time
from pathlib import Path

import pytest
from serving import Served, serve, wait_until
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

APPS = Path(__file__).parent / "apps"
FRAMEWORKS = ("starlette", "fastapi", "litestar", "quart", "django")
SERVERS = ("uvicorn", "hypercorn", "granian", "daphne")
CONFIG = """
[lists]
deny = ["127.0.0.9"]
[notices]
terms_url = "https://shop.example/terms"
[signals.pace]
limit = 20
flood = 20
[signals.continued]
mode = "off"  # all visitors here are one and the same program
[policy]
challenge = 0
"""


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_guarded_app_keeps_every_promise_of_its_framework_and_ours(
    framework: str, server: str, tmp_path: Path
) -> None:
    with serve(f"{framework}_app:application", tmp_path, CONFIG, server, APPS) as served:
        pages_are_served(served)
        robots_txt_is_ours_and_given_to_everybody(served)
        a_denied_address_is_refused(served)
        a_stream_comes_part_by_part(served)
        what_comes_after_a_response_still_comes(served)
        if framework != "django":
            websockets_are_refused_before_they_open(served)
        if framework != "django" and (framework, server) != (
            "quart",
            "daphne",
        ):  # Quart wants a scheme, daphne has none
            websockets_work(served)
        a_burst_is_throttled_and_told_why(served)
        a_visitor_who_leaves_is_still_on_record(served)
        if server != "daphne" and framework != "django":
            assert "startup" in served.marks()
        served.stop()
        if server != "daphne" and framework != "django":
            assert "shutdown" in served.marks()
        everything_is_on_record(served)
        assert "Traceback" not in served.log(), served.log()


def pages_are_served(served: Served) -> None:
    answer = served.get("/page")
    assert (answer.status, answer.body) == (200, b"a page")
    answer = served.get("/shop/page?from=test")
    assert (answer.status, answer.body) == (200, b"a page")


def robots_txt_is_ours_and_given_to_everybody(served: Served) -> None:
    for address in ("127.0.0.1", "127.0.0.9"):
        answer = served.get("/robots.txt", address)
        assert answer.status == 200
        assert answer.headers["content-type"].startswith("text/plain")
        assert b"user-agent" in answer.body.lower()


def a_denied_address_is_refused(served: Served) -> None:
    answer = served.get("/page", "127.0.0.9")
    assert (answer.status, answer.headers["content-type"][:9]) == (403, "text/html")
    answer = served.get("/page", "127.0.0.9", Accept="application/json")
    assert (answer.status, answer.headers["content-type"]) == (403, "application/problem+json")
    assert answer.headers["cache-control"] == "no-store"


def a_stream_comes_part_by_part(served: Served) -> None:
    connection = served.connect()
    connection.request("GET", "/stream", headers={"User-Agent": "curl/8.5.0", "Accept": "*/*"})
    response = connection.getresponse()
    assert response.read(4) == b"one\n"  # the second part waits for the next request
    served.get("/release")
    assert response.read() == b"two\n"
    connection.close()


def what_comes_after_a_response_still_comes(served: Served) -> None:
    assert served.get("/background").body == b"later"
    wait_until(lambda: "background" in served.marks(), served)


def websockets_are_refused_before_they_open(served: Served) -> None:
    with pytest.raises(InvalidStatus) as refusal:
        connect(f"ws://127.0.0.1:{served.port}/echo", sock=served.socket("127.0.0.9"))
    assert refusal.value.response.status_code == 403


def websockets_work(served: Served) -> None:
    with connect(f"ws://127.0.0.1:{served.port}/echo", sock=served.socket()) as line:
        line.send("hello")
        assert line.recv() == "hello"


def a_burst_is_throttled_and_told_why(served: Served) -> None:
    answers = [served.get("/page", "127.0.0.7") for _ in range(25)]
    assert [answer.status for answer in answers] == [200] * 20 + [429] * 5
    refused = answers[-1]
    assert b"requests in 60 s; the limit is 20" in refused.body or b"Too many requests" in refused.body
    assert int(refused.headers["retry-after"]) > 0
    assert refused.headers["cache-control"] == "no-store"
    assert "terms-of-service" in refused.headers["link"]
    assert served.get("/page").status == 200  # nobody else is


def a_visitor_who_leaves_is_still_on_record(served: Served) -> None:
    with served.socket() as line:
        line.sendall(b"GET /forever HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\n")
        assert b"more" in line.recv(65536) + line.recv(65536)
    wait_until(lambda: "endless-ended" in served.marks(), served)


def everything_is_on_record(served: Served) -> None:
    records = served.records()
    requests = [record for record in records if record["k"] == "request"]
    paths = [record["opened"]["request"]["path"] for record in requests]
    assert paths.count("/page") == 29
    assert paths.count("/shop/page") == 1
    assert paths.count("/robots.txt") == 2
    assert sum(record["what"]["status"] == 429 for record in requests) == 5
    complete = {record["opened"]["request"]["path"]: record["what"]["complete"] for record in requests}
    assert complete["/forever"] is False
    assert complete["/page"] is complete["/stream"] is True
    deadline = time.monotonic() + 15  # the keeper ends by itself, a moment after a server that tells nobody of its end
    while not everything_is_closed(served):
        assert time.monotonic() < deadline, "a segment of evidence was not closed"
        time.sleep(0.05)


def everything_is_closed(served: Served) -> bool:
    """The server's own segment, and that of the keeper beside it."""
    kinds = [record["k"] for record in served.records()]
    return kinds.count("close") == kinds.count("start") >= 1
