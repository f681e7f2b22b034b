"""A secret that all processes of a host share without anybody configuring it: made once, in a file for its owner."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

NAME, SIZE = "challenge.key", 32


def shared_secret(directory: Path) -> bytes | None:
    """The secret of a folder, made if it has none; of several that make one at once, all get the same.

    None where it can neither be read nor made: then everybody is on his own.
    """
    path, fresh = directory / NAME, directory / f".{NAME}.{secrets.token_hex(4)}"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            try:
                descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(descriptor, "wb") as file:
                    file.write(secrets.token_bytes(SIZE))
                with suppress(FileExistsError):  # another was faster
                    os.link(fresh, path)
            finally:
                fresh.unlink(missing_ok=True)
        made = path.read_bytes()
    except OSError:
        return None
    return made if len(made) == SIZE else None
