"""Where a new cluster is made, filled and checked, apart from the one in force.

It is a data folder of its own below ours, with a server of its own from the same supervisor, but with our
passwords: so what leaves it is what a first start would have made.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from types import TracebackType

from valet.embedded.folder import ROLES, Folder, Urls
from valet.embedded.identity import Identity
from valet.embedded.supervisor import Supervisor
from vault.opaque import mint


class Workshop:
    """The workshop of a data folder whose lock the caller holds, and which is tidy.

    `identity` is whom PostgreSQL runs as; `programs` and `patience` as for Supervisor.
    """

    def __init__(self, folder: Folder, identity: Identity, programs: Path, patience: float) -> None:
        self._folder = folder
        self._inner = Folder(folder.workshop)
        self._identity = identity
        self._supervisor = Supervisor(
            folder.workshop,
            db_user=identity.name if identity.drop else None,
            programs=programs,
            patience=patience,
        )

    def __enter__(self) -> Urls:
        """An empty database of our version. Raises EmbeddedError."""
        self._inner.prepare(self._identity)
        for role in ROLES:
            password = self._folder.password(role) or mint()
            self._folder.keep_password(role, password)
            self._inner.keep_password(role, password)
        return self._supervisor.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._supervisor.stop()
        shutil.rmtree(self._folder.workshop, ignore_errors=True)

    def deliver(self) -> None:
        """Stop the server and call what was made `cluster-new`: it is whole."""
        self._supervisor.stop()
        self._inner.cluster.rename(self._folder.successor)
        self._folder.sync()
