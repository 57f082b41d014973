"""The authorization endpoint: it reads a chat client's wish and leads to the consent page.

A request is only validated and noted; nothing is given until the person's POST on the consent page
calls `approve`. So a client may GET /authorize as often as it likes. Until client and redirect URI are
known to belong together, an error is a page: answering an unproven address would make us an open
redirector (RFC 6749 §4.1.2.1).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping
from uuid import UUID

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from connect.endpoint import MAX_BODY, NO_STORE, Parameters, parameters, read_parameters
from connect.limits import Gate, TooMany
from connect.oautherrors import OAuthError, busy, invalid_request
from connect.redirects import answer_url, match
from connect.resource import require_resource
from connect.roster import Roster
from connect.scopes import decided, narrowed
from connect.vouched import NotVouched
from connect.words import crowded
from vault.errors import Busy
from vault.opaque import digest, mint
from vault.store.clients import Client
from vault.store.flows import AlreadyUsed, AuthorizeFlow, AuthorizeRequest, Flows

__all__ = ["AlreadyUsed", "Authorize"]

_log = structlog.get_logger(__name__)

ErrorPage = Callable[[Request, int, str, str], Response]
"""`(request, status, title, sentence) -> page`."""

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43,128}")
_AGAIN = "Nothing was shared. Go back to your chat and connect again from there."
_CHECK_AGAIN = (
    "Nothing was shared. Connect again from your chat in a minute; if this page comes back, show it to "
    "whoever runs this server."
)
_REGISTER_AGAIN = (
    "Nothing was shared. Remove this server in your chat client and add it again, so that it registers anew."
)


class _Untrusted(Exception):
    """The request names no client and redirect URI that belong together: a page, never a redirect."""

    def __init__(self, title: str, sentence: str, status: int = 400, wait: float = 0) -> None:
        super().__init__(title)
        self.title = title
        self.sentence = sentence
        self.status = status
        self.wait = wait


class _Stranger(_Untrusted):
    """The client is none that we know: its registration may have expired."""


class Authorize:
    """GET and POST /authorize, and what the consent page does with the person's answer.

    `scopes` are all of ours, looked at anew each time; `error_page` draws a page for a person.
    """

    def __init__(
        self,
        issuer: str,
        resource: str,
        scopes: Collection[str],
        roster: Roster,
        flows: Flows,
        error_page: ErrorPage,
        gate: Gate,
    ) -> None:
        self._issuer = issuer
        self._resource = resource
        self._scopes = scopes
        self._roster = roster
        self._flows = flows
        self._error_page = error_page
        self._gate = gate

    def routes(self) -> list[Route]:
        """The endpoint. It is for browsers' address bars, so it has no CORS."""
        return [Route("/authorize", self._begin, methods=["GET", "POST"], name="authorize")]

    async def approve(self, flow: AuthorizeFlow, user_id: UUID, scopes: Collection[str]) -> str:
        """Give the client what the person chose; returns where their browser goes now (it holds a code).

        The choice replaces what this flow asked for, ends a service that was turned off, and leaves other
        scopes the grant has. Works once per flow: raises AlreadyUsed after that, and where the client is gone
        or has given up that redirect URI meanwhile; ValueError for a scope that is none of ours.
        """
        chosen = frozenset(scopes)
        if not chosen <= frozenset(self._scopes):
            raise ValueError("scopes of ours only")
        await self._stands(flow)
        code = mint("vlt_ac_")
        grant_id = await self._flows.approve(
            flow.id,
            user_id,
            asked=decided(flow.scopes, chosen),
            chosen=chosen,
            code_hash=digest(code.get_secret_value()),
        )
        _log.info("grant_given", grant_id=str(grant_id), client_id=flow.client_id, scopes=sorted(chosen))
        return self._back(flow.redirect_uri, {"code": code.get_secret_value(), "state": flow.state})

    async def deny(self, flow: AuthorizeFlow) -> str:
        """Tell the client that the person said no; returns where the browser goes. Raises AlreadyUsed."""
        await self._stands(flow)
        await self._flows.deny(flow.id)
        _log.info("grant_denied", client_id=flow.client_id)
        denied = {"error": "access_denied", "error_description": "The person said no."}
        return self._back(flow.redirect_uri, {**denied, "state": flow.state})

    async def _stands(self, flow: AuthorizeFlow) -> None:
        """The client is still known and still answers there: an hour may have passed. Raises AlreadyUsed."""
        client = await self._roster.find(flow.client_id)
        if client is None or flow.registered_uri not in client.redirect_uris:
            _log.warning("authorize_outdated", client_id=flow.client_id)
            raise AlreadyUsed

    async def _begin(self, request: Request) -> Response:
        try:
            asked = await _parameters(request)
            await self._admit(request)
            client, redirect_uri, registered = await self._trust(asked)
        except _Untrusted as error:
            return self._turn_away(request, error)
        except OAuthError as error:
            return self._page(request, error.status, "This link is damaged", f"{error.description} {_AGAIN}")
        except Busy:
            return self._page(
                request, 503, "Valet is busy", "Nothing was lost. Reload this page in a moment."
            )
        try:
            wish = self._wish(asked, client, redirect_uri, registered)
            handle = await self._flows.create_authorize(wish)
        except OAuthError as error:
            return self._refuse(client, redirect_uri, asked, error)
        except Busy:
            return self._refuse(client, redirect_uri, asked, busy())
        return _redirect(f"{self._issuer}/consent?h={handle}")

    async def _admit(self, request: Request) -> None:
        """Before anything is read or fetched. Raises _Untrusted, and Busy.

        A page of somebody else could make its visitors' browsers send hundreds of requests, as pictures or
        frames, until their network may send no more. So what a browser opens as no page is not counted.
        """
        if "sec-fetch-site" in request.headers and request.headers.get("sec-fetch-dest") != "document":
            title = "This opens only in a window of its own"
            raise _Untrusted(title, f"Another page tried to show it. {_AGAIN}", 403)
        try:
            await self._gate.asks(request)
        except TooMany as error:
            title = "Many requests came from your network"
            raise _Untrusted(title, f"Nothing was shared. {crowded(error.wait)}", 429, error.wait) from None

    async def _trust(self, asked: Parameters) -> tuple[Client, str, str]:
        """The client, where to answer, and the registration that matches. Raises _Untrusted."""
        client_id, presented = asked.get("client_id"), asked.get("redirect_uri")
        if client_id is None or asked.repeated & {"client_id", "redirect_uri"}:
            raise _Untrusted(
                "This link is incomplete", f"It does not say which chat client sent you. {_AGAIN}"
            )
        try:
            client = await self._roster.meet(client_id)
        except NotVouched as error:
            raise _Untrusted("Valet could not check this chat client", f"{error} {_CHECK_AGAIN}") from None
        if client is None:
            raise _Stranger("Valet does not know this chat client", _REGISTER_AGAIN)
        if presented is None:
            if len(client.redirect_uris) != 1:
                raise _Untrusted(
                    "This link is incomplete", f"It does not say where to return to afterwards. {_AGAIN}"
                )
            presented = client.redirect_uris[0]
        registered = match(presented, client.redirect_uris)
        if registered is None:
            raise _Untrusted(
                "This link leads somewhere else",
                f"The address to return to is not one this chat client registered. {_REGISTER_AGAIN}",
            )
        return client, presented, registered

    def _wish(
        self, asked: Parameters, client: Client, redirect_uri: str, registered: str
    ) -> AuthorizeRequest:
        """The validated request. Raises OAuthError, for the redirect URI."""
        if asked.repeated:
            raise invalid_request("A parameter is sent more than once; send each once.")
        _check_response(asked)
        challenge = asked.get("code_challenge")
        if challenge is None or asked.get("code_challenge_method") != "S256":
            raise invalid_request("PKCE is needed: send code_challenge with code_challenge_method=S256.")
        if not _CHALLENGE.fullmatch(challenge):
            raise invalid_request("code_challenge must be 43 to 128 characters of base64url without padding.")
        require_resource(asked.get("resource"), self._resource)
        return AuthorizeRequest(
            client_id=client.id,
            redirect_uri=redirect_uri,
            registered_uri=registered,
            redirect_sent=asked.get("redirect_uri") is not None,
            scopes=narrowed(asked.get("scope"), frozenset(self._scopes)),
            state=asked.get("state"),
            code_challenge=challenge,
            resource=self._resource,
        )

    def _turn_away(self, request: Request, error: _Untrusted) -> Response:
        if isinstance(error, _Stranger) and _is_program(request):
            return OAuthError("invalid_client", "The client is not known here. Register again.").answer()
        return self._page(request, error.status, error.title, error.sentence, error.wait)

    def _refuse(self, client: Client, redirect_uri: str, asked: Parameters, error: OAuthError) -> Response:
        _log.info("authorize_refused", client_id=client.id, error=error.error)
        state = None if "state" in asked.repeated else asked.get("state")
        fields = {"error": error.error, "error_description": error.description, "state": state}
        return _redirect(self._back(redirect_uri, fields))

    def _back(self, redirect_uri: str, fields: Mapping[str, str | None]) -> str:
        """The answer's address, with the issuer (RFC 9207), so that a client can't mix up two servers."""
        return answer_url(redirect_uri, {**fields, "iss": self._issuer})

    def _page(self, request: Request, status: int, title: str, sentence: str, wait: float = 0) -> Response:
        response = self._error_page(request, status, title, sentence)
        response.headers.update(NO_STORE | ({"Retry-After": str(math.ceil(wait))} if wait else {}))
        return response


def _is_program(request: Request) -> bool:
    """Does it ask for JSON and not for a page?

    A chat client may look here before it opens a browser (mcp-remote does), so that it can register anew.
    """
    accepted = request.headers.get("accept", "")
    return "application/json" in accepted and "text/html" not in accepted


async def _parameters(request: Request) -> Parameters:
    if request.method == "POST":
        return await read_parameters(request)
    raw: bytes = request.scope["query_string"]
    if len(raw) > MAX_BODY:
        raise invalid_request("The link is too long.", status=414)
    return parameters(raw)


def _check_response(asked: Parameters) -> None:
    """Only `response_type=code`, in the query, by plain parameters."""
    if asked.get("response_type") is None:
        raise invalid_request("The parameter response_type is missing; send response_type=code.")
    if asked.get("response_type") != "code":
        raise OAuthError("unsupported_response_type", "Only response_type=code is offered.")
    if asked.get("response_mode") not in {None, "query"}:
        raise invalid_request("Only response_mode=query is offered.")
    if asked.get("request") is not None:
        raise OAuthError("request_not_supported", "Send plain parameters; request objects are not offered.")
    if asked.get("request_uri") is not None:
        raise OAuthError("request_uri_not_supported", "Send plain parameters; request_uri is not offered.")


def _redirect(location: str) -> Response:
    return RedirectResponse(location, 303, headers={**NO_STORE, "Referrer-Policy": "no-referrer"})
