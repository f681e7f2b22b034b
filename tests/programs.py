"""Programs that tests run for real: where one is missing the test is skipped and says so; in CI that is a failure."""

import os
import shutil

import pytest


def program(name: str) -> str:
    """The path of a program, also of one that only root has on its PATH."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if found is not None:
        return found
    missing = f"{name} is not installed, so nothing is tested with it: apt-get install {name}"
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)
