"""A small disk of its own for the evidence, where a test may have one."""

import subprocess
from pathlib import Path

import pytest


class Disk:
    """A file system in memory, of 2 MB, mounted at `place`."""

    def __init__(self, place: Path) -> None:
        self.place = place
        place.mkdir(parents=True)
        words = ["mount", "-t", "tmpfs", "-o", "size=2m,mode=700", "tmpfs", str(place)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"no disk can be mounted here, so none fills up: {done.stderr.strip()} (run as root)")

    def fill(self) -> None:
        """Leave no block free."""
        with (self.place / "ballast").open("wb", buffering=0) as file:
            for size in (65_536, 4_096, 1):
                try:
                    while file.write(bytes(size)) == size:
                        pass
                except OSError:
                    continue

    def free(self) -> None:
        (self.place / "ballast").unlink()

    def remount(self, how: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{how}", str(self.place)], check=True)

    def end(self) -> None:
        subprocess.run(["umount", "--lazy", str(self.place)], check=True)
