"""The server's log file: appended to, turned over when it has grown, quoted when a start fails."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

_LARGE = 8 * 1024 * 1024


class Log:
    """A file the server writes to through a descriptor it is given, so it stays ours: 0600."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._begin = 0

    def open(self) -> IO[bytes]:
        """Open for appending; above 8 MB the file becomes server.log.1 first. `tail` counts from here."""
        if self._path.exists() and self._path.stat().st_size > _LARGE:
            self._path.replace(self._path.with_name(f"{self._path.name}.1"))
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._begin = os.fstat(descriptor).st_size
        return os.fdopen(descriptor, "ab")

    def tail(self, lines: int = 12) -> str:
        """The last lines written since `open`."""
        with self._path.open("rb") as file:
            file.seek(max(self._begin, self._path.stat().st_size - 16_384))
            return "\n".join(file.read().decode(errors="replace").strip().splitlines()[-lines:])
