"""Debian's PostgreSQL and PgBouncer, each a process of its own on a port of its own, as an ordinary user."""

from __future__ import annotations

import configparser
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tests.support.debian import program
from tests.support.ending import ended
from tests.support.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
CANARY = "canary-password"
_USER = {"user": "nobody", "group": "nogroup", "extra_groups": ()} if os.geteuid() == 0 else {}
"""Neither of the two runs as root."""


def until(holds: Callable[[], bool], otherwise: Callable[[], str]) -> None:
    """Wait for a condition of another process."""
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, otherwise()
        time.sleep(0.02)


class Server:
    """One of the two. `folder` is one that an ordinary user may reach."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.log = folder / "log.txt"
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir()
        self._ours(folder)

    def _ours(self, path: Path) -> None:
        if _USER:
            import pwd

            entry = pwd.getpwnam("nobody")
            os.chown(path, entry.pw_uid, entry.pw_gid)

    def _begin(self, *command: str) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self.folder,
                env={"PATH": os.environ["PATH"], "LC_ALL": "C", "TZ": "UTC"},
                stdout=log,
                stderr=log,
                start_new_session=True,
                **_USER,  # type: ignore[call-overload]
            )

    def _run(self, *command: str) -> None:
        ran = subprocess.run(
            command,
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C", "TZ": "UTC"},
            capture_output=True,
            text=True,
            check=False,
            **_USER,  # type: ignore[call-overload]
        )
        assert ran.returncode == 0, ran.stderr

    def _answers(self, url: str) -> None:
        def opened() -> bool:
            assert self._process is not None and self._process.poll() is None, self.log.read_text()[-2000:]
            try:
                psycopg.connect(url, connect_timeout=2).close()
            except psycopg.OperationalError:
                return False
            return True

        until(opened, lambda: self.log.read_text()[-2000:])

    def stop(self, number: int = signal.SIGINT) -> None:
        """End it and wait until it has."""
        if self._process is None:
            return
        process, self._process = self._process, None
        process.send_signal(number)
        ended(process)


class Postgres(Server):
    """A cluster with Valet's two roles and an empty database of theirs. SIGINT is a fast shutdown,
    SIGQUIT an immediate one, which recovers from its log at the next start.

    `of`: a standby of that one, which runs.
    """

    def __init__(self, folder: Path, of: Postgres | None = None) -> None:
        super().__init__(folder)
        self.data = folder / "data"
        self.admin = self.url("postgres", "postgres")
        self.owner, self.app = self.url("valet_owner"), self.url("valet_app")
        if of is None:
            self._make()
        else:
            self._run(
                program("pg_basebackup", "postgresql"), "--pgdata", str(self.data), "--dbname", of.admin,
                "--write-recovery-conf", "--checkpoint", "fast", "--no-sync",
            )  # fmt: skip

    def _make(self) -> None:
        password = self.folder / "password"
        password.write_text(CANARY)
        password.chmod(0o644)
        self._run(
            program("initdb", "postgresql"), "--pgdata", str(self.data), "--username", "postgres",
            "--pwfile", str(password), "--auth", "scram-sha-256", "--encoding", "UTF8", "--no-sync",
        )  # fmt: skip

    def url(self, user: str, database: str = "valet", port: int = 0) -> str:
        """How to log in as somebody."""
        return make_conninfo(
            host="127.0.0.1", port=port or self.port, user=user, password=CANARY, dbname=database
        )

    def start(self) -> None:
        """Start it; returns when it answers."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "shared_preload_libraries": "pg_stat_statements",
            "max_connections": "60",
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        self._begin(program("postgres", "postgresql"), "-D", str(self.data), *options)
        self._answers(self.admin)

    def furnish(self) -> None:
        """The roles and the database, as docs/setup.md has them."""
        with psycopg.connect(self.admin, autocommit=True) as link:
            for role in ("valet_owner", "valet_app"):
                link.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role), CANARY))
            link.execute("CREATE DATABASE valet OWNER valet_owner")
            link.execute("REVOKE ALL ON DATABASE valet FROM PUBLIC")
            link.execute("GRANT CONNECT ON DATABASE valet TO valet_app")


class PgBouncer(Server):
    """PgBouncer before a `Postgres`, with the settings that docs/setup.md names, in transaction mode."""

    def __init__(self, folder: Path, behind: Postgres) -> None:
        super().__init__(folder)
        self.app = behind.url("valet_app", port=self.port)
        written = configparser.ConfigParser()
        written.read_string(documented())
        written["databases"] = {"valet": f"host=127.0.0.1 port={behind.port} dbname=valet"}
        written["pgbouncer"].update(
            {
                "listen_addr": "127.0.0.1",
                "listen_port": str(self.port),
                "unix_socket_dir": "",
                "auth_file": str(folder / "users.txt"),
            }
        )
        self.file = folder / "pgbouncer.ini"
        with self.file.open("w") as file:
            written.write(file)
        (folder / "users.txt").write_text(f'"valet_app" "{CANARY}"\n')

    def start(self) -> None:
        """Start it; returns when it answers."""
        self._begin(program("pgbouncer", "pgbouncer"), str(self.file))
        self._answers(self.app)


def documented() -> str:
    """The pgbouncer.ini of the documents."""
    found = re.search(r"```ini\n(\[databases\].*?)```", (ROOT / "docs" / "setup.md").read_text(), re.S)
    assert found
    return found[1]
