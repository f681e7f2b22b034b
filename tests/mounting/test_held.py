"""Held connections on real servers: slow to the end, on record, and never in the way of a shutdown or a reload."""

import os
import select
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from serving import Served, serve, wait_until

APPS = Path(__file__).parent / "apps"
CONFIG = """
[facts]
traps = ["/trap/*"]
[signals.trap]
weight = 4
[policy]
throttle = 0
challenge = 0
tarpit = 4
block = 0
[tarpit]
drip_seconds = 1
seconds = 60
connections = 40
"""
ASK = b"GET /trap/%d HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: curl/8\r\n\r\n"


@pytest.fixture
def lines() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def ask(served: Served, lines: ExitStack, address: str = "127.0.0.9") -> socket.socket:
    """A connection that has asked for a trap, and has had the beginning of an answer."""
    line = lines.enter_context(served.socket(address))
    line.sendall(ASK % 1)
    got = b""
    while not got.endswith(b"}\r\n"):
        part = line.recv(65536)
        assert part, served.log()
        got += part
    assert got.lower().startswith(b"http/1.1 429"), got
    return line


def rest(line: socket.socket) -> bytes:
    """What comes until the server closes."""
    line.settimeout(10)
    got = b""
    try:
        while part := line.recv(65536):
            got += part
    except ConnectionResetError:
        pass
    return got


def caught(served: Served) -> list[dict[str, Any]]:
    return [
        record["what"]
        for record in served.records()
        if record["k"] == "request" and record["what"]["verdict"]["rung"] == "tarpit"
    ]


@pytest.mark.parametrize("server", ["uvicorn", "hypercorn", "granian"])
def test_a_shutdown_does_not_wait_for_them(server: str, tmp_path: Path, lines: ExitStack) -> None:
    """Hypercorn waits for every connection itself where `wait_closed` does (Python 3.12): it ends with the pit."""
    itself = server == "hypercorn" and sys.version_info >= (3, 12)
    config = CONFIG.replace("seconds = 60", "seconds = 4") if itself else CONFIG
    with serve("starlette_app:application", tmp_path, config, server, APPS) as served:
        held = [ask(served, lines) for _ in range(5)]
        began = time.monotonic()
        served.stop()
        assert time.monotonic() - began < 10
        for line in held:
            rest(line)


def test_they_get_a_byte_now_and_then_and_a_half_close_ends_it_on_record(tmp_path: Path, lines: ExitStack) -> None:
    with serve("starlette_app:application", tmp_path, CONFIG, apps=APPS) as served:
        line = ask(served, lines)
        assert served.get("/page", "127.0.0.10").status == 200  # others are served meanwhile
        for _ in range(2):
            assert line.recv(100) == b"1\r\n\n\r\n"
        assert caught(served) == []  # on record when it is over
        line.shutdown(socket.SHUT_WR)
        wait_until(lambda: caught(served), served, 5)
        (record,) = caught(served)
        assert record["status"] == 429
        assert record["complete"] is False
        assert record["micros"] > 1_000_000
        assert record["bytes"] > 500


def test_a_reload_lets_them_go(tmp_path: Path, lines: ExitStack) -> None:
    with serve("starlette_app:application", tmp_path, CONFIG, apps=APPS) as served:
        line = ask(served, lines)
        os.kill(served.process.pid, signal.SIGHUP)
        assert rest_of_answer(line).endswith(b"0\r\n\r\n")
        wait_until(lambda: caught(served), served, 5)
        assert caught(served)[0]["complete"] is True


def rest_of_answer(line: socket.socket) -> bytes:
    """What comes until the last chunk of an answer."""
    line.settimeout(10)
    got = b""
    while not got.endswith(b"0\r\n\r\n"):
        part = line.recv(65536)
        assert part, got
        got += part
    return got


def test_ten_thousand_attempts_are_no_more_than_the_room_there_is(tmp_path: Path, lines: ExitStack) -> None:
    """… made a hundred at a time, on connections that stay open; visitors are served all the while."""
    with serve("starlette_app:application", tmp_path, CONFIG, apps=APPS) as served:
        crowd = [lines.enter_context(served.socket("127.0.0.9")) for _ in range(100)]
        for round_ in range(100):
            for line in crowd:
                line.sendall(ASK % round_)
            if not round_ % 25:
                assert served.get("/page", "127.0.0.10").status == 200
        statuses = {line: line.recv(16)[9:12] for line in crowd if select.select([line], [], [], 10)[0]}
        assert sorted(statuses.values()) == [b"403"] * 60 + [b"429"] * 40
        assert served.get("/page", "127.0.0.10").status == 200


def test_a_client_that_reads_nothing_is_held_no_longer_than_others(tmp_path: Path, lines: ExitStack) -> None:
    config = CONFIG.replace("seconds = 60", "seconds = 2")
    with serve("starlette_app:application", tmp_path, config, apps=APPS) as served:
        line = lines.enter_context(socket.socket())
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        line.bind(("127.0.0.9", 0))
        line.connect(("127.0.0.1", served.port))
        line.sendall(ASK % 1)
        wait_until(lambda: caught(served), served, 8)
