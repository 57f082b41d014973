"""What the protocol endpoints share: methods, CORS, errors as JSON, and how a body is read.

Browser-based clients (the Inspector, web chats) call these from their own origin, so every answer
allows any origin. No cookie is ever read here, so nothing is given away by that.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from connect.limits import Gate, TooMany
from connect.oautherrors import OAuthError, busy, invalid_request, server_error, too_many
from vault.errors import Busy, VaultError

_log = structlog.get_logger(__name__)

MAX_BODY = 16 * 1024
"""The most bytes a protocol request may hold, in its body or in its query."""

NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}

Handler = Callable[[Request], Awaitable[Response]]

_CORS = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "WWW-Authenticate, Retry-After"}
# `*` does not cover Authorization (Fetch standard), and old browsers don't know it at all.
_CORS_HEADERS = "Authorization, Content-Type, Accept, MCP-Protocol-Version, *"


class Endpoint:
    """One URL as an ASGI app. `headers` go on every answer that does not set them itself.

    `gate` counts who presents what we do not know; without it nothing is presented there.
    """

    def __init__(
        self,
        handlers: Mapping[str, Handler],
        headers: Mapping[str, str] | None = None,
        *,
        gate: Gate | None = None,
    ) -> None:
        self._handlers = dict(handlers)
        self._gate = gate
        self._headers = dict(NO_STORE if headers is None else headers)
        methods = [*self._handlers, *(["HEAD"] if "GET" in self._handlers else []), "OPTIONS"]
        self._allow = ", ".join(methods)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        request = Request(scope, receive)
        response = await self._respond(request)
        for name, value in {**self._headers, **_CORS}.items():
            response.headers.setdefault(name, value)
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return self._preflight()
        handler = self._handlers.get("GET" if request.method == "HEAD" else request.method)
        try:
            if handler is None:
                raise self._not_allowed()
            return await handler(request)
        except (OAuthError, TooMany) as error:
            return (await self._counted(request, error)).answer()
        except Busy:
            return busy().answer()
        except VaultError as error:
            return _alarm(request, error)
        except ClientDisconnect:
            return Response(status_code=400)

    async def _counted(self, request: Request, error: OAuthError | TooMany) -> OAuthError:
        """What a refusal comes to once misses are counted."""
        if isinstance(error, TooMany):
            return too_many(error.wait)
        wait = await self._gate.missed(request) if self._gate and error.missed else 0.0
        return too_many(wait) if wait else error

    def _preflight(self) -> Response:
        return Response(
            status_code=204,
            headers={
                "Allow": self._allow,
                "Access-Control-Allow-Methods": self._allow,
                "Access-Control-Allow-Headers": _CORS_HEADERS,
                "Access-Control-Max-Age": "86400",
            },
        )

    def _not_allowed(self) -> OAuthError:
        return OAuthError(
            "invalid_request",
            f"This address takes {self._allow}.",
            status=405,
            headers={"Allow": self._allow},
        )


@dataclass(frozen=True, slots=True)
class Parameters:
    """Decoded parameters. A name without a value counts as left out (RFC 6749 §3.1)."""

    values: Mapping[str, str]
    repeated: frozenset[str]

    def get(self, name: str) -> str | None:
        """The value of a parameter, or None where it is missing or empty."""
        return self.values.get(name)

    def require(self, name: str) -> str:
        """The value of a parameter. Raises OAuthError where it is missing or empty."""
        value = self.values.get(name)
        if value is None:
            raise invalid_request(f"The parameter {name} is missing.")
        return value


def _alarm(request: Request, error: VaultError) -> Response:
    """Log an alarm by name only: a traceback with local variables would show tokens."""
    _log.error("endpoint_failed", path=request.url.path, error=type(error).__name__)
    return server_error().answer()


def parameters(raw: bytes) -> Parameters:
    """Parse form-urlencoded bytes. Raises OAuthError when they are no such thing, or hold a NUL."""
    try:
        pairs = parse_qsl(
            raw.decode("utf-8"), keep_blank_values=True, encoding="utf-8", errors="strict", max_num_fields=64
        )
    except ValueError:
        raise invalid_request("The parameters must be form-urlencoded UTF-8, at most 64 of them.") from None
    if any("\0" in name or "\0" in value for name, value in pairs):
        raise invalid_request("A parameter holds a NUL character; leave it out.")
    names = [name for name, _ in pairs]
    return Parameters(
        {name: value for name, value in pairs if value},
        frozenset(name for name in names if names.count(name) > 1),
    )


async def read_form(request: Request) -> Parameters:
    """The parameters of a form POST, each at most once. Raises OAuthError."""
    form = await read_parameters(request)
    if form.repeated:
        raise invalid_request("A parameter is sent more than once; send each once.")
    return form


async def read_parameters(request: Request) -> Parameters:
    """The parameters of a form POST, repeated ones noted. Raises OAuthError when it is no form."""
    if media_type(request) != "application/x-www-form-urlencoded":
        raise invalid_request("Send the parameters as application/x-www-form-urlencoded in the body.")
    return parameters(await read_body(request))


async def read_body(request: Request) -> bytes:
    """The body, up to MAX_BODY bytes. Raises OAuthError (413) beyond that."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise invalid_request(f"The body may hold at most {MAX_BODY // 1024} KB.", status=413)
    return bytes(body)


def media_type(request: Request) -> str:
    """The request's content type without its parameters, in lower case."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
