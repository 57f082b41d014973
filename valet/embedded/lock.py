"""One supervisor per data folder: an flock held by this process until it stops or dies."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

from valet.embedded.errors import AlreadyRunning, WrongUser


class Lock:
    """An exclusive flock on a file that holds the pid of its holder.

    The kernel lets go of it when the holder dies, so it is never stale; the file is never removed,
    because a lock on a removed file excludes nobody.
    """

    def __init__(self, path: Path, data_dir: Path) -> None:
        self._path = path
        self._data_dir = data_dir
        self._descriptor: int | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._descriptor is not None

    def acquire(self) -> None:
        """Take the lock; no effect when this object already holds it. Raises AlreadyRunning, WrongUser."""
        if self._descriptor is not None:
            return
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except PermissionError as error:
            raise WrongUser(
                f"{error.filename} can't be opened: it belongs to another user. Start Valet as the user who "
                "started it the first time, or choose another data folder."
            ) from error
        try:
            self._take(descriptor)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor

    def release(self) -> None:
        """Let go; no effect when not held."""
        if self._descriptor is None:
            return
        with suppress(OSError):
            os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)
        self._descriptor = None

    def _take(self, descriptor: int) -> None:
        """Try until the lock is ours or its holder has said who it is (it writes its pid after locking)."""
        import fcntl

        deadline = time.monotonic() + 1
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pid = _pid(os.pread(descriptor, 32, 0))
                if (pid and _exists(pid)) or time.monotonic() > deadline:
                    raise AlreadyRunning(self._data_dir, pid) from None
                time.sleep(0.01)
            else:
                return


def _pid(text: bytes) -> int | None:
    return int(text) if text.strip().isdigit() else None


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
