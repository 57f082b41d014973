"""A Valet that runs, with two database roles, a key ring and the emulator, for the doctor to look at."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from providers.registry import PROVIDERS
from tests.support.emulator import CLIENT, SECRET, EmulatorProcess
from tests.support.plot import CANARY, two_roles
from tests.support.valet import ValetProcess
from valet.doctor.chart import EXAMINATIONS, examine
from valet.doctor.finding import Finding
from valet.doctor.patient import admitted
from valet.settings import load

CANARIES = (CANARY, SECRET)


@dataclass
class Site:
    """Where it is, and how to reach its database as the owner and as the app."""

    folder: Path
    owner: str
    app: str
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, statement: str, *values: object) -> None:
        """As the owner."""
        with psycopg.connect(self.owner, autocommit=True) as link:
            link.execute(statement, values)  # type: ignore[arg-type]


@contextmanager
def founded(server_url: str, folder: Path) -> Iterator[Site]:
    """A database with the two roles, and nothing in it."""
    with two_roles(server_url) as (owner, app):
        yield Site(folder, owner, app)


@pytest.fixture(scope="module")
def emulator() -> Iterator[EmulatorProcess]:
    with EmulatorProcess() as running:
        yield running


@pytest.fixture(scope="module")
def site(
    server_url: str, emulator: EmulatorProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """It runs, both doors in one process, and all is well."""
    folder = tmp_path_factory.mktemp("doctor")
    with founded(server_url, folder) as site:
        given = {
            "DATABASE_URL": site.app,
            "MIGRATION_DATABASE_URL": site.owner,
            "VALET_KEYRING": str(folder / "keyring.json"),
            "VALET_EMULATOR_ORIGIN": emulator.origin,
            "SPOTIFY_CLIENT_ID": CLIENT,
            "SPOTIFY_CLIENT_SECRET": SECRET,
        }
        with ValetProcess("serve", **given) as valet:
            site.environment = valet.environment
            yield site


def look(site: Site, *names: str, without: tuple[str, ...] = (), **changes: str) -> dict[str, list[Finding]]:
    """What the doctor finds, by examination (`names`, or all), with settings other than the running ones."""
    values = {**site.environment, **changes}
    for name in without:
        values.pop(name, None)
    found = asyncio.run(_looked(values, names))
    shown = repr(found)
    for canary in CANARIES:
        assert canary not in shown
    by: dict[str, list[Finding]] = {}
    for each in found:
        by.setdefault(each.about, []).append(each)
    return by


async def _looked(values: Mapping[str, str], names: tuple[str, ...]) -> list[Finding]:
    chosen = [each for each in EXAMINATIONS if not names or each.name in names]
    async with admitted(load(values, PROVIDERS), values, "live") as patient:
        return await examine(patient, chosen)


@contextmanager
def a_worker(site: Site, **odd: object) -> Iterator[None]:
    """A row as another process would have written it, of a release that says nothing of its pool."""
    worker = uuid.uuid4()
    site.run(
        "INSERT INTO workers SELECT %s, doors, version, knows, origin, ring_active, ring_mark, clock_ahead,"
        " started_at, seen_at FROM workers LIMIT 1", worker,
    )  # fmt: skip
    for column, value in odd.items():
        site.run(f"UPDATE workers SET {column} = %s WHERE id = %s", value, worker)
    try:
        yield
    finally:
        site.run("DELETE FROM workers WHERE id = %s", worker)


def only(found: list[Finding], level: str) -> Finding:
    """The one finding of that level."""
    [one] = [each for each in found if each.level == level]
    return one
