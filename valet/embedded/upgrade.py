"""From an older major version to ours: a new cluster is filled from the old one, compared, put in its place.

By dump and restore, not by pg_upgrade: `docs/decisions/` says why. The old cluster is only read, by a server
of its own version that nobody else can reach; it stays as `cluster-16-…` when the new one is in force.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from valet.embedded import swap
from valet.embedded.binaries import MAJOR, MAJORS, PROGRAMS, locate
from valet.embedded.client import Client, pipe
from valet.embedded.cluster import Cluster
from valet.embedded.content import RESTRICT_KEY, content, export, snapshot
from valet.embedded.errors import CopyFailed, NoDatabase, NoRoom, StartFailed, WrongVersion
from valet.embedded.folder import DATABASE, ROLES, Folder, Urls
from valet.embedded.identity import Identity, identify, require_posix
from valet.embedded.lock import Lock
from valet.embedded.orphans import stop_orphans
from valet.embedded.server import Server
from valet.embedded.sockets import choose, close_directory
from valet.embedded.workshop import Workshop

Report = Callable[[str, str], None]
"""Called after each step with its name and what came of it."""

# An empty cluster, and the write-ahead log at its largest (max_wal_size).
_BASE = 320 * 2**20
_UNCHANGED = "Nothing was changed: the old database is as it was and still the one in force."
_DUMP = ("--format=custom", "--compress=none", "--no-tablespaces")
_RESTORE = ("--single-transaction", "--exit-on-error", f"--dbname={DATABASE}")
_OLD = {"default_transaction_read_only": "on", "autovacuum": "off"}
_OTHERS = (
    "SELECT datname FROM pg_database WHERE NOT datistemplate AND datname NOT IN ('postgres', %s) ORDER BY 1"
)
_RIGHTS = (
    "SELECT pg_get_userbyid(a.grantee), a.privilege_type FROM pg_database d, aclexplode(d.datacl) a"
    " WHERE d.datname = current_database() AND a.grantee <> 0 AND pg_get_userbyid(a.grantee) <> ALL (%s)"
    " ORDER BY 1, 2"
)


@dataclass(frozen=True, slots=True)
class Upgraded:
    """What there is: the database's version, the one it was of before, and where older ones are kept."""

    major: str
    found: str
    kept: tuple[Path, ...]


def upgrade(
    data_dir: Path,
    report: Report,
    *,
    db_user: str | None = None,
    programs: Path = PROGRAMS,
    patience: float = 600,
) -> Upgraded:
    """Bring the folder's cluster to our major version, every record kept; harmless where it is of it.

    `db_user`, `programs` and `patience` as for Supervisor. Killed at any moment, the next run goes on or
    begins anew, and until the end the old cluster is the database. Raises EmbeddedError.
    """
    require_posix()
    folder, identity = Folder(data_dir), identify(db_user)
    with folder.looked_into():
        if not folder.root.is_dir():
            raise NoDatabase(folder.data_dir)
    folder.prepare(identity)
    lock = Lock(folder.lock, folder.data_dir)
    lock.acquire()
    try:
        stop_orphans(folder)
        swap.tidy(folder)
        swap.discard(folder)
        if not folder.cluster.exists():
            raise NoDatabase(folder.data_dir)
        found = swap.version(folder.cluster)
        if found != MAJOR:
            _Upgrade(folder, identity, found, programs, patience, report).run()
        return Upgraded(MAJOR, found, tuple(swap.kept(folder)))
    except OSError as error:
        raise folder.unusable(error) from error
    finally:
        lock.release()


def remove_old(data_dir: Path) -> list[Path]:
    """Remove the older clusters for good; a Valet may be running. Returns where they were.

    Raises NoDatabase, StartFailed, and EmbeddedError when the folder can't be used.
    """
    require_posix()
    folder = Folder(data_dir)
    with folder.looked_into():
        if not folder.cluster.exists():
            raise NoDatabase(folder.data_dir)
    try:
        return swap.remove_kept(folder)
    except OSError as error:
        raise folder.unusable(error) from error


class _Upgrade:
    """One upgrade, with the folder's lock held and nothing running in it."""

    def __init__(
        self, folder: Folder, identity: Identity, found: str, programs: Path, patience: float, report: Report
    ) -> None:
        if found not in MAJORS:
            raise WrongVersion(folder.cluster, found, MAJOR, known=False)
        self._folder = folder
        self._identity = identity
        self._found = found
        self._programs = programs
        self._patience = patience
        self._report = report

    def run(self) -> None:
        """Copy, compare, put in place."""
        self._require_room()
        workshop = Workshop(self._folder, self._identity, self._programs, self._patience)
        try:
            with self._old_server() as old, workshop as new:
                self._report("new database", f"empty, made by PostgreSQL {MAJOR}, with the same passwords")
                self._fill(old, new)
                workshop.deliver()
        except (CopyFailed, StartFailed) as error:
            raise CopyFailed(f"{_UNCHANGED} {error}") from error
        self._report("whole", "the new database is on disk; the old one is still the one in force")
        kept = swap.replace(self._folder)
        self._report("set aside", f"the old database is now {kept}")
        swap.settle(self._folder)
        self._report("in force", f"the new database is {self._folder.cluster}")

    def _require_room(self) -> None:
        path = self._folder.cluster
        used = sum(each.lstat().st_blocks * 512 for each in path.rglob("*") if "pg_wal" not in each.parts)
        free, needed = shutil.disk_usage(self._folder.root).free, used * 5 // 4 + _BASE
        if free < needed:
            raise NoRoom(self._folder.root, needed, free)
        self._report("room", f"{used // 2**20} MB in {path}, {free // 2**20} MB free")

    @contextmanager
    def _old_server(self) -> Iterator[Urls]:
        """A server of the old version on the old cluster that nobody else finds, and that changes nothing."""
        binaries = locate(self._found)
        # The record of a killed Valet: by it other commands would find this server.
        close_directory(self._folder)
        socket = choose(self._folder.root / "init-socket", self._identity)
        server = Server(self._folder, patience=self._patience)
        try:
            if self._identity.drop:
                binaries = binaries.copied(self._programs)
                self._identity.require_reach(binaries.program("postgres").parent)
            cluster = Cluster(self._folder, self._identity, binaries)
            cluster.ensure()
            urls = server.start(self._identity, binaries, socket, cluster.environment(), **_OLD)
            self._report("old database", f"PostgreSQL {self._found} answers, and lets nobody change anything")
            yield urls
        finally:
            server.stop()
            shutil.rmtree(socket, ignore_errors=True)

    def _fill(self, old: Urls, new: Urls) -> None:
        """Everything of the old database, as of one moment, and proof that it is all there."""
        place, programs = self._folder.root, locate()
        source, target = Client(programs, old.owner, place), Client(programs, new.owner, place)
        try:
            with snapshot(old.owner) as reading:
                _require_alone(reading)
                target.feed(_roles(source, reading))
                moment = export(reading)
                self._report("copying", "everything that is in it, as of one moment")
                pipe(source, [*_DUMP, f"--snapshot={moment}"], target, _RESTORE)
                before = content(reading, source, moment)
            target.feed("ANALYZE;")
            self._report("copied", f"{before.rows} rows in {len(before.tables)} tables")
            with snapshot(new.owner) as reading:
                after = content(reading, target, export(reading))
        except psycopg.Error as error:  # the driver's text may quote rows
            raise CopyFailed(f"A database broke off: {type(error).__name__}.") from error
        if (difference := before.difference(after)) is not None:
            raise CopyFailed(f"What was copied differs from what was there in {difference}.")
        self._report("compared", "every row of every table and the schema: the same in both")


def _require_alone(connection: psycopg.Connection) -> None:
    others = [name for (name,) in connection.execute(_OTHERS, (DATABASE,)).fetchall()]
    if others:
        raise CopyFailed(
            f"There are other databases beside Valet's: {', '.join(others)}. Only Valet's would be kept; "
            "take the others elsewhere first."
        )


def _roles(source: Client, connection: psycopg.Connection) -> str:
    """Statements that make all roles as they were (passwords stay hashed), and who may connect."""
    ours = list(ROLES.values())
    made = {f"CREATE ROLE {role};" for role in ours}
    lines = source.read("pg_dumpall", "--roles-only", f"--restrict-key={RESTRICT_KEY}").splitlines()
    statements = [line for line in lines if line not in made and not line.startswith("\\")]
    for role, privilege in connection.execute(_RIGHTS, (ours,)).fetchall():
        right = sql.SQL("GRANT {} ON DATABASE {} TO {};").format(
            sql.SQL(privilege), sql.Identifier(DATABASE), sql.Identifier(role)
        )
        statements.append(right.as_string(None))
    return "\n".join(statements) + "\n"
