"""The sidecar, assembled: everything under the public origin but exactly `/mcp`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from connect.account import AccountPage, Asks
from connect.activity import ActivityPage
from connect.admission import Admission
from connect.appcheck import AppCheck
from connect.approve import ApprovePage
from connect.chats import ChatsPage
from connect.confirm import Confirm
from connect.consent import Answers, Consent
from connect.courier import Courier
from connect.data import DataPage
from connect.files import FilesPage
from connect.handlers import handlers
from connect.join import Join
from connect.limits import Gate
from connect.link import Link
from connect.offer import Offers
from connect.ownapps import OwnAppsPage
from connect.personal import TokensPage
from connect.plan import Planner
from connect.session import Desk
from connect.setup import Premises, SetupPages
from connect.shield import HEALTH, Shield
from connect.signin import SignIn
from connect.trip import Trips
from connect.ways import WaysPage
from connect.witness import Witness
from providers.identity import Identities
from providers.oauth import OAuth
from providers.oidc import Discovery
from providers.registry import Registry
from vault.diary import Diary
from vault.erasure import Erasure
from vault.store.activity import Activity
from vault.store.database import Database
from vault.store.dossier import Dossiers
from vault.store.flows import Flows
from vault.store.grants import Grants
from vault.store.invitations import Invitations
from vault.store.ownerlinks import OwnerLinks
from vault.store.pendings import Pendings
from vault.store.personal import PersonalTokens
from vault.store.sessions import Sessions
from vault.store.setups import Setups
from vault.store.states import States
from vault.store.users import Users
from vault.store.ways import Ways
from vault.vault import Vault

_STATIC = Path(__file__).parent / "static"


@dataclass(frozen=True, slots=True)
class Stores:
    """The tables a person's pages read and write."""

    users: Users
    sessions: Sessions
    states: States
    owner_links: OwnerLinks
    pendings: Pendings
    ways: Ways
    flows: Flows
    grants: Grants
    personal: PersonalTokens
    activity: Activity
    dossiers: Dossiers
    setups: Setups
    invitations: Invitations

    @classmethod
    def of(cls, database: Database, flows: Flows) -> Stores:
        """All of them over one database; `flows` is shared with the authorization server."""
        return cls(
            users=Users(database),
            sessions=Sessions(database),
            states=States(database),
            owner_links=OwnerLinks(database),
            pendings=Pendings(database),
            ways=Ways(database),
            flows=flows,
            grants=Grants(database),
            personal=PersonalTokens(database),
            activity=Activity(database),
            dossiers=Dossiers(database),
            setups=Setups(database),
            invitations=Invitations(database),
        )


def build(
    *,
    public_url: str,
    stores: Stores,
    vault: Vault,
    oauth: OAuth,
    identities: Identities,
    discovery: Discovery,
    registry: Registry,
    admission: Admission,
    authorize: Answers,
    protocol: Iterable[BaseRoute],
    diary: Diary,
    titles: Mapping[str, str],
    asks: Asks,
    owner_links_enabled: bool,
    gate: Gate,
    premises: Premises,
    witness: Witness,
    courier: Courier,
) -> Starlette:
    """The sidecar's app.

    `public_url` has no trailing slash. `authorize` turns a consent into an answer to the client;
    `protocol` are the routes of the authorization server (metadata, register, authorize, token, revoke).
    `diary` takes note of what people do here; `titles` are the titles of tools by their names, `asks`
    what people want to be asked about.
    Owner links may be on only while the bind address and `public_url` are both loopback. `premises` is what
    the operator's setup shows. `witness` hears of what `diary`, which is each person's own, is not told.
    `courier` moves files.
    """
    desk = Desk(stores.sessions, vault.derive("csrf"), public_url, admission.recheck, gate.acts)
    trips = Trips(stores.states, vault, oauth, identities, discovery, registry, public_url)
    house = _House(desk, trips, stores, vault, registry, admission, diary, witness)
    signin = _signin(house, owner_links_enabled)
    join = _join(house)
    check = AppCheck(oauth, public_url)
    return Starlette(
        routes=[
            *signin.routes(),
            *_consent(house, authorize).routes(),
            *_link(house, signin, join).routes(),
            *_account(house, titles, check, public_url, asks),
            *ApprovePage(desk=desk, approvals=asks.approvals, diary=diary).routes(),
            *_setup(house, check, premises, public_url),
            *join.routes(),
            *_files(house, courier, gate).routes(),
            *protocol,
            Mount("/static", _Static(directory=_STATIC)),
            Route(HEALTH, _healthz),
        ],
        middleware=[Middleware(Shield, public_url=public_url)],
        exception_handlers=handlers(gate, witness),
    )


@dataclass(frozen=True, slots=True)
class _House:
    """What most pages stand on."""

    desk: Desk
    trips: Trips
    stores: Stores
    vault: Vault
    registry: Registry
    admission: Admission
    diary: Diary
    witness: Witness

    @property
    def offers(self) -> Offers:
        """What waits for a yes."""
        return Offers(pendings=self.stores.pendings, vault=self.vault, registry=self.registry)


def _consent(house: _House, answers: Answers) -> Consent:
    return Consent(
        desk=house.desk,
        flows=house.stores.flows,
        grants=house.stores.grants,
        registry=house.registry,
        vault=house.vault,
        answers=answers,
        diary=house.diary,
        witness=house.witness,
    )


def _signin(house: _House, owner_links: bool) -> SignIn:
    return SignIn(
        desk=house.desk,
        trips=house.trips,
        registry=house.registry,
        users=house.stores.users,
        vault=house.vault,
        admission=house.admission,
        owner_links=house.stores.owner_links if owner_links else None,
        diary=house.diary,
    )


def _join(house: _House) -> Join:
    return Join(
        desk=house.desk,
        trips=house.trips,
        registry=house.registry,
        ways=house.stores.ways,
        pendings=house.stores.pendings,
        vault=house.vault,
        admission=house.admission,
        diary=house.diary,
    )


def _link(house: _House, signin: SignIn, join: Join) -> Link:
    flows, grants = house.stores.flows, house.stores.grants
    confirm = Confirm(
        desk=house.desk,
        trips=house.trips,
        offers=house.offers,
        registry=house.registry,
        flows=flows,
        grants=grants,
        vault=house.vault,
        diary=house.diary,
    )
    return Link(
        desk=house.desk,
        trips=house.trips,
        planner=Planner(registry=house.registry, flows=flows, grants=grants, vault=house.vault),
        signin=signin,
        join=join,
        confirm=confirm,
        registry=house.registry,
        vault=house.vault,
    )


def _account(
    house: _House, titles: Mapping[str, str], check: AppCheck, public_url: str, asks: Asks
) -> list[Route]:
    """The pages under /account."""
    desk, stores, registry, diary = house.desk, house.stores, house.registry, house.diary
    vault = house.vault
    ways = WaysPage(
        desk=desk,
        registry=registry,
        ways=stores.ways,
        sessions=stores.sessions,
        admission=house.admission,
        diary=diary,
    )
    tokens = TokensPage(
        desk=desk,
        registry=registry,
        tokens=stores.personal,
        grants=stores.grants,
        vault=vault,
        diary=diary,
        public_url=public_url,
    )
    return [
        *AccountPage(desk=desk, registry=registry, vault=vault, diary=diary, asks=asks).routes(),
        *ChatsPage(desk=desk, registry=registry, grants=stores.grants, vault=vault, diary=diary).routes(),
        *tokens.routes(),
        *ways.routes(),
        *ActivityPage(desk=desk, registry=registry, activity=stores.activity, titles=titles).routes(),
        *_data(house).routes(),
        *OwnAppsPage(desk=desk, registry=registry, vault=vault, check=check, diary=diary).routes(),
    ]


def _data(house: _House) -> DataPage:
    return DataPage(
        desk=house.desk,
        registry=house.registry,
        vault=house.vault,
        grants=house.stores.grants,
        activity=house.stores.activity,
        dossiers=house.stores.dossiers,
        erasure=Erasure(house.stores.dossiers, house.vault),
        offers=house.offers,
        diary=house.diary,
        witness=house.witness,
    )


def _files(house: _House, courier: Courier, gate: Gate) -> FilesPage:
    return FilesPage(
        courier=courier,
        registry=house.registry,
        welcome=house.admission.recheck,
        gate=gate,
        diary=house.diary,
    )


def _setup(house: _House, check: AppCheck, premises: Premises, public_url: str) -> list[Route]:
    """What the operator's link opens."""
    return SetupPages(
        desk=house.desk,
        setups=house.stores.setups,
        invitations=house.stores.invitations,
        registry=house.registry,
        apps=house.vault.apps,
        check=check,
        premises=premises,
        public_url=public_url,
        witness=house.witness,
    ).routes()


async def _healthz(_: Request) -> Response:
    """For a monitor that looks from outside: through proxy and process, and no further."""
    return PlainTextResponse("ok\n")


class _Static(StaticFiles):
    """Our stylesheet, mark and script; browsers ask again after five minutes."""

    def file_response(
        self,
        full_path: str | PathLike[str],
        stat_result: object,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        """One file."""
        response = super().file_response(full_path, stat_result, scope, status_code)  # type: ignore[arg-type]
        response.headers.setdefault("Cache-Control", "public, max-age=300")
        return response
