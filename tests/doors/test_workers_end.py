"""Several workers, and what befalls them and the process that started them: interrupted, killed, never begun."""

import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from proxying import QUICK, ask, head, sidecar, soon, upstream
from serving import Served, wait_until

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
TWO = ("--workers", "2")


@contextmanager
def workers(folder: Path) -> Iterator[Served]:
    with (
        upstream() as site,
        sidecar(
            folder / "it", site.url, config=QUICK.replace("answer_seconds = 0.6", "answer_seconds = 60"), options=TWO
        ) as served,
    ):
        site.answers["/hang"] = hang
        wait_until(lambda: "all 2 workers have begun" in served.log(), served)
        yield served


async def hang(line: object) -> None:
    await line.reader.read(1)  # type: ignore[attr-defined]


def children(pid: int) -> list[int]:
    """The processes of a process, the newest last; Python's own helper is none."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return sorted(int(it) for it in listed if b"spawn_main" in Path(f"/proc/{it}/cmdline").read_bytes())


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def pauses(served: Served) -> list[int]:
    """How long each worker is waited for that refused its configuration, in seconds."""
    return [int(it) for it in re.findall(r"has died \(2\); another is started in (\d+) s", served.log())]


@pytest.mark.parametrize("options", [(), TWO], ids=["one", "two"])
def test_an_interrupt_at_a_terminal_ends_all_in_order(tmp_path: Path, options: tuple[str, ...]) -> None:
    """It reaches every process of the group; no traceback, and the records are written."""
    with upstream() as site, sidecar(tmp_path / "it", site.url, config=QUICK, options=options) as served:
        wait_until(lambda: served.log().count("startup complete") == (2 if options else 1), served)
        assert head(ask(served, GET))[0] == 200
        for pid in (*children(served.process.pid), served.process.pid):
            os.kill(pid, signal.SIGINT)
        assert served.process.wait(25) == 0
        assert "Traceback" not in served.log()
        assert "Aborted" not in served.log()
        assert [it["who"]["path"] for it in served.records() if it["k"] == "request"] == ["/"]


def test_whoever_asks_twice_waits_for_nobody(tmp_path: Path) -> None:
    with workers(tmp_path) as served, served.socket() as line:
        line.sendall(GET.replace(b"/ ", b"/hang "))
        served.process.send_signal(signal.SIGINT)
        wait_until(lambda: "told to end" in served.log(), served)
        began = time.monotonic()
        served.process.send_signal(signal.SIGINT)
        assert served.process.wait(25) == 0
        assert time.monotonic() - began < 10  # of the 30 that it has
        assert "Traceback" not in served.log()


def test_workers_end_when_the_process_that_started_them_is_killed(tmp_path: Path) -> None:
    with workers(tmp_path) as served:
        left = children(served.process.pid)
        served.process.kill()
        served.process.wait()
        assert soon(lambda: not any(alive(pid) for pid in left), 30)
        assert "Traceback" not in served.log()


def test_a_worker_that_cannot_begin_is_tried_less_and_less_often_and_says_why(tmp_path: Path) -> None:
    with workers(tmp_path) as served:
        file = served.folder / "guard.toml"
        file.write_text(file.read_text("utf-8") + "\n[nonsense]\n", "utf-8")
        os.kill(children(served.process.pid)[0], signal.SIGKILL)
        assert soon(lambda: len(pauses(served)) == 2, 90)  # each start takes long on a busy machine
        assert pauses(served)[0] < pauses(served)[1]
        assert "a worker cannot begin: " in served.log()
        assert "there is no section [nonsense]" in served.log()
        assert "Traceback" not in served.log()
        assert head(ask(served, GET))[0] == 200


def test_a_request_that_is_cut_off_at_the_end_is_no_traceback(tmp_path: Path) -> None:
    config = QUICK.replace("answer_seconds = 0.6", "answer_seconds = 60") + "end_seconds = 1\n"
    with upstream() as site, sidecar(tmp_path / "it", site.url, config=config) as served:
        site.answers["/hang"] = hang
        with served.socket() as line:
            line.sendall(GET.replace(b"/ ", b"/hang "))
            assert soon(lambda: b"/hang" in site.seen())
            served.stop()
        assert "Cancel 1 running task(s)" in served.log()
        assert "Traceback" not in served.log()
