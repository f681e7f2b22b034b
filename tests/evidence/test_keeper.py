"""The keeper: one tree over many writers, taken up after any crash, anchored by others, and never two of it."""

import base64
import json
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from authority import Authority
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from scrapeguard.errors import EvidenceError
from scrapeguard.evidence import checkpoint, keeper, keys, segment, stamps, tree
from scrapeguard.evidence.duty import Duty
from scrapeguard.evidence.keeper import Keeper, KeeperSettings
from scrapeguard.evidence.tiles import Tiles
from scrapeguard.evidence.verify import consistent

NOW = 1_795_500_000_000_000  # 2026-11-24
MONTH = 31 * keeper.DAY
SETTINGS = KeeperSettings(site="example.org", host="web1")
Events = list[tuple[str, dict[str, object]]]


class Writer:
    """A process that writes records, as far as the keeper can tell."""

    def __init__(self, directory: Path) -> None:
        self.segment = segment.create(directory)

    def write(self, count: int) -> None:
        for number in range(count):
            self.segment.append("request", NOW + number, f'{{"n":{number}}}')


def open_keeper(directory: Path, settings: KeeperSettings = SETTINGS, now: int = NOW) -> tuple[Keeper, Events]:
    events: Events = []
    return Keeper(directory, settings, lambda kind, fields: events.append((kind, fields)), now), events


def all_lines(directory: Path) -> list[bytes]:
    return [line for path in sorted(directory.glob("records/*.jsonl")) for line in path.read_bytes().splitlines()]


def test_every_record_of_every_writer_is_in_the_tree_once(tmp_path: Path) -> None:
    one, two = Writer(tmp_path), Writer(tmp_path)
    kept, _ = open_keeper(tmp_path)
    for count in (3, 300, 1):
        one.write(count)
        two.write(count * 2)
        assert kept.sequence(NOW) == count * 3
    leaves = list(kept.sequencer.tiles.leaves(0, kept.sequencer.checkpoint.size))
    assert sorted(leaves) == sorted(all_lines(tmp_path))
    note = (tmp_path / "log/2026-11/checkpoint").read_bytes()
    signed, by = checkpoint.verify(note, [keys.load(tmp_path, SETTINGS.name()).verifier])
    assert by
    assert signed.root == tree.root_of([tree.leaf_hash(leaf) for leaf in leaves])


def test_a_torn_line_waits_and_sealed_openings_stay_where_they_are(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    writer.write(2)
    path = next(tmp_path.glob("records/*.jsonl"))
    with path.open("ab") as file:
        file.write(b"~c2VhbGVk\n")
    whole = len(path.read_bytes())
    writer.write(1)
    rest = path.read_bytes()[whole:]
    path.write_bytes(path.read_bytes()[:-10])
    kept, _ = open_keeper(tmp_path)
    assert kept.sequence(NOW) == 2
    path.write_bytes(path.read_bytes()[:whole] + rest)
    assert kept.sequence(NOW) == 1
    assert not any(leaf.startswith(b"~") for leaf in kept.sequencer.tiles.leaves(0, 3))


def test_a_restarted_keeper_goes_on_where_the_checkpoint_is(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    for _ in range(5):
        writer.write(100)
        kept, _ = open_keeper(tmp_path)
        kept.sequence(NOW)
    assert sorted(kept.sequencer.tiles.leaves(0, 500)) == sorted(all_lines(tmp_path))


@pytest.mark.parametrize("stage", ["tiles", "state"])
def test_a_crash_before_the_checkpoint_loses_nothing_and_forks_nothing(stage: str, tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    writer.write(100)
    kept, _ = open_keeper(tmp_path)
    kept.sequence(NOW)
    before = (tmp_path / "log/2026-11/checkpoint").read_bytes()
    state = (tmp_path / "log/2026-11/state-100.json").read_bytes()
    writer.write(400)
    kept.sequence(NOW)  # it got this far …
    (tmp_path / "log/2026-11/checkpoint").write_bytes(before)  # … but not to the checkpoint
    (tmp_path / "log/2026-11/state-100.json").write_bytes(state)
    if stage == "tiles":
        (tmp_path / "log/2026-11/state-500.json").unlink()
    writer.write(7)
    again, _ = open_keeper(tmp_path)
    assert again.sequence(NOW) == 407
    assert list(again.sequencer.tiles.leaves(0, 507)) == all_lines(tmp_path)


def test_a_broken_chain_stops_that_file_is_told_and_stops_no_other(tmp_path: Path) -> None:
    one, two = Writer(tmp_path), Writer(tmp_path)
    one.write(10)
    damaged = min(tmp_path.glob("records/*.jsonl"))
    damaged.write_bytes(damaged.read_bytes().replace(b'"n":4', b'"n":5'))
    two.write(10)
    kept, events = open_keeper(tmp_path)
    assert kept.sequence(NOW) == 5 + 10
    assert [(kind, fields["file"]) for kind, fields in events] == [("damage", damaged.name)]
    two.write(1)
    assert kept.sequence(NOW) == 1
    assert len(events) == 1


def test_a_log_rewritten_on_disk_is_not_gone_on_with(tmp_path: Path) -> None:
    Writer(tmp_path).write(300)
    kept, _ = open_keeper(tmp_path)
    kept.sequence(NOW)
    tile = tmp_path / "log/2026-11/tile/0/001.p/44"
    tile.write_bytes(bytes(32) + tile.read_bytes()[32:])
    with pytest.raises(EvidenceError, match="not the one its checkpoint commits to"):
        open_keeper(tmp_path)


def test_another_key_does_not_take_over_a_log(tmp_path: Path) -> None:
    Writer(tmp_path).write(3)
    open_keeper(tmp_path)[0].sequence(NOW)
    for name in ("log.key", "keys.jsonl"):
        (tmp_path / "keys" / name).unlink()
    with pytest.raises(EvidenceError, match="not signed by this log's key"):
        open_keeper(tmp_path)


def test_after_a_rotation_the_log_goes_on_and_both_keys_sign(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    writer.write(3)
    open_keeper(tmp_path)[0].sequence(NOW)
    old = keys.load(tmp_path, SETTINGS.name()).verifier
    keys.rotate(tmp_path, SETTINGS.name(), NOW)
    writer.write(3)
    kept, _ = open_keeper(tmp_path)
    kept.sequence(NOW)
    new = keys.load(tmp_path, SETTINGS.name()).verifier
    note = (tmp_path / "log/2026-11/checkpoint").read_bytes()
    assert checkpoint.verify(note, [old, new])[1] == [old, new]


def test_a_new_month_begins_with_the_last_checkpoint_of_the_old(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    writer.write(5)
    kept, _ = open_keeper(tmp_path)
    kept.sequence(NOW)
    last = (tmp_path / "log/2026-11/checkpoint").read_text()
    writer.write(5)
    kept.sequence(NOW + MONTH)
    assert kept.sequencer.shard == "2026-12"
    leaves = list(kept.sequencer.tiles.leaves(0, 6))
    assert json.loads(leaves[0])["checkpoint"] == last
    assert leaves[1:] == all_lines(tmp_path)[5:]
    again, _ = open_keeper(tmp_path, now=NOW + MONTH)
    writer.write(1)
    assert again.sequence(NOW + MONTH) == 1


def test_a_clock_set_back_into_last_month_does_not_reopen_it(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    writer.write(5)
    kept, _ = open_keeper(tmp_path, now=NOW + MONTH)
    kept.sequence(NOW + MONTH)
    writer.write(5)
    again, _ = open_keeper(tmp_path, now=NOW)
    again.sequence(NOW)
    assert again.sequencer.shard == "2026-12"
    assert again.sequencer.checkpoint.size == 10


def test_only_one_is_elected(tmp_path: Path) -> None:
    held = keeper.elect(tmp_path)
    assert held is not None
    assert keeper.elect(tmp_path) is None


def test_the_keeper_beside_a_worker_lets_visitors_go_first(tmp_path: Path) -> None:
    duty = Duty(tmp_path, KeeperSettings(checkpoint_seconds=1), tmp_path, 0)
    try:
        nice = _nice_of_keeper(time.monotonic() + 20)
    finally:
        duty.end()
    assert nice == min(os.nice(0) + 10, 19)


def _nice_of_keeper(patience: float) -> int | None:
    """How nice the keeper that this process started is, once it is so; the last that was seen in time."""
    found = None
    while found in (None, os.nice(0)) and time.monotonic() < patience:
        tasks = Path(f"/proc/{os.getpid()}/task").glob("*/children")
        for pid in [pid for task in tasks for pid in task.read_text().split()]:
            if "evidence.duty" in Path(f"/proc/{pid}/cmdline").read_text():
                found = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[16])
        time.sleep(0.05)
    return found


def test_a_checkpoint_is_stamped_and_a_dead_authority_is_told_once_and_asked_again(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "tsa")
    dead = "http://127.0.0.1:9/"
    Writer(tmp_path / "ev").write(10)
    with authority.serve() as url:
        settings = KeeperSettings(
            site="example.org", host="web1", authorities=(url, dead), authority_roots=(str(authority.root),)
        )
        kept, events = open_keeper(tmp_path / "ev", settings)
        kept.sequence(NOW)
        assert kept.due(NOW)
        assert kept.anchor(NOW) == 1
        assert kept.anchor(NOW + 60 * keeper.SECOND) == 1
    assert [kind for kind, _ in events] == ["anchor.delayed", "anchor", "anchor"]
    for asked, (_, told) in zip((NOW, NOW + 60 * keeper.SECOND), events[1:], strict=True):
        assert abs(told["ahead_us"] - (asked - time.time_ns() // 1000)) < 30 * keeper.SECOND  # type: ignore[operator]
    stamped = tmp_path / "ev/log/2026-11/checkpoints/10"
    name = stamps.Authority(url, ()).name
    assert stamped.with_name(f"10.{name}.tsr").exists()
    assert not kept.due(NOW + 61 * keeper.SECOND)


def test_a_month_s_last_checkpoint_is_stamped_before_the_next_begins(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "tsa")
    writer = Writer(tmp_path / "ev")
    writer.write(5)
    with authority.serve() as url:
        settings = KeeperSettings(
            site="example.org", host="web1", authorities=(url,), authority_roots=(str(authority.root),)
        )
        kept, events = open_keeper(tmp_path / "ev", settings)
        kept.sequence(NOW)
        writer.write(5)
        kept.sequence(NOW + MONTH)
        kept.sequence(NOW + MONTH + keeper.SECOND)
    assert [told["size"] for kind, told in events if kind == "anchor"] == [5]
    assert list((tmp_path / "ev/log/2026-11/checkpoints").glob("5.*.tsr"))


def test_authorities_without_a_root_to_check_them_are_refused(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="no root"):
        open_keeper(tmp_path, KeeperSettings(authorities=("http://127.0.0.1:9/",)))


class StatefulWitness:
    """A C2SP witness over HTTP: remembers the largest size, checks consistency, refuses forks and rollbacks."""

    def __init__(self, log: checkpoint.Verifier) -> None:
        key = Ed25519PrivateKey.generate()
        public = key.public_key().public_bytes_raw()
        self.verifier = checkpoint.Verifier("witness.example", public, checkpoint.COSIGNATURE)
        self.size, self.root = 0, b""
        witness = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                status, answer = witness.add(key, log, self.rfile.read(int(self.headers["Content-Length"])).decode())
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def add(self, key: Ed25519PrivateKey, log: checkpoint.Verifier, body: str) -> tuple[int, bytes]:
        head, _, note = body.partition("\n\n")
        old, *proof = head.split("\n")
        seen, signed = checkpoint.verify(note, [log])
        steps = [base64.b64decode(step) for step in proof if step]
        if not signed:
            return 403, b""
        if int(old.removeprefix("old ")) != self.size:
            return 409, str(self.size).encode()
        roots = self.root, seen.root
        grown = (
            roots[0] == roots[1]
            if self.size == seen.size
            else consistent(self.size, seen.size, steps, self.root) == roots
        )
        if self.size and not grown:
            return 422, b""
        self.size, self.root = seen.size, seen.root
        message = b"cosignature/v1\ntime 1795500000\n" + seen.text().encode()
        value = self.verifier.id + (1_795_500_000).to_bytes(8, "big") + key.sign(message)
        return 200, f"\u2014 witness.example {base64.b64encode(value).decode()}\n".encode()


def test_a_witness_cosigns_a_tree_that_grows_and_refuses_one_that_was_rewritten(tmp_path: Path) -> None:
    log = keys.ensure(tmp_path, SETTINGS.name(), NOW).verifier
    witness = StatefulWitness(log)
    url = f"http://127.0.0.1:{witness.server.server_port}"
    settings = KeeperSettings(site="example.org", host="web1", witnesses=(f"{witness.verifier} {url}",))
    writer = Writer(tmp_path)
    kept, events = open_keeper(tmp_path, settings)
    for count in (5, 300, 7):
        writer.write(count)
        kept.sequence(NOW)
        assert kept.anchor(NOW) == 1
        cosigned = (tmp_path / f"log/2026-11/checkpoints/{kept.sequencer.checkpoint.size}.cosigned").read_text()
        assert checkpoint.cosigned_at(cosigned, witness.verifier) == 1_795_500_000
    rewritten = Tiles(tmp_path / "other")
    rewritten.append([b"another history %d" % number for number in range(400)])
    kept.sequencer.tiles = rewritten
    kept.sequencer.commit([b"one more"])
    assert kept.anchor(NOW) == 0
    assert events[-1][0] == "anchor.delayed"
    witness.server.shutdown()
    witness.server.server_close()
