"""Starting and stopping: the database, the key ring, the emulator of the demo, and the one port."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psycopg
import uvicorn
from pydantic import SecretStr
from starlette.applications import Starlette

from providers.base import App
from providers.spans import Spans
from valet import running
from valet.assembly import BOTH, Door, House, assemble
from valet.drain import LINGER, LONGEST_INTAKE, Drain, settling, shut, waits
from valet.embedded import Supervisor, default_data_dir
from valet.emulation import Emulator
from valet.guard import Served, guarded
from valet.ops import Ops, answering
from valet.roles import too_much
from valet.settings import Settings
from valet.tracing import traced
from valet.watchdog import watched
from vault.rings.choose import path_of
from vault.store.meta import Mode
from vault.store.migrate import migrate, require_current
from vault.store.roles import limit, rights, role_of

if sys.platform != "win32":  # there this module is loaded for its paths, and nobody serves
    import uvloop

_MOST_CONNECTIONS = 500
_BUSY = "VALET_PORT and PUBLIC_URL (redirect URIs registered at providers name the port)"
_OPS_BUSY = "VALET_OPS_PORT"
_GARBAGE = 2_000
"""Objects more than there were before they are looked through for cycles."""
_LONGEST_DRAIN = 25
"""Seconds for requests under way to end. Kubernetes kills after 30 unless told otherwise."""


class CannotServe(Exception):
    """Valet can't start; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one instance keeps its things and which mode it is in."""

    folder: Path
    mode: Mode
    settings: Settings
    apps: dict[str, App]
    own_emulator: bool = False
    doors: tuple[Door, ...] = BOTH

    @property
    def alone(self) -> bool:
        """Whether this process has one door only, beside others: it makes nothing that they share."""
        return self.doors != BOTH

    @property
    def keyring(self) -> str:
        """The key ring, as `vault.rings.choose` reads it; a file is never in the database's directory."""
        return self.settings.keyring or str(self.folder / "keyring.json")


def folder(settings: Settings, mode: Mode) -> Path:
    """The data folder: the demo has one of its own, and so a key ring of its own."""
    base = settings.data_dir or default_data_dir()
    return base / "demo" if mode == "demo" else base


def serve(at: Place, ready: Callable[[House, Place], None]) -> None:
    """Serve until SIGINT, SIGTERM or SIGHUP; `ready` is called once requests are answered.

    Raises CannotServe, and the errors of the embedded database and the key ring.
    """
    # Before the server's own handlers stand, these unwind like Ctrl-C instead of leaving children behind.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda caught, _: sys.exit(128 + caught))
    _keep_apart(at)
    with ExitStack() as stack:
        listening = stack.enter_context(_listen(at.settings.host, at.settings.port, _BUSY))
        ops = _ops(at.settings, stack)
        spans = stack.enter_context(traced())
        with _database(at) as database, _emulator(at) as emulator:
            if emulator is not None:
                emulator.wait()
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(_serve(at, database, listening, ops, spans, ready))


async def _serve(
    at: Place,
    database: Served,
    listening: socket.socket,
    ops: socket.socket | None,
    spans: Spans,
    ready: Callable[[House, Place], None],
) -> None:
    house = await assemble(
        at.settings, at.apps, database.url, at.keyring, at.mode, doors=at.doors, spans=spans
    )
    # What is here now stays until the end: no collection of garbage need look through it again and again.
    gc.collect()
    gc.freeze()
    # What a call makes, it lets go of: looking for cycles after each 700 objects finds next to none. After
    # each 20,000 would be 3 MB of a worker that waits for that.
    gc.set_threshold(_GARBAGE)
    async with answering(ops, Ops(at.settings.ops_host, house.metrics, house.readiness)):
        try:
            announce = partial(_announce, at, house, ready)
            server = _Server(house.app, announce, house.rest, at.settings.drain_seconds)
            # One door beside others is run by something that starts it anew; a person's own Valet is not.
            async with guarded(database), watched() if at.alone else nullcontext():
                await server.serve(sockets=[listening])
        finally:
            if not at.alone:
                running.clear(at.folder, os.getpid())
            await house.close()


def _announce(at: Place, house: House, ready: Callable[[House, Place], None]) -> None:
    if not at.alone:
        note = running.Running(at.settings.origin, os.getpid(), at.settings.emulator_origin)
        running.write(at.folder, note)
    ready(house, at)


class _Server(uvicorn.Server):
    """uvicorn that says when it answers and when it is told to stop, and prints no URL of its own.

    Once told, it serves on for `notice` seconds, so that whoever sends requests here can hear of it first;
    then it leaves the port, losing nothing that has come (`valet/drain.py`), and ends what is under way.
    """

    def __init__(
        self,
        app: Starlette,
        ready: Callable[[], None],
        stopping: Callable[[], None],
        notice: float = 0,
    ) -> None:
        self._drain = Drain(app)
        config = uvicorn.Config(
            self._drain,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=_LONGEST_DRAIN,
            # It bounds a request's head, and a trailer is no header to it: docs/decisions/0040-h11.md.
            http="h11",
            ws="none",
            backlog=128,
            limit_concurrency=_MOST_CONNECTIONS,
            lifespan="on",
        )
        super().__init__(config)
        self._ready = ready
        self._stopping = stopping
        self._notice = notice

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on SIGINT, SIGTERM and SIGHUP, however often they come, and do not raise them again.

        What we stand on closes after us: an impatient second Ctrl-C cuts short the notice, and nothing else.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._stop)
        yield

    def _stop(self) -> None:
        self._stopping()
        if self._drain.begun or not self._notice:
            self.should_exit = True
        else:
            asyncio.get_running_loop().call_later(self._notice, setattr, self, "should_exit", True)
        self._drain.begun = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.should_exit:
            self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        listening = sockets or []
        for each in listening:
            shut(each)
        clock = asyncio.get_running_loop().time
        await asyncio.sleep(max(map(settling, listening), default=0))
        end = clock() + LONGEST_INTAKE
        while any(map(waits, listening)) and clock() < end:  # noqa: ASYNC110
            await asyncio.sleep(0)
        for server in self.servers:
            server.close()
        for each in listening:
            each.close()
        end = clock() + LINGER
        while self.server_state.connections and clock() < end:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        await super().shutdown(sockets)


def _keep_apart(at: Place) -> None:
    """The key ring is never part of what a copy of the database's directory takes along."""
    database = (at.folder / "postgres").resolve()
    ring = path_of(at.keyring)
    if ring is not None and ring.resolve().is_relative_to(database):
        raise CannotServe(
            f"VALET_KEYRING lies inside the database's directory {database}, so a copy of one would be "
            "a copy of both. Put the key ring somewhere else."
        )


def _ops(settings: Settings, stack: ExitStack) -> socket.socket | None:
    """The socket of the second listener, where one is wanted."""
    if settings.ops_port is None:
        return None
    return stack.enter_context(_listen(settings.ops_host, settings.ops_port, _OPS_BUSY))


def _listen(host: str, port: int, otherwise: str) -> socket.socket:
    """A bound socket. A busy port is refused: a moving port would void tokens and redirect URIs."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise CannotServe(
            f"{host}:{port} can't be used ({error.strerror}). Stop the program that holds it, or choose "
            f"another with {otherwise}."
        ) from None
    return listening


@contextmanager
def _emulator(at: Place) -> Iterator[Emulator | None]:
    """The demo's emulator, unless the settings name one that runs already."""
    if not at.own_emulator:
        yield None
        return
    emulator = Emulator(at.folder / "emulator.json")
    emulator.start()
    try:
        yield emulator
    finally:
        emulator.stop()


@contextmanager
def _database(at: Place) -> Iterator[Served]:
    """A migrated database: DATABASE_URL, or the embedded PostgreSQL for as long as we serve."""
    settings = at.settings
    if at.alone:
        yield Served(_prepared(settings), None)
        return
    if settings.database_url is not None:
        migrate_given(settings, settings.database_url)
        at.folder.mkdir(mode=0o711, parents=True, exist_ok=True)
        yield Served(settings.database_url, None)
        return
    supervisor = Supervisor(at.folder, db_user=settings.db_user)
    with supervisor as urls:
        with _told():
            migrate(urls.owner.get_secret_value(), app_role="valet_app")
        yield Served(urls.app, supervisor)


def _prepared(settings: Settings) -> SecretStr:
    """DATABASE_URL of a database that was made ready beforehand: several processes stand on it."""
    if settings.database_url is None:
        raise CannotServe(
            "this command runs one door beside other processes, and they share a PostgreSQL: name it in "
            "DATABASE_URL and run `valet prepare` once. For everything in one process: valet serve"
        )
    url = settings.database_url.get_secret_value()
    with _told():
        require_current(url)
        refusal = too_much(settings, rights(url))
    if refusal:
        raise CannotServe(refusal)
    return settings.database_url


def migrate_given(settings: Settings, url: SecretStr) -> None:
    """Migrate DATABASE_URL's database as whoever owns the schema, and hold its role to what the app may.

    Where no owner is named the role is looked at first: on a public server it is not made the owner.
    """
    owner, given = settings.migration_database_url, url.get_secret_value()
    with _told():
        if owner is not None:
            migrate(owner.get_secret_value(), app_role=role_of(given))
        refusal = too_much(settings, rights(given))
        if refusal:
            raise CannotServe(refusal)
        if owner is None:
            migrate(given)
        limit(given)


@contextmanager
def _told() -> Iterator[None]:
    """What the database refuses, as a sentence. The driver's text may hold the connection string."""
    try:
        yield
    except psycopg.errors.InsufficientPrivilege:
        raise CannotServe(
            "the database role may not create or change tables, and this release has some to make or change. "
            "Give MIGRATION_DATABASE_URL a role that owns the schema, for this start at least; the role of "
            "DATABASE_URL then needs no such right."
        ) from None
    except psycopg.Error:
        raise CannotServe(
            "the database does not answer. Check that PostgreSQL runs and that DATABASE_URL names it, its "
            "user and its password."
        ) from None
