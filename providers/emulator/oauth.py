"""The authorization code flow as the RFCs have it, over an upstream's ledger.

RFC 6749 (code, token endpoint), RFC 7636 (PKCE, S256 only), RFC 7009 (revocation). An upstream whose
wire differs overrides the method that differs.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from providers.emulator import pages
from providers.emulator.ledger import Client, Denied, Issued
from providers.emulator.pages import NO_STORE

if TYPE_CHECKING:
    from providers.emulator.upstream import Upstream

CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
"""base64url of a SHA-256 digest: the only form S256 can take (RFC 7636 §4.2)."""


class Unwelcome(Exception):
    """An authorize request that gets a plain error page instead of a redirect."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Asked:
    """A valid authorize request; `params` is all of it."""

    client: Client
    redirect_uri: str
    scopes: list[str]
    state: str | None
    challenge: str | None
    params: Mapping[str, str]


class CodeFlow:
    """The routes; apps, grants and tokens live in the upstream's ledger."""

    wrong_app = 400
    """The status of `invalid_client` (RFC 6749 §5.2 allows 401 too)."""

    unknown_app = "Invalid client"
    wrong_secret = "Invalid client secret"  # noqa: S105 - a sentence

    secret_in_body = True
    """Whether `client_secret` may stand in the form instead of a Basic header."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    def routes(self) -> list[Route]:
        """Authorize, token, and revoke where the upstream has it."""
        upstream = self._upstream
        routes = [
            Route(upstream.authorize, self._ask, methods=["GET"]),
            Route(upstream.authorize, self._answer, methods=["POST"]),
            Route(upstream.token, self._token, methods=["POST"]),
        ]
        if upstream.revocation is not None:
            routes.append(Route(upstream.revocation, self._revoke, methods=["POST"]))
        return routes

    # Consent

    async def _ask(self, request: Request) -> Response:
        """The page. It is always shown: an earlier consent is not remembered."""
        try:
            asked = self.asked(request)
        except Unwelcome as error:
            return self.unwelcome(error)
        return self.at_once(asked) or pages.page(self.question(asked))

    async def _answer(self, request: Request) -> Response:
        """The person's choice: back to the app with a code, or with an error (RFC 6749 §4.1.2.1)."""
        try:
            asked = self.asked(request)
        except Unwelcome as error:
            return self.unwelcome(error)
        choice = await form(request)
        if choice.get("decision") == "cancel":
            return self.answered(asked, {"error": "access_denied"})
        if choice.get("decision") != "agree" or choice.get("account", "") not in self._upstream.people:
            return pages.page(self.question(asked, "Choose an account."), 400)
        trouble = self._upstream.settings.callback_error
        return self.answered(asked, {"error": trouble} if trouble else self.consented(asked, choice))

    def answered(self, asked: Asked, answer: dict[str, str]) -> Response:
        """The way back to the app with that answer."""
        return back(asked, answer)

    def asked(self, request: Request) -> Asked:
        """The authorize request, checked. Raises Unwelcome."""
        pairs = request.query_params.multi_items()
        params = dict(pairs)
        if len(pairs) != len(params):
            raise Unwelcome("A parameter is given twice")
        for name in ("client_id", "response_type", "redirect_uri"):
            if not params.get(name):
                raise Unwelcome(f"Missing required parameter: {name}")
        ledger = self._upstream.ledger
        client = ledger.client(params["client_id"])
        if client is None:
            raise Unwelcome("INVALID_CLIENT: Invalid client")
        verdict = ledger.admit(client, params["redirect_uri"])
        if verdict != "ok":
            kind = "Insecure" if verdict == "insecure" else "Invalid"
            raise Unwelcome(f"INVALID_CLIENT: {kind} redirect URI")
        if params["response_type"] != "code":
            raise Unwelcome("response_type must be code")
        scopes = list(dict.fromkeys(params.get("scope", "").split()))
        if not set(scopes) <= self._upstream.scopes.keys():
            raise Unwelcome("Illegal scope")
        pkce = challenge(client, params)
        return Asked(client, params["redirect_uri"], scopes, params.get("state"), pkce, params)

    def at_once(self, asked: Asked) -> Response | None:
        """An answer without a page, where the upstream knows one."""
        return None

    def question(self, asked: Asked, note: str = "") -> str:
        """The consent page."""
        wanted = {scope: self._upstream.scopes[scope] for scope in asked.scopes}
        everybody = self._upstream.people.values()
        return pages.question(self._upstream.title, asked.client.id, wanted, everybody, note)

    def unwelcome(self, error: Unwelcome) -> Response:
        """The plain page of a request that cannot be sent back to its app."""
        return pages.page(pages.refusal(self._upstream.title, str(error)), error.status)

    def consented(self, asked: Asked, choice: dict[str, str]) -> dict[str, str]:
        """What goes back to the app after the person agreed."""
        account = choice["account"]
        code = self._upstream.ledger.consent(
            asked.client, account, asked.scopes, asked.redirect_uri, asked.challenge
        )
        return {"code": code}

    # Tokens

    async def _token(self, request: Request) -> Response:
        fields = await token_form(request)
        issued = self.grant(self.authenticated(request, fields), fields)
        return JSONResponse(self.token_answer(issued), headers=NO_STORE)

    def token_answer(self, issued: Issued) -> dict[str, Any]:
        """The body of a token answer (RFC 6749 §5.1)."""
        answer: dict[str, Any] = {
            "access_token": issued.access_token,
            "token_type": "Bearer",
            "expires_in": issued.expires_in,
        }
        if issued.refresh_token is not None:
            answer["refresh_token"] = issued.refresh_token
        answer["scope"] = " ".join(issued.grant.scopes)
        return answer

    def grant(self, client: Client, fields: dict[str, str]) -> Issued:
        """Spend a code or use a refresh token. Raises Denied."""
        ledger = self._upstream.ledger
        match fields.get("grant_type"):
            case "authorization_code":
                code, redirect_uri = needed(fields, "code"), needed(fields, "redirect_uri")
                return ledger.exchange(client, code, redirect_uri, fields.get("code_verifier"))
            case "refresh_token":
                return ledger.refresh(client, needed(fields, "refresh_token"))
            case None:
                raise Denied("unsupported_grant_type", "grant_type parameter is missing")
            case _:
                raise Denied(
                    "unsupported_grant_type", "grant_type must be authorization_code or refresh_token"
                )

    def authenticated(self, request: Request, fields: dict[str, str]) -> Client:
        """The app: by Basic or in the body where it has a secret, by `client_id` alone where it has none."""
        basic = _basic(request.headers.get("authorization"), self.wrong_app)
        client_id = basic[0] if basic else fields.get("client_id", "")
        if not client_id or fields.get("client_id", client_id) != client_id:
            raise Denied("invalid_request", "Missing or conflicting client_id")
        client = self._upstream.ledger.client(client_id)
        if client is None:
            raise Denied("invalid_client", self.unknown_app, self.wrong_app)
        shown = basic[1] if basic else fields.get("client_secret") if self.secret_in_body else None
        if client.refused or shown != client.secret:
            raise Denied("invalid_client", self.wrong_secret, self.wrong_app)
        return client

    async def _revoke(self, request: Request) -> Response:
        fields = await token_form(request)
        return self.revoked(request, fields)

    def revoked(self, request: Request, fields: dict[str, str]) -> Response:
        """End the grant of a token. An unknown token is fine too (RFC 7009 §2.2)."""
        client = self.authenticated(request, fields)
        grant = self._upstream.ledger.owner(needed(fields, "token"))
        if grant is not None and grant.client_id == client.id:
            self._upstream.ledger.revoke(grant.account, grant.client_id)
        return Response(status_code=200, headers=NO_STORE)

    # What the person allowed

    async def connected(self, request: Request) -> Response:
        """The page of the connected apps, for upstreams that have one: a button removes access."""
        ledger = self._upstream.ledger
        if request.method == "POST":
            choice = await form(request)
            ledger.revoke(choice.get("account", ""), choice.get("client_id", ""))
            return RedirectResponse(request.url.path, 303)
        pairs = dict.fromkeys((grant.account, grant.client_id) for grant in ledger.living())
        rows = [(self._upstream.people[account], client_id) for account, client_id in pairs]
        return pages.page(pages.apps(self._upstream.title, rows))


def denied(error: Denied) -> Response:
    """The token endpoint's error body (RFC 6749 §5.2)."""
    body = {"error": error.error, "error_description": error.description}
    return JSONResponse(body, error.status, NO_STORE)


def challenge(client: Client, params: Mapping[str, str]) -> str | None:
    """The PKCE challenge; mandatory for a public app, S256 only. Raises Unwelcome."""
    given, method = params.get("code_challenge"), params.get("code_challenge_method")
    if given is None and method is None:
        if client.secret is None:
            raise Unwelcome("Missing required parameter: code_challenge")
        return None
    if method != "S256":
        raise Unwelcome("code_challenge_method must be S256")
    if given is None or not CHALLENGE.fullmatch(given):
        raise Unwelcome("Invalid code_challenge")
    return given


def back(asked: Asked, answer: dict[str, str]) -> Response:
    """The redirect to the app, with its state."""
    if asked.state is not None:
        answer = {**answer, "state": asked.state}
    separator = "&" if "?" in asked.redirect_uri else "?"
    return RedirectResponse(f"{asked.redirect_uri}{separator}{urlencode(answer)}", 303, NO_STORE)


async def token_form(request: Request) -> dict[str, str]:
    """The form of a token request. Raises Denied for another media type."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip()
    if media_type != "application/x-www-form-urlencoded":
        raise Denied("invalid_request", "Content-Type must be application/x-www-form-urlencoded", 415)
    return await form(request)


async def form(request: Request) -> dict[str, str]:
    """The form of a request. A parameter given twice is refused (RFC 6749 §3.2)."""
    try:
        pairs = parse_qsl((await request.body()).decode(), keep_blank_values=True)
    except UnicodeDecodeError:
        raise Denied("invalid_request", "The form is not UTF-8") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise Denied("invalid_request", "A parameter is given twice")
    return fields


def needed(fields: dict[str, str], name: str) -> str:
    """A field of a token request. Raises Denied where it is missing."""
    if not fields.get(name):
        raise Denied("invalid_request", f"{name} must be supplied")
    return fields[name]


def _basic(header: str | None, wrong: int) -> tuple[str, str] | None:
    """Id and secret of a Basic header; None without one. Raises Denied where it cannot be read."""
    if header is None:
        return None
    scheme, _, encoded = header.partition(" ")
    try:
        client_id, colon, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        colon = client_id = secret = ""
    if scheme.lower() != "basic" or not colon:
        raise Denied("invalid_client", "Invalid client", wrong)
    return client_id, secret
