"""The operator's setup: apps at providers, who may come in, and the address to give to chat programs.

Whoever has the terminal is the operator: a link printed there opens these pages, once, in one browser, for
half an hour. Being signed in opens nothing here, and being here signs nobody in.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from connect.admission import Guests
from connect.appcheck import AppCheck, BadApp
from connect.pages import Refusal, Step
from connect.session import Desk, Guest
from connect.witness import Witness
from providers.base import Provider
from providers.registry import Registry
from vault.apps import Apps
from vault.errors import UnknownApp
from vault.ids import operator_id
from vault.opaque import digest, mint
from vault.store.invitations import Invitations
from vault.store.setups import Setups

_log = structlog.get_logger(__name__)

_HERE = "/setup"
_HALF_AN_HOUR = 1800


@dataclass(frozen=True, slots=True)
class Premises:
    """What the composition root knows of this installation.

    `given`: providers whose app the settings name; those win, and can't be changed here. `allow`: the entries
    of VALET_ALLOW. `entries`: what to paste into chat programs, by their names. `changed` is called after an
    app was stored, so that this process knows it at once.
    """

    given: frozenset[str]
    allow: tuple[str, ...]
    entries: tuple[tuple[str, str], ...]
    changed: Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Place:
    """One provider on the page: where its app comes from, and the stored client id."""

    provider: Provider
    source: str
    client_id: str


class SetupPages:
    """`/setup` and what its forms do."""

    def __init__(
        self,
        *,
        desk: Desk,
        setups: Setups,
        invitations: Invitations,
        registry: Registry,
        apps: Apps,
        check: AppCheck,
        premises: Premises,
        public_url: str,
        witness: Witness,
    ) -> None:
        self._desk = desk
        self._witness = witness
        self._setups = setups
        self._invitations = invitations
        self._registry = registry
        self._apps = apps
        self._check = check
        self._premises = premises
        self._public_url = public_url
        self._secure = public_url.startswith("https://")
        self._cookie = "__Host-valet-setup" if self._secure else "valet-setup"

    def routes(self) -> list[Route]:
        """Pages for GET, forms for POST."""
        return [
            Route(_HERE, self.page, methods=["GET"]),
            Route(_HERE, self.begin, methods=["POST"]),
            Route(f"{_HERE}/guests", self.invite, methods=["POST"]),
            Route(f"{_HERE}/guests/remove", self.uninvite, methods=["POST"]),
            Route(f"{_HERE}/done", self.finish, methods=["POST"]),
            Route(f"{_HERE}/apps/{{provider}}", self.guide, methods=["GET"]),
            Route(f"{_HERE}/apps/{{provider}}", self.keep, methods=["POST"]),
            Route(f"{_HERE}/apps/{{provider}}/remove", self.remove, methods=["POST"]),
        ]

    async def page(self, request: Request) -> Response:
        """The overview; or, behind a link that still opens, the button that uses it up."""
        guest = await self._desk.guest(request)
        token = request.query_params.get("t", "")
        if await self._open(request, guest):
            return await self._overview(guest, done=request.query_params.get("done", ""))
        if not token:
            raise _closed()
        if not 20 <= len(token) <= 128 or not await self._setups.stands(digest(token)):
            raise _spent()
        return self._desk.page(guest, "begin.html", token=token)

    async def begin(self, request: Request) -> Response:
        """Use the link up: from now on these pages are open to this browser, and to no other."""
        guest = await self._desk.guest(request)
        fields = await self._desk.form(request, guest)
        session = mint().get_secret_value()
        link = digest(str(fields.get("t", "")))
        if not await self._setups.begin(link, digest(session), guest.browser_hash):
            raise _spent()
        self._witness.note("setup_opened")
        _log.info("setup_opened")
        response = RedirectResponse(_HERE, 303)
        response.set_cookie(
            self._cookie, session, max_age=_HALF_AN_HOUR, path="/", secure=self._secure, httponly=True,
            samesite="strict",
        )  # fmt: skip
        return self._desk.bind(response, guest)

    async def _open(self, request: Request, guest: Guest) -> bool:
        """Whether this browser is the one that used a link up within the last half hour."""
        session = request.cookies.get(self._cookie, "")
        return bool(session) and await self._setups.lives(digest(session), guest.browser_hash)

    async def _operator(self, request: Request) -> Guest:
        """The browser in which the setup is open. Raises Refusal (403)."""
        guest = await self._desk.guest(request)
        if not await self._open(request, guest):
            raise _closed()
        return guest

    async def _form(self, request: Request) -> tuple[Guest, Mapping[str, object]]:
        guest = await self._operator(request)
        return guest, await self._desk.form(request, guest)

    async def _overview(
        self, guest: Guest, *, done: str = "", fault: str = "", status: int = 200
    ) -> Response:
        invited = await self._invitations.entries()
        return self._desk.page(
            guest,
            "setup.html",
            status,
            places=await self._places(),
            allow=self._premises.allow,
            invited=invited,
            everybody="*" in (*self._premises.allow, *invited),
            entries=self._premises.entries,
            mcp_url=f"{self._public_url}/mcp",
            done=done,
            fault=fault,
        )

    async def _places(self) -> list[Place]:
        stored = {app.provider: app.client_id for app in await self._apps.list(operator_id())}
        return [
            Place(provider, self._source(provider, stored), stored.get(provider.name, ""))
            for provider in self._registry.known
            if provider.dashboard is not None
        ]

    def _source(self, provider: Provider, stored: Iterable[str]) -> str:
        if provider.name in self._premises.given:
            return "settings"
        if provider.name not in stored:
            return ""
        # Stored, but not among the apps in use: it does not open.
        return "here" if provider in self._registry.operated else "broken"

    async def guide(self, request: Request) -> Response:
        """How to register an app at one provider, and the form for it."""
        return await self._guide(await self._operator(request), self._provider(request))

    async def _guide(self, guest: Guest, provider: Provider, fault: str = "", status: int = 200) -> Response:
        return self._desk.page(
            guest,
            "setupapp.html",
            status,
            provider=provider,
            place=next(place for place in await self._places() if place.provider is provider),
            redirect_uri=self._check.redirect_uri(provider),
            fault=fault,
        )

    async def keep(self, request: Request) -> Response:
        """Test an app and keep it as everybody's."""
        provider = self._provider(request)
        guest, fields = await self._form(request)
        if provider.name in self._premises.given:
            raise _given(provider)
        try:
            app = await self._check.tested(provider, fields)
        except BadApp as bad:
            return await self._guide(guest, provider, str(bad), 503 if bad.passing else 400)
        await self._apps.save(operator_id(), provider.name, app.client_id, app.client_secret)
        await self._premises.changed()
        self._witness.note("setup_app_saved", provider=provider.name)
        _log.info("setup_app_saved", provider=provider.name)
        return RedirectResponse(f"{_HERE}?done={provider.name}", 303)

    async def remove(self, request: Request) -> Response:
        """Forget an app that was set up here. What people connected through it waits until it is back."""
        provider = self._provider(request)
        await self._form(request)
        with suppress(UnknownApp):
            await self._apps.forget(provider.name)
        await self._premises.changed()
        self._witness.note("setup_app_removed", provider=provider.name)
        _log.info("setup_app_removed", provider=provider.name)
        return RedirectResponse(f"{_HERE}?done=removed", 303)

    async def invite(self, request: Request) -> Response:
        """Put an entry on the guest list."""
        guest, fields = await self._form(request)
        issuers = {provider.name: provider.issuer for provider in self._registry.known}
        try:
            entry = Guests.kept(str(fields.get("entry", "")).strip(), issuers)
        except ValueError:
            fault = (
                "That is no entry for the guest list. Write an address, @ and an organisation’s domain, or a "
                "provider and an account’s id with a colon between them."
            )
            return await self._overview(guest, fault=fault, status=400)
        await self._invitations.add(entry)
        self._witness.note("guest_added", detail="setup")
        _log.info("setup_guest_added")
        return RedirectResponse(f"{_HERE}?done=guest", 303)

    async def uninvite(self, request: Request) -> Response:
        """Take an entry off again."""
        _, fields = await self._form(request)
        entry = str(fields.get("entry", ""))
        if entry in await self._invitations.entries():
            await self._invitations.remove(entry)
            self._witness.note("guest_removed", detail="setup")
        return RedirectResponse(f"{_HERE}?done=unlisted", 303)

    async def finish(self, request: Request) -> Response:
        """Close the setup in this browser."""
        await self._form(request)
        await self._setups.end(digest(request.cookies.get(self._cookie, "")))
        response = RedirectResponse("/", 303)
        response.delete_cookie(self._cookie, path="/", secure=self._secure, httponly=True, samesite="strict")
        return response

    def _provider(self, request: Request) -> Provider:
        name = request.path_params["provider"]
        known = (each for each in self._registry.known if each.dashboard is not None)
        found = next((each for each in known if each.name == name), None)
        if found is None:
            raise Refusal(404, "There is no such provider", "Nothing was changed.", Step("Back", _HERE))
        return found


def _closed() -> Refusal:
    return Refusal(
        403,
        "The setup opens from the terminal",
        "These pages are for whoever runs this Valet. Nothing was changed.",
        "Run `valet setup` on the machine that Valet runs on, and open the link that it prints.",
        denied=("setup_refused", "closed"),
    )


def _spent() -> Refusal:
    return Refusal(
        410,
        "This link no longer opens the setup",
        "A setup link opens once, in one browser, and only for an hour. Nothing was changed.",
        "Run `valet setup` on the machine that Valet runs on: it prints a new one.",
        missed=True,
        denied=("setup_refused", "spent_link"),
    )


def _given(provider: Provider) -> Refusal:
    return Refusal(
        409,
        f"{provider.title} is set up elsewhere",
        f"Its app stands in the setting {provider.client_id_setting}, and that wins over this page. "
        "Nothing was changed.",
        Step("Back to the setup", _HERE),
    )
