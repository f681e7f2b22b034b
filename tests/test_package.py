"""What is installed works without the checkout, and importing it costs next to nothing."""

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HEAVY = ("starlette", "uvicorn", "redis", "cryptography", "ua_parser", "user_agents", "click", "rich", "asyncio")


def run(*command: str | Path, cwd: Path) -> str:
    """What a command says, in a folder that is not the checkout and without its environment."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(cwd), "LANG": "C.UTF-8"}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel, built from the source archive as a packager would."""
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, ROOT, cwd=out)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of a fresh environment with the wheel; its dependencies are lent by the one the tests run in."""
    home = tmp_path_factory.mktemp("installed")
    venv.create(home)
    python = home / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", wheel, cwd=home)
    (packages,) = home.glob("lib/python*/site-packages")
    (packages / "lent.pth").write_text(sysconfig.get_path("purelib"))
    return home / "bin"


def test_the_wheel_carries_what_the_code_reads_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    for folder, pattern in (("config", "*.toml"), ("robots", "*.*")):
        for file in (ROOT / folder).rglob(pattern):
            assert f"scrapeguard/_data/{file.relative_to(ROOT).as_posix()}" in names
    for file in (ROOT / "src").rglob("*.*"):
        if file.suffix in (".py", ".lua", ".typed"):
            assert file.relative_to(ROOT / "src").as_posix() in names
    assert {name.split("/")[0].split("-")[0] for name in names} == {"scrapeguard"}
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_an_installed_wheel_works_from_any_directory(installed: Path, tmp_path: Path) -> None:
    where = run(installed / "python", "-c", "import scrapeguard; print(scrapeguard.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(installed.parent)
    assert run(installed / "scrapeguard", "--version", cwd=tmp_path).startswith("scrapeguard, version ")
    assert json.loads(run(installed / "scrapeguard", "check", "--json", cwd=tmp_path))["valid"]

    defaults = "from scrapeguard import config; print(config.shipped('config/scrapeguard.toml'))"
    shipped = run(installed / "python", "-c", defaults, cwd=tmp_path).strip()
    assert Path(shipped).is_relative_to(installed.parent)
    assert json.loads(run(installed / "scrapeguard", "check", shipped, "--json", cwd=tmp_path))["differences"] == []
    assert list(tmp_path.iterdir()) == []


def test_a_guard_built_from_an_installed_wheel_publishes_the_robots_template(installed: Path, tmp_path: Path) -> None:
    config = {"facts": {"traps": ["/trap/*"]}}  # with a trap, the robots.txt that forbids it is ours
    code = f"from scrapeguard import ScrapeGuard; print(dict(ScrapeGuard(None, {config}).parts.notices.published()))"
    assert "User-agent" in run(installed / "python", "-W", "error", "-c", code, cwd=tmp_path)


def test_importing_the_package_alone_loads_nothing_heavy() -> None:
    code = "import sys; before = set(sys.modules); import scrapeguard; print(*(set(sys.modules) - before))"
    loaded = run(sys.executable, "-c", code, cwd=ROOT).split()
    assert not [name for name in loaded if name.split(".")[0] in HEAVY]
    assert len(loaded) <= 40, loaded
