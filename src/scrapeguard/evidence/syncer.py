"""Group fsync on a thread of its own: a record is on the disk soon after it is written, and nobody waits for it."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

from scrapeguard.evidence.durable import sync_folder


class Syncer:
    """Makes one file durable after `records` writes or `seconds`, whichever is first. Owns retired descriptors."""

    def __init__(self, records: int, seconds: float, failed: Callable[[OSError], None]) -> None:
        self._records = max(records, 1)
        self._seconds = seconds
        self._failed = failed
        self._descriptor: int | None = None
        self._retired: list[int] = []
        self._folders: list[Path] = []
        self._unsynced = 0
        self._some = threading.Event()
        self._full = threading.Event()
        self._stop = False
        self._thread: threading.Thread | None = None

    def follow(self, descriptor: int | None, folder: Path | None = None) -> None:
        """From now on this file, new in `folder`, is written; the one before is made durable and closed.

        That is done on the thread, if it runs.
        """
        if folder is not None:
            self._folders.append(folder)
        if self._descriptor is not None:
            self._retired.append(self._descriptor)
        self._descriptor = descriptor
        if self._thread is None:
            self._sync(None)
        else:
            self._some.set()

    def wrote(self) -> None:
        """One more record was written. Cheap; wakes the thread for the first and for the last of a group."""
        self._unsynced += 1
        if self._unsynced == 1:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="scrapeguard-fsync", daemon=True)
                self._thread.start()
            self._some.set()
        elif self._unsynced == self._records:
            self._full.set()

    def close(self) -> None:
        """Make everything durable, close every descriptor, end the thread."""
        if self._thread is not None:
            self._stop = True
            self._some.set()
            self._full.set()
            self._thread.join()
        if self._descriptor is not None:
            self._retired.append(self._descriptor)
            self._descriptor = None
        self._sync(None)

    def forget(self) -> None:
        """In a forked child: close the parent's descriptors here, leave its thread and its records alone."""
        for descriptor in (*self._retired, self._descriptor):
            if descriptor is not None:
                os.close(descriptor)

    def _run(self) -> None:
        while not self._stop:
            self._some.wait()
            self._full.wait(self._seconds)
            self._some.clear()
            self._full.clear()
            self._unsynced = 0
            self._sync(self._descriptor)

    def _sync(self, current: int | None) -> None:
        retired, self._retired = self._retired, []
        folders, self._folders = self._folders, []
        for folder in folders:
            try:
                sync_folder(folder)
            except OSError as error:
                self._failed(error)
        for descriptor in (*retired, current):
            if descriptor is None:
                continue
            try:
                os.fsync(descriptor)
            except OSError as error:
                self._failed(error)
        for descriptor in retired:
            os.close(descriptor)
