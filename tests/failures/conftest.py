"""Where the evidence of a site under test goes."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from disk import Disk


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """Mounted where the evidence of a site in `tmp_path`/site goes."""
    made = Disk(tmp_path / "site/evidence")
    yield made
    made.end()
