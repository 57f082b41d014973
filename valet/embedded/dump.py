"""The whole database in one file, and from one, in PostgreSQL's own custom format.

What rests sealed is sealed in the file as well; no role, no password and no key is in it. The rows of tables
that a crash of the server would empty are left out (UNLOGGED: they count requests of the last minutes).
"""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from valet.embedded import swap
from valet.embedded.binaries import PROGRAMS, locate
from valet.embedded.client import Client
from valet.embedded.errors import CopyFailed, NoDatabase
from valet.embedded.folder import DATABASE, Folder, Urls
from valet.embedded.identity import identify, require_posix
from valet.embedded.lock import Lock
from valet.embedded.supervisor import Supervisor, connection_urls, made
from valet.embedded.workshop import Workshop

_DUMP = ("--format=custom", "--no-unlogged-table-data", "--no-tablespaces")
# Roles may have had other names where the dump was made: who may do what is granted anew afterwards.
_RESTORE = (
    "--single-transaction",
    "--exit-on-error",
    "--no-owner",
    "--no-privileges",
    f"--dbname={DATABASE}",
)
_READ = ("--file=/dev/null",)
_TAKEN = "{} is there already, and nothing is overwritten. Choose another name."


def dump(data_dir: Path, path: Path, *, db_user: str | None = None, programs: Path = PROGRAMS) -> int:
    """Write the folder's database to a new file (0600), as of one moment; returns its size in bytes.

    It works beside a Valet that runs; where none does, the database is started meanwhile. The file appears
    when it is whole, on disk, and has been read again. `db_user` and `programs` as for Supervisor. Raises
    EmbeddedError.
    """
    require_posix()
    folder, path = Folder(data_dir), path.expanduser().parent.resolve() / path.name
    if path.is_relative_to(folder.root):
        raise CopyFailed(
            f"{path} lies in the database's own folder, and would be lost with it. Choose another."
        )
    if os.path.lexists(path):
        raise CopyFailed(_TAKEN.format(path))
    if not made(data_dir):
        raise NoDatabase(folder.data_dir)
    try:
        if (urls := connection_urls(data_dir)) is not None:
            return _write(urls, folder, path)
        with Supervisor(data_dir, db_user=db_user, programs=programs) as urls:
            return _write(urls, folder, path)
    except OSError as error:
        raise CopyFailed(f"The dump could not be written: {error}. Nothing was left at {path}.") from error


def restore(
    data_dir: Path,
    path: Path,
    ready: Callable[[Urls], None],
    *,
    db_user: str | None = None,
    programs: Path = PROGRAMS,
    patience: float = 600,
) -> None:
    """Make the folder's database from a dump, where there is none yet; all of it or nothing.

    `ready` is called before it is put in force: it brings the schema up to date and grants the app's role
    what it needs, or raises. The rest as for Supervisor. Raises EmbeddedError, and what `ready` raises.
    """
    require_posix()
    folder, identity = Folder(data_dir), identify(db_user)
    try:
        archive = path.expanduser().open("rb")
    except OSError as error:
        raise CopyFailed(f"The dump can't be read: {error}. Nothing was changed.") from error
    with archive:
        folder.prepare(identity)
        lock = Lock(folder.lock, folder.data_dir)
        lock.acquire()
        try:
            _require_none(folder)
            workshop = Workshop(folder, identity, programs, patience)
            with workshop as new:
                client = Client(locate(), new.owner, folder.root)
                with client.running("pg_restore", *_RESTORE, given=archive) as run:
                    run.judge()
                ready(new)
                client.feed("ANALYZE;")
                workshop.deliver()
            swap.settle(folder)
        except CopyFailed as error:
            raise CopyFailed(f"Nothing was restored. {error}") from error
        except OSError as error:
            raise folder.unusable(error) from error
        finally:
            lock.release()


def _require_none(folder: Folder) -> None:
    from valet.embedded.orphans import stop_orphans  # needs psutil, which comes with the wheel

    stop_orphans(folder)
    swap.tidy(folder)
    if folder.cluster.exists():
        raise CopyFailed(
            f"There is a database in {folder.data_dir}, and a dump never replaces one. Move {folder.cluster} "
            "out of that folder, or name another folder with VALET_DATA_DIR."
        )


def _write(urls: Urls, folder: Folder, path: Path) -> int:
    client = Client(locate(), urls.owner, folder.root)
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        # By its name: to a file that it is given open, pg_dump 18 appends its table of contents once more.
        for program, *arguments in (
            ("pg_dump", *_DUMP, f"--file={partial}"),
            ("pg_restore", *_READ, str(partial)),
        ):
            with client.running(program, *arguments) as run:
                run.judge()
        os.fsync(descriptor)
        size = os.fstat(descriptor).st_size
        _publish(partial, path)
    finally:
        os.close(descriptor)
        partial.unlink(missing_ok=True)
    return size


def _publish(partial: Path, path: Path) -> None:
    """Give a whole file its name, unless that has been taken meanwhile."""
    try:
        os.link(partial, path)
    except FileExistsError:
        raise CopyFailed(_TAKEN.format(path)) from None
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP):
            raise
        # A file system without links (a memory stick's): take the name first, then put the file there.
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        except FileExistsError:
            raise CopyFailed(_TAKEN.format(path)) from None
        partial.replace(path)
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
