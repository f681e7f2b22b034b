"""File descriptors: as many as the system lets us have; and when they are all used, nobody spins, dies or is blamed."""

import os
import resource
import socket
import time
from contextlib import ExitStack
from pathlib import Path

from proxying import OK, PROGRAM, QUICK, TAIL, Line, ask, complete, events, failure, head, sidecar, soon, upstream
from serving import free_port, running, wait_until

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def processor(pid: int) -> float:
    """Seconds of it that a process has used."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def answered(line: socket.socket) -> int:
    """The status of the answer to a request over this connection."""
    line.sendall(GET)
    answer = b""
    while not complete(answer, GET):
        answer += line.recv(65536)
    return head(answer)[0]


def test_the_soft_limit_is_raised_to_the_hard_one(tmp_path: Path) -> None:
    with upstream() as site, sidecar(tmp_path / "it", site.url, config=QUICK) as served:
        soft, hard = resource.prlimit(served.process.pid, resource.RLIMIT_NOFILE)
        assert soft == min(hard, 1 << 20)


def test_when_there_are_none_left_nobody_spins_and_who_is_there_is_served(tmp_path: Path) -> None:
    """Idle connections take all; they are closed after [server] head_seconds, and then there is room again."""
    (tmp_path / "guard.toml").write_text(QUICK + "[server]\nhead_seconds = 2.0\n" + TAIL, "utf-8")
    port = free_port()
    with upstream() as site:
        options = f"--listen 127.0.0.1:{port} --config guard.toml --upstream {site.url}"
        command = ["bash", "-c", f"ulimit -n 100; exec {PROGRAM} proxy {options}"]
        with running(command, tmp_path, port) as served:
            wait_until(lambda: "startup complete" in served.log(), served)
            with ExitStack() as open_, served.socket() as kept:
                assert answered(kept) == 200
                for _ in range(150):
                    open_.enter_context(served.socket())
                before = processor(served.process.pid)
                time.sleep(1)
                assert processor(served.process.pid) - before < 0.3
                assert answered(kept) == 200
                assert soon(lambda: ask(served, GET, 2).startswith(b"HTTP/1.1 200"), 20)
            assert "Traceback" not in served.log()


def test_an_upstream_is_not_blamed_for_them(tmp_path: Path) -> None:
    """Whoever cannot be connected to the site is told to come again, and the log says what the operator can do."""

    async def slowly(line: Line) -> None:
        await line.reader.read(1)
        await line.write(OK)

    (tmp_path / "guard.toml").write_text(QUICK.replace("0.6", "9") + TAIL, "utf-8")
    port = free_port()
    with upstream() as site:
        site.answers["/slow"] = slowly
        options = f"--listen 127.0.0.1:{port} --config guard.toml --upstream {site.url}"
        with running(["bash", "-c", f"ulimit -n 60; exec {PROGRAM} proxy {options}"], tmp_path, port) as served:
            wait_until(lambda: "startup complete" in served.log(), served)
            with ExitStack() as open_:
                for _ in range(30):
                    open_.enter_context(served.socket()).sendall(GET.replace(b"/ ", b"/slow "))
                assert soon(lambda: "no file descriptors left; raise their limit" in served.log())
            failure(served, 0)
            assert {(it["kind"], it["status"]) for it in events(served)} == {("busy", 503)}
            assert soon(lambda: ask(served, GET, 2).startswith(b"HTTP/1.1 200"))
            assert "Traceback" not in served.log()
