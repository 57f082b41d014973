"""My data: a copy of everything that Valet knows of a person, and the way to have it all deleted."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from connect.offer import Offers
from connect.pages import Refusal, Step, render
from connect.session import Desk, to_signin
from connect.witness import Witness
from providers.registry import Registry
from vault.diary import Diary
from vault.erasure import Erasure
from vault.errors import Busy
from vault.revocation import Ended
from vault.store.activity import Activity
from vault.store.dossier import Dossiers, Rows
from vault.store.grants import Grants
from vault.store.users import User
from vault.vault import Vault

_HERE = "/account/data"
_DELETE = "/account/data/delete"


@dataclass(frozen=True, slots=True)
class Farewell:
    """A connection that ended with its person: what to do about it at the provider, if anything."""

    title: str
    account: str
    told: bool
    manage_url: str


class DataPage:
    """`/account/data`, the copy, and the deletion."""

    def __init__(
        self,
        *,
        desk: Desk,
        registry: Registry,
        vault: Vault,
        grants: Grants,
        activity: Activity,
        dossiers: Dossiers,
        erasure: Erasure,
        offers: Offers,
        diary: Diary,
        witness: Witness,
    ) -> None:
        self._desk = desk
        self._registry = registry
        self._vault = vault
        self._grants = grants
        self._activity = activity
        self._dossiers = dossiers
        self._erasure = erasure
        self._offers = offers
        self._diary = diary
        self._witness = witness

    def routes(self) -> list[Route]:
        """Pages for GET; the copy and the deletion for POST."""
        return [
            Route(_HERE, self.page, methods=["GET"]),
            Route(_HERE, self.copy, methods=["POST"]),
            Route(_DELETE, self.ask, methods=["GET"]),
            Route(_DELETE, self.delete, methods=["POST"]),
        ]

    async def page(self, request: Request) -> Response:
        """What there is to have, and to delete."""
        guest = await self._desk.guest(request)
        if guest.user is None:
            return to_signin(_HERE)
        return self._desk.page(guest, "data.html", tab="data")

    async def copy(self, request: Request) -> Response:
        """A JSON file of everything that Valet knows of them; never a secret, a hash or a sealed body."""
        guest = await self._desk.guest(request)
        if guest.user is None:
            return to_signin(_HERE)
        await self._desk.form(request, guest)
        sections = await self._dossiers.read(guest.user.id)
        self._diary.note(user_id=guest.user.id, action="exported")
        day = f"{datetime.now(UTC):%Y-%m-%d}"
        return StreamingResponse(
            self._written(guest.user, sections),
            media_type="application/json",
            headers={"Content-Disposition": f'attachment; filename="valet-{day}.json"'},
        )

    async def _written(self, user: User, sections: dict[str, Rows]) -> AsyncIterator[str]:
        """One JSON object. The activity may be long: it is read and sent a little at a time."""
        yield "{\n"
        for name, rows in sections.items():
            yield f"{json.dumps(name)}: {_text(rows)},\n"
        yield '"activity": [\n'
        between = ""
        async for entry in self._activity.all(user.id):
            kept = {name: value for name, value in asdict(entry).items() if name != "id"}
            yield f"{between}{_text(kept)}"
            between = ",\n"
        yield "\n]\n}\n"

    async def ask(self, request: Request) -> Response:
        """Says what ends. Only for whoever has just shown that it is them."""
        guest = await self._desk.guest(request)
        if guest.user is None:
            return to_signin(_DELETE)
        if self._desk.stale(guest):
            return to_signin(_DELETE, again=True)
        grants = await self._grants.list(guest.user.id)
        return self._desk.page(
            guest,
            "delete.html",
            connections=await self._vault.list(guest.user.id),
            titles={provider.name: provider.title for provider in self._registry.configured},
            chats=sum(each.client_kind != "personal" for each in grants),
        )

    async def delete(self, request: Request) -> Response:
        """Delete everything of theirs, and say what is left to do at the providers."""
        guest = await self._desk.guest(request)
        if guest.user is None:
            return to_signin(_DELETE)
        if self._desk.stale(guest):
            return to_signin(_DELETE, again=True)
        fields = await self._desk.form(request, guest)
        if fields.get("sure") != "yes":
            raise Refusal(
                400,
                "Nothing was deleted",
                "The box that says that you are sure was not ticked.",
                Step("Go back to it", _DELETE),
            )
        try:
            await self._offers.withdraw(guest.user.id)
            ended = await self._erasure.erase(guest.user.id)
        except Busy:
            raise Refusal(
                503,
                "It is not all deleted yet",
                "The database did not answer in time. Your chats are cut off already, or soon will be; your "
                "account is still there.",
                Step("Go on with deleting it", _DELETE),
            ) from None
        # Whose it was nobody can tell any more, and this row does not either, by no address that is known.
        self._witness.note("deleted", from_here=False)
        response = render("gone.html", {"farewells": [self._farewell(each) for each in ended]})
        self._desk.forget(response)
        return response

    def _farewell(self, ended: Ended) -> Farewell:
        provider = self._registry.find(ended.connection.provider)
        return Farewell(
            title=provider.title if provider else ended.connection.provider.capitalize(),
            account=ended.connection.account_label,
            told=ended.told,
            manage_url=provider.manage_url if provider else "",
        )


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=_plain)


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
