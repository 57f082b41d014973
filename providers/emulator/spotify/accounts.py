"""accounts.spotify.com: the consent page's requests and the token endpoint (RFC 6749, RFC 7636)."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from providers.emulator.ledger import Client, Denied, Issued
from providers.emulator.spotify import consent
from providers.emulator.spotify.world import Spotify

HOST = "/accounts.spotify.com"
CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
"""base64url of a SHA-256 digest: the only form S256 can take (RFC 7636 §4.2)."""

NO_STORE = {"cache-control": "no-store", "pragma": "no-cache"}


class Unwelcome(Exception):
    """An authorize request that gets a plain error page instead of a redirect."""


@dataclass(frozen=True)
class Asked:
    """A valid authorize request."""

    client: Client
    redirect_uri: str
    scopes: list[str]
    state: str | None
    challenge: str | None


class Accounts:
    """The routes; apps, grants and tokens live in `spotify.ledger`."""

    def __init__(self, spotify: Spotify) -> None:
        self._spotify = spotify

    def routes(self) -> list[Route]:
        """What this file answers."""
        return [
            Route(f"{HOST}/authorize", self._ask, methods=["GET"]),
            Route(f"{HOST}/authorize", self._answer, methods=["POST"]),
            Route(f"{HOST}/api/token", self._token, methods=["POST"]),
            Route("/www.spotify.com/account/apps/", self._apps, methods=["GET", "POST"]),
        ]

    # Consent

    async def _ask(self, request: Request) -> Response:
        """The page. It is always shown: an earlier consent is not remembered, `show_dialog` or not."""
        try:
            asked = self._asked(request)
        except Unwelcome as error:
            return _page(consent.refusal(str(error)), 400)
        return _page(consent.question(asked.client.id, asked.scopes, self._spotify.people.values()))

    async def _answer(self, request: Request) -> Response:
        """The person's choice: back to the app with a code, or with `access_denied`."""
        try:
            asked = self._asked(request)
        except Unwelcome as error:
            return _page(consent.refusal(str(error)), 400)
        form = await _form(request)
        if form.get("decision") == "cancel":
            return _back(asked, {"error": "access_denied"})
        account = form.get("account", "")
        if form.get("decision") != "agree" or account not in self._spotify.people:
            everybody, note = self._spotify.people.values(), "Choose an account."
            return _page(consent.question(asked.client.id, asked.scopes, everybody, note), 400)
        code = self._spotify.ledger.consent(
            asked.client, account, asked.scopes, asked.redirect_uri, asked.challenge
        )
        return _back(asked, {"code": code})

    def _asked(self, request: Request) -> Asked:
        pairs = request.query_params.multi_items()
        params = dict(pairs)
        if len(pairs) != len(params):
            raise Unwelcome("A parameter is given twice")
        for name in ("client_id", "response_type", "redirect_uri"):
            if not params.get(name):
                raise Unwelcome(f"Missing required parameter: {name}")
        client = self._spotify.ledger.client(params["client_id"])
        if client is None:
            raise Unwelcome("INVALID_CLIENT: Invalid client")
        verdict = self._spotify.ledger.admit(client, params["redirect_uri"])
        if verdict != "ok":
            kind = "Insecure" if verdict == "insecure" else "Invalid"
            raise Unwelcome(f"INVALID_CLIENT: {kind} redirect URI")
        if params["response_type"] != "code":
            raise Unwelcome("response_type must be code")
        scopes = list(dict.fromkeys(params.get("scope", "").split()))
        if not set(scopes) <= consent.SCOPES.keys():
            raise Unwelcome("Illegal scope")
        return Asked(client, params["redirect_uri"], scopes, params.get("state"), _challenge(client, params))

    # Tokens

    async def _token(self, request: Request) -> Response:
        issued = self._grant(request, await _token_form(request))
        answer: dict[str, str | int] = {
            "access_token": issued.access_token,
            "token_type": "Bearer",
            "expires_in": issued.expires_in,
        }
        if issued.refresh_token is not None:
            answer["refresh_token"] = issued.refresh_token
        answer["scope"] = " ".join(issued.scopes)
        return JSONResponse(answer, headers=NO_STORE)

    def _grant(self, request: Request, form: dict[str, str]) -> Issued:
        client = self._authenticated(request, form)
        ledger = self._spotify.ledger
        match form.get("grant_type"):
            case "authorization_code":
                code, redirect_uri = _needed(form, "code"), _needed(form, "redirect_uri")
                return ledger.exchange(client, code, redirect_uri, form.get("code_verifier"))
            case "refresh_token":
                return ledger.refresh(client, _needed(form, "refresh_token"))
            case None:
                raise Denied("unsupported_grant_type", "grant_type parameter is missing")
            case _:
                raise Denied(
                    "unsupported_grant_type", "grant_type must be authorization_code or refresh_token"
                )

    def _authenticated(self, request: Request, form: dict[str, str]) -> Client:
        """The app: by Basic where it has a secret, by `client_id` in the body where it has none."""
        basic = _basic(request.headers.get("authorization"))
        client_id = basic[0] if basic else form.get("client_id", "")
        if not client_id or form.get("client_id", client_id) != client_id:
            raise Denied("invalid_request", "Missing or conflicting client_id")
        client = self._spotify.ledger.client(client_id)
        if client is None:
            raise Denied("invalid_client", "Invalid client")
        if client.refused or (basic[1] if basic else None) != client.secret:
            raise Denied("invalid_client", "Invalid client secret")
        return client

    # What the person allowed: https://www.spotify.com/account/apps/

    async def _apps(self, request: Request) -> Response:
        ledger = self._spotify.ledger
        if request.method == "POST":
            form = await _form(request)
            ledger.revoke(form.get("account", ""), form.get("client_id", ""))
            return RedirectResponse(request.url.path, 303)
        living = [grant for grant in ledger.grants.values() if grant.ended is None]
        pairs = dict.fromkeys((grant.account, grant.client_id) for grant in living)
        rows = [(self._spotify.people[account], client_id) for account, client_id in pairs]
        return _page(consent.apps(rows))


def denied(error: Denied) -> Response:
    """The token endpoint's error body (RFC 6749 §5.2)."""
    body = {"error": error.error, "error_description": error.description}
    return JSONResponse(body, error.status, NO_STORE)


def _challenge(client: Client, params: dict[str, str]) -> str | None:
    """The PKCE challenge; mandatory for a public app, S256 only."""
    challenge, method = params.get("code_challenge"), params.get("code_challenge_method")
    if challenge is None and method is None:
        if client.secret is None:
            raise Unwelcome("Missing required parameter: code_challenge")
        return None
    if method != "S256":
        raise Unwelcome("code_challenge_method must be S256")
    if challenge is None or not CHALLENGE.fullmatch(challenge):
        raise Unwelcome("Invalid code_challenge")
    return challenge


def _back(asked: Asked, answer: dict[str, str]) -> Response:
    if asked.state is not None:
        answer["state"] = asked.state
    separator = "&" if "?" in asked.redirect_uri else "?"
    return RedirectResponse(f"{asked.redirect_uri}{separator}{urlencode(answer)}", 303, NO_STORE)


async def _token_form(request: Request) -> dict[str, str]:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip()
    if media_type != "application/x-www-form-urlencoded":
        raise Denied("invalid_request", "Content-Type must be application/x-www-form-urlencoded", 415)
    return await _form(request)


async def _form(request: Request) -> dict[str, str]:
    """The form of a request. A parameter given twice is refused (RFC 6749 §3.2)."""
    try:
        pairs = parse_qsl((await request.body()).decode(), keep_blank_values=True)
    except UnicodeDecodeError:
        raise Denied("invalid_request", "The form is not UTF-8") from None
    form = dict(pairs)
    if len(form) != len(pairs):
        raise Denied("invalid_request", "A parameter is given twice")
    return form


def _needed(form: dict[str, str], name: str) -> str:
    if not form.get(name):
        raise Denied("invalid_request", f"{name} must be supplied")
    return form[name]


def _basic(header: str | None) -> tuple[str, str] | None:
    """Id and secret of a Basic header; None without one. Raises Denied where it cannot be read."""
    if header is None:
        return None
    scheme, _, encoded = header.partition(" ")
    try:
        client_id, colon, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        colon = client_id = secret = ""
    if scheme.lower() != "basic" or not colon:
        raise Denied("invalid_client", "Invalid client")
    return client_id, secret


def _page(html: str, status: int = 200) -> Response:
    headers = {**NO_STORE, **consent.HEADERS}
    return HTMLResponse(html, status, headers)
