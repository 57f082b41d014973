"""The sidecar of this process: pages, authorization server, and the sweeping of what expires."""

from __future__ import annotations

from importlib.metadata import version

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

import connect.app
import mcp_server.index
from connect.account import Asks
from connect.authorize import Authorize
from connect.courier import Courier
from connect.fetch import Fetcher, PublicFetcher
from connect.limits import Gate
from connect.metadata import Metadata
from connect.offer import Offers
from connect.pages import Refusal, refused
from connect.preset import read_preset
from connect.probe import Probe
from connect.register import Register
from connect.revoke import Revoke
from connect.roster import Roster
from connect.setup import Premises
from connect.token import Token
from connect.vouched import Vouched
from providers.identity import Identities
from providers.oidc import Discovery
from providers.registry import CARRIERS
from providers.streaming import Streams
from valet import entries
from valet.ground import Ground
from valet.housekeeping import Sweep
from vault.purposes import SUCCESSOR
from vault.store.activity import Activity
from vault.store.clients import Clients
from vault.store.documents import Documents
from vault.store.grants import Grants
from vault.store.ownerlinks import OwnerLinks
from vault.store.pendings import Pendings
from vault.store.personal import PersonalTokens
from vault.store.sessions import Sessions
from vault.store.setups import Setups
from vault.store.states import States
from vault.store.tokens import Tokens
from vault.store.transfers import TransferRows


def build(ground: Ground, fetcher: Fetcher | None = None) -> Starlette:
    """Everything under the public origin but exactly `/mcp`.

    `fetcher` fetches client-id documents; tests give one of their own.
    """
    settings, database, audit = ground.settings, ground.database, ground.audit
    origin, resource = settings.origin, f"{settings.origin}/mcp"
    clients, flows, registry = Clients(database), ground.flows, ground.registry
    roster = _roster(ground, clients, fetcher)
    gate = Gate(ground.limits, settings.proxies, audit)
    authorize = Authorize(origin, resource, registry.offered, roster, flows, _error_page, gate)
    return connect.app.build(
        public_url=origin,
        stores=connect.app.Stores.of(database, flows),
        vault=ground.vault,
        oauth=ground.oauth,
        identities=Identities(ground.http),
        discovery=Discovery(ground.http),
        registry=registry,
        admission=ground.admission,
        authorize=authorize,
        protocol=[
            *Metadata(origin, resource, registry.offered, cimd=settings.client_documents).routes(),
            *Register(clients, gate).routes(),
            *authorize.routes(),
            *_token(ground, resource, roster, gate).routes(),
            *Revoke(roster, Tokens(database), gate, audit).routes(),
            *Probe(ground.vault.derive("probe"), settings.proxies, version("valet")).routes(),
        ],
        diary=ground.diary,
        titles=mcp_server.index.titles(),
        asks=Asks(ground.approvals, mcp_server.index.asking()),
        owner_links_enabled=settings.loopback,
        gate=gate,
        premises=_premises(ground),
        witness=audit,
        courier=_courier(ground),
    )


def sweeps(ground: Ground) -> list[Sweep]:
    """What deletes expired rows, table by table."""
    database = ground.database
    pendings = Pendings(database)
    tables = (
        Sessions(database),
        States(database),
        Offers(pendings=pendings, vault=ground.vault, registry=ground.registry),
        pendings,
        ground.approvals,
        OwnerLinks(database),
        Setups(database),
        Tokens(database),
        ground.flows,
        Grants(database),
        Clients(database),
        Documents(database),
        PersonalTokens(database),
        TransferRows(database),
        Activity(database),
        ground.limits,
    )
    return [table.sweep for table in tables]


def _roster(ground: Ground, clients: Clients, fetcher: Fetcher | None) -> Roster:
    settings, vouched = ground.settings, None
    if settings.client_documents:
        vouched = Vouched(Documents(ground.database), clients, fetcher or PublicFetcher())
    return Roster(clients, read_preset(settings.clients), vouched)


def _token(ground: Ground, resource: str, roster: Roster, gate: Gate) -> Token:
    vault = ground.vault
    return Token(
        resource,
        roster,
        Tokens(ground.database),
        ground.admission.recheck,
        lambda record, plaintext: vault.seal(SUCCESSOR, record, plaintext),
        lambda record, sealed: vault.open(SUCCESSOR, record, sealed),
        gate,
        ground.audit,
    )


def _courier(ground: Ground) -> Courier:
    return Courier(
        transfers=ground.transfers,
        vault=ground.vault,
        carriers=CARRIERS,
        http=ground.http,
        streams=Streams(ground.http, ground.transport),
    )


def _premises(ground: Ground) -> Premises:
    settings, operated = ground.settings, ground.operated
    return Premises(
        given=frozenset(operated.given),
        allow=tuple(sorted(settings.allowed)),
        entries=entries.shown(f"{settings.origin}/mcp"),
        changed=operated.changed,
    )


def _error_page(request: Request, status: int, title: str, sentence: str) -> Response:
    return refused(request, Refusal(status, title, sentence, "You can close this page."))
