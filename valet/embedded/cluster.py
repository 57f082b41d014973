"""The cluster: made whole or not at all, of our major version, with its two roles and one database."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pydantic import SecretStr

from valet.embedded import swap
from valet.embedded.binaries import MAJOR, MAJORS, Binaries
from valet.embedded.errors import StartFailed, WrongVersion
from valet.embedded.folder import DATABASE, ROLES, Folder, Role
from valet.embedded.identity import Identity
from vault.opaque import mint

_INITDB = (
    "--username=valet_owner",
    "--auth-local=scram-sha-256",
    "--auth-host=scram-sha-256",
    "--data-checksums",
    "--encoding=UTF8",
    # The built-in collation does not change with the system's C library, so no index ever goes stale.
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--locale=C",
    "--no-instructions",
)
_SINGLE = (
    "-c", "exit_on_error=on",
    "-c", "log_min_error_statement=panic",  # the statements below hold passwords
    "-c", "password_encryption=scram-sha-256",
    "-c", "log_checkpoints=off",
)  # fmt: skip


class Cluster:
    """The cluster of one data folder, made and mended with the server stopped and the lock held."""

    def __init__(self, folder: Folder, identity: Identity, binaries: Binaries) -> None:
        self._folder = folder
        self._identity = identity
        self._binaries = binaries

    def ensure(self) -> None:
        """Make the cluster if there is none; give a role whose password file was lost a new password.

        Raises WrongVersion or StartFailed.
        """
        if not self._folder.cluster.exists():
            self._create()
            return
        self._require_version()
        for role in ROLES:
            if self._folder.password(role) is None:
                self._renew(role)

    def environment(self) -> dict[str, str]:
        """What a server needs in its environment after a crash; called when no server works on the cluster.

        The pid in postmaster.pid may be some other live process by now. PostgreSQL takes that for its own
        ancestor, and the file for stale, when it is in PG_GRANDPARENT_PID (CreateLockFile in miscinit.c).
        The file itself stays: by the shared memory it names PostgreSQL makes sure that nobody is left.
        """
        path = self._folder.cluster / "postmaster.pid"
        try:
            # Negative: a server in single-user mode wrote it.
            pid = path.read_bytes().partition(b"\n")[0].strip().removeprefix(b"-")
        except FileNotFoundError:
            return {}
        if pid.isdigit() and int(pid):
            return {"PG_GRANDPARENT_PID": str(int(pid))}
        path.unlink()  # empty or torn: the machine died while it was written, and PostgreSQL would refuse it
        return {}

    def _create(self) -> None:
        passwords: dict[Role, SecretStr] = {role: self._folder.password(role) or mint() for role in ROLES}
        for role, password in passwords.items():
            self._folder.keep_password(role, password)
        staging = Path(tempfile.mkdtemp(prefix="init-", dir=self._folder.root))
        try:
            self._fill(staging, staging / "cluster", passwords)
            (staging / "cluster").rename(self._folder.cluster)
            self._folder.sync()
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def _fill(self, staging: Path, cluster: Path, passwords: dict[Role, SecretStr]) -> None:
        """initdb, roles and database, then one sync of everything: each step alone need not be durable."""
        password = staging / "password"
        password.touch(0o600)
        password.write_text(passwords["owner"].get_secret_value())
        self._identity.give(password)
        self._identity.give(staging)  # only now: root writes nothing where another user could have put a link
        self._initdb(cluster, *_INITDB, f"--pwfile={password}", "--no-sync")
        password.unlink()
        self._single(cluster, _provision(passwords["app"]))
        self._initdb(cluster, "--sync-only")

    def _renew(self, role: Role) -> None:
        """The file is written last: killed in between, the next start does it again."""
        password = mint()
        statement = f"ALTER ROLE {ROLES[role]} PASSWORD '{password.get_secret_value()}'"
        self._single(self._folder.cluster, [statement])
        self._folder.keep_password(role, password)

    def _initdb(self, cluster: Path, *options: str) -> None:
        command: list[str | Path] = [self._binaries.program("initdb"), f"--pgdata={cluster}", *options]
        self._run(command, cluster.parent, "", {})

    def _single(self, cluster: Path, statements: Sequence[str]) -> None:
        """Run statements in a server of its own that listens to nobody: one line each, on its input."""
        command: list[str | Path] = [
            self._binaries.program("postgres"),
            "--single",
            "-D",
            cluster,
            *_SINGLE,
            "postgres",
        ]
        environment = self.environment() if cluster == self._folder.cluster else {}
        self._run(command, cluster.parent, "".join(f"{line}\n" for line in statements), environment)

    def _run(self, command: Sequence[str | Path], cwd: Path, given: str, environment: dict[str, str]) -> None:
        status, written = self._identity.run(command, cwd=cwd, given=given, environment=environment)
        if status:
            last = "\n".join(written.strip().splitlines()[-12:])
            raise StartFailed(
                f"{Path(command[0]).name} could not prepare the database in {self._folder.cluster} "
                f"(it ended with {status}). Nothing was left half made. Its last words:\n{last}\n"
                "Mend what they name (a full disk, a permission) and start Valet again."
            )

    def _require_version(self) -> None:
        found = swap.version(self._folder.cluster)
        if found != self._binaries.major:
            raise WrongVersion(self._folder.cluster, found, MAJOR, known=found in MAJORS)


def _provision(app_password: SecretStr) -> list[str]:
    """The app may connect to one database; its rights on tables are granted by the migrations."""
    owner, app = ROLES["owner"], ROLES["app"]
    return [
        f"CREATE ROLE {app} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS "
        f"PASSWORD '{app_password.get_secret_value()}'",
        f"CREATE DATABASE {DATABASE} OWNER {owner}",
        f"REVOKE ALL ON DATABASE {DATABASE}, postgres, template1 FROM PUBLIC",
        f"GRANT CONNECT ON DATABASE {DATABASE} TO {app}",
    ]
