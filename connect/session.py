"""Who is at the browser, and is this form really theirs.

Two cookies, both HttpOnly and SameSite=Lax: the session (256 random bits; the row holds the hash) and,
before anybody is known, a browser binding that ties sign-in forms and trips to providers to one browser.
A form's CSRF token is an HMAC of the one that counts, so a session taken over by another takes its forms
with it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from pydantic import SecretStr
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from connect.agents import called
from connect.pages import Refusal, render
from vault.opaque import digest, mint
from vault.store.sessions import Sessions
from vault.store.users import User

HOME = "/account"
_THIRTY_DAYS = 30 * 24 * 3600
_ONE_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Guest:
    """The person at the browser, if signed in, and the binding of the browser itself.

    `authenticated`: when this session's person proved who they are; `recent`: less than ten minutes ago.
    """

    user: User | None
    browser: SecretStr
    csrf: str = field(repr=False)
    fresh: bool
    authenticated: datetime | None = None
    recent: bool = False
    session_hash: bytes = field(default=b"", repr=False)

    @property
    def browser_hash(self) -> bytes:
        """What a trip to a provider keeps of the browser."""
        return digest(self.browser.get_secret_value())


_ENCODINGS = {
    "",
    "application/x-www-form-urlencoded",
    "application/x-www-form-urlencoded; charset=utf-8",
    "application/x-www-form-urlencoded;charset=utf-8",
}


def _same(given: str, ours: str) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), ours.encode())


class Desk:
    """Sessions, cookies and CSRF. `csrf_key` is 32 bytes, the same on every worker.

    `welcome` says whether somebody may still come in (blocked, or off the guest list, they may not): it is
    asked on every page, so a session outlives neither. `count` is told of every form before it is acted on.
    """

    def __init__(
        self,
        sessions: Sessions,
        csrf_key: bytes,
        public_url: str,
        welcome: Callable[[UUID], Awaitable[bool]],
        count: Callable[[Request, UUID | None], Awaitable[None]],
    ) -> None:
        self._sessions = sessions
        self._welcome = welcome
        self._count = count
        self._csrf_key = csrf_key
        parts = urlsplit(public_url)
        self._origin = f"{parts.scheme}://{parts.netloc}".lower()
        self._secure = parts.scheme == "https"
        prefix = "__Host-valet" if self._secure else "valet"
        self.session_cookie = prefix
        self.browser_cookie = f"{prefix}-browser"
        self.next_cookie = f"{prefix}-next"

    async def guest(self, request: Request) -> Guest:
        """Who is asking. Consumes nothing and never fails: an unusable cookie is no cookie."""
        cookie = request.cookies.get(self.session_cookie, "")
        session = await self._sessions.find(digest(cookie)) if cookie else None
        if session is not None and not await self._welcome(session.user.id):
            session = None
        kept = request.cookies.get(self.browser_cookie, "")
        browser = SecretStr(kept) if len(kept) == 43 else mint()
        fresh = browser.get_secret_value() != kept
        if session is None:
            return Guest(None, browser, self._csrf(browser.get_secret_value()), fresh)
        return Guest(
            session.user,
            browser,
            self._csrf(cookie),
            fresh,
            session.authenticated,
            session.recent,
            digest(cookie),
        )

    def stale(self, guest: Guest) -> bool:
        """Whether this person must sign in again before something that whoever found the browser must not do.

        True when they proved who they are more than ten minutes ago. `to_signin(path, again=True)` then leads
        there and back.
        """
        return not guest.recent

    def _csrf(self, bound: str) -> str:
        return hmac.new(self._csrf_key, bound.encode(), hashlib.sha256).hexdigest()

    def page(self, guest: Guest, template: str, status: int = 200, **context: Any) -> Response:
        """A page for this guest: `user` and `csrf` are in its context."""
        response = render(template, {"user": guest.user, "csrf": guest.csrf, **context}, status)
        return self.bind(response, guest)

    def bind(self, response: Response, guest: Guest) -> Response:
        """Give the browser its binding if it has none yet."""
        if guest.fresh:
            self._set(response, self.browser_cookie, guest.browser.get_secret_value(), None)
        return response

    async def form(self, request: Request, guest: Guest) -> FormData:
        """The fields of a POST that came from our own page. Raises Refusal (403), and TooMany."""
        self._same_origin(request)
        # Our forms are sent one way only; other encodings name charsets that Python may not decode.
        if request.headers.get("content-type", "").lower() not in _ENCODINGS:
            raise Refusal(
                400, "That form could not be read", "Nothing was changed.", "Go back and try again."
            )
        fields = await request.form(max_files=0, max_fields=50)
        given = fields.get("csrf")
        if not isinstance(given, str) or not _same(given, guest.csrf):
            raise _forged()
        await self._count(request, guest.user.id if guest.user else None)
        return fields

    def _same_origin(self, request: Request) -> None:
        """Refuse what the browser itself calls foreign.

        `Origin: null` says nothing here: under our Referrer-Policy browsers send it with our own forms
        (Fetch, "append a request Origin header"). Then Sec-Fetch-Site and the token decide.
        """
        site = request.headers.get("sec-fetch-site", "same-origin")
        origin = request.headers.get("origin", "null").lower()
        if site not in {"same-origin", "none"} or origin not in {"null", self._origin}:
            raise _forged()

    async def sign_in(self, request: Request, response: Response, user: User, *, proved: bool = True) -> None:
        """Begin a session under a new id, and end the one this browser had.

        `proved`: they showed just now who they are. Else the session is stale from its beginning.
        """
        await self._end(request)
        cookie = mint().get_secret_value()
        browser = called(request.headers.get("user-agent", ""))
        await self._sessions.begin(digest(cookie), user.id, browser, proved=proved)
        self._set(response, self.session_cookie, cookie, _THIRTY_DAYS)
        self._drop(response, self.next_cookie)

    async def sign_out(self, request: Request, response: Response) -> None:
        """End this browser's session."""
        await self._end(request)
        self._drop(response, self.session_cookie)

    def forget(self, response: Response) -> None:
        """Take the cookie of a session that is gone already."""
        self._drop(response, self.session_cookie)

    async def _end(self, request: Request) -> None:
        session = request.cookies.get(self.session_cookie)
        if session:
            await self._sessions.end(digest(session))

    def remember_next(self, response: Response, path: str) -> None:
        """Note where the person was going, for a sign-in that starts outside the browser."""
        self._set(response, self.next_cookie, path, _ONE_HOUR)

    def remembered_next(self, request: Request) -> str:
        """Where they were going; checked like any other `next`."""
        return safe_next(request.cookies.get(self.next_cookie))

    def _set(self, response: Response, name: str, value: str, max_age: int | None) -> None:
        response.set_cookie(
            name, value, max_age=max_age, path="/", secure=self._secure, httponly=True, samesite="lax"
        )

    def _drop(self, response: Response, name: str) -> None:
        response.delete_cookie(name, path="/", secure=self._secure, httponly=True, samesite="lax")


def safe_next(path: str | None) -> str:
    """`path` if it is one of our own pages, else the account page.

    Never a scheme, a host, a backslash (browsers read it as a slash) or a control character.
    """
    if not path or len(path) > 500 or not path.isascii() or not path.isprintable():
        return HOME
    if "\\" in path or " " in path or path.startswith("//") or not path.startswith("/"):
        return HOME
    parts = urlsplit(path)
    odd = any(part in parts.path for part in ("..", "//", "%"))
    if parts.scheme or parts.netloc or parts.fragment or odd:
        return HOME
    known = parts.path in {"/account", "/consent", "/approve"}
    known |= parts.path.startswith(("/account/", "/connect/", "/disconnect/"))
    return path if known else HOME


def to_signin(path: str, *, switch: bool = False, again: bool = False) -> Response:
    """Send the browser to sign in and then to `path`, one of our own pages.

    `switch`: as somebody else. `again`: to prove once more who they are, where `Desk.stale` says so.
    """
    query = {"next": path} | ({"switch": "1"} if switch else {}) | ({"again": "1"} if again else {})
    return RedirectResponse(f"/signin?{urlencode(query)}", 303)


def _forged() -> Refusal:
    return Refusal(
        403,
        "This page is out of date",
        "It belongs to an earlier visit, or the request came from another site. Nothing was changed.",
        "Go back, reload the page and try again.",
        denied=("page_refused", "not_our_form"),
    )
