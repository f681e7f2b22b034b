"""SIGHUP: a new configuration takes effect whole, a faulty one changes nothing and says so."""

import os
import signal
from pathlib import Path

import pytest
from serving import Served, serve, wait_until

APPS = Path(__file__).parent / "apps"
CONFIG = "[policy]\nchallenge = 0\n[signals.pace]\nlimit = {limit}\nflood = {limit}\n"
EVIDENCE = '[evidence]\ndirectory = "evidence"\n'


def hang_up(served: Served, config: str) -> None:
    """Change the configuration, and signal the process that writes evidence, which is the one with the guard."""
    (served.folder / "guard.toml").write_text(config + EVIDENCE, "utf-8")
    (start,) = (record for record in served.records() if record["k"] == "start")
    os.kill(start["what"]["pid"], signal.SIGHUP)


def activations(served: Served) -> int:
    """How many configurations were in force."""
    return len({record["what"]["file"] for record in served.records() if record["k"] == "config.activated"})


def statuses(served: Served, address: str, count: int) -> list[int]:
    return [served.get("/page", address).status for _ in range(count)]


@pytest.mark.parametrize("server", ["uvicorn", "hypercorn", "daphne"])
def test_a_limit_changed_in_the_file_holds_after_a_hangup(server: str, tmp_path: Path) -> None:
    with serve("starlette_app:application", tmp_path, CONFIG.format(limit=8), server, APPS) as served:
        assert statuses(served, "127.0.0.2", 10) == [200] * 8 + [429] * 2
        hang_up(served, CONFIG.format(limit=3))
        wait_until(lambda: activations(served) == 2, served)
        assert statuses(served, "127.0.0.3", 5) == [200] * 3 + [429] * 2
        assert statuses(served, "127.0.0.2", 1) == [429]  # counts and standings survive
        assert len({record["what"]["config"] for record in served.records() if record["k"] == "request"}) == 2


def test_granian_claims_the_hangup_and_starts_a_worker_with_the_new_limit(tmp_path: Path) -> None:
    with serve("starlette_app:application", tmp_path, CONFIG.format(limit=8), "granian", APPS) as served:
        assert statuses(served, "127.0.0.2", 10) == [200] * 8 + [429] * 2
        (tmp_path / "guard.toml").write_text(CONFIG.format(limit=3) + EVIDENCE, "utf-8")
        served.process.send_signal(signal.SIGHUP)
        wait_until(lambda: activations(served) == 2 and any(r["k"] == "close" for r in served.records()), served)
        assert statuses(served, "127.0.0.3", 5) == [200] * 3 + [429] * 2


@pytest.mark.parametrize(
    ("fault", "what"),
    [
        ("[signals.pace]\nlimt = 3\n", "has no setting 'limt'"),
        ("[signals.pace\n", "is not valid TOML"),
        ("[signals.pace]\nlimit = 1\n[notices]\nrobots = 'missing.txt'\n", "missing.txt"),
        ("[store]\nmax_subjects = 7\n", "takes effect with a restart only"),
    ],
)
def test_a_faulty_file_changes_nothing_and_says_so(fault: str, what: str, tmp_path: Path) -> None:
    with serve("starlette_app:application", tmp_path, CONFIG.format(limit=5), apps=APPS) as served:
        assert statuses(served, "127.0.0.2", 1) == [200]
        hang_up(served, fault)
        wait_until(lambda: "the old configuration stays" in served.log(), served)
        assert what in served.log()
        assert "Traceback" not in served.log()
        assert statuses(served, "127.0.0.3", 6) == [200] * 5 + [429]
        assert activations(served) == 1
