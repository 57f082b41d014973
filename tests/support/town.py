"""A whole Valet as a larger installation has it, of real processes on loopback: nginx with TLS, MCP workers,
sidecars, PgBouncer, PostgreSQL, and the emulator for the world outside.

    with Town() as town:
        town.workers[0].restart()
        town.served()   # what came, and who served it
"""

from __future__ import annotations

import json
import shutil
import ssl
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

from tests.support.doors import DoorProcess, run
from tests.support.emulator import EmulatorProcess
from tests.support.nginx import Nginx
from tests.support.ports import free_port
from tests.support.postgres import PgBouncer, Postgres
from tests.support.valet import reachable_folder

PROVIDERS = ("spotify", "google", "oidc")


class Town:
    """Everything, with the world's emulator. `url` is its public origin."""

    def __init__(self, workers: int = 2, sidecars: int = 2) -> None:
        self.folder = reachable_folder()
        self.emulator = EmulatorProcess()
        self.postgres = Postgres(self.folder / "postgres")
        self.bouncer = PgBouncer(self.folder / "pgbouncer", self.postgres)
        self._world = free_port()
        ports = {"mcp_server": workers, "connect": sidecars}
        places = {door: [free_port() for _ in range(count)] for door, count in ports.items()}
        self.nginx = Nginx(self.folder, **_routes(places["mcp_server"], places["connect"]))
        self.url = self.nginx.url
        self.workers, self.sidecars = (
            [DoorProcess(door, self.environment, self.folder, port=port) for port in places[door]]
            for door in places
        )

    @property
    def environment(self) -> dict[str, str]:
        """Of every process of Valet's."""
        return {
            "PUBLIC_URL": self.url,
            "DATABASE_URL": self.bouncer.app,
            "VALET_KEYRING": str(self.folder / "keyring.json"),
            "VALET_EMULATOR_ORIGIN": f"http://localhost:{self._world}",
            "VALET_TRUSTED_PROXIES": "127.0.0.1",
            "VALET_LOG_LEVEL": "INFO",
            "VALET_LOG_FORMAT": "json",
            **{f"{name.upper()}_CLIENT_ID": f"emulator-{name}" for name in ("spotify", "google")},
            **{f"{name.upper()}_CLIENT_SECRET": "emulator-secret" for name in ("spotify", "google")},
        }

    @property
    def doors(self) -> list[DoorProcess]:
        """All processes of Valet's."""
        return [*self.workers, *self.sidecars]

    @property
    def trust(self) -> ssl.SSLContext:
        """For clients: the authority of the certificate."""
        return ssl.create_default_context(cafile=str(self.nginx.authority))

    def prepare(self, root: Path | None = None) -> str:
        """`valet prepare`, of another source tree where one is given."""
        given = {**self.environment, "MIGRATION_DATABASE_URL": self.postgres.owner}
        more = {} if root is None else {"root": root}
        ran = run("prepare", given=given, folder=self.folder, **more)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    def start(self) -> None:
        """Start everything, in the order that it needs."""
        self.postgres.start()
        self.postgres.furnish()
        self.bouncer.start()
        self.emulator.start(self._world)
        for name in PROVIDERS[:2]:
            redirects = [f"{self.url}/callback/{name}"]
            self.emulator.client(f"emulator-{name}", upstream=name, redirects=redirects)
        self.prepare()
        self._all_up()
        self.nginx.start()

    def sidecar(self, number: int) -> None:
        """Let that one alone serve what belongs to the sidecar, from now on."""
        there = self.sidecars[number % len(self.sidecars)].port
        self.nginx.reload(**_routes([door.port for door in self.workers], [there]))

    def _all_up(self) -> None:
        for door in self.doors:
            door.begin()
        for door in self.doors:
            door.wait_ready()

    def _all_down(self) -> list[int]:
        with ThreadPoolExecutor(len(self.doors)) as pool:
            return list(pool.map(DoorProcess.stop, self.doors))

    def restart(self) -> None:
        """Everything but the world outside stops and starts."""
        self.nginx.stop()
        assert set(self._all_down()) == {0}
        self.bouncer.stop()
        self.postgres.stop()
        self.postgres.start()
        self.bouncer.start()
        self._all_up()
        self.nginx.start()

    def served(self, after: int = 0) -> list[dict[str, str]]:
        """What nginx says of each request from that line on: method, path, status, worker."""
        return [json.loads(line) for line in self.nginx.logs.read_text().splitlines()[after:]]

    def close(self) -> None:
        """End everything and remove its data."""
        try:
            self.nginx.stop()
            self._all_down()
        finally:
            self.bouncer.stop()
            self.postgres.stop()
            self.emulator.stop()
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Town:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _routes(workers: Sequence[int], sidecars: Sequence[int]) -> dict[str, str]:
    """Who is behind which name in nginx.conf."""
    return {
        f"{name}_{number + 1}": f"127.0.0.1:{ports[number % len(ports)]}"
        for name, ports in (("MCP", workers), ("CONNECT", sidecars))
        for number in range(2)
    }
