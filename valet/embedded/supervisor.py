"""The supervisor: starts the server, knows whether it answers, and stops it in order."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType

import psycopg
from pydantic import SecretStr

from valet.embedded.binaries import PROGRAMS, Binaries, locate
from valet.embedded.cluster import Cluster
from valet.embedded.errors import StartFailed, WrongUser
from valet.embedded.folder import PORT, Folder, Urls
from valet.embedded.identity import Identity, identify, require_posix
from valet.embedded.lock import Lock
from valet.embedded.log import Log
from valet.embedded.sockets import close_directory, open_directory, recorded

# Given at every start, so an edited postgresql.conf can't open a port or log a parameter.
_SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "max_connections": "100",
    "shared_buffers": "32MB",
    "work_mem": "4MB",
    "maintenance_work_mem": "32MB",
    "max_wal_size": "256MB",
    "huge_pages": "off",
    "io_method": "sync",  # no pool of I/O processes
    "max_worker_processes": "2",
    "max_parallel_workers_per_gather": "0",
    "autovacuum_worker_slots": "2",
    "autovacuum_max_workers": "2",
    # Files, not /dev/shm: systemd's RemoveIPC empties that when the user logs out.
    "dynamic_shared_memory_type": "mmap",
    "logging_collector": "off",
    "log_destination": "stderr",
    "log_statement": "none",
    "log_checkpoints": "off",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_error_verbosity": "terse",  # DETAIL would quote the values of a row
    "log_timezone": "UTC",
    "timezone": "UTC",
    "lc_messages": "C",
}


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
        self._patience = patience
        self._lock = Lock(self._folder.lock, self._folder.data_dir)
        self._log = Log(self._folder.log)
        self._process: subprocess.Popen[bytes] | None = None
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
        if self._process is None or self._process.poll() is not None:
            return None
        return self._process.pid

    def alive(self) -> bool:
        """Whether the server answers: a real connection (the owner's: some are reserved for that role)."""
        return self.pid is not None and self._urls is not None and _refusal(self._urls.owner) is None

    def start(self) -> Urls:
        """Start the server and wait until it answers; harmless while it does.

        The first start makes the cluster. A server that no longer answers, or was left behind by a killed
        supervisor, is stopped first.
        Raises an EmbeddedError whose text says what to do; nothing of ours is left running then.
        """
        if self._urls is not None and self.alive():
            return self._urls
        if self._process is not None:
            _end(self._process)
        binaries, identity = locate(), identify(self._db_user)
        self._folder.prepare(identity)
        if identity.drop:
            binaries = binaries.copied(self._programs)
            identity.require_reach(binaries.postgres.parent)
        self._acquire()
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
        """Stop the server in order and let go of the data folder; harmless when it does not run.

        A fast shutdown (SIGINT: clients are cut off, everything is written), after 30 seconds an
        immediate one (SIGQUIT: the next start recovers from the log), after 10 more SIGKILL.
        """
        if self._process is not None:
            _end(self._process)
        self._process = self._urls = None
        if self._lock.held:
            close_directory(self._folder)
            self._lock.release()

    def _acquire(self) -> None:
        try:
            self._lock.acquire()
        except PermissionError as error:
            raise WrongUser(
                f"{error.filename} can't be opened: it belongs to another user. Start Valet as the user who "
                "started it the first time, or choose another data folder."
            ) from error

    def _launch(self, identity: Identity, binaries: Binaries) -> Urls:
        from valet.embedded.orphans import stop_orphans  # needs psutil, which comes with the wheel

        stop_orphans(self._folder)
        cluster = Cluster(self._folder, identity, binaries)
        cluster.ensure()
        socket = open_directory(self._folder, identity)
        urls = self._folder.urls(socket)
        if urls is None:
            raise StartFailed(f"The passwords in {self._folder.root} vanished during the start. Start again.")
        settings = _SETTINGS | {"unix_socket_directories": str(socket)}
        command: list[str | Path] = [binaries.postgres, "-D", self._folder.cluster]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        with self._log.open() as output:
            self._process = identity.popen(
                command, cwd=self._folder.cluster, output=output, environment=cluster.environment()
            )
        self._await(self._process, urls.app)
        self._await(self._process, urls.owner)
        return urls

    def _await(self, process: subprocess.Popen[bytes], url: SecretStr) -> None:
        """Wait until the server lets us in. Raises StartFailed when it ends, refuses, or takes too long."""
        deadline = time.monotonic() + self._patience
        while refusal := _refusal(url):
            if "password authentication failed" in refusal:
                raise StartFailed(
                    f"The database in {self._folder.cluster} does not take the passwords kept beside it. Put "
                    f"both back from one backup, or remove {self._folder.root}/*.password: the next start "
                    "sets new ones."
                )
            try:
                status = process.wait(0.02)
            except subprocess.TimeoutExpired:
                if time.monotonic() < deadline:
                    continue
                raise StartFailed(
                    f"PostgreSQL did not answer within {self._patience:g} seconds and was stopped. "
                    f"It said: {refusal.strip()}. {self._words()}"
                ) from None
            raise StartFailed(f"PostgreSQL ended at once (with {status}). {self._words()}")

    def _words(self) -> str:
        return (
            f"Its last words, from {self._folder.log}:\n{self._log.tail()}\n"
            "Mend what they name (a full disk, a permission, a setting) and start Valet again."
        )


def connection_urls(data_dir: Path) -> Urls | None:
    """The URLs of the server that runs on this data folder, for a second terminal; None when none answers.

    Raises WrongUser when the stored passwords may not be read by this user.
    """
    require_posix()
    folder = Folder(data_dir)
    try:
        socket = recorded(folder)
        urls = None if socket is None else folder.urls(socket)
    except PermissionError as error:
        raise WrongUser(
            f"{error.filename} may not be read by this user. Run this as the user who runs Valet."
        ) from error
    return urls if urls is not None and _refusal(urls.owner) is None else None


def _refusal(url: SecretStr) -> str | None:
    """Why a connection can't be made, None when it can."""
    try:
        psycopg.connect(url.get_secret_value(), connect_timeout=5).close()
    except psycopg.OperationalError as error:
        return str(error) or "no reason given"
    return None


def _end(process: subprocess.Popen[bytes]) -> None:
    for number, patience in ((signal.SIGINT, 30), (signal.SIGQUIT, 10)):
        if process.poll() is None:
            os.kill(process.pid, number)
            try:
                process.wait(patience)
            except subprocess.TimeoutExpired:
                continue
    if process.poll() is None:
        process.kill()
    process.wait()
