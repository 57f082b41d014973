"""The page of chats: which chat clients have access, what each may do, and the switch that cuts one off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from connect.levels import chat_lines
from connect.pages import Refusal, Step
from connect.scopes import covered
from connect.session import Desk, to_signin
from connect.words import Asker, Line, asker
from providers.registry import Registry
from vault.diary import Diary
from vault.store.connections import Connection
from vault.store.grants import Grant, Grants
from vault.vault import Vault

_HERE = "/account/chats"


@dataclass(frozen=True, slots=True)
class Chat:
    """One chat client on the page."""

    grant: Grant
    asker: Asker
    lines: tuple[Line, ...]


class ChatsPage:
    """`/account/chats` and its one button."""

    def __init__(self, *, desk: Desk, registry: Registry, grants: Grants, vault: Vault, diary: Diary) -> None:
        self._desk = desk
        self._vault = vault
        self._registry = registry
        self._grants = grants
        self._diary = diary

    def routes(self) -> list[Route]:
        """The page for GET, the switch for POST."""
        return [
            Route(_HERE, self.page, methods=["GET"]),
            Route("/chats/{grant:uuid}/cut", self.cut, methods=["POST"]),
        ]

    async def page(self, request: Request) -> Response:
        """Every chat that this person allowed something."""
        guest = await self._desk.guest(request)
        if guest.user is None:
            return to_signin(_HERE)
        held, accounts = await self._grants.list(guest.user.id), await self._vault.list(guest.user.id)
        # Personal tokens have a page of their own.
        chats = [self._chat(grant, accounts) for grant in held if grant.client_kind != "personal"]
        cut = request.query_params.get("cut") == "1"
        return self._desk.page(guest, "chats.html", tab="chats", chats=chats, cut=cut)

    async def cut(self, request: Request) -> Response:
        """Cut a chat client off: its tokens are dead from this moment."""
        guest = await self._desk.guest(request)
        if guest.user is None:
            return to_signin(_HERE)
        await self._desk.form(request, guest)
        grant = request.path_params["grant"]
        if not await self._grants.cut(guest.user.id, grant):
            raise Refusal(
                404,
                "That chat has no access",
                "It was cut off before, or it was never yours. Nothing was changed.",
                Step("See which chats have access", _HERE),
            )
        self._diary.note(user_id=guest.user.id, action="chat_cut_off", grant_id=grant)
        return RedirectResponse(f"{_HERE}?cut=1", 303)

    def _chat(self, grant: Grant, accounts: Sequence[Connection]) -> Chat:
        return Chat(
            grant,
            asker(grant.client_name, grant.client_kind, grant.client_id, grant.redirect_uri),
            chat_lines(self._registry.configured, covered(grant.scopes), accounts),
        )
