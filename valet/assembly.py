"""The composition root: every part is built here, once, and handed what it needs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

import connect.app
import mcp_server.app
import mcp_server.house
import mcp_server.toolbox
import mcp_server.tools
from connect.account import Asks
from connect.admission import Admission, Guests
from connect.authorize import Authorize
from connect.courier import Courier
from connect.fetch import Fetcher, PublicFetcher
from connect.limits import Gate
from connect.metadata import Metadata
from connect.offer import Offers
from connect.pages import Refusal, refused
from connect.preset import read_preset
from connect.register import Register
from connect.revoke import Revoke
from connect.roster import Roster
from connect.setup import Premises
from connect.token import Token
from connect.vouched import Vouched
from providers.base import App, Provider
from providers.breaker import Breaker
from providers.http import Http
from providers.identity import Identities
from providers.oauth import OAuth
from providers.oidc import Discovery
from providers.registry import CARRIERS, PROVIDERS, Registry
from providers.streaming import Streams
from providers.transport import Transport
from valet import entries
from valet.directory import OperatorApps
from valet.doors import Doors
from valet.housekeeping import Sweep, housekeeping
from valet.links import mint_owner_link, mint_setup_link
from valet.personal import Welcomed
from valet.settings import Settings
from valet.upstream import RegisteredUpstream
from vault.approvals import Approvals
from vault.audit.audit import Audit
from vault.caretaker import Caretaker
from vault.census import Census
from vault.diary import Diary
from vault.errors import Sealed
from vault.outcomes import Report
from vault.purposes import SUCCESSOR
from vault.rings.choose import open_ring
from vault.store.activity import Activity
from vault.store.approvals import ApprovalRows
from vault.store.audit import AuditRows
from vault.store.clients import Clients
from vault.store.database import Database
from vault.store.deks import Deks
from vault.store.documents import Documents
from vault.store.flows import Flows
from vault.store.grants import Grants
from vault.store.invitations import Invitations
from vault.store.limits import Limits
from vault.store.meta import Meta, Mode
from vault.store.ownerlinks import OwnerLinks
from vault.store.pendings import Pendings
from vault.store.personal import PersonalTokens
from vault.store.sessions import Sessions
from vault.store.setups import Setups
from vault.store.standings import Standings
from vault.store.states import States
from vault.store.tokens import Tokens
from vault.store.transfers import TransferRows
from vault.store.users import Users
from vault.transfers import Transfers
from vault.vault import Vault, open_vault

McpBuilder = Callable[[mcp_server.house.House], mcp_server.app.McpApp]


class CannotOpen(Exception):
    """Database, key ring and mode do not belong together; the text says what to do."""


@dataclass
class House:
    """One process's worth of Valet: the app to serve, what it counts, and how to close what it stands on.

    `setup_link` is there while nobody could sign in or nothing be connected; `unset` are those that are not.
    """

    app: Starlette
    owner_link: str | None
    setup_link: str | None
    unset: tuple[Provider, ...]
    metrics: CollectorRegistry
    caretaker: Caretaker = field(repr=False)
    stack: AsyncExitStack = field(repr=False)

    def rest(self) -> None:
        """Begin nothing more of what nobody waits for: the process is about to end."""
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
    build_mcp: McpBuilder = mcp_server.app.build,
    fetcher: Fetcher | None = None,
) -> House:
    """Both doors over one vault. Raises CannotOpen, KeyRingError, KeysAway.

    `keyring` is a path, or else a setting as `vault.rings.choose` reads it.
    `fetcher` fetches client-id documents; tests give one of their own.
    """
    async with AsyncExitStack() as stack:
        database = Database(database_url.get_secret_value())
        await database.open()
        stack.push_async_callback(database.close)
        await _claim(database, mode)
        transport = await stack.enter_async_context(Transport(emulator_origin=settings.emulator_origin))
        operated = OperatorApps(apps)
        metrics = CollectorRegistry()
        oauth, http, registry = (
            OAuth(transport),
            Http(transport, breaker=Breaker(metrics)),
            Registry(settings.known(PROVIDERS), operated, settings.owning),
        )
        audit = Audit(AuditRows(database), metrics=metrics)
        upstream = RegisteredUpstream(oauth, registry)
        vault = await _vault(database, str(keyring), upstream, metrics, audit.refreshed)
        # What the vault still does at its end is written, and the keys for that are zeroed after it.
        stack.push_async_callback(vault.close)
        stack.push_async_callback(audit.close)
        stack.push_async_callback(vault.drain)
        audit.begin(vault)
        await operated.rest_in(vault.apps)
        _require_one_world(settings, operated)
        diary = Diary(Activity(database), metrics=metrics, also=audit.noted)
        stack.push_async_callback(diary.close)
        roster = _roster(settings, database, fetcher)
        notes = (diary, audit)
        courier = _courier(database, vault, http, transport)
        app = _app(
            settings, database, vault, oauth, http, registry, notes, build_mcp, roster, operated, courier
        )
        await stack.enter_async_context(housekeeping(_sweeps(database, vault, registry)))
        census = Census(Standings(database), metrics)
        await stack.enter_async_context(housekeeping([census.count], every=60))
        caretaker = vault.caretaker([each.name for each in settings.known(PROVIDERS) if each.services])
        await stack.enter_async_context(caretaker.at_work())
        link = await mint_owner_link(database, settings.origin, audit) if settings.loopback else None
        ready = registry.operated and registry.configured
        setup = None if ready else await mint_setup_link(database, settings.origin, audit)
        return House(app, link, setup, registry.unset, metrics, caretaker, stack.pop_all())


def _courier(database: Database, vault: Vault, http: Http, transport: Transport) -> Courier:
    return Courier(
        transfers=Transfers(TransferRows(database), vault),
        vault=vault,
        carriers=CARRIERS,
        http=http,
        streams=Streams(http, transport),
    )


async def _claim(database: Database, mode: Mode) -> None:
    found = await Meta(database).claim(mode)
    if found != mode:
        raise CannotOpen(
            f"this database belongs to {'the demo' if found == 'demo' else 'a real server'}; give "
            f"{'the demo' if mode == 'demo' else 'the server'} a database of its own (DATABASE_URL or "
            "VALET_DATA_DIR)"
        )


def _require_one_world(settings: Settings, operated: OperatorApps) -> None:
    """What the setup page stored is held to the rule of the settings: no real app beside the emulator."""
    real = [name for name, app in operated.items() if not app.client_id.startswith("emulator-")]
    if settings.emulator_origin is not None and real:
        raise CannotOpen(
            f"this database holds a real app for {', '.join(real)}, and VALET_EMULATOR_ORIGIN is set: "
            "unset that, or give the emulator a database of its own (DATABASE_URL or VALET_DATA_DIR)"
        )


async def _vault(
    database: Database,
    keyring: str,
    upstream: RegisteredUpstream,
    metrics: CollectorRegistry,
    report: Report,
) -> Vault:
    # A new ring for a database that was sealed with another would only hide that the old one is missing.
    fresh = await Deks(database).operator() is None
    ring = await open_ring(keyring, create=fresh)
    try:
        return await open_vault(database, ring, upstream, metrics=metrics, report=report)
    except Sealed:
        raise CannotOpen(
            f"the key ring {keyring} is not the one this database was sealed with; put the right one there "
            "(VALET_KEYRING) or restore it from its backup"
        ) from None


def _roster(settings: Settings, database: Database, fetcher: Fetcher | None) -> Roster:
    clients, vouched = Clients(database), None
    if settings.client_documents:
        vouched = Vouched(Documents(database), clients, fetcher or PublicFetcher())
    return Roster(clients, read_preset(settings.clients), vouched)


def _app(
    settings: Settings,
    database: Database,
    vault: Vault,
    oauth: OAuth,
    http: Http,
    registry: Registry,
    notes: tuple[Diary, Audit],
    build_mcp: McpBuilder,
    roster: Roster,
    operated: OperatorApps,
    courier: Courier,
) -> Starlette:
    origin, resource = settings.origin, f"{settings.origin}/mcp"
    diary, audit = notes
    clients, tokens = Clients(database), Tokens(database)
    flows = Flows(database, vault.derive("flow-handle"))
    approvals = Approvals(ApprovalRows(database), vault)
    admission = _admission(settings, database, vault)
    gate = Gate(_limits(database, vault), settings.proxies, audit)
    authorize = Authorize(origin, resource, registry.offered, roster, flows, _error_page, gate)
    sidecar = connect.app.build(
        public_url=origin,
        stores=connect.app.Stores.of(database, flows),
        vault=vault,
        oauth=oauth,
        identities=Identities(http),
        discovery=Discovery(http),
        registry=registry,
        admission=admission,
        authorize=authorize,
        protocol=[
            *Metadata(origin, resource, registry.offered, cimd=settings.client_documents).routes(),
            *Register(clients, gate).routes(),
            *authorize.routes(),
            *_token(resource, roster, tokens, admission, vault, gate, audit).routes(),
            *Revoke(roster, tokens, gate, audit).routes(),
        ],
        diary=diary,
        titles=mcp_server.toolbox.titles(mcp_server.tools.MODULES),
        asks=Asks(approvals, mcp_server.toolbox.asking(mcp_server.tools.MODULES)),
        owner_links_enabled=settings.loopback,
        gate=gate,
        premises=_premises(settings, operated),
        witness=audit,
        courier=courier,
    )
    checked, waiting = Welcomed(tokens, admission.recheck), (flows, courier.transfers, approvals)
    mcp = build_mcp(_tools_house(origin, checked, vault, waiting, registry, http, notes))

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with mcp.lifespan():
            yield

    doors = Doors(mcp.endpoint, sidecar, operated.fresh, audit, settings.proxies)
    return Starlette(routes=[doors], lifespan=lifespan)


def _token(
    resource: str,
    roster: Roster,
    tokens: Tokens,
    admission: Admission,
    vault: Vault,
    gate: Gate,
    audit: Audit,
) -> Token:
    return Token(
        resource,
        roster,
        tokens,
        admission.recheck,
        lambda record, plaintext: vault.seal(SUCCESSOR, record, plaintext),
        lambda record, sealed: vault.open(SUCCESSOR, record, sealed),
        gate,
        audit,
    )


def _tools_house(
    origin: str,
    checked: Welcomed,
    vault: Vault,
    waiting: tuple[Flows, Transfers, Approvals],
    registry: Registry,
    http: Http,
    notes: tuple[Diary, Audit],
) -> mcp_server.house.House:
    diary, audit = notes
    flows, files, approvals = waiting
    return mcp_server.house.House(
        public_url=origin,
        version=version("valet"),
        tokens=checked,
        vault=vault,
        links=flows,
        files=files,
        approvals=approvals,
        directory=registry,
        http=http,
        diary=diary,
        witness=audit,
        request_state_keys=(vault.derive("request-state"),),
        session_key=vault.derive("session-id"),
    )


def _premises(settings: Settings, operated: OperatorApps) -> Premises:
    url = f"{settings.origin}/mcp"
    return Premises(
        given=frozenset(operated.given),
        allow=tuple(sorted(settings.allowed)),
        entries=entries.shown(url),
        changed=operated.changed,
    )


def _sweeps(database: Database, vault: Vault, registry: Registry) -> list[Sweep]:
    flows = Flows(database, vault.derive("flow-handle"))
    pendings = Pendings(database)
    tables = (
        Sessions(database),
        States(database),
        Offers(pendings=pendings, vault=vault, registry=registry),
        pendings,
        Approvals(ApprovalRows(database), vault),
        OwnerLinks(database),
        Setups(database),
        Tokens(database),
        flows,
        Grants(database),
        Clients(database),
        Documents(database),
        PersonalTokens(database),
        TransferRows(database),
        Activity(database),
        _limits(database, vault),
    )
    return [table.sweep for table in tables]


def _limits(database: Database, vault: Vault) -> Limits:
    return Limits(database, vault.derive("limits"))


def _error_page(request: Request, status: int, title: str, sentence: str) -> Response:
    return refused(request, Refusal(status, title, sentence, "You can close this page."))


def _admission(settings: Settings, database: Database, vault: Vault) -> Admission:
    issuers = {provider.name: provider.issuer for provider in settings.known(PROVIDERS)}
    guests = Guests.read(settings.allowed, issuers)
    invitations = Invitations(database)

    async def invited() -> Guests:
        return Guests.read_known(await invitations.entries(), issuers)

    return Admission(Users(database), vault.index, guests, owner_links=settings.loopback, invited=invited)
