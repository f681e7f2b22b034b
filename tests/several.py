"""Servers that work together on loopback ports: a cluster of three masters with a replica each, and Sentinel's two.

Where they are secured, they speak TLS with one another and with clients, who need a certificate and a user; the tests
ask them over plain ports all the same.
"""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import SystemRandom
from urllib.parse import quote

import redis
from certificates import certificate
from servers import PATIENCE

QUIET = ("--save", "", "--appendonly", "no", "--loglevel", "warning", "--repl-diskless-sync-delay", "0")


ADMIN = "admin"  # the password of those who may do all: the servers among themselves, and the tests
USER, PASSWORD = "scrapeguard", "pass/w@rd"  # who may do what the store does, and no more
MAY = (
    *("~sg:*", "-@all", "+eval", "+evalsha", "+get", "+set", "+hget", "+hmget", "+hset", "+del", "+expire", "+ttl"),
    *("+info", "+select", "+cluster|slots"),
)
ASKER, WORD = "asker", "sen&tinel"  # who may ask a sentinel for the master, and no more


@dataclass(frozen=True, slots=True)
class Secrets:
    """A certificate, which servers and clients show one another."""

    cert: str
    key: str

    @classmethod
    def made(cls, folder: Path) -> "Secrets":
        return cls(*certificate(folder))

    def tls(self, port: int) -> dict[str, str]:
        """The settings of a server that speaks TLS on a port too, and with others; those who ask are known to it."""
        files = {"tls-cert-file": self.cert, "tls-key-file": self.key, "tls-ca-cert-file": self.cert}
        return {"tls-port": str(port), "tls-replication": "yes", **files, "requirepass": ADMIN}

    def url(self, scheme: str, hosts: str, path: str = "", query: str = "") -> str:
        """Where a client finds them, with all that it has to show."""
        login = f"{USER}:{quote(PASSWORD, safe='')}"
        files = f"ssl_ca_certs={self.cert}&ssl_certfile={self.cert}&ssl_keyfile={self.key}"
        return f"{scheme}://{login}@{hosts}{path}?{files}{query}"


def ports(many: int) -> list[int]:
    """So many free ports, each with the one 10,000 above it, on which nodes of a cluster talk."""
    found: list[int] = []
    while len(found) < many:
        port = SystemRandom().randrange(20_000, 32_000)
        with socket.socket() as one, socket.socket() as two:
            try:
                one.bind(("127.0.0.1", port))
                two.bind(("127.0.0.1", port + 10_000))
            except OSError:
                continue
        if port not in found:
            found.append(port)
    return found


def until(condition: Callable[[], bool], what: str, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            if condition():
                return
        except redis.RedisError:
            pass
        assert time.monotonic() < end, f"waited {seconds} s in vain until {what}"
        time.sleep(0.02)


class Node:
    """One server of several on a port; it can be killed and started again, empty."""

    def __init__(self, binary: str, port: int, *options: str, door: int | None = None) -> None:
        self.port, self.door = port, door or port  # for us; for clients, where it is another and secured
        self.folder = tempfile.mkdtemp(prefix="sg-")
        self._command = [binary, *options, "--port", str(port), "--bind", "127.0.0.1", "--dir", self.folder]
        self._password = None if door is None else ADMIN
        self.start()

    @classmethod
    def secured(cls, binary: str, port: int, secrets: Secrets | None, *options: str) -> "Node":
        """One that speaks TLS, and counts for no more than one user; None = no secrets, and it is open."""
        if secrets is None:
            return cls(binary, port, *options)
        (door,) = ports(1)
        own = [word for name, value in secrets.tls(door).items() for word in (f"--{name}", value)]
        user = ("--user", USER, "on", f">{PASSWORD}", *MAY)
        return cls(binary, port, *options, *own, "--masterauth", ADMIN, *user, door=door)

    def start(self) -> None:
        with (Path(self.folder) / "log").open("ab") as log:
            self.process = subprocess.Popen(self._command, stdout=log, stderr=log)
        until(lambda: self.ask("PING") in (b"PONG", True), f"{self.port} answers", PATIENCE)

    def ask(self, *words: str | bytes | int) -> object:
        with redis.Redis(port=self.port, password=self._password, protocol=2, retry=None) as client:
            return client.execute_command(*words)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        self.kill()
        shutil.rmtree(self.folder)


class Cluster:
    """Three masters and a replica of each. The master of a slot can be killed; then its replica takes over."""

    def __init__(self, binary: str, secrets: Secrets | None = None) -> None:
        self._secrets = secrets
        options = (*QUIET, "--cluster-enabled", "yes", "--cluster-node-timeout", "500")
        extra = ("--cluster-replica-validity-factor", "0", "--cluster-require-full-coverage", "no")
        tls = ("--tls-cluster", "yes") if secrets else ()
        self.nodes = [Node.secured(binary, port, secrets, *options, *extra, *tls) for port in ports(6)]
        masters, replicas = self.nodes[:3], self.nodes[3:]
        for place, node in enumerate(masters):
            first, last = place * 16384 // 3, (place + 1) * 16384 // 3
            for start in range(first, last, 1000):
                node.ask("CLUSTER", "ADDSLOTS", *range(start, min(start + 1000, last)))
            node.ask("CLUSTER", "SET-CONFIG-EPOCH", place + 1)
        for node in self.nodes[1:]:
            node.ask("CLUSTER", "MEET", "127.0.0.1", self.nodes[0].door)
        until(lambda: all(b"cluster_known_nodes:6" in self._info(node) for node in self.nodes), "they know each other")
        for node, master in zip(replicas, masters, strict=True):
            node.ask("CLUSTER", "REPLICATE", self.name(master))
        self.settle()

    @property
    def url(self) -> str:
        hosts = f"127.0.0.1:{self.nodes[0].door},127.0.0.1:{self.nodes[1].door}"
        return f"redis+cluster://{hosts}" if self._secrets is None else self._secrets.url("rediss+cluster", hosts)

    def name(self, node: Node) -> bytes:
        found = node.ask("CLUSTER", "MYID")
        assert isinstance(found, bytes)
        return found

    def masters(self) -> list[Node]:
        """The nodes that are alive and masters."""
        alive = [node for node in self.nodes if node.process.poll() is None]
        return [node for node in alive if b"role:master" in _bytes(node.ask("INFO", "replication"))]

    def owner(self, key: str) -> Node:
        """The master that has a key's slot."""
        (slot,) = {node.ask("CLUSTER", "KEYSLOT", key) for node in self.masters()[:1]}
        assert isinstance(slot, int)
        for first, last, master, *_ in _list(self.masters()[0].ask("CLUSTER", "SLOTS")):
            if first <= slot <= last:
                return next(node for node in self.nodes if node.port == int(master[1]))
        raise AssertionError(f"nobody has {slot}")

    def settle(self) -> None:
        """Wait until all slots are served and every replica is in step."""
        alive = [node for node in self.nodes if node.process.poll() is None]
        until(lambda: all(b"cluster_state:ok" in self._info(node) for node in alive), "the cluster is well")
        until(
            lambda: all(
                b"role:master" in info or b"master_link_status:up" in info
                for info in (_bytes(node.ask("INFO", "replication")) for node in alive)
            ),
            "the replicas are in step",
        )

    def emptied(self) -> "Cluster":
        for node in self.masters():
            node.ask("FLUSHALL")
            node.ask("SCRIPT", "FLUSH")
        return self

    def end(self) -> None:
        for node in self.nodes:
            node.end()

    def _info(self, node: Node) -> bytes:
        return _bytes(node.ask("CLUSTER", "INFO"))


class Watched:
    """A master, a replica, and three sentinels that watch them under the name "mymaster"."""

    def __init__(self, binary: str, secrets: Secrets | None = None) -> None:
        one, two, *others = ports(5)
        self._secrets = secrets
        first = Node.secured(binary, one, secrets, *QUIET)
        second = Node.secured(binary, two, secrets, *QUIET, "--replicaof", f"127.0.0.1 {first.door}")
        self.nodes = [first, second]
        self.sentinels = [self._sentinel(binary, port, first.door) for port in others]
        until(lambda: all(self._sees(each) for each in self.sentinels), "the sentinels see all")

    def _sentinel(self, binary: str, port: int, master: int) -> Node:
        file = Path(tempfile.mkdtemp(prefix="sg-")) / "sentinel.conf"
        lines = [
            f"sentinel monitor mymaster 127.0.0.1 {master} 2",
            "sentinel down-after-milliseconds mymaster 500",
            "sentinel failover-timeout mymaster 3000",
        ]
        door = None
        if self._secrets is not None:
            (door,) = ports(1)
            lines += [f"sentinel auth-pass mymaster {ADMIN}", f"sentinel sentinel-pass {ADMIN}"]
            lines.append(f"user {ASKER} on >{WORD} -@all +sentinel|get-master-addr-by-name")
            lines += [f"{name} {value}" for name, value in self._secrets.tls(door).items()]
        file.write_text("".join(f"{line}\n" for line in lines), "utf-8")
        return Node(binary, port, str(file), "--sentinel", door=door)

    def _sees(self, sentinel: Node) -> bool:
        (state,) = _list(sentinel.ask("SENTINEL", "MASTERS"))
        facts = dict(zip(state[::2], state[1::2], strict=True)) if isinstance(state, list) else state
        text = {_text(name): _text(value) for name, value in facts.items()}
        return (text["num-slaves"], text["num-other-sentinels"], text["flags"]) == ("1", "2", "master")

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{sentinel.door}" for sentinel in self.sentinels)
        if self._secrets is None:
            return f"redis+sentinel://{hosts}/mymaster?db=0"
        asking = f"&sentinel_username={ASKER}&sentinel_password={quote(WORD)}"
        return self._secrets.url("rediss+sentinel", hosts, "/mymaster", asking)

    def master(self) -> Node:
        """The one that the sentinels agree on."""
        told: set[int] = set()

        def agreed() -> bool:
            told.clear()
            told.update(self._told())
            return len(told) == 1

        until(agreed, "the sentinels agree")
        return next(node for node in self.nodes if node.door in told)

    def _told(self) -> set[int]:
        answers = [_list(it.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster")) for it in self.sentinels]
        return {int(str(_text(port))) for _, port in answers}

    def emptied(self) -> "Watched":
        self.master().ask("FLUSHALL")
        self.master().ask("SCRIPT", "FLUSH")
        return self

    def end(self) -> None:
        for node in (*self.sentinels, *self.nodes):
            node.end()


def _bytes(value: object) -> bytes:
    """INFO as the server wrote it; the client may have made a table of it."""
    if isinstance(value, dict):
        return "\r\n".join(f"{name}:{each}" for name, each in value.items()).encode()
    assert isinstance(value, bytes)
    return value


def _list(value: object) -> list[list[object]]:
    assert isinstance(value, list | tuple)
    return list(value)


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
