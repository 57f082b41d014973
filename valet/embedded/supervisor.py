"""The supervisor: makes the cluster, starts the server, knows whether it answers, and stops it in order."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from valet.embedded import swap
from valet.embedded.binaries import PROGRAMS, Binaries, locate
from valet.embedded.cluster import Cluster
from valet.embedded.folder import Folder, Urls
from valet.embedded.identity import Identity, identify, require_posix
from valet.embedded.lock import Lock
from valet.embedded.server import Server, refusal
from valet.embedded.sockets import close_directory, open_directory, recorded


class Supervisor:
    """One embedded server on one data folder; at most one of these per folder, on the whole machine.

    `db_user` is the user PostgreSQL runs as when we are root (default nobody); `programs` is where root
    keeps the copy of the server's programs; `patience` is how many seconds a start may take (a recovery
    after a crash included).
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        db_user: str | None = None,
        programs: Path = PROGRAMS,
        patience: float = 60,
    ) -> None:
        require_posix()
        self._folder = Folder(data_dir)
        self._db_user = db_user
        self._programs = programs
        self._lock = Lock(self._folder.lock, self._folder.data_dir)
        self._server = Server(self._folder, patience=patience)
        self._urls: Urls | None = None

    def __enter__(self) -> Urls:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """The pid of the running postmaster, None when there is none (one that died is reaped here)."""
        return self._server.pid

    def alive(self) -> bool:
        """Whether the server answers: a real connection (the owner's: some are reserved for that role)."""
        return self.pid is not None and self._urls is not None and refusal(self._urls.owner) is None

    def start(self) -> Urls:
        """Start the server and wait until it answers; harmless while it does.

        The first start makes the cluster. A server that no longer answers, or was left behind by a killed
        supervisor, is stopped first.
        Raises an EmbeddedError whose text says what to do; nothing of ours is left running then.
        """
        if self._urls is not None and self.alive():
            return self._urls
        self._server.stop()
        binaries, identity = locate(), identify(self._db_user)
        self._folder.prepare(identity)
        if identity.drop:
            binaries = binaries.copied(self._programs)
            identity.require_reach(binaries.program("postgres").parent)
        self._lock.acquire()
        try:
            self._urls = self._launch(identity, binaries)
        except OSError as error:
            self.stop()
            raise self._folder.unusable(error) from error
        except BaseException:
            self.stop()
            raise
        return self._urls

    def stop(self) -> None:
        """Stop the server in order and let go of the data folder; harmless when it does not run."""
        self._server.stop()
        self._urls = None
        if self._lock.held:
            close_directory(self._folder)
            self._lock.release()

    def _launch(self, identity: Identity, binaries: Binaries) -> Urls:
        from valet.embedded.orphans import stop_orphans  # needs psutil, which comes with the wheel

        stop_orphans(self._folder)
        swap.tidy(self._folder)
        cluster = Cluster(self._folder, identity, binaries)
        cluster.ensure()
        socket = open_directory(self._folder, identity)
        return self._server.start(identity, binaries, socket, cluster.environment())


def connection_urls(data_dir: Path) -> Urls | None:
    """The URLs of the server that runs on this data folder, for a second terminal; None when none answers.

    Raises WrongUser when the stored passwords may not be read by this user.
    """
    require_posix()
    folder = Folder(data_dir)
    with folder.looked_into():
        socket = recorded(folder)
        urls = None if socket is None else folder.urls(socket)
    return urls if urls is not None and refusal(urls.owner) is None else None


def made(data_dir: Path) -> bool:
    """Whether there is a database in this data folder, running or not, or one about to be put in force.

    Raises WrongUser where this user may not look.
    """
    folder = Folder(data_dir)
    with folder.looked_into():
        return folder.cluster.exists() or folder.successor.exists()
