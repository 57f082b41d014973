"""One server process on one cluster: its settings, its start, whether it answers, its end in order."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import psycopg
from pydantic import SecretStr

from valet.embedded.binaries import MAJOR, Binaries
from valet.embedded.errors import StartFailed
from valet.embedded.folder import DATABASE, PORT, Folder, Urls
from valet.embedded.identity import Identity
from valet.embedded.log import Log

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
    "max_worker_processes": "2",
    "max_parallel_workers_per_gather": "0",
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
_SETTINGS_18 = {
    "io_method": "sync",  # no pool of I/O processes
    "autovacuum_worker_slots": "2",
}


class Server:
    """The postgres that works on a folder's cluster. Whoever starts it holds the folder's lock.

    `patience` is how many seconds a start may take, a recovery after a crash included.
    """

    def __init__(self, folder: Folder, *, patience: float) -> None:
        self._folder = folder
        self._patience = patience
        self._log = Log(folder.log)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The pid of the running postmaster, None when there is none (one that died is reaped here)."""
        if self._process is None or self._process.poll() is not None:
            return None
        return self._process.pid

    def start(
        self,
        identity: Identity,
        binaries: Binaries,
        socket: Path,
        environment: Mapping[str, str],
        **settings: str,
    ) -> Urls:
        """Start it in the socket directory and wait until both roles are let in.

        `settings` are added to ours. Raises StartFailed; then it may still run: `stop` it.
        """
        urls = self._folder.urls(socket)
        if urls is None:
            raise StartFailed(f"The passwords in {self._folder.root} vanished during the start. Start again.")
        given = _SETTINGS | (_SETTINGS_18 if binaries.major == MAJOR else {}) | settings
        command: list[str | Path] = [binaries.program("postgres"), "-D", self._folder.cluster]
        for name, value in {**given, "unix_socket_directories": str(socket)}.items():
            command += ["-c", f"{name}={value}"]
        with self._log.open() as output:
            self._process = identity.popen(
                command, cwd=self._folder.cluster, output=output, environment=environment
            )
        self._await(self._process, urls.app)
        self._await(self._process, urls.owner)
        return urls

    def stop(self) -> None:
        """Stop it in order; harmless when it does not run.

        A fast shutdown (SIGINT: clients are cut off, everything is written), after 30 seconds an
        immediate one (SIGQUIT: the next start recovers from the log), after 10 more SIGKILL.
        """
        if self._process is not None:
            _end(self._process)
        self._process = None

    def _await(self, process: subprocess.Popen[bytes], url: SecretStr) -> None:
        """Wait until the server lets us in. Raises StartFailed when it ends, refuses, or takes too long."""
        deadline = time.monotonic() + self._patience
        while said := refusal(url):
            if f'database "{DATABASE}" does not exist' in said:
                raise StartFailed(
                    f"The database in {self._folder.cluster} is not Valet's. Choose another data folder, or "
                    "put Valet's back from a backup."
                )
            if "password authentication failed" in said:
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
                    f"It said: {said.strip()}. {self._words()}"
                ) from None
            raise StartFailed(f"PostgreSQL ended at once (with {status}). {self._words()}")

    def _words(self) -> str:
        return (
            f"Its last words, from {self._folder.log}:\n{self._log.tail()}\n"
            "Mend what they name (a full disk, a permission, a setting) and start Valet again."
        )


def refusal(url: SecretStr) -> str | None:
    """Why a connection can't be made, None when it can."""
    try:
        psycopg.connect(url.get_secret_value(), connect_timeout=5).close()
    except psycopg.OperationalError as error:
        return str(error) or "no reason given"
    return None


def _end(process: subprocess.Popen[bytes]) -> None:
    for number, patience in ((signal.SIGINT, 30), (signal.SIGQUIT, 10)):
        ends = time.monotonic() + patience
        while process.poll() is None and time.monotonic() < ends:
            # Again each second: a postmaster that has only just begun has no ear for it yet.
            os.kill(process.pid, number)
            try:
                process.wait(1)
            except subprocess.TimeoutExpired:
                continue
    if process.poll() is None:
        process.kill()
    process.wait()
