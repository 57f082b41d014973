"""The page where a person says yes or no to one call of a chat: what it would do, and who asks.

/approve?h=HANDLE. The link came out of a chat, so it may end up in anybody's browser: it is worth nothing to
anybody but the person the chat speaks for. GET shows, POST answers, and the first answer counts.
"""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from connect.pages import Refusal, Step
from connect.session import Desk, Guest, to_signin
from connect.signin import handle
from connect.words import asker
from vault.approvals import Approvals, Question
from vault.diary import Diary
from vault.store.approvals import Decision
from vault.store.users import User

_HERE = "/approve"
_ANSWERS: dict[str, Decision] = {"yes": "yes", "no": "no"}


class ApprovePage:
    """`/approve` and its two buttons."""

    def __init__(self, *, desk: Desk, approvals: Approvals, diary: Diary) -> None:
        self._desk = desk
        self._approvals = approvals
        self._diary = diary

    def routes(self) -> list[Route]:
        """The page for GET, the answer for POST."""
        return [
            Route(_HERE, self.page, methods=["GET"]),
            Route(_HERE, self.answer, methods=["POST"]),
        ]

    async def page(self, request: Request) -> Response:
        """What a chat wants to do; or what became of it. Consumes nothing."""
        key = handle(request.query_params.get("h"))
        guest = await self._desk.guest(request)
        if guest.user is None:
            return to_signin(_path(key))
        return self._show(guest, key, await self._look(guest.user, key))

    async def answer(self, request: Request) -> Response:
        """Yes or no, once."""
        guest = await self._desk.guest(request)
        if guest.user is None:
            fields = await request.form(max_files=0, max_fields=50)
            return to_signin(_path(handle(fields.get("h"))))
        fields = await self._desk.form(request, guest)
        key = handle(fields.get("h"))
        question = await self._look(guest.user, key)
        decision = _ANSWERS.get(str(fields.get("decision", "")))
        if decision is None:
            raise Refusal(400, "Neither yes nor no", "Nothing was done.", Step("Go back to it", _path(key)))
        if await self._approvals.decide(key, guest.user.id, decision):
            row, agreed = question.row, decision == "yes"
            self._diary.note(
                user_id=guest.user.id,
                action="call_approved" if agreed else "call_declined",
                grant_id=row.grant_id,
                connection=row.connection,
            )
        return RedirectResponse(_path(key), 303)

    async def _look(self, user: User, key: str) -> Question:
        question = await self._approvals.look(key, user.id) if key else None
        if question is not None:
            return question
        if key and await self._approvals.foreign(key, user.id):
            raise _someone_else(key)
        raise Refusal(
            410,
            "We do not know this question",
            "The link may have been cut short, or it is older than a day. Nothing was done by it.",
            "Go back to your chat. If it still wants to do something, it asks again.",
            missed=True,
        )

    def _show(self, guest: Guest, key: str, question: Question) -> Response:
        row = question.row
        if row.decision is None and (row.over or row.cut or question.preview is None):
            raise _cut() if row.cut else _over()
        return self._desk.page(
            guest,
            "approve.html",
            question=question,
            row=row,
            asker=asker(row.client_name, row.client_kind, row.client_id, row.redirect_uri),
            h=key,
            switch=f"/signin?{urlencode({'next': _path(key), 'switch': '1'})}",
        )


def _path(key: str) -> str:
    return f"{_HERE}?{urlencode({'h': key})}"


def _over() -> Refusal:
    return Refusal(
        410,
        "That was more than ten minutes ago",
        "A question of a chat is open for ten minutes. Nothing was done.",
        "Go back to your chat. If it still wants to do this, it asks again.",
    )


def _cut() -> Refusal:
    return Refusal(
        410,
        "This chat has no access any more",
        "You cut it off, so it can do nothing. Nothing was done.",
        Step("See which chats have access", "/account/chats"),
    )


def _someone_else(key: str) -> Refusal:
    return Refusal(
        403,
        "This question is for someone else",
        "The chat it came from belongs to another person than the one signed in here. Nothing was done, for "
        "either of you.",
        Step("Sign in as that person", f"/signin?{urlencode({'next': _path(key), 'switch': '1'})}"),
        denied=("page_refused", "unknown"),
    )
