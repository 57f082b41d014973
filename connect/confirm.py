"""The last question before an account is connected: this one, for you? Nothing is stored before the yes.

/connect/{provider}/confirm?p=HANDLE. It names the account that came back and the person of Valet whose it
will be, so that nobody connects an account they did not mean, or into somebody else's session. Every trip
that connects ends here. Only signing in with "also connect this account" does not: that was chosen before
the trip, and the account is the very identity that it proved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlencode
from uuid import UUID

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from connect.choice import gone
from connect.offer import Answered, Gone, Offer, Offers
from connect.pages import Refusal, Step
from connect.plan import configured
from connect.scopes import covered
from connect.session import Desk, Guest, safe_next, to_signin
from connect.signin import handle
from connect.trip import Errand, Return, Trips
from connect.trouble import declined
from connect.words import lines
from providers.registry import Registry
from vault.diary import Diary
from vault.errors import UnknownApp
from vault.store.connections import Connection
from vault.store.flows import Flows
from vault.store.grants import Grants
from vault.store.users import User
from vault.vault import Vault

_log = structlog.get_logger(__name__)
_START = Step("Start again from your account page", "/account")


class Confirm:
    """The page of an offer, and what its buttons do."""

    def __init__(
        self,
        *,
        desk: Desk,
        trips: Trips,
        offers: Offers,
        registry: Registry,
        flows: Flows,
        grants: Grants,
        vault: Vault,
        diary: Diary,
    ) -> None:
        self._desk = desk
        self._trips = trips
        self._offers = offers
        self._registry = registry
        self._flows = flows
        self._grants = grants
        self._vault = vault
        self._diary = diary

    def routes(self) -> list[Route]:
        """The page and its buttons."""
        return [
            Route("/connect/{provider}/confirm", self.page, methods=["GET"]),
            Route("/connect/{provider}/confirm", self.answer, methods=["POST"]),
        ]

    async def arrive(self, guest: Guest, back: Return) -> Response:
        """Back from the provider: put aside what was got, and ask."""
        user = guest.user
        assert user is not None, "a connect state is only taken together with its person"
        if back.denied:
            raise declined(back.errand)
        tokens, account = await self._trips.collect(back)
        kept = await self._offers.keep(guest, user.id, back.errand, account, tokens)
        return RedirectResponse(_path(back.errand, kept), 303)

    async def page(self, request: Request) -> Response:
        """Which account, what it may do, and whose it will be. Consumes nothing."""
        provider = configured(self._registry, request.path_params["provider"])
        guest = await self._desk.guest(request)
        asked = handle(request.query_params.get("p"))
        if guest.user is None:
            return to_signin(f"{request.url.path}?p={asked}")
        found = await self._offers.look(guest, guest.user.id, asked)
        if isinstance(found, Gone) or found.errand.provider != provider:
            return await self._over(guest.user, found)
        errand, notes = found.errand, found.errand.notes
        held = await self._vault.list(guest.user.id)
        same_id = await self._offers.standing(found)
        same = next((c for c in held if c.id == same_id), None)
        meant = next((c for c in held if str(c.id) == notes.get("meant") and c.id != same_id), None)
        granted = found.tokens.scopes if found.tokens.scopes is not None else errand.scopes
        may = self._registry.satisfied(provider.name, granted)
        later = frozenset(notes["needed"]) & provider.asked_later
        return self._desk.page(
            guest,
            "confirm.html",
            provider=provider,
            account=found.account.label,
            handle=asked,
            may=lines(provider, may, granted),
            missing=lines(provider, frozenset(notes["ours"]) - may, later - provider.widened(granted)),
            same=same,
            beside=same is not None and str(same.id) in notes.get("beside", ()),
            meant=meant,
            switch=f"/signin?{urlencode({'next': errand.again, 'switch': '1'})}",
        )

    async def answer(self, request: Request) -> Response:
        """Connect it, look for another one, or throw it away. The first answer counts."""
        provider = configured(self._registry, request.path_params["provider"])
        guest = await self._desk.guest(request)
        if guest.user is None:
            fields = await request.form(max_files=0, max_fields=50)
            return to_signin(f"{request.url.path}?p={handle(fields.get('p'))}")
        fields = await self._desk.form(request, guest)
        found = await self._offers.look(guest, guest.user.id, handle(fields.get("p")))
        if isinstance(found, Gone) or found.errand.provider != provider:
            return await self._over(guest.user, found)
        try:
            return await self._do(guest, guest.user, found, str(fields.get("decision", "")))
        except Answered:
            return await self._over(guest.user, await self._offers.gone(guest, guest.user.id, found.key))

    async def _do(self, guest: Guest, user: User, offer: Offer, decision: str) -> Response:
        errand = offer.errand
        if decision == "connect":
            try:
                connection = await self._offers.accept(guest, user.id, offer)
            except UnknownApp:
                raise gone(errand.provider) from None
            self._diary.note(user_id=user.id, action="connected", connection=connection.id)
            return await self._settled(user, errand, connection)
        if decision not in {"other", "no"}:
            raise Refusal(400, "That form could not be read", "Nothing was changed.", _again(errand))
        told = await self._offers.drop(guest, user.id, offer)
        if decision == "other":
            return self._desk.bind(await self._trips.leave(guest, _elsewhere(errand)), guest)
        return self._desk.page(guest, "declined.html", provider=errand.provider, told=told, back=errand.back)

    async def _over(self, user: User, found: Gone | Offer) -> Response:
        """What a second answer is told: what became of the first."""
        if isinstance(found, Offer) or found.errand is None:
            if isinstance(found, Gone) and found.fault == "elsewhere":
                raise _started_elsewhere()
            raise Refusal(
                400, "We do not know this question", "Nothing was connected by it.", _START, missed=True
            )
        if found.connection is not None:
            held = await self._vault.list(user.id)
            became = next((c for c in held if c.id == found.connection), None)
            if became is None:
                return RedirectResponse("/account", 303)
            return await self._settled(user, found.errand, became)
        title = found.errand.provider.title
        if found.fault == "expired":
            raise Refusal(
                410,
                "That took more than ten minutes",
                f"What {title} had given was thrown away, and nothing was connected.",
                _again(found.errand),
            )
        raise Refusal(
            409,
            "You chose not to connect that account",
            f"What {title} had given was thrown away, and nothing was connected.",
            _again(found.errand),
        )

    async def _settled(self, user: User, errand: Errand, connection: Connection) -> Response:
        """Raise the chat's grant, finish the link, and lead on. Coming twice changes nothing more."""
        ours, grant, notes = frozenset(errand.notes["ours"]), errand.notes["grant"], errand.notes
        on = {"then": errand.back, "again": errand.again}
        if str(connection.id) in notes.get("beside", ()):
            # One more account was asked for, and they chose one that they have.
            return finished(connection, {"same": "1", **on})
        meant = notes.get("meant")
        if meant is not None and meant != str(connection.id):
            # Another account than the chat asked about: connected, but it does not answer the question.
            return finished(connection, {"meant": meant, **on})
        enough = ours & self._registry.satisfied(errand.provider.name, connection.scopes)
        complete = frozenset(notes["needed"]) <= errand.provider.widened(connection.scopes)
        await self.finish(user, errand.flow if complete else None, UUID(grant) if grant else None, enough)
        if complete and errand.back:
            return RedirectResponse(safe_next(errand.back), 303)
        on["again"] = "" if complete else errand.again
        on["later"] = " ".join(sorted(frozenset(errand.notes["needed"]) & errand.provider.asked_later))
        return finished(connection, {"asked": " ".join(sorted(ours)), **on})

    async def finish(self, user: User, flow: UUID | None, grant: UUID | None, scopes: frozenset[str]) -> None:
        """Raise the client's grant by what the person just allowed, then let its tool know."""
        if grant is not None and scopes:
            await self._raise(user, grant, scopes)
        if flow is not None:
            await self._flows.finish_connect(flow, user.id)

    async def _raise(self, user: User, grant: UUID, scopes: frozenset[str]) -> None:
        """Let a chat do more; its person reads of it where it is more than before."""
        before = next((each.scopes for each in await self._grants.list(user.id) if each.id == grant), scopes)
        held = await self._grants.raise_(user.id, grant, scopes)
        _log.info("grant_raised", live=held is not None, scopes=sorted(scopes))
        if held is not None and held - covered(before):
            self._diary.note(user_id=user.id, action="chat_raised", grant_id=grant)


def finished(connection: Connection, query: Mapping[str, str]) -> Response:
    """To the page that says what came of it."""
    shown = {name: value for name, value in query.items() if value}
    return RedirectResponse(f"/connected/{connection.id}?{urlencode(shown)}", 303)


def _path(errand: Errand, handle: str) -> str:
    return f"/connect/{errand.provider.name}/confirm?p={handle}"


def _elsewhere(errand: Errand) -> Errand:
    """The same errand with the provider's chooser; another account has allowed nothing of it before."""
    needed = errand.provider.least(errand.scopes | frozenset(errand.notes["needed"]))
    return replace(errand, scopes=needed, switch=True, hint="")


def _again(errand: Errand) -> Step:
    return Step("Start afresh", errand.again)


def _started_elsewhere() -> Refusal:
    return Refusal(
        403,
        "This was started somewhere else",
        "It belongs to another browser or another person. Nothing was connected, for either of you.",
        _START,
    )
