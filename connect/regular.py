"""Files that somebody names for Valet: read where they are files, refused where they are something else."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO


class NotRegular(Exception):
    """What has that name is no regular file; the text says what it is, and follows "it" or "the file"."""


def regular(path: Path) -> BinaryIO:
    """The regular file at `path`, or the one that a link there leads to, open for reading.

    It is asked once it is open, so nothing can be exchanged between check and use, and it is opened without
    waiting: a pipe would wait for a writer, for ever. Raises OSError, and NotRegular for a pipe or a device.
    """
    file = open(path, "rb", opener=_at_once)  # noqa: SIM115 - whoever asked closes it
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise NotRegular("is a pipe or a device, not a regular file")
    return file


def _at_once(path: str, flags: int) -> int:
    # O_NOCTTY: a terminal must not become ours. Windows has neither.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0))
