"""The tree keeps its shape; and a violation planted in a copy of it is told."""

import shutil
from collections.abc import Callable
from pathlib import Path

import architecture
import pytest
from architecture import RULES

from scrapeguard.signals import DETECTORS

PACKAGE = Path(__file__).parent.parent / "src" / "scrapeguard"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_tree_keeps(rule: Callable[..., object]) -> None:
    assert list(rule(architecture.read(PACKAGE))) == []


PLANTS = {  # what is appended to a file (or makes a new one), the rule it breaks, and what is said about it
    "an upward import": ("stores/memory.py", "from scrapeguard.guard import Judge", "layers", "is not below it"),
    "an upward import by its other spelling": (
        "facts/agent.py",
        "from scrapeguard import guard",
        "layers",
        "not below",
    ),
    "an import among strangers": ("signals/pace.py", "import scrapeguard.policy", "layers", "is not below it"),
    "an import for the type checker only": (
        "model.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from scrapeguard.config import Config",
        "layers",
        "is not below it",
    ),
    "an import relative to where it stands": ("signals/pace.py", "from . import breadth", "layers", "write it in full"),
    "a new part without a place": ("plugins.py", '"""Plugins."""', "layers", "no line in LAYERS"),
    "a clock in a detector": ("signals/pace.py", "import time", "purity", "imports time, which is not pure"),
    "a clock in the policy": ("policy.py", "from datetime import datetime", "purity", "imports datetime"),
    "randomness in a detector": ("signals/pace.py", "from random import random", "purity", "imports random"),
    "a log line in a detector": ("signals/pace.py", "import logging", "purity", "imports logging"),
    "HTTP in a detector": ("signals/pace.py", "from starlette.requests import Request", "purity", "imports starlette"),
    "a file read by a detector": ("signals/pace.py", 'TABLE = open("table")', "purity", "calls open()"),
    "a package far from home": ("guard.py", "import redis", "homes", "whose home is stores/lines.py"),
    "a package without a home": ("guard.py", "import requests", "homes", "has no home"),
    "a verifier that needs us": ("evidence/verify.py", "import scrapeguard.errors", "standalone", "it stands alone"),
    "an unregistered detector": ("signals/planted.py", '"""Planted."""', "registries", "is not registered"),
    "an unregistered response": ("responses/planted.py", '"""Planted."""', "registries", "is not registered"),
    "an unregistered command": ("cli/planted.py", '"""Planted."""', "registries", "is not registered"),
    "an export that nobody offers": ("exports/planted.py", '"""Planted."""', "orphans", "is imported by nobody"),
    "an import inside a function": ("policy.py", "def f():\n    import math", "late_imports", "inside f()"),
    "a long module": ("policy.py", "\n" * 250, "sizes", "the limit is 250"),
    "a long function": ("policy.py", "def f():\n" + "    pass\n" * 40, "sizes", "f() has 41 lines; the limit is 40"),
    "a module that says nothing": ("signals/planted.py", "import math", "sentences", "does not open with a sentence"),
    "a bare except": ("policy.py", "try:\n    pass\nexcept:\n    pass", "broad_excepts", "catches everything"),
    "a blanket except": (
        "policy.py",
        "try:\n    pass\nexcept (ValueError, Exception):\n    pass",
        "broad_excepts",
        "catches everything",
    ),
    "a blanket suppression": (
        "policy.py",
        "import contextlib\nwith contextlib.suppress(Exception):\n    pass",
        "broad_excepts",
        "catches everything",
    ),
    "one blanket except more than allowed": (
        "lifespan.py",
        "try:\n    pass\nexcept Exception:\n    pass",
        "broad_excepts",
        "catches everything",
    ),
    "inheritance": ("policy.py", "class Strict(Policy):\n    pass", "habits", "Strict inherits from Policy"),
    "module state": ("policy.py", "def f():\n    global now", "habits", "changes the state of its module"),
    "a drawer for odds and ends": ("facts/utils.py", '"""Odds and ends."""', "habits", "says nothing"),
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("tree") / "scrapeguard"
    return shutil.copytree(PACKAGE, place, ignore=shutil.ignore_patterns("__pycache__"))


@pytest.mark.parametrize("plant", PLANTS)
def test_a_violation_would_be_told(plant: str, copy: Path) -> None:
    path, text, broken, said = PLANTS[plant]
    (rule,) = (rule for rule in RULES if rule.__name__ == broken)
    before = set(rule(architecture.read(copy)))
    file = copy / path
    old = file.read_text("utf-8") if file.exists() else None
    file.write_text(text if old is None else f"{old}\n{text}\n", "utf-8")
    try:
        after = set(rule(architecture.read(copy)))
    finally:
        file.unlink() if old is None else file.write_text(old, "utf-8")
    assert any(said in sentence for sentence in after - before)


def test_every_rule_has_a_plant() -> None:
    assert {broken for _, _, broken, _ in PLANTS.values()} == {rule.__name__ for rule in RULES}


def test_a_detector_goes_by_the_name_of_its_file() -> None:
    for name, detector in DETECTORS.items():
        assert detector.__module__ == f"scrapeguard.signals.{name}"
