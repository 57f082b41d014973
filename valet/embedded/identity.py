"""Which operating-system user PostgreSQL runs as, and how a program is run as that user.

PostgreSQL refuses to run as root, so root drops to another user in the child (subprocess `user=`,
`group=`, `extra_groups=`); everybody else runs it as themselves.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from valet.embedded.errors import StartFailed, Unreachable, Unsupported, WrongUser

DEFAULT_DB_USER = "nobody"

# Nothing of our own environment is handed on: it may hold DATABASE_URL and client secrets.
_ENVIRONMENT = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C", "TZ": "UTC"}
_REACH = 'for d; do test -x "$d" || { printf %s "$d"; exit 3; }; done'


def require_posix() -> None:
    """Raises Unsupported on Windows, where neither flock nor our private socket exists."""
    if sys.platform == "win32":
        raise Unsupported(
            "The embedded PostgreSQL runs on Linux and macOS only. "
            "On Windows run Valet in Docker (docs/setup.md) or in WSL."
        )


def is_root() -> bool:
    """Whether this process is root (never on Windows)."""
    return sys.platform != "win32" and os.geteuid() == 0


@dataclass(frozen=True)
class Identity:
    """The user PostgreSQL runs as; `drop` when that is not the user of this process."""

    name: str
    uid: int
    gid: int
    drop: bool

    def give(self, path: Path) -> None:
        """Make the user owner of something this process has just created."""
        if self.drop:
            os.chown(path, self.uid, self.gid)

    def popen(
        self,
        argv: Sequence[str | Path],
        *,
        cwd: Path,
        output: int | IO[bytes],
        environment: Mapping[str, str] | None = None,
        stdin: int = subprocess.DEVNULL,
    ) -> subprocess.Popen[bytes]:
        """Start a program as this user in a session of its own, so the terminal's Ctrl-C never reaches it.

        Raises StartFailed when the system refuses to change the user or to execute the file.
        """
        other: dict[str, Any] = {"user": self.uid, "group": self.gid, "extra_groups": ()}
        try:
            return subprocess.Popen(  # noqa: S603 - our own argument lists, never a shell
                argv,
                stdin=stdin,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                env=_ENVIRONMENT | dict(environment or {}),
                umask=0o077,
                start_new_session=True,
                **(other if self.drop else {}),
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise StartFailed(
                f"{argv[0]} can't be run as the user {self.name}: {error}. "
                "Let Valet run where it may, or set DATABASE_URL to use another PostgreSQL."
            ) from error

    def run(
        self,
        argv: Sequence[str | Path],
        *,
        cwd: Path,
        given: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> tuple[int, str]:
        """Run a program to its end: its exit status and all it wrote. Raises StartFailed after 120 seconds.

        Its whole process group is killed when the wait is broken off, by the clock or by Ctrl-C.
        """
        child = self.popen(
            argv, cwd=cwd, output=subprocess.PIPE, environment=environment, stdin=subprocess.PIPE
        )
        with child:
            try:
                written, _ = child.communicate(given.encode(), timeout=120)
            except BaseException as error:
                with suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)
                if isinstance(error, subprocess.TimeoutExpired):
                    raise StartFailed(f"{argv[0]} did not end within 120 seconds and was stopped.") from error
                raise
        return child.returncode, written.decode(errors="replace")

    def require_reach(self, directory: Path) -> None:
        """Raises Unreachable, naming the first directory on the way that this user may not pass through.

        The kernel is asked, as that user: mode bits alone would miss access lists.
        """
        if not self.drop:
            return
        way = [*reversed(directory.parents), directory]
        status, blocking = self.run(["/bin/sh", "-c", _REACH, "sh", *way], cwd=Path("/"))
        if status == 3:
            raise Unreachable(Path(blocking), self.name, f"chmod o+x {shlex.quote(blocking)}")


def identify(db_user: str | None) -> Identity:
    """The user PostgreSQL is to run as: `db_user` or nobody for root, else the user of this process.

    Raises WrongUser when that user does not exist, is root, or is not ours to become.
    """
    import pwd

    uid = os.geteuid()
    try:
        entry = pwd.getpwnam(db_user or DEFAULT_DB_USER) if uid == 0 else pwd.getpwuid(uid)
    except KeyError:
        raise WrongUser(
            f"The user {db_user or DEFAULT_DB_USER} does not exist on this machine. Create it (it needs no "
            "shell and no home), or name another database user."
            if uid == 0
            else f"The user id {uid} has no entry in the user database, which PostgreSQL's initdb needs. "
            "Run Valet as a user that has one, or set DATABASE_URL."
        ) from None
    if entry.pw_uid == 0:
        raise WrongUser("PostgreSQL refuses to run as root. Name another database user, such as nobody.")
    if uid != 0 and db_user not in (None, entry.pw_name):
        raise WrongUser(
            f"Only root can run PostgreSQL as another user: this is {entry.pw_name}, and the database user "
            f"is set to {db_user}. Leave the database user out."
        )
    return Identity(entry.pw_name, entry.pw_uid, entry.pw_gid, drop=uid == 0)
