"""The page of signing in: the ways in that a person has, and the browsers they are signed in with."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from connect.admission import OWNER_ISSUER, Admission
from connect.pages import Refusal, Step
from connect.session import Desk, Guest, to_signin
from providers.registry import Registry
from vault.diary import Diary
from vault.store.sessions import Sessions
from vault.store.ways import Way, Ways

HERE = "/account/sign-in"


@dataclass(frozen=True, slots=True)
class Entry:
    """One way in on the page. `title` is the provider's; `free`: it may be taken away."""

    way: Way
    title: str
    free: bool


class WaysPage:
    """`/account/sign-in` and its buttons, but for adding a way in (`join.py`)."""

    def __init__(
        self,
        *,
        desk: Desk,
        registry: Registry,
        ways: Ways,
        sessions: Sessions,
        admission: Admission,
        diary: Diary,
    ) -> None:
        self._desk = desk
        self._registry = registry
        self._ways = ways
        self._sessions = sessions
        self._admission = admission
        self._diary = diary

    def routes(self) -> list[Route]:
        """The page for GET, its buttons for POST."""
        return [
            Route(HERE, self.page, methods=["GET"]),
            Route(f"{HERE}/ways/{{way:uuid}}/remove", self.remove, methods=["POST"]),
            Route(f"{HERE}/sessions/{{session:uuid}}/end", self.end, methods=["POST"]),
            Route(f"{HERE}/everywhere", self.everywhere, methods=["POST"]),
        ]

    async def page(self, request: Request) -> Response:
        """How this person signs in, and where they are signed in."""
        guest = await self._desk.guest(request)
        if guest.user is None:
            return to_signin(HERE)
        ways = await self._ways.list(guest.user.id)
        return self._desk.page(
            guest,
            "ways.html",
            tab="sign-in",
            entries=[Entry(way, title(self._registry, way.issuer), len(ways) > 1) for way in ways],
            offers=self._registry.operated,
            visits=await self._sessions.list(guest.user.id, guest.session_hash),
            told=request.query_params.get("told", ""),
        )

    async def remove(self, request: Request) -> Response:
        """Take a way in away, after a new proof; every other browser is signed out with it.

        Never the last one, nor the last one that the guest list lets in.
        """
        guest = await self._desk.guest(request)
        if guest.user is None:
            return to_signin(HERE)
        await self._desk.form(request, guest)
        if self._desk.stale(guest):
            return to_signin(HERE, again=True)
        way = request.path_params["way"]
        if not await self._admission.recheck(guest.user.id, without=way):
            raise _last_that_opens()
        if not await self._ways.remove(guest.user.id, way):
            raise Refusal(
                409,
                "That way in stays",
                "It is the only one you have, or it was removed before. Nothing was changed.",
                Step("Back to how you sign in", HERE),
            )
        # Who may have used it to get in must not stay in.
        await self._sessions.end_all(guest.user.id, but=guest.session_hash)
        self._diary.note(user_id=guest.user.id, action="identity_removed")
        return _told("removed")

    async def end(self, request: Request) -> Response:
        """End one of their sessions."""
        guest = await self._desk.guest(request)
        if guest.user is None:
            return to_signin(HERE)
        await self._desk.form(request, guest)
        if not await self._sessions.end_one(guest.user.id, request.path_params["session"]):
            raise Refusal(
                404,
                "That browser is signed out already",
                "Or it was never yours. Nothing was changed.",
                Step("Back to how you sign in", HERE),
            )
        return _told("ended")

    async def everywhere(self, request: Request) -> Response:
        """End all of their sessions, this one too. Chats keep their access."""
        guest = await self._desk.guest(request)
        if guest.user is None:
            return to_signin(HERE)
        await self._desk.form(request, guest)
        await self._sessions.end_all(guest.user.id)
        self._diary.note(user_id=guest.user.id, action="signed_out_everywhere")
        return await self._out(request, guest)

    async def _out(self, request: Request, guest: Guest) -> Response:
        response = RedirectResponse("/signin?out=1", 303)
        await self._desk.sign_out(request, response)
        return self._desk.bind(response, guest)


def title(registry: Registry, issuer: str) -> str:
    """What to call whoever vouches for an identity."""
    if issuer == OWNER_ISSUER:
        return "The link in your terminal"
    named = next((p.title for p in registry.known if p.issuer == issuer), None)
    return named or urlsplit(issuer).hostname or issuer


def _told(what: str) -> Response:
    return RedirectResponse(f"{HERE}?{urlencode({'told': what})}", 303)


def _last_that_opens() -> Refusal:
    return Refusal(
        409,
        "That way in stays",
        "Without it you could not come back: it is the only one you have, or the only one that whoever runs "
        "this Valet has invited. Nothing was changed.",
        Step("Back to how you sign in", HERE),
    )
