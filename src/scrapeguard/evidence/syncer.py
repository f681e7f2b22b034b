"""Writing, and group fsync, on a thread of its own: a record is on the disk soon, and nobody waits for it."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from scrapeguard.evidence.durable import sync_folder


class Syncer:
    """Makes one file durable after `records` writes or `seconds`, whichever is first. Owns retired descriptors.

    `flush` writes what still waits to be written, and `failed` hears what could not be made durable; on the thread.
    """

    def __init__(
        self, records: int, seconds: float, flush: Callable[[], None], failed: Callable[[OSError], None]
    ) -> None:
        self._records = max(records, 1)
        self._seconds = seconds
        self._flush = flush
        self._failed = failed
        self._descriptor: int | None = None
        self._retired: list[int] = []
        self._folders: list[Path] = []
        self._unsynced = 0
        self._some = threading.Event()
        self._full = threading.Event()
        self._stop = False
        self._starting = threading.Lock()
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

    def wake(self, *, hurry: bool = False) -> None:
        """Something is to be written, now if there is a `hurry`, or was written and is to be durable soon.

        Cheap; from any thread.
        """
        if hurry and not self._full.is_set():
            self._full.set()
        if not self._some.is_set():
            self._some.set()
            if self._thread is None:
                self._start()

    def wrote(self, records: int) -> None:
        """So many more records were written; the last of a group does not wait for the time to be up."""
        self._unsynced += records
        if self._unsynced >= self._records:
            self._full.set()

    def stop(self) -> None:
        """End the thread. Not to be called by whom `flush` waits for."""
        if self._thread is not None:
            self._stop = True
            self._some.set()
            self._full.set()
            self._thread.join()
            self._thread = None

    def close(self) -> None:
        """Make everything durable and close every descriptor, the thread having ended."""
        if self._descriptor is not None:
            self._retired.append(self._descriptor)
            self._descriptor = None
        self._sync(None)

    def forget(self) -> None:
        """In a forked child: close the parent's descriptors here, leave its thread and its records alone."""
        for descriptor in (*self._retired, self._descriptor):
            if descriptor is not None:
                os.close(descriptor)

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="scrapeguard-fsync", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while not self._stop:
            self._some.wait()
            self._gather(time.monotonic() + self._seconds)
            self._some.clear()  # what comes from here on wakes the thread again
            self._flush()
            self._unsynced = 0
            self._sync(self._descriptor)

    def _gather(self, until: float) -> None:
        """Write whenever there are a few, until it is time to make them durable, or there are many."""
        while not self._stop and self._unsynced < self._records:
            left = until - time.monotonic()
            if left <= 0 or not self._full.wait(left):
                return
            self._full.clear()
            self._flush()

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
