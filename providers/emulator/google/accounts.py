"""Google's OAuth and OpenID endpoints: consent, tokens, revocation, discovery, keys, userinfo."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from providers.emulator import pages
from providers.emulator.google import consent
from providers.emulator.google.identity import ISSUER, id_token, profile
from providers.emulator.google.scopes import SCOPES, field, normal, services
from providers.emulator.ledger import Client, Denied, Issued, Rules, Unauthenticated
from providers.emulator.oauth import Asked, CodeFlow, Unwelcome, back, challenge
from providers.emulator.pages import NO_STORE

if TYPE_CHECKING:
    from providers.emulator.google.upstream import Google

AUTHORIZE = "/accounts.google.com/o/oauth2/v2/auth"
TOKEN = "/oauth2.googleapis.com/token"  # noqa: S105 - a path
REVOKE = "/oauth2.googleapis.com/revoke"
CERTS = "/www.googleapis.com/oauth2/v3/certs"
USERINFO = "/openidconnect.googleapis.com/v1/userinfo"

BAD_REQUEST = ("invalid_grant", "Bad Request")
DEAD = ("invalid_grant", "Token has been expired or revoked.")
RULES = Rules(
    prefixes={"access": "ya29.emu-canary-", "refresh": "1//emu-canary-", "code": "4/emu-code-"},
    plain=frozenset({"localhost", "127.0.0.1"}),
    words={
        "code": BAD_REQUEST,
        "old_code": BAD_REQUEST,
        "redirect_uri": ("redirect_uri_mismatch", "Bad Request"),
        "verifier": ("invalid_grant", "Invalid code verifier."),
        "token": BAD_REQUEST,
        "expired": DEAD,
        "revoked": DEAD,
    },
)
"""Redirects are exact, port included; a refresh token does not die of age while it is used."""

TESTING_SECONDS = 7 * 86400
PROMPTS = frozenset({"none", "consent", "select_account"})
NEEDED = {"authorization_code": ("code", "redirect_uri"), "refresh_token": ("refresh_token",)}
CHALLENGE = {"www-authenticate": 'Bearer realm="https://accounts.google.com/", error="invalid_token"'}


class Blocked(Unwelcome):
    """An error page of Google's: a code such as redirect_uri_mismatch, and a sentence."""

    def __init__(self, code: str, sentence: str, status: int = 400) -> None:
        super().__init__(sentence, status)
        self.code = code


class Accounts(CodeFlow):
    """The common flow with Google's parameters, pages, and identities."""

    wrong_app = 401
    unknown_app = "The OAuth client was not found."
    wrong_secret = "Unauthorized"  # noqa: S105 - a sentence

    def __init__(self, google: Google) -> None:
        super().__init__(google)
        self._google = google

    def routes(self) -> list[Route]:
        """What this file answers."""
        return [
            *super().routes(),
            Route("/accounts.google.com/.well-known/openid-configuration", self._discovery, methods=["GET"]),
            Route(CERTS, self._certs, methods=["GET"]),
            Route(USERINFO, self._userinfo, methods=["GET", "POST"]),
            Route("/myaccount.google.com/connections", self.connected, methods=["GET", "POST"]),
        ]

    # Consent

    def asked(self, request: Request) -> Asked:
        """The authorize request, checked. Raises Blocked."""
        pairs = request.query_params.multi_items()
        params = dict(pairs)
        if len(pairs) != len(params):
            raise Blocked("invalid_request", "OAuth 2 parameters can only have a single value")
        for name in ("client_id", "redirect_uri", "response_type", "scope"):
            if not params.get(name):
                raise Blocked("invalid_request", f"Required parameter is missing: {name}")
        client = self._google.ledger.client(params["client_id"])
        if client is None:
            raise Blocked("invalid_client", "The OAuth client was not found.", 401)
        if self._google.ledger.admit(client, params["redirect_uri"]) != "ok":
            raise Blocked("redirect_uri_mismatch", "The redirect URI is not one the app registered.")
        if params["response_type"] != "code":
            raise Blocked("unsupported_response_type", "response_type must be code")
        _check(params)
        scopes = normal(params["scope"])
        strange = [scope for scope in scopes if scope not in SCOPES]
        if strange:
            raise Blocked("invalid_scope", f"Some requested scopes were invalid. {{invalid={strange}}}")
        try:
            pkce = challenge(client, params)
        except Unwelcome as error:
            raise Blocked("invalid_request", str(error)) from None
        return Asked(client, params["redirect_uri"], scopes, params.get("state"), pkce, params)

    def at_once(self, asked: Asked) -> Response | None:
        """With prompt=none nobody may be asked, and nobody is signed in here."""
        if "none" in _prompts(asked.params):
            return back(asked, {"error": "interaction_required"})
        return None

    def question(self, asked: Asked, note: str = "") -> str:
        """The account chooser and the tick boxes."""
        hint = asked.params.get("login_hint", "")
        return consent.question(asked.client.id, asked.scopes, self._google.people.values(), hint, note)

    def unwelcome(self, error: Unwelcome) -> Response:
        """Google's error page."""
        code = error.code if isinstance(error, Blocked) else "invalid_request"
        return pages.page(consent.blocked(code, str(error), error.status), error.status)

    def consented(self, asked: Asked, choice: dict[str, str]) -> dict[str, str]:
        """Code and granted scopes; nothing ticked and nothing to sign in with is a refusal."""
        google, account = self._google, choice["account"]
        boxes = services(asked.scopes)
        unticked = {scope for scope in boxes if len(boxes) > 1 and field(scope) not in choice}
        granted = [scope for scope in asked.scopes if scope not in unticked]
        if not granted:
            return {"error": "access_denied"}
        held = google.held(account, asked.client.id)
        together = asked.params.get("include_granted_scopes") == "true"
        tested = google.settings.testing and bool(services(granted))
        code = google.ledger.consent(
            asked.client,
            account,
            granted,
            asked.redirect_uri,
            asked.challenge,
            held=held if together else (),
            seconds=TESTING_SECONDS if tested else None,
            offline=self._offline(asked, account),
            notes={"nonce": asked.params["nonce"]} if "nonce" in asked.params else {},
        )
        grant = google.ledger.grants[google.ledger.codes[code].grant]
        return {"code": code, "scope": " ".join(grant.scopes)}

    def _offline(self, asked: Asked, account: str) -> bool:
        """A refresh token comes with the first offline grant, and again only with prompt=consent."""
        if asked.params.get("access_type") != "offline":
            return False
        return "consent" in _prompts(asked.params) or not self._google.keeps(account, asked.client.id)

    # Tokens

    def grant(self, client: Client, fields: dict[str, str]) -> Issued:
        """Google's words for a request that is not whole."""
        kind = fields.get("grant_type", "")
        if kind not in NEEDED:
            raise Denied("unsupported_grant_type", f"Invalid grant_type: {kind}")
        for name in NEEDED[kind]:
            if not fields.get(name):
                raise Denied("invalid_request", f"Missing required parameter: {name}")
        return super().grant(client, fields)

    def token_answer(self, issued: Issued) -> dict[str, Any]:
        """Google's token answer; with `openid` it carries an identity, after a refresh too."""
        google, grant = self._google, issued.grant
        answer: dict[str, Any] = {
            "access_token": issued.access_token,
            "expires_in": issued.expires_in - 1,
            "scope": " ".join(grant.scopes),
            "token_type": "Bearer",
        }
        if issued.refresh_token is not None:
            answer["refresh_token"] = issued.refresh_token
            if grant.expires_at is not None:
                answer["refresh_token_expires_in"] = int(grant.expires_at - google.clock.now())
        if "openid" in grant.scopes:
            person = google.people[grant.account]
            answer["id_token"] = id_token(google.keys, person, issued, google.clock, google.settings)
            google.ledger.private.append(answer["id_token"])
        return answer

    def revoked(self, request: Request, fields: dict[str, str]) -> Response:
        """Ends all that the account granted to the app, by either kind of token; no app need show itself."""
        if not fields.get("token"):
            raise Denied("invalid_request", "Missing required parameter: token")
        grant = self._google.ledger.owner(fields["token"])
        if grant is None:
            raise Denied("invalid_token", "Token expired or revoked")
        self._google.ledger.revoke(grant.account, grant.client_id)
        return JSONResponse({}, headers=NO_STORE)

    # OpenID

    async def _discovery(self, request: Request) -> Response:
        return JSONResponse(
            {
                "issuer": ISSUER,
                "authorization_endpoint": f"https:/{AUTHORIZE}",
                "token_endpoint": f"https:/{TOKEN}",
                "userinfo_endpoint": f"https:/{USERINFO}",
                "revocation_endpoint": f"https:/{REVOKE}",
                "jwks_uri": f"https:/{CERTS}",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "scopes_supported": ["openid", "email", "profile"],
                "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
                "code_challenge_methods_supported": ["S256"],
                "grant_types_supported": ["authorization_code", "refresh_token"],
            }
        )

    async def _certs(self, request: Request) -> Response:
        caching = {"cache-control": "public, max-age=19800, must-revalidate, no-transform"}
        return JSONResponse(self._google.keys.published(), headers=caching)

    async def _userinfo(self, request: Request) -> Response:
        try:
            grant = self._google.bearer(request)
        except Unauthenticated:
            body = {"error": "invalid_request", "error_description": "Invalid Credentials"}
            return JSONResponse(body, 401, CHALLENGE)
        return JSONResponse(profile(self._google.people[grant.account], grant.scopes))


def _check(params: dict[str, str]) -> None:
    """The values of what is optional. Raises Blocked."""
    prompts = _prompts(params)
    if not prompts <= PROMPTS or ("none" in prompts and len(prompts) > 1):
        raise Blocked("invalid_request", f"Invalid parameter value for prompt: {params['prompt']}")
    for name, allowed in (
        ("access_type", {"online", "offline"}),
        ("include_granted_scopes", {"true", "false"}),
    ):
        if name in params and params[name] not in allowed:
            raise Blocked("invalid_request", f"Invalid parameter value for {name}: {params[name]}")


def _prompts(params: Any) -> set[str]:
    return set(params.get("prompt", "").split())
