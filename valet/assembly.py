"""The composition root: every part is built here, once, and handed what it needs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from prometheus_client import CollectorRegistry, Gauge, ProcessCollector
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from providers.base import App, Provider
from providers.registry import PROVIDERS
from providers.spans import Spans
from valet.doors import Doors
from valet.ground import Ground, lay
from valet.housekeeping import housekeeping
from valet.links import mint_owner_link, mint_setup_link
from valet.readiness import Readiness
from valet.record import Record, Routes
from valet.rollcall import present
from valet.settings import Settings
from vault.caretaker import Caretaker
from vault.census import Census
from vault.store.meta import Meta, Mode
from vault.store.migrate import newest
from vault.store.standings import Standings

if TYPE_CHECKING:
    from connect.fetch import Fetcher
    from valet.resource import McpBuilder

Door = Literal["mcp_server", "connect"]
BOTH: tuple[Door, ...] = ("mcp_server", "connect")


@dataclass
class House:
    """One process's worth of Valet: the app to serve, what it counts, and how to close what it stands on.

    `setup_link` is there while nobody could sign in or nothing be connected; `unset` are those that are not.
    """

    app: Starlette
    owner_link: str | None
    setup_link: str | None
    unset: tuple[Provider, ...]
    ground: Ground = field(repr=False)
    caretaker: Caretaker = field(repr=False)
    readiness: Readiness = field(repr=False)
    stack: AsyncExitStack = field(repr=False)

    @property
    def metrics(self) -> CollectorRegistry:
        """What this process counts."""
        return self.ground.metrics

    def rest(self) -> None:
        """The process is about to end: be found not ready, begin nothing more of what nobody waits for."""
        self.readiness.drain()
        self.caretaker.rest()

    async def close(self) -> None:
        """Finish refreshes under way, then close the pools."""
        await self.stack.aclose()


async def assemble(
    settings: Settings,
    apps: dict[str, App],
    database_url: SecretStr,
    keyring: Path | str,
    mode: Mode,
    *,
    doors: tuple[Door, ...] = BOTH,
    build_mcp: McpBuilder | None = None,
    fetcher: Fetcher | None = None,
    spans: Spans | None = None,
) -> House:
    """Both doors over one vault, or one of them. Raises CannotOpen, KeyRingError, KeysAway, Busy.

    `keyring` is a path, or else a setting as `vault.rings.choose` reads it.
    `fetcher` fetches client-id documents; tests give one of their own. `spans` is where traces go.
    """
    async with AsyncExitStack() as stack:
        alone = doors != BOTH
        ground = await lay(
            stack, settings, apps, database_url, str(keyring), mode, make_ring=not alone, spans=spans
        )
        _describe(ground.metrics, doors)
        app = _app(ground, doors, build_mcp, fetcher)
        links: tuple[str | None, str | None] = (None, None)
        if "connect" in doors:
            from valet.sidecar import sweeps

            await stack.enter_async_context(housekeeping(sweeps(ground)))
            links = await _links(ground)
        census = Census(Standings(ground.database), ground.metrics)
        await stack.enter_async_context(housekeeping([census.count], every=60))
        caretaker = ground.vault.caretaker(
            [each.name for each in settings.known(PROVIDERS) if each.services], ground.metrics
        )
        await stack.enter_async_context(caretaker.at_work())
        await stack.enter_async_context(present(ground, doors))
        readiness = _readiness(ground, stack)
        owner, setup = links
        return House(app, owner, setup, ground.registry.unset, ground, caretaker, readiness, stack.pop_all())


def _readiness(ground: Ground, stack: AsyncExitStack) -> Readiness:
    readiness = Readiness(
        Meta(ground.database).schema,
        newest(),
        ground.vault.opens,
        lambda: ground.database.answered,
        metrics=ground.metrics,
    )
    stack.push_async_callback(readiness.close)
    return readiness


def _describe(metrics: CollectorRegistry, doors: tuple[Door, ...]) -> None:
    """Which program this is, and what the process costs."""
    Gauge("valet_build_info", "1, with what runs here.", ("version", "doors"), registry=metrics).labels(
        version("valet"), "both" if doors == BOTH else doors[0]
    ).set(1)
    ProcessCollector(registry=metrics)


def _app(
    ground: Ground, doors: tuple[Door, ...], build_mcp: McpBuilder | None, fetcher: Fetcher | None
) -> Starlette:
    # What this process does not serve it does not load either: a worker of one door is smaller for it.
    pages, mcp = None, None
    if "connect" in doors:
        from valet import sidecar

        pages = sidecar.build(ground, fetcher)
    if "mcp_server" in doors:
        from valet import resource

        mcp = resource.build(ground, build_mcp)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        if mcp is None:
            yield
            return
        async with mcp.lifespan():
            yield

    route = Doors(
        mcp.endpoint if mcp else None,
        pages,
        ground.operated.fresh,
        ground.audit,
        ground.settings.proxies,
        Record(ground.metrics, Routes(pages.routes if pages else ()), ground.settings.proxies, ground.spans),
    )
    return _Front(route, lifespan)


class _Front(Starlette):
    """The app of a process: its lifespan, and one way for every request.

    What Starlette puts around its routes is for apps with several, and with handlers of errors; an error that
    gets here is answered and logged by the server, as it would be by Starlette.
    """

    def __init__(
        self, doors: Doors, lifespan: Callable[[Starlette], AbstractAsyncContextManager[None]]
    ) -> None:
        super().__init__(routes=[doors], lifespan=lifespan)
        self._doors = doors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            return await self._doors.handle(scope, receive, send)
        return await super().__call__(scope, receive, send)


async def _links(ground: Ground) -> tuple[str | None, str | None]:
    """The owner's link where only this machine reaches us, and the setup's where something is not set up."""
    settings, registry = ground.settings, ground.registry
    database, audit = ground.database, ground.audit
    owner = await mint_owner_link(database, settings.origin, audit) if settings.loopback else None
    ready = registry.operated and registry.configured
    return owner, None if ready else await mint_setup_link(database, settings.origin, audit)
