"""A PostgreSQL of the test's own, to be killed and started again on the same data."""

from __future__ import annotations

import shutil
import signal
from contextlib import suppress
from types import TracebackType

import psutil

from tests.support.valet import reachable_folder
from valet.embedded import Supervisor
from vault.store.migrate import migrate


class Postgres:
    """An embedded server with Valet's schema. Its addresses stay the same over a restart."""

    def __init__(self) -> None:
        self._folder = reachable_folder()
        self._supervisor = Supervisor(self._folder)
        self.url = self.owner_url = ""

    def kill(self) -> None:
        """kill -9 of the server and of everything it started, at once."""
        assert self._supervisor.pid is not None
        server = psutil.Process(self._supervisor.pid)
        server.suspend()  # it starts no other while we look
        for process in [*server.children(recursive=True), server]:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        server.wait(30)

    def start(self) -> None:
        """Start it, after a kill with recovery from its log; returns when it answers."""
        urls = self._supervisor.start()
        self.url, self.owner_url = urls.app.get_secret_value(), urls.owner.get_secret_value()

    def __enter__(self) -> Postgres:
        self.start()
        migrate(self.owner_url, app_role="valet_app")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._supervisor.stop()
        shutil.rmtree(self._folder, ignore_errors=True)
