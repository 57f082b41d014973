"""What is examined: settings, database, key ring and the address, each as far as it is to be had."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from providers.base import App, Provider
from providers.registry import PROVIDERS
from providers.transport import Transport
from valet.doctor.away import why
from valet.doctor.finding import Finding, fault, note
from valet.embedded import EmbeddedError
from valet.reach import NotReached, served
from valet.settings import Settings
from valet.settings import apps as apps_of
from vault.alarms import Alarms
from vault.apps import Apps
from vault.cache import DekCache
from vault.errors import Busy, Sealed
from vault.keyring import KeyRing, KeyRingError
from vault.operator import Operator
from vault.rings.choose import open_ring
from vault.store.database import Database
from vault.store.deks import Deks
from vault.store.meta import Mode
from vault.store.workers import Worker, Workers


@dataclass
class Patient:
    """One installation. `url` is the database's, which may be there although `database` is not.

    `ailments` are what opening it all came upon. `workers` is None where the table can't be read. `http_port`
    is where http is to lead to https: 80 beside an https address without a port.
    """

    settings: Settings
    mode: Mode
    folder: Path
    apps: dict[str, App]
    transport: Transport
    origin: str
    http_port: int | None = None
    url: SecretStr | None = None
    database: Database | None = None
    ring: KeyRing | None = None
    operator: Operator | None = None
    workers: list[Worker] | None = None
    ailments: list[Finding] = field(default_factory=list)

    @property
    def keyring(self) -> str:
        """The key ring's setting."""
        return self.settings.keyring or str(self.folder / "keyring.json")

    @property
    def known(self) -> tuple[Provider, ...]:
        """The providers there are."""
        return self.settings.known(PROVIDERS)

    @property
    def running(self) -> list[Worker]:
        """The processes that gave a sign of life lately."""
        return [each for each in self.workers or () if each.alive]

    @property
    def start(self) -> str:
        """The command that starts this Valet."""
        return "valet demo" if self.mode == "demo" else "valet serve"


@asynccontextmanager
async def admitted(
    settings: Settings, values: Mapping[str, str], mode: Mode, *, origin: str | None = None
) -> AsyncIterator[Patient]:
    """The installation that the settings name, opened as far as it opens; `origin`: where it says it is."""
    from valet.serve import folder

    async with AsyncExitStack() as stack:
        transport = await stack.enter_async_context(Transport(emulator_origin=settings.emulator_origin))
        place, found = folder(settings, mode), apps_of(values, PROVIDERS)
        at = Patient(settings, mode, place, found, transport, origin or settings.origin)
        parts = urlsplit(at.origin)
        at.http_port = 80 if parts.scheme == "https" and parts.port is None else None
        await _database(stack, at)
        await _ring(at)
        if at.database is not None:
            await _roll(at, at.database)
        try:
            yield at
        finally:
            if at.operator is not None:
                at.operator.wipe()


async def _database(stack: AsyncExitStack, at: Patient) -> None:
    try:
        at.url = stack.enter_context(served(at.settings, at.mode, True, False))
    except NotReached:
        at.ailments.append(note("nothing is here yet", f"start it: {at.start}"))
        return
    except EmbeddedError as error:
        at.ailments.append(fault(f"the embedded database does not start: {error}", f"then: {at.start}"))
        return
    database = Database(at.url.get_secret_value(), max_size=4)
    stack.push_async_callback(database.close)
    try:
        await database.open()
    except Busy:
        at.ailments.append(await asyncio.to_thread(why, at.url))
        return
    at.database = database


async def _ring(at: Patient) -> None:
    if at.url is None:
        return  # nothing is here yet, and so no ring that could be missing
    try:
        at.ring = await open_ring(at.keyring)
    except KeyRingError as error:
        # Its texts name paths and references, never a key.
        at.ailments.append(
            Finding("fault", str(error), "put the right ring there, or name it in VALET_KEYRING", "key ring")
        )
    if at.ring is None or at.database is None:
        return
    try:
        kept = await Deks(at.database).operator()
        if kept is not None:
            at.operator = Operator(await _cache(at.ring).lasting(kept))
    except (Sealed, KeyRingError) as error:
        at.ailments.append(
            Finding(
                "fault",
                f"the key ring {at.keyring} does not open this database ({type(error).__name__})",
                "put the ring there that it was sealed with (VALET_KEYRING), or restore it from its backup; "
                "valet keys verify says what opens",
                "key ring",
            )
        )
        return
    except (psycopg.Error, Busy):
        return  # there is no table yet: the examination of the schema says so
    await _operated(at, at.database, at.ring)


async def _operated(at: Patient, database: Database, ring: KeyRing) -> None:
    """Apps that the setup page stored; those of the settings win."""
    try:
        stored = await Apps(database, _cache(ring)).operated(None)
    except (psycopg.Error, Busy, KeyRingError):
        return
    if stored is not None:
        at.apps = {**stored.apps, **at.apps}


def _cache(ring: KeyRing) -> DekCache:
    return DekCache(ring, Alarms(CollectorRegistry()))


async def _roll(at: Patient, database: Database) -> None:
    try:
        at.workers = await Workers(database).list()
    except (psycopg.Error, Busy):
        at.workers = None
