"""What both doors stand on: one database, one key ring, the audit, and the way out to providers."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, disable_created_metrics
from pydantic import SecretStr

from connect.admission import Admission, Guests
from providers.base import App
from providers.breaker import Breaker
from providers.http import Http
from providers.oauth import OAuth
from providers.registry import PROVIDERS, Registry
from providers.spans import Spans
from providers.transport import Transport
from providers.upstreams import Upstreams
from valet.directory import OperatorApps
from valet.settings import Settings
from valet.upstream import RegisteredUpstream
from vault.approvals import Approvals
from vault.audit.audit import Audit
from vault.diary import Diary
from vault.errors import Sealed
from vault.gauges import PoolGauges
from vault.keyring import KeyRing
from vault.rings.choose import open_ring
from vault.store.activity import Activity
from vault.store.approvals import ApprovalRows
from vault.store.audit import AuditRows
from vault.store.database import Database
from vault.store.deks import Deks
from vault.store.flows import Flows
from vault.store.invitations import Invitations
from vault.store.limits import Limits
from vault.store.meta import Meta, Mode
from vault.store.transfers import TransferRows
from vault.store.users import Users
from vault.transfers import Transfers
from vault.vault import Vault, open_vault


class CannotOpen(Exception):
    """Database, key ring and mode do not belong together; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Ground:
    """One process's parts that do not depend on which doors it has."""

    settings: Settings
    database: Database
    transport: Transport
    http: Http
    oauth: OAuth
    operated: OperatorApps
    registry: Registry
    metrics: CollectorRegistry
    spans: Spans
    vault: Vault
    ring: KeyRing
    audit: Audit
    diary: Diary

    @property
    def flows(self) -> Flows:
        """Pending attempts to authorize or connect."""
        return Flows(self.database, self.vault.derive("flow-handle"))

    @property
    def transfers(self) -> Transfers:
        """Files on their way."""
        return Transfers(TransferRows(self.database), self.vault)

    @property
    def approvals(self) -> Approvals:
        """Questions that wait for a person's yes."""
        return Approvals(ApprovalRows(self.database), self.vault)

    @property
    def limits(self) -> Limits:
        """The counters of the front door."""
        return Limits(self.database, self.vault.derive("limits"))

    @property
    def admission(self) -> Admission:
        """Who may come in."""
        settings = self.settings
        issuers = {provider.name: provider.issuer for provider in settings.known(PROVIDERS)}
        guests = Guests.read(settings.allowed, issuers)
        invitations = Invitations(self.database)

        async def invited() -> Guests:
            return Guests.read_known(await invitations.entries(), issuers)

        return Admission(
            Users(self.database), self.vault.index, guests, owner_links=settings.loopback, invited=invited
        )


async def lay(
    stack: AsyncExitStack,
    settings: Settings,
    apps: dict[str, App],
    database_url: SecretStr,
    keyring: str,
    mode: Mode,
    *,
    make_ring: bool = True,
    spans: Spans | None = None,
) -> Ground:
    """Open everything; `stack` closes it in order. Raises CannotOpen, KeyRingError, KeysAway, Busy.

    `make_ring`: a database that was never sealed gets a ring file where there is none. Where several
    processes start at once each would make its own, so there it is made beforehand (`valet prepare`).
    """
    disable_created_metrics()  # type: ignore[no-untyped-call] # when each counter began, a second series for every one: nobody asks for it
    metrics, spans = CollectorRegistry(), spans or Spans()
    database = Database(database_url.get_secret_value(), spans=spans)
    PoolGauges(database.stats, metrics)
    await database.open()
    stack.push_async_callback(database.close)
    await _claim(database, mode)
    transport = await stack.enter_async_context(Transport(emulator_origin=settings.emulator_origin))
    operated = OperatorApps(apps)
    upstreams = Upstreams(metrics, spans)
    oauth, http, registry = (
        OAuth(transport, upstreams=upstreams),
        Http(transport, breaker=Breaker(metrics), upstreams=upstreams),
        Registry(settings.known(PROVIDERS), operated, settings.owning),
    )
    audit = Audit(AuditRows(database), metrics=metrics)
    upstream = RegisteredUpstream(oauth, registry)
    ring, vault = await _vault(settings, database, keyring, upstream, metrics, audit, spans, make_ring)
    # What the vault still does at its end is written, and the keys for that are zeroed after it.
    stack.push_async_callback(vault.close)
    stack.push_async_callback(audit.close)
    stack.push_async_callback(vault.drain)
    audit.begin(vault)
    await operated.rest_in(vault.apps)
    _require_one_world(settings, operated)
    diary = Diary(Activity(database), metrics=metrics, also=audit.noted)
    stack.push_async_callback(diary.close)
    return Ground(
        settings=settings,
        database=database,
        transport=transport,
        http=http,
        oauth=oauth,
        operated=operated,
        registry=registry,
        metrics=metrics,
        spans=spans,
        vault=vault,
        ring=ring,
        audit=audit,
        diary=diary,
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
    settings: Settings,
    database: Database,
    keyring: str,
    upstream: RegisteredUpstream,
    metrics: CollectorRegistry,
    audit: Audit,
    spans: Spans,
    make_ring: bool,
) -> tuple[KeyRing, Vault]:
    # A new ring for a database that was sealed with another would only hide that the old one is missing.
    fresh = await Deks(database).operator() is None
    ring = await open_ring(keyring, create=fresh and make_ring)
    counted = [each.name for each in settings.known(PROVIDERS) if each.services]
    try:
        vault = await open_vault(
            database,
            ring,
            upstream,
            metrics=metrics,
            report=audit.refreshed,
            providers=counted,
            spans=spans,
        )
    except Sealed:
        raise CannotOpen(
            f"the key ring {keyring} is not the one this database was sealed with; put the right one there "
            "(VALET_KEYRING) or restore it from its backup"
        ) from None
    return ring, vault
