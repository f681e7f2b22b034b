"""Folders for their owner only, whose names survive a crash."""

import os
from pathlib import Path


def make_private(folder: Path) -> None:
    """Make a folder of an evidence directory, and the directory, for their owner only. Raises OSError."""
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
