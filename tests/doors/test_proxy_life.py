"""The sidecar's life under load: it ends, reloads, has workers, speaks TLS, and loses nobody's request."""

import asyncio
import os
import signal
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from certificates import certificate
from click.testing import CliRunner
from proxying import OK, QUICK, TAIL, Line, ask, head, resident, sidecar, soon, upstream
from serving import Served, wait_until

from scrapeguard.cli import listening, main
from scrapeguard.errors import ConfigError

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


class Crowd:
    """Visitors who ask again and again over connections they keep, until told to stop or nobody listens."""

    def __init__(self, port: int, many: int = 8) -> None:
        self.served = self.failed = 0
        self.faults: list[str] = []
        self._stop = False
        self._port, self._many = port, many
        self._thread = threading.Thread(target=lambda: asyncio.run(self._all()))

    def __enter__(self) -> "Crowd":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop = True
        self._thread.join(20)

    async def _all(self) -> None:
        await asyncio.gather(*(self._visit() for _ in range(self._many)))

    async def _visit(self) -> None:
        while not self._stop:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            except ConnectionRefusedError:
                return  # nobody listens any more: that is no failed request
            try:
                while not self._stop:
                    writer.write(GET)
                    top = await reader.readuntil(b"\r\n\r\n")
                    await reader.readexactly(2)
                    self.served += top.startswith(b"HTTP/1.1 200")
                    if not top.startswith(b"HTTP/1.1 200"):
                        self._fault(top.decode())
                    if b"connection: close" in top:
                        break
            except (OSError, asyncio.IncompleteReadError) as error:
                self._fault(repr(error))
            finally:
                writer.close()

    def _fault(self, what: str) -> None:
        self.failed += 1
        self.faults.append(what)


def test_a_sidecar_told_to_end_fails_no_request(tmp_path: Path) -> None:
    with upstream() as site, sidecar(tmp_path / "it", site.url) as served, Crowd(served.port) as crowd:
        assert soon(lambda: crowd.served > 200)
        assert served.stop() in (0, -signal.SIGTERM)
    assert (crowd.failed, crowd.faults) == (0, [])
    assert served.records()[-1]["k"] == "close"


def test_a_request_under_way_is_finished_at_the_end(tmp_path: Path) -> None:
    async def slowly(line: Line) -> None:
        await line.write(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n")
        for _ in range(10):
            await line.write(b"ab")
            await asyncio.sleep(0.1)

    with upstream() as site, sidecar(tmp_path / "it", site.url) as served:
        site.answers["/slowly"] = slowly
        with served.socket() as line:
            line.sendall(b"GET /slowly HTTP/1.1\r\nHost: a\r\n\r\n")
            answer = line.recv(65536)
            served.process.send_signal(signal.SIGTERM)
            while part := line.recv(65536):
                answer += part
        assert answer.endswith(b"\r\n\r\n" + b"ab" * 10)


def test_a_reload_takes_effect_and_fails_no_request(tmp_path: Path) -> None:
    """A new host policy, and another upstream, while visitors keep asking."""
    with upstream() as one, upstream() as two:
        config = QUICK + 'host = "{}"\nupstreams = ["{}"]\n'
        with sidecar(tmp_path / "it", config=config.format("preserve", one.url)) as served, Crowd(served.port) as crowd:
            for policy, site in (("upstream", two), ("preserve", one), ("upstream", two)):
                assert soon(lambda: crowd.served > 100)
                reload(served, config.format(policy, site.url))
                wanted = b"host: a\r\n" if policy == "preserve" else b"host: 127.0.0.1:%d\r\n" % site.port
                for line in site.lines:
                    line.seen = b""
                assert soon(lambda site=site, wanted=wanted: wanted in site.seen())  # type: ignore[misc]
                crowd.served = 0
            assert soon(lambda: crowd.served > 100)
        assert (crowd.failed, crowd.faults) == (0, [])


def reload(served: Served, config: str) -> None:
    (served.folder / "guard.toml").write_text(config + TAIL, "utf-8")
    served.process.send_signal(signal.SIGHUP)


def test_a_reload_with_a_fault_changes_nothing_and_says_so(tmp_path: Path) -> None:
    with upstream() as site:
        config = QUICK + f'upstreams = ["{site.url}"]\n'
        with sidecar(tmp_path / "it", config=config) as served:
            for fault, said in (
                (QUICK + 'upstreams = ["ftp://x"]\n', "must begin with one of"),
                (QUICK + 'upstreams = ["https://x"]\nca_file = "none.pem"\n', "none.pem cannot be used"),
                (QUICK + "upstreams = []\n", "There is no upstream"),
            ):
                reload(served, fault)
                assert soon(lambda said=said: ask(served, GET) != b"" and said in served.log()), fault  # type: ignore[misc]
                assert head(ask(served, GET))[0] == 200


def test_workers_without_a_shared_store_say_so_and_each_keeps_its_own_evidence(tmp_path: Path) -> None:
    with upstream() as site, sidecar(tmp_path / "it", site.url, options=("--workers", "2")) as served:
        wait_until(lambda: served.log().count("startup complete") == 2, served)
        assert "each of the 2 workers counts on its own" in served.log()
        for _ in range(40):
            assert head(ask(served, GET))[0] == 200
        assert soon(lambda: sum(r["k"] == "request" for r in served.records()) == 40)
        assert len({r["what"]["pid"] for r in served.records() if r["k"] == "start"}) == 2


def test_tls_on_both_sides_is_spoken_and_verified(tmp_path: Path) -> None:
    """One sidecar speaks TLS to its visitors; a second one is its visitor, and believes that certificate only."""
    cert, key = certificate(tmp_path)
    tls = ("--tls-cert", cert, "--tls-key", key)
    with upstream() as site, sidecar(tmp_path / "inner", site.url, options=tls) as inner:
        url = f"https://localhost:{inner.port}"
        trusting = QUICK + f'ca_file = "{cert}"\n'
        with sidecar(tmp_path / "outer", url, config=trusting) as outer:
            assert head(ask(outer, GET))[0] == 200
            assert b"x-forwarded-proto: https" in site.seen()
        with sidecar(tmp_path / "other", url) as other:
            assert head(ask(other, GET))[0] == 502
            assert "certificate verify failed" in other.log().lower()
        context = ssl.create_default_context(cafile=cert)
        with inner.socket() as plain, context.wrap_socket(plain, server_hostname="localhost") as line:
            line.sendall(GET)
            assert head(line.recv(65536))[0] == 200


def test_unix_sockets_on_both_sides(tmp_path: Path) -> None:
    path = tmp_path / "site.sock"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(OK)
        await writer.drain()
        writer.close()

    seen: list[bytes] = []
    stop: list[Callable[[], object]] = []

    async def serve(ready: threading.Event) -> None:
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        stop.append(lambda: loop.call_soon_threadsafe(stopped.set))
        async with await asyncio.start_unix_server(answer, path):
            ready.set()
            await stopped.wait()
        await asyncio.sleep(0.05)

    ready = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(serve(ready)), daemon=True)
    thread.start()
    assert ready.wait(5)
    with sidecar(tmp_path / "it", f"unix:{path}") as served:
        assert head(ask(served, GET))[0] == 200
    assert b"\r\nx-forwarded-for: 127.0.0.1\r\n" in seen[0]
    stop[0]()
    thread.join(20)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "There is no upstream."),
        (("--upstream", "ftp://x"), "ftp://x"),
        (("--upstream", "http://x/path"), "is no address"),
        (("--upstream", "http://x", "--listen", "nowhere"), "is no address to listen at"),
        (("--upstream", "http://x:0"), "is no address"),
        (("--upstream", "http://x", "--listen", "127.0.0.1:{taken}"), "Stop what listens there, or choose a free one."),
        (("--upstream", "http://x", "--listen", "192.0.2.1:8000"), "Choose an address of this machine."),
        (("--upstream", "http://x", "--listen", "unix:"), "'unix:' is no path."),
        (("--upstream", "http://x", "--listen", "unix:none/s"), "Name a path in a folder that is there"),
        (("--upstream", "http://x", "--tls-cert", "a.pem"), "Give both"),
        (("--upstream", "http://x", "--tls-cert", "a.pem", "--tls-key", "b.pem"), "there is no such file"),
        (("--upstream", "http://x", "--tls-cert", "junk.pem", "--tls-key", "junk.pem"), "They must be PEM"),
        (("--upstream", "http://x", "--config", "none.toml"), "none.toml"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("junk.pem").write_text("junk", "utf-8")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        words = [word.format(taken=taken.getsockname()[1]) for word in options]
        ended = CliRunner().invoke(main, ["proxy", *words])
    assert (ended.exit_code, "Traceback" in ended.output) == (2, False)
    assert said in ended.output
    assert not (tmp_path / "scrapeguard-evidence").exists()


def test_a_unix_socket_at_which_somebody_listens_is_not_taken_from_him(tmp_path: Path) -> None:
    """One that was left behind is; so that a server that was killed can be started again."""
    path = Path(tempfile.mkdtemp(prefix="sg-")) / "s"
    with listening.bind(f"unix:{path}") as first:
        first.listen()
        with pytest.raises(ConfigError, match="in use"):
            listening.bind(f"unix:{path}")
        first.close()
        listening.bind(f"unix:{path}").close()
    with listening.bind_datagrams(f"{path}"), pytest.raises(ConfigError, match="in use"):
        listening.bind_datagrams(f"{path}")
    path.unlink()
    path.parent.rmdir()


SIZE = int(os.environ.get("SOAK_MEGABYTES", "64")) << 20
BOUND = 150 << 20


def test_bodies_of_any_size_take_no_memory(tmp_path: Path) -> None:
    """Up and down, as long as SOAK_MEGABYTES says (`make soak`: 2 GiB each)."""
    part = bytes(1 << 20)

    async def swallow(line: Line) -> None:
        left = SIZE
        while left:
            left -= len(await line.reader.read(1 << 20))
        await line.write(OK)

    async def pour(line: Line) -> None:
        await line.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(SIZE // len(part)):
            await line.write(b"%x\r\n%b\r\n" % (len(part), part))
        await line.write(b"0\r\n\r\n")

    with upstream() as site, sidecar(tmp_path / "it", site.url, config='[guard]\nmode = "observe"\n') as served:
        site.answers |= {"/swallow": swallow, "/pour": pour}
        with served.socket() as line:
            line.settimeout(120)
            line.sendall(b"PUT /swallow HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % SIZE)
            for _ in range(SIZE // len(part)):
                line.sendall(part)
            assert head(line.recv(65536))[0] == 200
            line.sendall(b"GET /pour HTTP/1.1\r\nHost: a\r\n\r\n")
            got = 0
            while got < SIZE:
                got += len(line.recv(1 << 20))
        assert resident(served.process.pid) < BOUND
