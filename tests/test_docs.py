"""What the documents say can be done, can be done; and what they link to is there."""

import os
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import click
import pytest
from documents import Block, blocks, write

from scrapeguard import config, parts
from scrapeguard.cli import main

ROOT = Path(__file__).parent.parent
DOCUMENTS = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")
GUIDES = ("docs/operating.md", "docs/challenge.md", "benchmarks/README.md", "benchmarks/detection/README.md")
BIN = Path(sys.executable).parent
PATIENCE = 180  # seconds; a guide that waits for a crowded machine is no fault
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
LINE = '{} - - [24/Nov/2025:09:{:02d}:{:02d} +0000] "GET {} HTTP/1.1" 200 5120 "{}" "{}"\n'


def environment(folder: Path) -> dict[str, str]:
    """The console script on the path, and a home of its own; `make` in a dry run says what it would do."""
    path = f"{BIN}:{os.environ['PATH']}"
    return {"PATH": path, "HOME": str(folder), "LANG": "C.UTF-8", "PYTHONPATH": str(folder)}


def shell(block: Block, folder: Path) -> None:
    """Run a block as it stands, and demand that every line of it succeeds."""
    dry = block.how == "dry"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block.text],
        cwd=ROOT if dry else folder,
        env=environment(folder) | ({"MAKEFLAGS": "n"} if dry else {}),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, f"{block.document}:{block.line}\n{done.stdout}\n{done.stderr}"


def serve(block: Block, folder: Path) -> None:
    """Start a server, ask it for robots.txt until it answers, and end it."""
    port = re.search(r"--port (\d+)", block.text)
    assert port, f"{block.document}:{block.line} names no port"
    with subprocess.Popen(
        ["bash", "-c", f"exec {block.text}"], cwd=folder, env=environment(folder), stderr=subprocess.PIPE, text=True
    ) as server:
        try:
            end = time.monotonic() + PATIENCE
            while time.monotonic() < end and server.poll() is None:
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{port[1]}/robots.txt", timeout=5) as answer:
                        assert answer.status == 200
                        return
                except urllib.error.URLError:
                    time.sleep(0.05)  # not listening yet
        finally:
            server.terminate()
        assert server.stderr is not None
        pytest.fail(f"{block.document}:{block.line} did not serve\n{server.stderr.read()}")


def attempt(block: Block, folder: Path) -> None:
    """Try a block in the way its language and its comment ask for."""
    if write(block, folder) and block.language != "toml":
        return
    if block.how == "background":
        serve(block, folder)
    elif block.language == "bash":
        shell(block, folder)
    elif block.language == "toml":
        (folder / "block.toml").write_text(block.text, "utf-8")
        parts.examine(config.load(folder / "block.toml"))
    elif block.language == "python":
        (folder / "block.py").write_text(block.text, "utf-8")
        shell(Block(block.document, block.line, "bash", "", "python -W error block.py"), folder)
    else:
        assert block.language == "text", f"{block.document}:{block.line} is in {block.language!r}, which nobody tries"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What an operator has before he reads the README: an app, a robots.txt and an access log with a scraper in it."""
    (tmp_path / "shop.py").write_text(
        "from starlette.applications import Starlette\n"
        "from starlette.responses import PlainTextResponse\n"
        "from starlette.routing import Route\n"
        "app = Starlette(routes=[Route('/', lambda request: PlainTextResponse('hello'))])\n"
    )
    (tmp_path / "robots.txt").write_text("User-agent: *\nDisallow: /private\n")
    person = [LINE.format("198.51.100.9", minute, 0, f"/story/{minute}", "-", CHROME) for minute in range(0, 50, 10)]
    robot = [
        LINE.format("192.0.2.7", second // 60, second % 60, f"/item/{second}", "-", "python-requests/2.32.0")
        for second in range(300)
    ]
    (tmp_path / "access.log").write_text("".join(sorted(person + robot, key=lambda line: line.split("[")[1])))
    return tmp_path


def test_every_command_and_every_example_of_the_readme_works(folder: Path) -> None:
    for block in blocks(ROOT / "README.md"):
        attempt(block, folder)


def test_the_readme_can_be_read_in_one_sitting() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 150


def test_a_detector_is_added_as_the_guide_says(tmp_path: Path) -> None:
    """In a copy of the checkout, with its own tests and those of the whole tree."""
    for name in ("src", "config", "robots", "tests"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", *DOCUMENTS):
        shutil.copy(ROOT / name, tmp_path)
    guide = blocks(ROOT / "CONTRIBUTING.md")
    assert sum(write(block, tmp_path) for block in guide) >= 4
    for block in guide:
        if block.how == "here":
            command = re.sub(
                r'make test ARGS="(.*)"', rf"{sys.executable} -m pytest -q -p no:cacheprovider \1", block.text
            )
            run = Block(block.document, block.line, "bash", "", f"export PYTHONPATH={tmp_path}/src\n{command}")
            shell(run, tmp_path)


@pytest.mark.parametrize("name", [*DOCUMENTS, *GUIDES])
def test_links_lead_to_what_is_there(name: str) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", (ROOT / name).read_text("utf-8")):
        if "://" in target:
            continue
        path, _, heading = target.partition("#")
        there = (ROOT / name).parent / path if path else ROOT / name
        assert there.exists(), target
        assert not heading or heading in headings(there), target


def headings(document: Path) -> set[str]:
    """The anchors of a document's headings."""
    lines = [line for line in document.read_text("utf-8").splitlines() if line.startswith("#")]
    return {re.sub(r"[^\w\- ]", "", line.lstrip("# ").lower()).replace(" ", "-") for line in lines}


def test_every_command_has_its_place_in_the_guide() -> None:
    told = (ROOT / "docs" / "operating.md").read_text("utf-8")
    for name, command in main.commands.items():
        inner = [f"{name} {each}" for each in command.commands] if isinstance(command, click.Group) else [name]
        for words in inner:
            assert f"`{words}`" in told, f"docs/operating.md says nothing of `{words}`"


def test_every_target_of_make_is_told() -> None:
    targets = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)[0].split()
    told = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    for target in set(targets) - {"clean"}:
        assert f"make {target} " in told, f"CONTRIBUTING.md says nothing of `make {target}`"
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE), target


def test_the_architecture_has_a_line_for_every_module_and_none_for_others() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    package = ROOT / "src" / "scrapeguard"
    there = {file.relative_to(package).as_posix() for file in package.rglob("*.py") if file.name != "__init__.py"}
    told = re.findall(r"^\| `([\w/]+\.py)` \|", text, re.MULTILINE)
    assert sorted(told) == sorted(there)
