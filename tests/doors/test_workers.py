"""Several workers and one Redis: one count, standings that hold on all, one keeper; and nobody's request is lost.

Not when they are told to end or to begin anew, nor when the master of Redis dies under load.
"""

import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

import pytest
from fronts import ask as asked
from fronts import auth
from proxying import QUICK, ask, head, sidecar, soon, upstream
from servers import RedisServer, binaries
from serving import CHROME, Served, free_port, wait_until
from several import Cluster, Watched
from test_proxy_life import GET, Crowd

WORKERS = ("--workers", "4")
ENFORCED = '[guard]\nmode = "enforce"\n[proxy]\ndrain_seconds = 0.3\n'
PACE = "[signals.pace]\nlimit = 20\ndistinct = 2\n"


@contextmanager
def working(folder: Path, url: str, site: str, config: str = QUICK) -> Iterator[Served]:
    """A sidecar with four workers that share a store."""
    with sidecar(folder, site, config=config + f'[store]\nurl = "{url}"\n', options=WORKERS) as served:
        wait_until(lambda: served.log().count("startup complete") == 4, served)
        yield served


def test_four_workers_have_one_count_and_a_standing_holds_on_all(tmp_path: Path, own_server: RedisServer) -> None:
    with upstream() as site, working(tmp_path / "it", own_server.url, site.url, ENFORCED + PACE) as served:
        assert "counts on its own" not in served.log()
        statuses = [
            head(ask(served, b"GET /item/%d HTTP/1.1\r\nHost: a\r\nUser-Agent: tool/1\r\n\r\n" % number))[0]
            for number in range(60)
        ]
        first = statuses.index(429)
        assert first <= 21  # each by itself would have let pass four times as many
        assert statuses[first:] == [429] * (60 - first)  # whichever worker answers
        assert soon(lambda: sum(it["k"] == "request" for it in served.records()) == 60)
        pids = {it["what"]["pid"] for it in served.records() if it["k"] == "start"}
        assert len(pids) == 4


def test_workers_told_to_end_fail_no_request(tmp_path: Path, own_server: RedisServer) -> None:
    with upstream() as site, working(tmp_path / "it", own_server.url, site.url) as served, Crowd(served.port) as crowd:
        assert soon(lambda: crowd.served > 400, 20)
        assert served.stop() in (0, -signal.SIGTERM)
    assert (crowd.failed, crowd.faults) == (0, [])
    assert [it["k"] for it in served.records()].count("close") == 4


def test_workers_that_begin_anew_fail_no_request(tmp_path: Path, own_server: RedisServer) -> None:
    """SIGHUP: each is replaced by one that has read the configuration again; a faulty one changes nothing."""
    with upstream() as site, working(tmp_path / "it", own_server.url, site.url) as served, Crowd(served.port) as crowd:
        assert soon(lambda: crowd.served > 100, 20)
        served.process.send_signal(signal.SIGHUP)
        assert soon(lambda: served.log().count("startup complete") == 8, 40)
        crowd.served = 0
        assert soon(lambda: crowd.served > 100, 20)
        config = served.folder / "guard.toml"
        config.write_text(config.read_text("utf-8") + "\n[nonsense]\n", "utf-8")
        served.process.send_signal(signal.SIGHUP)
        assert soon(lambda: "did not begin" in served.log(), 40)
        crowd.served = 0
        assert soon(lambda: crowd.served > 100, 20)
    assert (crowd.failed, crowd.faults) == (0, [])


@pytest.mark.parametrize("kind", [Cluster, Watched])
def test_a_master_of_redis_that_dies_under_load_fails_no_request(
    kind: type[Cluster] | type[Watched], tmp_path: Path
) -> None:
    several = kind(next(iter(binaries().values())))
    masters: Callable[[], list[object]] = several.masters if isinstance(several, Cluster) else list
    try:
        with upstream() as site, working(tmp_path / "it", several.url, site.url) as served:
            with Crowd(served.port, 4) as crowd:
                assert soon(lambda: crowd.served > 200, 20)
                doomed = several.owner("sg:{address:127.0.0.1}") if isinstance(several, Cluster) else several.master()
                doomed.kill()
                assert soon(lambda: gaps(served)[0] > 0, 20)
                assert soon(lambda: gaps(served)[0] == gaps(served)[1] > 0, 30)
            assert (crowd.failed, crowd.faults) == (0, [])
            assert len(masters()) in (0, 3)
    finally:
        several.end()


def gaps(served: Served) -> tuple[int, int]:
    """How many gaps have begun and ended, by the evidence of all workers."""
    kinds = [it["k"] for it in served.records()]
    return kinds.count("gap.start"), kinds.count("gap.end")


def test_one_of_the_workers_has_the_keeper_and_another_takes_over(tmp_path: Path) -> None:
    """The worker that has it ends; the evidence goes on being kept."""
    config = QUICK + "[keeper]\nsite = 'shop.example'\ncheckpoint_seconds = 1\n"
    with upstream() as site, sidecar(tmp_path / "it", site.url, config=config, options=WORKERS, keeper=True) as served:
        wait_until(lambda: served.log().count("startup complete") == 4, served)
        evidence = served.folder / "evidence"
        for _ in range(8):
            assert head(ask(served, GET))[0] == 200
        assert soon(lambda: size(evidence) >= 8, 20)
        assert len(keepers(served)) == 1
        served.process.send_signal(signal.SIGHUP)
        assert soon(lambda: served.log().count("startup complete") == 8, 40)
        before = size(evidence)
        for _ in range(8):
            assert head(ask(served, GET))[0] == 200
        assert soon(lambda: size(evidence) >= before + 8, 20)
        assert len(keepers(served)) == 1


def size(evidence: Path) -> int:
    """How many records are committed to."""
    return sum(int(it.read_text("utf-8").splitlines()[1]) for it in evidence.rglob("checkpoint"))


def keepers(served: Served) -> list[int]:
    """The processes below the server that keep evidence."""
    return [pid for pid in below(served.process.pid) if "evidence.duty" in Path(f"/proc/{pid}/cmdline").read_text()]


def below(pid: int) -> list[int]:
    children = [int(it) for task in Path(f"/proc/{pid}/task").glob("*/children") for it in task.read_text().split()]
    return children + [it for child in children for it in below(child)]


def test_a_report_reaches_the_worker_that_let_the_request_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any worker may hear it; and nothing of how they find one another stays behind."""
    place = Path(mkdtemp(prefix="sg-"))  # the path of a socket has to be short
    monkeypatch.setenv("TMPDIR", str(place))
    reports = f"udp://127.0.0.1:{free_port()}"
    config = '[facts]\ntrusted_proxies = ["127.0.0.1"]\n'
    with auth(tmp_path / "auth", config, reports, workers=3) as deciding:
        wait_until(lambda: deciding.log().count("startup complete") == 3, deciding)
        assert len(list(place.glob("scrapeguard-*/*"))) == 3
        for number in range(30):
            path = f"/page/{number}"
            visitor = f"192.0.2.{number}"  # one alone would be a walk, where one worker gets nearly all of it
            question = {"X-Original-URI": path, "X-Original-Method": "GET", "X-Forwarded-For": visitor}
            answer = asked(deciding, "GET", "/check?mode=nginx", "127.0.0.1", CHROME | question)
            assert answer.status == 200
            report(reports, f"<190>nginx: sg={answer.getheader('X-SG-Request-Id')} 404 {number}")
        assert soon(lambda: len(outcomes(deciding)) == 30)
        assert outcomes(deciding) == {f"/page/{number}": (404, number) for number in range(30)}
        assert len({it["what"]["pid"] for it in deciding.records() if it["k"] == "start"}) == 3
    assert not list(place.iterdir())
    place.rmdir()


def report(reports: str, text: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.sendto(text.encode(), ("127.0.0.1", int(reports.rpartition(":")[2])))


def outcomes(served: Served) -> dict[str, tuple[int, int]]:
    """Status and size of each path on record."""
    asked = [it for it in served.records() if it["k"] == "request"]
    return {it["who"]["path"]: (it["what"]["status"], it["what"]["bytes"]) for it in asked}
