"""Bytes kept once, under the name of their own digest: notices as served, configurations as in force."""

import os
from pathlib import Path

from scrapeguard.evidence.canonical import digest
from scrapeguard.evidence.durable import make_private, sync_folder


def keep(folder: Path, data: bytes) -> str:
    """Keep `data` durably in `folder` and answer its SHA-256, which is its name there. Raises OSError."""
    name = digest(data)
    path = folder / name
    if not path.exists():
        make_private(folder)
        draft = folder / f".{name}.{os.getpid()}"
        with draft.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        sync_folder(folder)
    return name
