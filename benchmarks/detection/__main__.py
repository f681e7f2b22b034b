"""The proving ground, run: `python -m benchmarks.detection` plays every client against the guarded site."""

import json
import os
import platform
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import click

from benchmarks.detection.cast import BROWSERS, DISGUISED, HERE, MACHINES, NAIVE, PEOPLE, Client
from benchmarks.detection.crowdsec import replayed
from benchmarks.detection.imagined import imagined
from benchmarks.detection.ledger import Account, Kind, account, by_client
from benchmarks.detection.peers import Found, free_port, judged, nginx
from benchmarks.detection.picture import picture
from benchmarks.detection.secured import secured
from benchmarks.detection.site import catalogue_site
from benchmarks.detection.stage import Stage, guarded, serving
from benchmarks.detection.table import beside_us, by_detector, table
from scrapeguard.version import __version__

ROOT = Path(__file__).parents[2]
AT_ONCE = 3  # clients that play at the same time
PEOPLE_SECONDS = 150
HEAD_START = 20  # seconds that people are there before the rest


class Troupe:
    """The addresses handed out so far, and the commands that play the clients."""

    def __init__(self, stage: Stage, tools: Path, folder: Path) -> None:
        self.stage, self.tools, self.folder = stage, tools, folder
        self.names: dict[str, str] = {}  # of each address
        self.notes: dict[str, str] = {}  # why a client did not play

    def place(self, name: str, addresses: int = 1) -> str:
        """A gate for a client, with its own addresses, each in a network of its own."""
        first = len(self.names)
        mine = [f"127.{20 + n // 250}.{n % 250 + 1}.7" for n in range(first, first + addresses)]
        self.names.update(dict.fromkeys(mine, name))
        return self.stage.gate(*mine)

    def missing(self, client: Client) -> bool:
        if not client.needs or shutil.which(client.needs):
            return False
        return not any(self.tools.glob(f"lib/python3*/site-packages/{client.needs}"))

    def play(self, client: Client, url: str) -> None:
        if self.missing(client):
            self.notes[client.name] = f"{client.needs} is not installed"
            return
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            command = client.command(url, self.tools, Path(folder))
            fault = run(command, self.tools, client.seconds, folder)
            if fault:
                self.notes[client.name] = fault


def run(command: Sequence[str], tools: Path, seconds: int, folder: str, **more: str) -> str:
    """Run a command for so long; answers what it said when it failed."""
    environment = {**os.environ, "TOOLS_NODE": str(tools), "HOME": folder, **more}
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        environment.pop(name, None)
    process = subprocess.Popen(
        command,
        env=environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        _, said = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        return ""
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return said.strip().splitlines()[-1][:120] if process.returncode and said.strip() else ""


@contextmanager
def window() -> Iterator[str]:
    """A screen for browsers with a window; gives its name."""
    if not shutil.which("Xvfb"):
        yield os.environ.get("DISPLAY", "")
        return
    receive, send = os.pipe()
    command = ["Xvfb", "-displayfd", str(send), "-screen", "0", "1280x900x24"]
    screen = subprocess.Popen(command, pass_fds=(send,), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(send)
    try:
        with os.fdopen(receive) as said:
            yield f":{said.readline().strip()}"
    finally:
        screen.terminate()
        screen.wait()


def visit(troupe: Troupe, people: Sequence[str]) -> None:
    """People, all at the same time, in one browser with a window."""
    places = [f"{name}={troupe.place(name)}" for name in people]
    with window() as display:
        script = [str(troupe.tools / "bin/python"), str(HERE / "browse.py"), "people", *places]
        fault = run(script, troupe.tools, PEOPLE_SECONDS, str(troupe.folder), DISPLAY=display)
    if fault:
        troupe.notes[people[0]] = fault


def perform(troupe: Troupe, clients: Sequence[Client], people: Sequence[str]) -> None:
    """People first, so that the site is known to have assets; then everybody else, a few at a time."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        if people:
            visiting = pool.submit(visit, troupe, people)
            wait([visiting], HEAD_START)
        seats = [(client, troupe.place(client.name, client.addresses)) for client in clients]
        list(pool.map(lambda seat: troupe.play(*seat), seats))


def beside(tools: Path, clients: Sequence[Client], people: Sequence[str], kept: Path | None) -> list[Found]:
    """The same clients once more, without the guard: what its peers would have made of them."""
    with tempfile.TemporaryDirectory(prefix="peers-") as name, serving(catalogue_site()) as stage:
        folder = Path(name)
        folder.chmod(0o755)  # nginx writes as another user
        with nginx(stage.port, folder) as port:
            stage.port = port
            troupe = Troupe(stage, tools, folder)
            perform(troupe, clients, people)
        if kept:
            shutil.copy(folder / "combined.log", kept)
            kept.with_suffix(".names.json").write_text(json.dumps(troupe.names, indent=1) + "\n")
        found = judged(folder / "access.log", troupe.names)
        if (tools / "crowdsec").is_dir():
            home = folder / "crowdsec"
            found += replayed(tools / "crowdsec", folder / "combined.log", troupe.names, home, free_port())
        if any(tools.glob("lib/python3*/site-packages/guard_core")):
            found += secured(tools, folder / "combined.log", troupe.names)
        return found


def play(tools: Path, clients: Sequence[Client], people: Sequence[str]) -> list[Account]:
    """Everybody against the guarded site."""
    app, witness = guarded()
    with tempfile.TemporaryDirectory(prefix="detection-") as folder, serving(app) as stage:
        troupe = Troupe(stage, tools, Path(folder))
        perform(troupe, clients, people)
    lines = by_client(witness.lines, troupe.names)
    cast: list[tuple[str, Kind, str]] = [(name, "person", doing) for name, doing in PEOPLE.items() if name in people]
    cast += [(client.name, client.kind, client.style) for client in clients]
    accounts: list[Account] = []
    for name, kind, style in cast:
        made = account(name, kind, style, lines.get(name, ()))
        made.note = troupe.notes.get(name, "" if made.requests else "did not play")
        accounts.append(made)
    return accounts


def earlier(result: Path) -> list[Account]:
    """The accounts of the last run."""
    return [Account(**row) for row in json.loads(result.read_text())["clients"]]


@click.command()
@click.option("--tools", type=click.Path(path_type=Path), default=ROOT / ".venv-detection", show_default=True)
@click.option("--only", help="only clients with this in their names, and nothing imagined")
@click.option("--peers/--no-peers", default=True, help="play everybody once more without the guard, for its peers")
@click.option("--again", is_flag=True, help="the guard's figures are those of the last run; only its peers are new")
@click.option("--log", type=click.Path(path_type=Path), help="keep the unguarded traffic as an access log")
@click.option("--json", "result", type=click.Path(path_type=Path), default=ROOT / "benchmarks/results/detection.json")
def main(tools: Path, only: str | None, peers: bool, again: bool, log: Path | None, result: Path) -> None:
    """Play every client, print the table, and write the figures and the picture."""
    clients = [c for c in (*NAIVE, *DISGUISED, *BROWSERS, *MACHINES) if not only or only.lower() in c.name.lower()]
    people = [name for name in PEOPLE if not only or only.lower() in name]
    accounts = earlier(result) if again else play(tools.absolute(), clients, people)
    if not only and not again:
        accounts += imagined()
    click.echo(table(accounts))
    click.echo("\n### By detector\n\n" + by_detector(accounts))
    found = beside(tools.absolute(), clients, people, log) if peers else []
    if found:
        click.echo("\n### Beside us\n\n" + beside_us(accounts, found))
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    told = {"date": datetime.now(UTC).date().isoformat(), "machine": machine, "version": __version__}
    if not only:
        rows, others = [made.row() for made in accounts], [made.row() for made in found]
        result.parent.mkdir(parents=True, exist_ok=True)
        result.write_text(json.dumps({**told, "clients": rows, "peers": others}, indent=1) + "\n")
        result.with_suffix(".svg").write_text(picture(accounts))


if __name__ == "__main__":
    main()
