"""Why the embedded PostgreSQL does not run.

    EmbeddedError
     ├ Unsupported              this system can't run it
     ├ BinariesMissing          the wheel is absent or holds no server of our major version
     ├ AlreadyRunning(pid)      another process holds this data folder
     ├ WrongUser                the operating-system user can't be used, or does not own the folder
     ├ Unreachable(directory)   the user PostgreSQL runs as can't pass through a directory
     ├ WrongVersion(found, wanted)   the cluster belongs to another major version
     ├ StartFailed              initdb or postgres ended; the text has the last lines it wrote
     ├ NoDatabase               there is no cluster to work on
     ├ NoRoom                   the disk has no room for what is to be made
     └ CopyFailed               a dump, a restore or an upgrade came to nothing; what was there still is

Every text is for the operator: what happened, and what to do next. None holds a password.
"""

from __future__ import annotations

from pathlib import Path


class EmbeddedError(Exception):
    """Base of everything this package raises."""


class Unsupported(EmbeddedError):
    """The operating system can't run the embedded server."""


class BinariesMissing(EmbeddedError):
    """The wheel with the server's binaries is absent, or holds another major version."""


class AlreadyRunning(EmbeddedError):
    """Another supervisor holds the data folder; `pid` is its process, None when it has not said so."""

    def __init__(self, data_dir: Path, pid: int | None) -> None:
        holder = f"Another Valet (process {pid})" if pid else "Another Valet"
        super().__init__(
            f"{holder} already runs the database in {data_dir}. "
            "Stop it, or give this one another data folder."
        )
        self.pid = pid


class WrongUser(EmbeddedError):
    """PostgreSQL can't run as this user, or what stands in the data folder belongs to another one."""


class Unreachable(EmbeddedError):
    """The user PostgreSQL runs as may not pass through `directory`."""

    def __init__(self, directory: Path, user: str, command: str) -> None:
        super().__init__(
            f"PostgreSQL runs as the user {user}, who may not pass through {directory}. "
            f"Allow that with: {command} - or choose a data folder elsewhere."
        )
        self.directory = directory


class WrongVersion(EmbeddedError):
    """The cluster was made by PostgreSQL `found`, the binaries here are `wanted`.

    `known`: the wheel brings that version too, so the cluster can be upgraded.
    """

    def __init__(self, cluster: Path, found: str, wanted: str, *, known: bool) -> None:
        newer = found.isdigit() and int(found) > int(wanted)
        remedy = (
            "Start the release of Valet that it was used with."
            if newer
            else "Upgrade it, which keeps every record: valet db upgrade (the demo's: the same with --demo)"
            if known
            else f"Dump it with PostgreSQL {found} (pg_dump --format=custom), move {cluster} away, and give "
            "the dump to: valet db restore"
        )
        super().__init__(
            f"The database in {cluster} was made by PostgreSQL {found}, and this Valet brings {wanted}. "
            f"Nothing was changed. {remedy}"
        )
        self.found = found
        self.wanted = wanted


class StartFailed(EmbeddedError):
    """A program of PostgreSQL ended or did not answer."""


class NoDatabase(EmbeddedError):
    """There is no cluster in the data folder."""

    def __init__(self, data_dir: Path) -> None:
        super().__init__(
            f"There is no database in {data_dir}. Name the right data folder with VALET_DATA_DIR, or start "
            "Valet, which makes one."
        )


class NoRoom(EmbeddedError):
    """What is to be made needs `needed` bytes on the folder's disk, and `free` are left."""

    def __init__(self, folder: Path, needed: int, free: int) -> None:
        super().__init__(
            f"The disk of {folder} has {free // 2**20} MB left, and about {needed // 2**20} MB are needed: "
            "the old database stays until the new one is whole. Nothing was changed. Make room and try again."
        )


class CopyFailed(EmbeddedError):
    """A dump, a restore or an upgrade came to nothing; the text says why and what is still there."""
