"""The account page: what is connected, what chats call it, and how to end it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from connect.pages import Refusal, Step
from connect.session import Desk, to_signin
from connect.words import Line, lines
from providers.base import Provider, Service
from providers.registry import Registry, UnknownName
from vault.approvals import Approvals
from vault.diary import Diary
from vault.errors import LabelTaken, NotConnected
from vault.health import Health, health
from vault.store.connections import Connection
from vault.store.users import User
from vault.vault import Vault


@dataclass(frozen=True, slots=True)
class Card:
    """One connection on the page, and how it stands.

    `parts` is what it may do in part only: it was allowed before Valet came to ask for more, or not all was.
    `several`: its person has more accounts of that provider, so which one is the default matters. `revokes`:
    the provider can be told to end it; `sweeps`: it then ends all that the account allowed this app.
    `manage_url`: where its person can end it there.
    """

    connection: Connection
    title: str
    lines: tuple[Line, ...]
    parts: tuple[Line, ...]
    health: Health
    known: bool
    several: bool
    revokes: bool
    sweeps: bool
    manage_url: str


@dataclass(frozen=True, slots=True)
class Asks:
    """What people want to be asked about, and the `services` with tools that ask."""

    approvals: Approvals
    services: frozenset[str]


class AccountPage:
    """`/`, `/account` and what its buttons do."""

    def __init__(
        self,
        *,
        desk: Desk,
        registry: Registry,
        vault: Vault,
        diary: Diary,
        asks: Asks,
    ) -> None:
        self._desk = desk
        self._registry = registry
        self._vault = vault
        self._diary = diary
        self._asks = asks

    def routes(self) -> list[Route]:
        """Pages for GET, buttons for POST."""
        return [
            Route("/", self.root, methods=["GET"]),
            Route("/account", self.page, methods=["GET"]),
            Route("/account/asks", self.switch, methods=["POST"]),
            Route("/disconnect/{connection:uuid}", self.ask, methods=["GET"]),
            Route("/disconnect/{connection:uuid}", self.disconnect, methods=["POST"]),
            Route("/accounts/{connection:uuid}/name", self.name, methods=["POST"]),
            Route("/accounts/{connection:uuid}/default", self.prefer, methods=["POST"]),
        ]

    async def root(self, request: Request) -> Response:
        """The account page, or the way to it."""
        guest = await self._desk.guest(request)
        return RedirectResponse("/account" if guest.user else "/signin", 303)

    async def page(self, request: Request) -> Response:
        """Everything this person connected."""
        guest = await self._desk.guest(request)
        if guest.user is None:
            return to_signin("/account")
        held = await self._vault.list(guest.user.id)
        asking = self._asking()
        return self._desk.page(
            guest,
            "account.html",
            tab="connections",
            asking=asking,
            asked=await self._asks.approvals.services(guest.user.id) if asking else (),
            saved=request.query_params.get("saved") == "1",
            cards=[self._card(connection, held) for connection in held],
            offers=[(p, any(c.provider == p.name for c in held)) for p in self._registry.configured],
            unset=self._registry.unset,
            ended=self._registry.find(request.query_params.get("ended", "")),
            told=request.query_params.get("told") == "1",
            changed=next((c for c in held if str(c.id) == request.query_params.get("changed")), None),
        )

    async def ask(self, request: Request) -> Response:
        """Are you sure? Says what ends and what stays."""
        guest = await self._desk.guest(request)
        if guest.user is None:
            return to_signin(request.url.path)
        connection = await self._own(guest.user, request.path_params["connection"])
        card = self._card(connection, [connection])
        return self._desk.page(guest, "disconnect.html", card=card)

    async def disconnect(self, request: Request) -> Response:
        """End the connection and destroy its key."""
        guest = await self._desk.guest(request)
        if guest.user is None:
            return to_signin(request.url.path)
        await self._desk.form(request, guest)
        try:
            done = await self._vault.disconnect(guest.user.id, request.path_params["connection"])
        except NotConnected:
            raise _no_such_connection() from None
        self._diary.note(
            user_id=guest.user.id,
            action="disconnected",
            provider=done.connection.provider,
            account=done.connection.label,
        )
        return RedirectResponse(f"/account?ended={done.connection.provider}&told={done.told:d}", 303)

    async def name(self, request: Request) -> Response:
        """Give an account the name that chats call it by."""
        guest = await self._desk.guest(request)
        if guest.user is None:
            return to_signin("/account")
        fields = await self._desk.form(request, guest)
        wanted = request.path_params["connection"]
        try:
            await self._vault.rename(guest.user.id, wanted, str(fields.get("label", "")))
        except NotConnected:
            raise _no_such_connection() from None
        except LabelTaken:
            raise _bad_name("Another of your accounts there has that name already.") from None
        except ValueError:
            raise _bad_name(
                "A name has 1 to 60 characters that can be seen, on one line; some emoji are several joined "
                "by one that can't."
            ) from None
        return RedirectResponse(f"/account?changed={wanted}", 303)

    async def prefer(self, request: Request) -> Response:
        """Make an account the one that chats use when they name none."""
        guest = await self._desk.guest(request)
        if guest.user is None:
            return to_signin("/account")
        await self._desk.form(request, guest)
        wanted = request.path_params["connection"]
        try:
            await self._vault.prefer(guest.user.id, wanted)
        except NotConnected:
            raise _no_such_connection() from None
        return RedirectResponse(f"/account?changed={wanted}", 303)

    async def switch(self, request: Request) -> Response:
        """Say which services chats must ask about first."""
        guest = await self._desk.guest(request)
        if guest.user is None:
            return to_signin("/account")
        fields = await self._desk.form(request, guest)
        shown = {service.name for service in self._asking()}
        on = {name for name in shown if fields.get(f"ask-{name}") == "yes"}
        await self._asks.approvals.switch(guest.user.id, on, shown - on)
        self._diary.note(user_id=guest.user.id, action="asks_changed")
        return RedirectResponse("/account?saved=1#asks", 303)

    def _asking(self) -> list[Service]:
        """The services set up here whose tools can ask first."""
        return [
            service
            for provider in self._registry.configured
            for service in provider.services
            if service.name in self._asks.services
        ]

    async def _own(self, user: User, wanted: UUID) -> Connection:
        for connection in await self._vault.list(user.id):
            if connection.id == wanted:
                return connection
        raise _no_such_connection()

    def _provider(self, name: str) -> Provider | None:
        try:
            return self._registry.get(name)
        except UnknownName:
            return None

    def _card(self, connection: Connection, held: Sequence[Connection]) -> Card:
        provider = self._provider(connection.provider)
        whole = partly = frozenset[str]()
        if provider is not None:
            whole = self._registry.satisfied(provider.name, connection.scopes)
            partly = self._registry.begun(provider.name, connection.scopes)
        return Card(
            connection=connection,
            title=provider.title if provider else connection.provider.capitalize(),
            lines=tuple(lines(provider, whole, connection.scopes)) if provider else (),
            parts=tuple(lines(provider, partly)) if provider else (),
            health=health(connection),
            known=provider is not None,
            several=sum(each.provider == connection.provider for each in held) > 1,
            revokes=provider is not None and provider.revoke_url is not None,
            sweeps=provider is not None and provider.revokes_all,
            manage_url=provider.manage_url if provider else "",
        )


def _bad_name(sentence: str) -> Refusal:
    return Refusal(
        400,
        "That name can't be used",
        f"{sentence} The account keeps the name it had.",
        Step("Choose another name on your account page", "/account"),
    )


def _no_such_connection() -> Refusal:
    return Refusal(
        404,
        "There is no such connection",
        "It was disconnected before, or it was never yours. Nothing was changed.",
        Step("Back to your account page", "/account"),
    )
