"""The shield around the sidecar: which host it answers for, how much it reads, what every answer carries.

Pure ASGI, outermost of the app's own middleware, so an error page carries the headers too.
"""

from __future__ import annotations

import secrets
import traceback
from pathlib import PurePath
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from connect.pages import Refusal, Step, refused

_log = structlog.get_logger(__name__)

MAX_BODY = 64 * 1024

FILES = "/files/"
"""Addresses beneath it take files and count for themselves what they read (`intake.py`)."""
HEALTH = "/healthz"
"""The one address under every name: platforms and balancers that ask it go by a number. It says one word."""

# No inline script or style anywhere, so no nonce either. `form-action` also covers the redirect that
# answers a form (Chromium): pages.leave is the way off our origin.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)

_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=(), browsing-topics=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}

_DEFAULT_PORTS = {"http": "80", "https": "443"}


class _TooLarge(Exception):
    """The body passed the limit while it was read."""


class Shield:
    """Wraps an ASGI app; `public_url` is the only origin it answers for."""

    def __init__(self, app: ASGIApp, *, public_url: str, max_body: int = MAX_BODY) -> None:
        self._app = app
        self._public_url = public_url
        self._hosts = _hosts(public_url)
        self._max_body = max_body
        self._headers = dict(_HEADERS)
        self._scheme = urlsplit(public_url).scheme
        if self._scheme == "https":
            self._headers["Strict-Transport-Security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or whatever else passes through untouched."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # Behind a proxy that ends TLS we are spoken to by http; an address of ours begins as the public one.
        scope = {**scope, "scheme": self._scheme}
        # Beside the other door the whole process gave it one.
        request_id = scope.setdefault("state", {}).setdefault("request_id", secrets.token_hex(8))
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            await self._guard(scope, receive, _Wrapped(send, {**self._headers, "X-Request-Id": request_id}))

    async def _guard(self, scope: Scope, receive: Receive, send: _Wrapped) -> None:
        counts = not scope["path"].startswith(FILES)
        refusal = self._refuse(Headers(scope=scope), counts=counts, named=scope["path"] != HEALTH)
        try:
            if refusal is None:
                await self._app(scope, self._limited(receive) if counts else receive, send)
                return
        except ClientDisconnect:
            return
        except _TooLarge:
            refusal = _too_large()
        except Exception as error:  # noqa: BLE001 - the last line: logged with a reference, never shown
            # Where, not what: an exception's text may quote what it was given.
            _log.error("request_failed", error=type(error).__name__, where=_where(error))
            refusal = _crashed()
        if not send.started:
            await refused(Request(scope), refusal)(scope, receive, send)

    def _refuse(self, headers: Headers, *, counts: bool, named: bool) -> Refusal | None:
        hosts = headers.getlist("host")
        if named and len(hosts) != 1:
            return Refusal(400, "That request names no address", "It must carry exactly one Host header.")
        if named and hosts[0].lower() not in self._hosts:
            return Refusal(
                421,
                "Valet is not at this address",
                "Nothing was done. This server answers for one address only.",
                Step(f"Open {self._public_url}", self._public_url),
            )
        length = headers.get("content-length", "0")
        if counts and length.isdecimal() and int(length) > self._max_body:
            return _too_large()
        return None

    def _limited(self, receive: Receive) -> Receive:
        seen = 0

        async def limited() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._max_body:
                raise _TooLarge
            return message

        return limited


class _Wrapped:
    """`send` that adds the headers an answer does not set itself, and remembers whether it began."""

    def __init__(self, send: Send, headers: dict[str, str]) -> None:
        self._send = send
        self._headers = headers
        self.started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            headers = MutableHeaders(scope=message)
            # An answer may be held to more than every page is, not to less: of several policies all count.
            narrower = headers.getlist("Content-Security-Policy")
            for name, value in self._headers.items():
                headers[name] = value
            for policy in narrower:
                headers.append("Content-Security-Policy", policy)
            headers.setdefault("Cache-Control", "no-store")
        await self._send(message)


def _hosts(public_url: str) -> frozenset[str]:
    """The Host values of an origin: with its port, and without it where it is the scheme's own."""
    parts = urlsplit(public_url)
    host, default = parts.netloc.lower(), _DEFAULT_PORTS[parts.scheme]
    bare = host.removesuffix(f":{default}")
    if parts.port is None or str(parts.port) == default:
        return frozenset({bare, f"{bare}:{default}"})
    return frozenset({host})


def _where(error: BaseException) -> list[str]:
    """The innermost frames as `file:line function`."""
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    return [f"{PurePath(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]


def _too_large() -> Refusal:
    return Refusal(413, "That is too much at once", f"A request may hold at most {MAX_BODY // 1024} KB.")


def _crashed() -> Refusal:
    return Refusal(
        500,
        "Something went wrong on our side",
        "Your accounts and what you allowed are unchanged.",
        "Try again in a moment. If it stays like this, give the reference below to whoever runs this Valet.",
    )
