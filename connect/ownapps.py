"""Bring your own app: the guided page, and the end of an app."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from connect.appcheck import AppCheck, BadApp
from connect.pages import Refusal, Step
from connect.session import Desk, Guest, to_signin
from providers.base import OPERATOR, Provider
from providers.registry import Registry, UnknownName
from vault.apps import OwnApp
from vault.diary import Diary
from vault.errors import AppInUse, UnknownApp
from vault.store.connections import Connection
from vault.store.users import User
from vault.vault import Vault

_HERE = "/account/apps"


@dataclass(frozen=True, slots=True)
class Own:
    """One provider on the page: the person's app there, and what stands on it and beside it.

    `shared`: the operator has an app there too. `usable`: people can connect anything there; where they can't
    any more, an app that is here can only be deleted.
    """

    provider: Provider
    app: OwnApp | None
    through: tuple[Connection, ...]
    beside: tuple[Connection, ...]
    shared: bool
    usable: bool


class OwnAppsPage:
    """`/account/apps` and one page for each provider that lets people bring an app."""

    def __init__(
        self, *, desk: Desk, registry: Registry, vault: Vault, check: AppCheck, diary: Diary
    ) -> None:
        self._desk = desk
        self._registry = registry
        self._vault = vault
        self._check = check
        self._diary = diary

    def routes(self) -> list[Route]:
        """Pages for GET, buttons for POST."""
        one = f"{_HERE}/{{provider}}"
        return [
            Route(_HERE, self.page, methods=["GET"]),
            Route(one, self.guide, methods=["GET"]),
            Route(one, self.add, methods=["POST"]),
            Route(f"{one}/delete", self.ask, methods=["GET"]),
            Route(f"{one}/delete", self.delete, methods=["POST"]),
        ]

    async def page(self, request: Request) -> Response:
        """Every provider where this person may bring an app, and the ones they brought."""
        guest = await self._desk.guest(request)
        if guest.user is None:
            return to_signin(_HERE)
        owns = [await self._own(guest.user, p) for p in self._registry.known if p.own_apps]
        offers = [own for own in owns if own.usable or own.app]
        gone = next((o.provider for o in owns if o.provider.name == request.query_params.get("gone")), None)
        return self._desk.page(guest, "ownapps.html", tab="apps", offers=offers, gone=gone)

    async def guide(self, request: Request) -> Response:
        """What to do at the provider, step by step, and the form for what comes of it."""
        provider, guest = self._provider(request), await self._desk.guest(request)
        if guest.user is None:
            return to_signin(_path(provider))
        return await self._guide(guest, guest.user, provider, done=request.query_params.get("done", ""))

    async def _guide(
        self,
        guest: Guest,
        user: User,
        provider: Provider,
        *,
        done: str = "",
        fault: str = "",
        status: int = 200,
    ) -> Response:
        return self._desk.page(
            guest,
            "ownapp.html",
            status,
            tab="apps",
            own=await self._own(user, provider),
            provider=provider,
            redirect_uri=self._check.redirect_uri(provider),
            done=done,
            fault=fault,
        )

    async def add(self, request: Request) -> Response:
        """Test the app at its provider and keep it, or give it another secret."""
        provider, guest = self._provider(request), await self._desk.guest(request)
        if guest.user is None:
            return to_signin(_path(provider))
        fields = await self._desk.form(request, guest)
        if str(fields.get("client_secret", "")).strip() and self._desk.stale(guest):
            # A secret is never kept for later, not even over a sign-in.
            return to_signin(f"{_path(provider)}?done=again", again=True)
        own = await self._own(guest.user, provider)
        given = {**fields, "client_id": own.app.client_id} if own.app else fields
        try:
            app = await self._check.tested(provider, given)
            await self._vault.apps.save(guest.user.id, provider.name, app.client_id, app.client_secret)
        except BadApp as bad:
            status = 503 if bad.passing else 400
            return await self._guide(guest, guest.user, provider, fault=str(bad), status=status)
        except AppInUse:
            fault = f"You have another {provider.title} app here by now. Delete that one first."
            return await self._guide(guest, guest.user, provider, fault=fault, status=409)
        self._note(guest.user, "app_changed" if own.app else "app_added", provider)
        return RedirectResponse(f"{_path(provider)}?done={'changed' if own.app else 'added'}", 303)

    async def ask(self, request: Request) -> Response:
        """Are you sure? Says which accounts end with it."""
        provider, guest = self._provider(request, self._registry.known), await self._desk.guest(request)
        if guest.user is None:
            return to_signin(_path(provider))
        if self._desk.stale(guest):
            return to_signin(f"{_path(provider)}/delete", again=True)
        own = await self._own(guest.user, provider)
        if own.app is None:
            raise _no_such_app(provider)
        return self._desk.page(guest, "endapp.html", tab="apps", own=own, provider=provider)

    async def delete(self, request: Request) -> Response:
        """Disconnect what stands on the app, then destroy its key."""
        provider, guest = self._provider(request, self._registry.known), await self._desk.guest(request)
        if guest.user is None:
            return to_signin(_path(provider))
        await self._desk.form(request, guest)
        if self._desk.stale(guest):
            return to_signin(f"{_path(provider)}/delete", again=True)
        try:
            ended = await self._vault.delete_app(guest.user.id, provider.name)
        except UnknownApp:
            raise _no_such_app(provider) from None
        for each in ended:
            self._note(guest.user, "disconnected", provider, each.connection.label)
        self._note(guest.user, "app_removed", provider)
        return RedirectResponse(f"{_HERE}?gone={provider.name}", 303)

    def _note(self, user: User, action: str, provider: Provider, account: str | None = None) -> None:
        self._diary.note(user_id=user.id, action=action, provider=provider.name, account=account)

    def _provider(self, request: Request, among: Iterable[Provider] | None = None) -> Provider:
        """The provider of the address, where people may bring an app. Raises Refusal (404).

        Without `among` only those that are set up.
        """
        name = request.path_params["provider"]
        found = next((p for p in among or self._registry.configured if p.name == name and p.own_apps), None)
        if found is None:
            raise Refusal(
                404,
                "You can’t bring an app for that",
                "This Valet does not take apps of one’s own there. Nothing was changed.",
                Step("See where you can", _HERE),
            )
        return found

    async def _own(self, user: User, provider: Provider) -> Own:
        apps = await self._vault.apps.list(user.id)
        app = next((each for each in apps if each.provider == provider.name), None)
        held = [c for c in await self._vault.list(user.id) if c.provider == provider.name]
        ref = app.ref if app else None
        return Own(
            provider,
            app,
            through=tuple(c for c in held if c.app == ref),
            beside=tuple(c for c in held if c.app != ref),
            shared=self._shared(provider),
            usable=provider in self._registry.configured,
        )

    def _shared(self, provider: Provider) -> bool:
        try:
            self._registry.app(provider.name, OPERATOR)
        except UnknownName:
            return False
        return True


def _path(provider: Provider) -> str:
    return f"{_HERE}/{provider.name}"


def _no_such_app(provider: Provider) -> Refusal:
    return Refusal(
        404,
        f"You have no {provider.title} app here",
        "It was deleted before, or it was never yours. Nothing was changed.",
        Step("Back to your apps", _HERE),
    )
