"""The data folder: where each thing of the embedded server rests, and the passwords and URLs.

<data_dir>/postgres/            ours: 0700 (0711 for root, so that the database user may pass through)
    cluster/                    PGDATA, 0700, of the user PostgreSQL runs as
    init-*/                     what is being made; every start clears it away
    cluster-new/ cluster-16-…/  one that is to be put in force; an older one that is kept (swap.py)
    socket/                     the private Unix socket, 0700
    socket.path                 where the socket of the running server is; absent while none runs
    owner.password app.password 0600
    lock                        flock and pid of the supervisor
    server.log                  what postgres writes
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import platformdirs
from pydantic import SecretStr

from valet.embedded.errors import EmbeddedError, WrongUser
from valet.embedded.identity import Identity, is_root

Role = Literal["owner", "app"]
ROLES: dict[Role, str] = {"owner": "valet_owner", "app": "valet_app"}
DATABASE = "valet"
PORT = 5432  # only the socket's name has it: no TCP port is opened

_NAME = "postgres"


@dataclass(frozen=True)
class Urls:
    """Connection URLs over the private socket; `owner` for the schema, `app` for the two doors."""

    owner: SecretStr
    app: SecretStr


def default_data_dir() -> Path:
    """Where Valet keeps its data unless told otherwise: /var/lib/valet/data for root, else the user's own."""
    return Path("/var/lib/valet/data") if is_root() else Path(platformdirs.user_data_dir("valet"))


class Folder:
    """The paths below one data folder, which is made absolute and free of symbolic links."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir.expanduser().resolve()
        self.root = (self.data_dir / _NAME).resolve()
        self.cluster = self.root / "cluster"
        self.successor = self.root / "cluster-new"
        self.workshop = self.root / "init-workshop"  # init-*: every start clears them away
        self.socket = self.root / "socket"
        self.record = self.root / "socket.path"
        self.lock = self.root / "lock"
        self.log = self.root / "server.log"

    def prepare(self, identity: Identity) -> None:
        """Make what is missing, for `identity` to run a server in. A directory that exists is never changed.

        Raises Unreachable, WrongUser, or EmbeddedError when the folder can't be made.
        """
        try:
            existing = next(path for path in (self.root, *self.root.parents) if path.is_dir())
            identity.require_reach(existing)
            _make(self.root, 0o711 if identity.drop else 0o700)
            self._require_owner(self.root, os.geteuid())
            if self.cluster.exists():
                self._require_owner(self.cluster, identity.uid)
        except OSError as error:
            raise self.unusable(error) from error

    def unusable(self, error: OSError) -> EmbeddedError:
        """The error that says so, when the system refuses something in this folder."""
        return EmbeddedError(
            f"The data folder {self.data_dir} can't be used: {error}. Mend that, or choose another folder."
        )

    @contextmanager
    def looked_into(self) -> Iterator[None]:
        """What the block may not look at, because the folder is another user's, is WrongUser."""
        try:
            yield
        except PermissionError as error:
            raise WrongUser(
                f"{error.filename} may not be read by this user. Run this as the user who runs Valet."
            ) from error

    def password(self, role: Role) -> SecretStr | None:
        """The stored password of a role, None when there is none."""
        try:
            return SecretStr(self._password(role).read_text().strip())
        except FileNotFoundError:
            return None

    def keep_password(self, role: Role, password: SecretStr) -> None:
        """Store a password: whole or not at all, readable by us alone."""
        self.replace(self._password(role), password.get_secret_value())

    def urls(self, socket: Path) -> Urls | None:
        """The URLs of the server at `socket`, None when a password is not stored."""
        owner, app = self.password("owner"), self.password("app")
        if owner is None or app is None:
            return None
        return Urls(owner=_url("owner", owner, socket), app=_url("app", app, socket))

    def replace(self, path: Path, text: str) -> None:
        """Write a small file, 0600, in one rename."""
        unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, f"{text}\n".encode(errors="surrogateescape"))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        unfinished.replace(path)

    def sync(self) -> None:
        """Make renames in this folder durable."""
        descriptor = os.open(self.root, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _password(self, role: Role) -> Path:
        return self.root / f"{role}.password"

    def _require_owner(self, path: Path, uid: int) -> None:
        import pwd

        owner = path.stat().st_uid
        if owner == uid:
            return
        try:
            name = pwd.getpwuid(owner).pw_name
        except KeyError:
            name = str(owner)
        raise WrongUser(
            f"{path} belongs to the user {name}. Start Valet the way it was started the first time (as "
            f"{name}, or as root with {name} as the database user), or choose another data folder."
        )


def _url(role: Role, password: SecretStr, socket: Path) -> SecretStr:
    host, secret = quote(os.fsencode(socket), safe=""), quote(password.get_secret_value(), safe="")
    return SecretStr(f"postgresql://{ROLES[role]}:{secret}@/{DATABASE}?host={host}&port={PORT}")


def _make(path: Path, mode: int) -> None:
    """Make a directory and its missing parents with `mode`, whatever the umask."""
    if path.is_dir():
        return
    _make(path.parent, mode)
    path.mkdir(mode, exist_ok=True)
    path.chmod(mode)
