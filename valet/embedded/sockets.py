"""Where the Unix socket is: a private directory whose path the kernel and libpq both accept."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from valet.embedded.errors import EmbeddedError
from valet.embedded.folder import PORT, Folder
from valet.embedded.identity import Identity

# sockaddr_un.sun_path holds 108 bytes on Linux and 104 on macOS, with the final NUL.
_LONGEST = 103
_FILE = f"/.s.PGSQL.{PORT}"


def open_directory(folder: Folder, identity: Identity) -> Path:
    """The socket directory for the server about to start: private, empty of old sockets, and recorded.

    The recorded directory of an earlier run is used again if it is still ours. Only called with the
    lock held and no server running.
    """
    directory = recorded(folder)
    if directory is None or _private(directory) != identity.uid:
        directory = choose(folder.socket, identity)
        folder.replace(folder.record, f"{_mark(folder)} {os.fsdecode(directory)}")
    for stale in directory.glob(".s.PGSQL.*"):
        stale.unlink()
    return directory


def close_directory(folder: Folder) -> None:
    """Forget the socket; a directory outside the data folder is removed."""
    directory = recorded(folder)
    if directory is not None and directory != folder.socket:
        with suppress(OSError):
            directory.rmdir()
    folder.record.unlink(missing_ok=True)


def recorded(folder: Folder) -> Path | None:
    """The recorded socket directory, None when there is none or it is not ours.

    The record counts only in the folder it was written for: in a copy of the folder it would name the
    socket of the server the copy was made from. And outside the data folder (/tmp) somebody else may
    have put a directory of that name in the meantime: it must belong to the owner of the cluster.
    """
    try:
        mark, _, path = os.fsdecode(folder.record.read_bytes().removesuffix(b"\n")).partition(" ")
        owner = folder.cluster.stat().st_uid
    except FileNotFoundError:
        return None
    directory = Path(path)
    return directory if mark == _mark(folder) and _private(directory) == owner else None


def _mark(folder: Folder) -> str:
    """What tells this folder from a copy of it."""
    found = folder.root.stat()
    return f"{found.st_dev}:{found.st_ino}"


def _private(directory: Path) -> int | None:
    """Whose directory this is, None unless it is a directory (no link) that only its owner may enter."""
    try:
        found = directory.lstat()
    except OSError:
        return None
    return found.st_uid if stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o077 else None


def choose(wished: Path, identity: Identity) -> Path:
    """A private directory whose path is short enough: the one wished for, or else a new one elsewhere."""
    if _fits(wished):
        if _private(wished) != identity.uid:
            shutil.rmtree(wished, ignore_errors=True)
            wished.mkdir(0o700)
            identity.give(wished)
        return wished
    for parent in _short_parents(identity):
        with suppress(OSError):
            directory = Path(tempfile.mkdtemp(prefix="valet-", dir=parent))
            if _fits(directory):
                identity.give(directory)
                return directory
            directory.rmdir()
    raise EmbeddedError(
        f"{wished} is too long for a Unix socket, and no short private directory can be made in /tmp. "
        "Choose a data folder with a shorter path."
    )


def _short_parents(identity: Identity) -> list[Path]:
    """XDG's runtime folder (root's is closed to the database user), then the temporary folders."""
    runtime = Path(f"/run/user/{identity.uid}")
    usable = not identity.drop and _private(runtime) == identity.uid
    return [*([runtime] if usable else []), Path(tempfile.gettempdir()).resolve(), Path("/tmp").resolve()]  # noqa: S108


def _fits(directory: Path) -> bool:
    """Whether the path is short enough, and free of what separates or quotes paths.

    A comma separates hosts in libpq and directories in unix_socket_directories.
    """
    path = os.fsencode(directory)
    return len(path) + len(_FILE) <= _LONGEST and not any(character in path for character in b',"\n\r')
