"""PostgreSQL's client programs against one server: pg_dump, pg_dumpall, pg_restore, psql.

They run as ourselves, out of the wheel. The password is in a file (0600, PGPASSFILE), so it is neither in an
argument nor in an environment; a session of their own keeps the terminal's Ctrl-C from them.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr

from valet.embedded.binaries import Binaries
from valet.embedded.errors import CopyFailed

_WORDS = ("pg_dump", "pg_restore", "psql", "ERROR:", "FATAL:")
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC", "PGCONNECT_TIMEOUT": "30"}


@dataclass(frozen=True)
class Run:
    """A program that runs, and the file with what it complains of."""

    process: subprocess.Popen[bytes]
    name: str
    said: IO[bytes] = field(repr=False)

    def judge(self) -> None:
        """Wait for its end. Raises CopyFailed with its last words."""
        if self.process.wait():
            self.said.seek(0)
            lines = self.said.read()[-16_384:].decode(errors="replace").splitlines()
            # DETAIL, CONTEXT and "Command was" would quote rows.
            words = [line for line in lines if line.startswith(_WORDS)][-8:]
            raise CopyFailed(f"{self.name} ended with {self.process.returncode}. " + "\n".join(words))


class Client:
    """The programs of `binaries` against the server at `url`; they work in `place`, which is ours alone."""

    def __init__(self, binaries: Binaries, url: SecretStr, place: Path) -> None:
        self._binaries = binaries
        self._place = place
        self._to = conninfo_to_dict(url.get_secret_value())

    @contextmanager
    def running(
        self,
        program: str,
        *arguments: str,
        given: int | IO[bytes] = subprocess.DEVNULL,
        output: int | IO[bytes] = subprocess.DEVNULL,
    ) -> Iterator[Run]:
        """Start a program; it is killed where the block ends before it does."""
        with self._password() as passfile, tempfile.TemporaryFile() as said:
            process = subprocess.Popen(  # noqa: S603 - our own argument lists, never a shell
                [self._binaries.program(program), *arguments],
                stdin=given,
                stdout=output,
                stderr=said,
                cwd=self._place,
                env=self._environment(passfile),
                umask=0o077,
                start_new_session=True,
            )
            try:
                yield Run(process, program, said)
            finally:
                if process.poll() is None:
                    with suppress(ProcessLookupError):
                        process.send_signal(signal.SIGKILL)
                    process.wait()
                for stream in (process.stdin, process.stdout):
                    if stream is not None:
                        with suppress(BrokenPipeError):
                            stream.close()

    def read(self, program: str, *arguments: str) -> str:
        """What a program writes. Raises CopyFailed."""
        with tempfile.TemporaryFile() as output:
            with self.running(program, *arguments, output=output) as run:
                run.judge()
            output.seek(0)
            return output.read().decode()

    def feed(self, statements: str) -> None:
        """Run statements in psql, all or none. Raises CopyFailed."""
        arguments = ("--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1")
        with tempfile.TemporaryFile() as given:
            given.write(statements.encode())
            given.seek(0)
            with self.running("psql", *arguments, "--set=VERBOSITY=terse", given=given) as run:
                run.judge()

    def _environment(self, passfile: Path) -> dict[str, str]:
        names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "dbname": "PGDATABASE"}
        there = {names[key]: str(self._to[key]) for key in names}
        return {**_ENVIRONMENT, **there, "PGPASSFILE": str(passfile)}

    @contextmanager
    def _password(self) -> Iterator[Path]:
        # By this name the next start clears it away where we are killed.
        path = self._place / f"init-pgpass-{secrets.token_hex(4)}"
        password = str(self._to["password"]).replace("\\", "\\\\").replace(":", "\\:")
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with open(descriptor, "w", encoding="utf-8") as file:
                file.write(f"*:*:*:*:{password}\n")
            yield path
        finally:
            path.unlink(missing_ok=True)  # a Valet that started meanwhile has cleared it away


def pipe(source: Client, dump: Sequence[str], target: Client, restore: Sequence[str]) -> None:
    """pg_dump of one server into pg_restore of another. Raises CopyFailed, of whichever broke first."""
    with source.running("pg_dump", *dump, output=subprocess.PIPE) as first:
        assert first.process.stdout is not None
        with target.running("pg_restore", *restore, given=first.process.stdout) as second:
            first.process.stdout.close()
            first.process.wait()
            second.process.wait()
            # A pg_dump whose reader has gone dies of that: the reader knows why.
            if first.process.returncode == -signal.SIGPIPE:
                second.judge()
            first.judge()
            second.judge()
