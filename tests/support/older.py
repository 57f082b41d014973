"""A data folder as a Valet would have made it whose embedded PostgreSQL was 16: with the wheel's own 16.

The fixtures need those of tests/valet/conftest.py.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.support.cluster import copy_folder
from tests.support.household import Household, live_in
from tests.vault.upstreams import FakeUpstream
from valet.embedded import Urls
from valet.embedded.binaries import Binaries, locate
from valet.embedded.cluster import Cluster
from valet.embedded.folder import Folder
from valet.embedded.identity import identify
from valet.embedded.lock import Lock
from valet.embedded.server import Server
from valet.embedded.sockets import close_directory, open_directory
from valet.embedded.upgrade import upgrade
from vault.rings.file import FileKeyRing
from vault.store.database import Database
from vault.store.migrate import migrate
from vault.vault import open_vault

ROOT = Path(__file__).parents[2]
MAJOR = "16"

# An upgrade that ends with SIGKILL right after the step it is told.
_KILLED = """
import os, signal, sys
from pathlib import Path
from valet.embedded import upgrade as upgrading

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def report(what, came):
    if what == sys.argv[3]:
        die()

if sys.argv[3] == "under way":  # pg_dump and pg_restore have both begun, and are nobody's now
    running = upgrading.Client.running
    def started(self, program, *arguments, **options):
        block = running(self, program, *arguments, **options)
        if program == "pg_restore":
            block.__enter__()
            die()
        return block
    upgrading.Client.running = started
upgrading.upgrade(Path(sys.argv[1]), report, programs=Path(sys.argv[2]))
"""


class _Older(Cluster):
    """Our cluster, but 16 knows no built-in collation."""

    def _initdb(self, cluster: Path, *options: str) -> None:
        super()._initdb(cluster, *(option for option in options if "builtin" not in option))


def _programs(programs: Path) -> Binaries:
    binaries = locate(MAJOR)
    return binaries.copied(programs / MAJOR) if identify(None).drop else binaries


@contextmanager
def old_server(data_dir: Path, programs: Path) -> Iterator[Urls]:
    """PostgreSQL 16 on that folder, made at the first time; stopped in order at the end."""
    folder, identity, binaries = Folder(data_dir), identify(None), _programs(programs)
    folder.prepare(identity)
    lock, server = Lock(folder.lock, folder.data_dir), Server(folder, patience=120)
    lock.acquire()
    try:
        cluster = _Older(folder, identity, binaries)
        cluster.ensure()
        socket = open_directory(folder, identity)
        yield server.start(identity, binaries, socket, cluster.environment())
    finally:
        server.stop()
        close_directory(folder)
        lock.release()


def killed(folder: Path, programs: Path, step: str) -> subprocess.CompletedProcess[str]:
    """An upgrade that is killed after that step, or `under way` while the copy is."""
    command = [sys.executable, "-c", _KILLED, str(folder), str(programs), step]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
async def lived_in(ground: Path, programs: Path) -> tuple[Path, Household]:
    """A folder with a database of PostgreSQL 16 that people have lived in, to be copied."""
    folder = ground / "sixteen" / "data"
    with old_server(folder, programs) as urls:
        migrate(urls.owner.get_secret_value(), app_role="valet_app")
        household = await live_in(urls.app, folder / "keyring.json")
        with psycopg.connect(urls.owner.get_secret_value(), autocommit=True) as connection:
            connection.execute("CREATE ROLE reporter LOGIN PASSWORD 'by the operator'")
            connection.execute("GRANT CONNECT ON DATABASE valet TO reporter")
            connection.execute("GRANT SELECT (id) ON users TO reporter")
            connection.execute("CREATE SEQUENCE numbers START 7")
            connection.execute("SELECT nextval('numbers')")
    return folder, household


@pytest.fixture
def old(lived_in: tuple[Path, Household], data_dir: Path) -> Path:
    """A copy of it, stopped in order."""
    copy_folder(lived_in[0], data_dir)
    return data_dir


@pytest.fixture
def upgraded(programs: Path) -> Callable[..., list[str]]:
    """Upgrades a folder; returns the steps."""

    def run(folder: Path) -> list[str]:
        steps: list[str] = []
        upgrade(folder, lambda what, _: steps.append(what), programs=programs)
        return steps

    return run


def major(folder: Path) -> str:
    """Which version made the cluster in force."""
    return (folder / "postgres/cluster/PG_VERSION").read_text().strip()


def clusters(folder: Path) -> list[str]:
    """What is called a cluster in the folder, dates left out, and what was left half made."""
    names = [path.name for path in (folder / "postgres").iterdir()]
    return sorted(
        name.rpartition("-")[0] if name.endswith("Z") else name
        for name in names
        if name.startswith(("cluster", "init-"))
    )


async def require_whole(folder: Path, urls: Urls, household: Household) -> None:
    """Everything in the database opens with the key ring beside it, through the app's role."""
    database = Database(urls.app.get_secret_value())
    await database.open()
    try:
        vault = await open_vault(database, FileKeyRing(folder / "keyring.json"), FakeUpstream())
        await household.require_open(vault, database)
        await vault.drain()
    finally:
        await database.close()
