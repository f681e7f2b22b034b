"""Watch: lines as they are written, whatever becomes of the file; and decisions that proxies load."""

import gzip
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import opened
import pytest
from click.testing import CliRunner
from programs import program
from serving import free_port

from scrapeguard.cli import main
from scrapeguard.config import Config
from scrapeguard.doors import tail
from scrapeguard.doors.watch import Watch
from scrapeguard.errors import InputError
from scrapeguard.exports.decisions import FORMATS, Ban, Publication
from scrapeguard.model import Rung

PROGRAM = str(Path(sys.executable).with_name("scrapeguard"))
BANS = [
    Ban("192.0.2.7", Rung.BLOCK, 1_800_000_900_000_000),
    Ban("198.51.100.9", Rung.THROTTLE, 1_800_000_030_000_000),
    Ban("2001:db8::/64", Rung.BLOCK, 1_800_000_900_000_000),
]
NOW = 1_800_000_000_000_000
SECOND = 1_000_000


def line(address: str, second: int, path: str, status: int = 200) -> str:
    clock = f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
    return f'{address} - - [24/Nov/2026:{clock} +0000] "GET {path} HTTP/1.1" {status} 5 "-" "python-requests/2.32.0"'


ROBOT = [line("192.0.2.7", second, f"/item/{second}") for second in range(300)]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


def some(batches: tail.Batches, count: int) -> list[str]:
    """So many lines, and no more than come with them."""
    found: list[str] = []
    deadline = time.monotonic() + 10
    while len(found) < count:
        assert time.monotonic() < deadline, f"only {found}"
        found += next(batches)
    return found


def test_a_file_is_followed_when_it_is_renamed_and_made_anew(tmp_path: Path, stack: ExitStack) -> None:
    path = tmp_path / "access.log"
    path.write_text("old\n")
    batches = stack.enter_context(closing(tail.follow(path)))
    next(batches)
    with path.open("a") as file:
        file.write("one\ntw")
        file.flush()
        assert some(batches, 1) == ["one"]
        path.rename(tmp_path / "access.log.1")
        file.write("o\nthree\n")  # the server goes on writing until it is told
    path.write_text("four\n")
    assert some(batches, 3) == ["two", "three", "four"]


def test_a_file_is_followed_when_it_is_copied_and_cut(tmp_path: Path, stack: ExitStack) -> None:
    path = tmp_path / "access.log"
    path.write_text("one\ntwo\n")
    batches = stack.enter_context(closing(tail.follow(path, from_start=True)))
    assert some(batches, 2) == ["one", "two"]
    os.truncate(path, 0)
    assert next(batches) == []
    with path.open("a") as file:
        file.write("three\n")
    assert some(batches, 1) == ["three"]


def test_a_file_that_is_away_for_a_while_is_waited_for(tmp_path: Path, stack: ExitStack) -> None:
    path = tmp_path / "access.log"
    path.write_text("")
    batches = stack.enter_context(closing(tail.follow(path)))
    next(batches)
    path.unlink()
    assert [next(batches), next(batches)] == [[], []]
    path.write_text("one\n")
    assert some(batches, 1) == ["one"]


def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        next(tail.follow(tmp_path / "nothing"))


def test_a_named_pipe_is_read_whoever_writes_into_it(tmp_path: Path, stack: ExitStack) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    batches = stack.enter_context(closing(tail.follow(path)))
    assert next(batches) == []  # and nobody is waited for
    for words in ("one\ntwo\n", "three\n"):
        path.write_text(words)
    assert some(batches, 3) == ["one", "two", "three"]


@pytest.mark.parametrize("what", ["packed", "a folder", "a device"])
def test_what_is_never_written_to_as_a_log_is_refused(tmp_path: Path, what: str) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"line\n"))
    named = {"packed": tmp_path / "a.gz", "a folder": tmp_path, "a device": Path("/dev/null")}
    with pytest.raises(InputError, match=r"packed|cannot be read"):
        tail.follow(named[what])


def test_a_log_that_cannot_be_read_when_made_anew_is_complained_of_once(
    tmp_path: Path, stack: ExitStack, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "access.log"
    path.write_text("")
    batches = stack.enter_context(closing(tail.follow(path)))
    path.unlink()
    path.mkdir()
    assert [next(batches) for _ in range(4)] == [[]] * 4
    assert [it.getMessage() for it in caplog.records] == [
        f"{path} has been made anew and cannot be read (Is a directory): nothing is judged now"
    ]
    path.rmdir()
    path.write_text("one\n")
    assert some(batches, 1) == ["one"]


def test_a_line_without_end_needs_no_memory_and_the_next_is_read() -> None:
    split = tail.Splitter()
    for _ in range(1000):
        assert split.lines(b"x" * 10_000) == []
        assert len(split._rest) <= tail.LONGEST
    assert split.lines(b"x\nnext\n") == ["next"]


def test_syslog_datagrams_give_the_line_that_was_logged() -> None:
    with (
        closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as bound,
        closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sender,
    ):
        bound.bind(("127.0.0.1", 0))
        for head in (b"", b"<190>Nov 24 10:00:00 web1 nginx: ", b"<190>1 2026-11-24T10:00:00Z web1 nginx 7 - - "):
            sender.sendto(head + ROBOT[0].encode(), bound.getsockname())
        assert some(tail.datagrams(bound), 3) == [ROBOT[0]] * 3


def test_a_robot_is_published_and_let_go_when_its_time_is_over(tmp_path: Path) -> None:
    file = Publication(tmp_path / "bans", "nginx")
    watch = Watch(Config({}), [file], None)
    watch.take(ROBOT)
    (ban,) = watch._bans.values()
    assert ban.key == "192.0.2.7"
    assert watch.tick(ban.until - SECOND) == 1
    assert file.path.read_text() == f"192.0.2.7 {ban.rung.label}; # until {file.path.read_text().split()[-1]}\n"
    assert watch.tick(ban.until - SECOND + 1) == 0, "not more than once a second"
    assert watch.tick(ban.until + SECOND) == 1
    assert file.path.read_text() == ""
    watch.close(ban.until + 2 * SECOND)


def test_who_only_observes_publishes_nobody(tmp_path: Path) -> None:
    file = Publication(tmp_path / "bans", "nginx")
    watch = Watch(Config({"guard": {"mode": "observe"}}), [file], None)
    watch.take(ROBOT)
    watch.close(SECOND)
    assert file.path.read_text() == ""


def test_garbage_is_counted_and_harms_nobody(tmp_path: Path) -> None:
    watch = Watch(Config({}), [Publication(tmp_path / "bans", "nginx")], "combined")
    watch.take(["", "\x00\xff", "a" * 60_000, *ROBOT[:2]])
    assert (watch.lines, watch.rejected) == (5, 3)
    watch.close(SECOND)


def test_the_same_decisions_are_written_once(tmp_path: Path) -> None:
    file = Publication(tmp_path / "bans", "nftables")
    assert file.publish(BANS, NOW)
    before = file.path.stat().st_mtime_ns
    assert not file.publish(reversed(BANS), NOW + SECOND)
    assert file.path.stat().st_mtime_ns == before
    assert file.publish(BANS[:1], NOW)
    assert [it.name for it in tmp_path.iterdir()] == ["bans"], "no temporary file is left"


@pytest.mark.parametrize("existing", [b"as it was\n", None])
def test_a_file_that_its_reader_refuses_is_put_back(tmp_path: Path, existing: bytes | None) -> None:
    path = tmp_path / "bans"
    if existing is not None:
        path.write_bytes(existing)
    loaded = tmp_path / "loaded"
    file = Publication(path, "nginx", check="sh -c 'echo no good >&2; exit 1'", load=f"touch {loaded}")
    with pytest.raises(InputError, match="no good"):
        file.publish(BANS, NOW)
    assert (path.read_bytes() if path.exists() else None) == existing
    assert not loaded.exists()
    assert not file.publish(BANS, NOW), "what was refused is not tried again until something changes"


def test_nginx_takes_the_file_and_finds_the_fault_in_another(tmp_path: Path) -> None:
    nginx = program("nginx")
    path, conf = tmp_path / "bans", tmp_path / "nginx.conf"
    conf.write_text(
        f"pid {tmp_path}/pid; error_log stderr; events {{}} "
        f"http {{ access_log off; geo $scrapeguard {{ default allow; include {path}; }} }}"
    )
    check = f"{nginx} -t -p {tmp_path} -c {conf}"
    assert Publication(path, "nginx", check).publish(BANS, NOW)
    with pytest.raises(InputError, match="unexpected"):
        Publication(path, "crowdsec", check).publish(BANS, NOW)
    assert path.read_text().startswith("192.0.2.7 block;")


def test_haproxy_takes_the_file(tmp_path: Path) -> None:
    haproxy = program("haproxy")
    path, conf = tmp_path / "bans", tmp_path / "haproxy.cfg"
    conf.write_text(
        "defaults\n mode http\n timeout client 1s\n timeout connect 1s\n timeout server 1s\nfrontend f\n"
        f" bind 127.0.0.1:1\n http-request deny if {{ src,map_ip({path},allow) block }}\n"
    )
    assert Publication(path, "haproxy", f"{haproxy} -c -f {conf}").publish(BANS, NOW)


def test_the_other_forms_say_how_long_it_lasts() -> None:
    decisions = json.loads(FORMATS["crowdsec"](BANS, NOW))["new"]
    assert [(it["value"], it["scope"], it["type"], it["duration"]) for it in decisions] == [
        ("192.0.2.7", "Ip", "ban", "900s"),
        ("198.51.100.9", "Ip", "throttle", "30s"),
        ("2001:db8::/64", "Range", "ban", "900s"),
    ]
    rules = FORMATS["nftables"](BANS, NOW)
    assert "192.0.2.7 timeout 900s" in rules
    assert "2001:db8::/64 timeout 900s" in rules
    assert "198.51.100.9" not in rules, "who is only slowed down is not cut off"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_the_command_watches_a_file_and_keeps_evidence(tmp_path: Path, number: signal.Signals) -> None:
    path = tmp_path / "access.log"
    path.write_text("")
    now = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime())
    command = [PROGRAM, "watch", str(path), "--publish", f"nginx:{tmp_path}/bans", "--evidence", str(tmp_path / "ev")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            deadline = time.monotonic() + 20
            while not (tmp_path / "bans").exists():
                assert time.monotonic() < deadline
                time.sleep(0.05)
            with path.open("a") as file:
                for item in range(400):
                    file.write(f'192.0.2.7 - - [{now}] "GET /item/{item} HTTP/1.1" 200 5 "-" "curl/8.5.0"\n')
            while "192.0.2.7" not in (tmp_path / "bans").read_text():
                assert time.monotonic() < deadline
                time.sleep(0.05)
        finally:
            process.send_signal(number)
        said = process.communicate(timeout=10)[1]
    assert process.returncode == 0
    assert "400 lines, 0 of them" in said
    assert "Traceback" not in said
    assert len([it for it in opened.records(tmp_path / "ev") if it["k"] == "request"]) == 400


def test_a_socket_that_is_taken_and_a_form_that_is_not_there_are_told() -> None:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as taken:
        port = free_port()
        taken.bind(("127.0.0.1", port))
        for words in ([f"udp://127.0.0.1:{port}"], ["udp://nowhere"], ["-", "--publish", "iptables:x"]):
            done = CliRunner().invoke(main, ["watch", *words])
            assert (done.exit_code, done.output[:7]) == (2, "Error: ")


def test_a_command_that_is_none_and_a_last_line_without_end(tmp_path: Path) -> None:
    words = ["watch", "-", "--publish", f"nginx:{tmp_path / 'o'}", "--check"]
    ended = CliRunner().invoke(main, [*words, "'"], input="hi")
    assert (ended.exit_code, "Close what is quoted." in ended.output) == (2, True)
    for text, lines in ((b"a\nb\n", ["a", "b"]), (b"a\nb", ["a", "b"])):
        reading, writing = os.pipe()
        os.write(writing, text)
        os.close(writing)
        assert [line for batch in tail.piped(reading) for line in batch] == lines
        os.close(reading)
