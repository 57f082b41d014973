"""The page of personal access tokens, for programs that can't sign in by themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from connect.levels import chat_lines, choice, held_at
from connect.names import shown_name
from connect.pages import Refusal, Step
from connect.scopes import covered
from connect.session import Desk, to_signin
from connect.words import LEVELS, Level, Line, ours
from providers.base import Provider, Service
from providers.registry import Registry
from vault.diary import Diary
from vault.ids import new_id
from vault.store.connections import Connection
from vault.store.grants import Grants
from vault.store.personal import MOST, Full, PersonalToken, PersonalTokens
from vault.vault import Vault

_HERE = "/account/tokens"
_NEW = f"{_HERE}/new"
LIVES = {7: "A week", 30: "A month", 90: "Three months", 180: "Half a year", 365: "A year"}
"""How long one may live, in days, and how that is called."""
PRESET = 90


@dataclass(frozen=True, slots=True)
class Key:
    """One token on the page."""

    token: PersonalToken
    lines: tuple[Line, ...]


class TokensPage:
    """`/account/tokens`: the list, the form, and the token itself, which is shown once."""

    def __init__(
        self,
        *,
        desk: Desk,
        registry: Registry,
        tokens: PersonalTokens,
        grants: Grants,
        vault: Vault,
        diary: Diary,
        public_url: str,
    ) -> None:
        self._desk = desk
        self._registry = registry
        self._tokens = tokens
        self._grants = grants
        self._vault = vault
        self._diary = diary
        self._resource = f"{public_url}/mcp"

    def routes(self) -> list[Route]:
        """Pages for GET, buttons for POST."""
        return [
            Route(_HERE, self.page, methods=["GET"]),
            Route(_NEW, self.form, methods=["GET"]),
            Route(_NEW, self.make, methods=["POST"]),
            Route(f"{_HERE}/{{token:uuid}}/end", self.end, methods=["POST"]),
        ]

    async def page(self, request: Request) -> Response:
        """Every token of this person, and what each may do."""
        guest = await self._desk.guest(request)
        if guest.user is None:
            return to_signin(_HERE)
        held = await self._vault.list(guest.user.id)
        keys = [
            Key(token, self._lines(token.scopes, held)) for token in await self._tokens.list(guest.user.id)
        ]
        ended = request.query_params.get("ended") == "1"
        return self._desk.page(guest, "tokens.html", tab="tokens", keys=keys, ended=ended)

    async def form(self, request: Request) -> Response:
        """What the token shall be called, what it may do, and for how long."""
        guest = await self._desk.guest(request)
        if guest.user is None:
            return to_signin(_NEW)
        # First of all: nobody shall sign in again to read that there is nothing to do.
        services = self._services()
        if self._desk.stale(guest):
            return to_signin(_NEW, again=True)
        held = await self._vault.list(guest.user.id)
        return self._desk.page(
            guest,
            "newtoken.html",
            tab="tokens",
            choices=[
                choice(provider, each, "write", "read", held_at(provider, held))
                for provider, each in services
            ],
            lives=LIVES,
            preset=PRESET,
            key=new_id(),
        )

    async def make(self, request: Request) -> Response:
        """Make the token and show it, this once."""
        guest = await self._desk.guest(request)
        if guest.user is None:
            return to_signin(_NEW)
        fields = await self._desk.form(request, guest)
        if self._desk.stale(guest):
            return to_signin(_NEW, again=True)
        key, name, scopes, days = _key(fields), _name(fields), self._chosen(fields), _days(fields)
        try:
            token = await self._tokens.add(key, guest.user.id, name, scopes, self._resource, days)
        except Full:
            raise _full() from None
        if token is None:
            raise _made_before()
        self._diary.note(user_id=guest.user.id, action="token_made", client_name=name)
        return self._desk.page(
            guest,
            "token.html",
            tab="tokens",
            token=token.get_secret_value(),
            name=name,
            life=LIVES[days],
            lines=self._lines(scopes, await self._vault.list(guest.user.id)),
            url=self._resource,
        )

    async def end(self, request: Request) -> Response:
        """Revoke a token: it is dead from this moment."""
        guest = await self._desk.guest(request)
        if guest.user is None:
            return to_signin(_HERE)
        await self._desk.form(request, guest)
        wanted = request.path_params["token"]
        held = {token.id for token in await self._tokens.list(guest.user.id)}
        if wanted not in held or not await self._grants.cut(guest.user.id, wanted):
            raise _no_such_token()
        self._diary.note(user_id=guest.user.id, action="token_ended", grant_id=wanted)
        return RedirectResponse(f"{_HERE}?ended=1", 303)

    def _services(self) -> list[tuple[Provider, Service]]:
        """What a token could be for. Raises Refusal where nothing is set up."""
        found = [(provider, each) for provider in self._registry.configured for each in provider.services]
        if not found:
            raise _nothing_to_do()
        return found

    def _lines(self, scopes: frozenset[str], held: Sequence[Connection]) -> tuple[Line, ...]:
        return chat_lines(self._registry.configured, covered(scopes), held)

    def _chosen(self, fields: Mapping[str, object]) -> frozenset[str]:
        """Our scopes of the radio buttons. Raises Refusal where all are off."""
        chosen: frozenset[str] = frozenset()
        for _, service in self._services():
            chosen |= ours(service, _level(fields, service))
        if not chosen:
            raise _refused("A token that may do nothing is of no use. Turn at least one service on.")
        return chosen


def _level(fields: Mapping[str, object], service: Service) -> Level:
    """The level chosen; one that is missing or unknown is off."""
    given = fields.get(f"service-{service.name}")
    return next((level for level in LEVELS if level == given), "off")


def _key(fields: Mapping[str, object]) -> UUID:
    """The form's own key: sent twice, it makes one token. Raises Refusal."""
    try:
        return UUID(str(fields.get("key", "")))
    except ValueError:
        raise _refused("The form was incomplete.") from None


def _name(fields: Mapping[str, object]) -> str:
    name = shown_name(fields.get("name"), "")
    if not name or len(name) > 60:
        raise _refused("Give it a name of 1 to 60 characters, so that you know it again.")
    return name


def _days(fields: Mapping[str, object]) -> int:
    given = str(fields.get("days", ""))
    days = next((days for days in LIVES if str(days) == given), None)
    if days is None:
        raise _refused("Choose how long it shall work, at most a year.")
    return days


def _refused(sentence: str) -> Refusal:
    return Refusal(400, "No token was made", sentence, Step("Back to the form", _NEW))


def _nothing_to_do() -> Refusal:
    return Refusal(
        409,
        "There is nothing yet that a token could do",
        "Whoever runs this Valet has set up no service so far. No token was made.",
        Step("Back to your tokens", _HERE),
    )


def _made_before() -> Refusal:
    return Refusal(
        409,
        "That token was made already",
        "A token is shown once, and this one was. If you did not keep it, revoke it and make another.",
        Step("See your tokens", _HERE),
    )


def _full() -> Refusal:
    return Refusal(
        409,
        "You have many tokens already",
        f"One person may have {MOST} of them. Nothing was made.",
        Step("Revoke one that you no longer need", _HERE),
    )


def _no_such_token() -> Refusal:
    return Refusal(
        404,
        "There is no such token",
        "It was revoked before, or it was never yours. Nothing was changed.",
        Step("See your tokens", _HERE),
    )
