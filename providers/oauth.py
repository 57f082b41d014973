"""The OAuth client of every provider: authorization code with PKCE S256, refresh, revocation.

Built on Authlib's `AsyncOAuth2Client` (`client.py`: it makes the URLs, the bodies and the client
authentication), never on its session integration and never on its refreshing by itself. What comes back is
read here, because Authlib's own reading keeps neither status nor Retry-After and puts the upstream's text
into its exceptions.

    invalid_grant                              GrantRejected
    invalid_client and its kin                 AppRejected
    429                                        RateLimited
    408, 5xx, no answer, unreadable answer     Unavailable
    anything else (invalid_scope, …)           Rejected
"""

from __future__ import annotations

import math
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx2
import structlog
from authlib.common.errors import AuthlibBaseError
from pydantic import SecretStr

from providers.base import (
    App,
    AppRejected,
    GrantRejected,
    Provider,
    ProviderError,
    RateLimited,
    Rejected,
    TokenSet,
    Unavailable,
)
from providers.http import AMBIGUOUS, decoded, visible
from providers.transport import Transport
from providers.upstreams import Upstreams
from providers.waiting import named_pause, retry_after

if TYPE_CHECKING:
    from providers.client import Client

log = structlog.get_logger(__name__)

DEFAULT_LIFETIME = 3600.0
MAX_LIFETIME = 365 * 86400.0
# The first two: RFC 6749 §5.2. The others: Google, for a client that was deleted or switched off.
_APP_FAULTS = frozenset({"invalid_client", "unauthorized_client", "deleted_client", "disabled_client"})
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,300}")
_MOST_SCOPES = 500
_GONE_ALREADY = frozenset({"invalid_token", "invalid_grant"})  # Google, where RFC 7009 §2.2 wants a 200
_PASSING_FAULTS = frozenset({"server_error", "temporarily_unavailable", "slow_down"})
_KNOWN_FAULTS = frozenset(
    {"invalid_request", "invalid_scope", "unsupported_grant_type", "access_denied", "redirect_uri_mismatch",
     "invalid_target", "unsupported_token_type", "admin_policy_enforced", "org_internal"}
)  # fmt: skip


def _client(*args: Any, **given: Any) -> Client:
    # Loaded by whoever asks first: a twentieth of a start, and 4 MB, most of it for other uses of JOSE.
    from providers.client import Client

    return Client(*args, **given)


def new_verifier() -> SecretStr:
    """A PKCE code verifier: 64 characters, 384 bits (RFC 7636 §4.1 wants 43 to 128 characters)."""
    return SecretStr(secrets.token_urlsafe(48))


class OAuth:
    """Asks authorization servers for tokens. Keeps nothing between calls.

    `upstreams` hears of each request. `deadline` is in seconds, for one call. `clock` is monotonic; `now` is
    read for a Retry-After date only.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        upstreams: Upstreams | None = None,
        deadline: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._transport = transport
        self._upstreams = upstreams or Upstreams()
        self._deadline = deadline
        self._clock = clock
        self._now = now

    def authorize_url(
        self,
        provider: Provider,
        app: App,
        redirect_uri: str,
        scopes: Collection[str],
        state: SecretStr | str,
        verifier: SecretStr,
        *,
        keep: bool = True,
        switch: bool = False,
        again: bool = False,
        nonce: SecretStr | None = None,
        hint: str = "",
    ) -> str:
        """Where to send the browser (RFC 6749 §4.1.1, RFC 7636 §4.3). At the emulator, its address.

        `keep`: the tokens will be stored, so ask for what can be refreshed. `switch` asks for the account
        chooser or a fresh approval, `again` for a new proof of who it is. `nonce` and `hint` (the account
        meant) go to providers with OpenID Connect only (Core 1.0 §3.1.2.1).
        """
        client = _client(client_id=app.client_id, redirect_uri=redirect_uri, code_challenge_method="S256")
        extra = _joined(
            provider.authorize_params,
            provider.connect_params if keep else {},
            provider.switch_params if switch else {},
            provider.again_params if again else {},
        )
        if provider.openid is not None:
            extra |= {"nonce": nonce.get_secret_value()} if nonce else {}
            extra |= {"login_hint": hint} if hint else {}
        url, _ = client.create_authorization_url(
            self._transport.address(provider.authorize_url),
            state=state.get_secret_value() if isinstance(state, SecretStr) else state,
            code_verifier=verifier.get_secret_value(),
            scope=" ".join(sorted(scopes)) or None,
            **extra,
        )
        return str(url)

    async def exchange(
        self, provider: Provider, app: App, redirect_uri: str, code: SecretStr, verifier: SecretStr
    ) -> TokenSet:
        """The tokens for an authorization code (RFC 6749 §4.1.3). Raises ProviderError."""
        grant = {"code": code, "code_verifier": verifier}
        plain = {"grant_type": "authorization_code", "redirect_uri": redirect_uri}
        return await self._tokens(provider, app, "exchange", plain, grant)

    async def check(self, provider: Provider, app: App, redirect_uri: str) -> None:
        """Return where the provider knows the app: found out without a person, by a code that nobody got.

        A token endpoint authenticates the app before it looks at the code (RFC 6749 §3.2.1, §4.1.3), so it
        refuses the code of an app it knows (`invalid_grant`) and the app that it does not (`invalid_client`).
        Raises AppRejected, and ProviderError where it gave no answer to go by.
        """
        code = SecretStr(f"valet-asks-{secrets.token_urlsafe(24)}")
        try:
            await self.exchange(provider, app, redirect_uri, code, new_verifier())
        except GrantRejected:
            return
        raise Unavailable(provider.name, "check", "took a code that nobody got")

    async def refresh(self, provider: Provider, app: App, refresh_token: SecretStr) -> TokenSet:
        """Fresh tokens for a refresh token (RFC 6749 §6), sent once. Raises ProviderError.

        `Unavailable.ambiguous` says that the refresh token may have been spent.
        """
        secret = {"refresh_token": refresh_token}
        tokens = await self._tokens(provider, app, "refresh", {"grant_type": "refresh_token"}, secret)
        # A refresh takes no scope away (RFC 6749 §6): naming none says nothing.
        return tokens if tokens.scopes else replace(tokens, scopes=None)

    async def revoke(self, provider: Provider, app: App, token: SecretStr) -> bool:
        """End a grant at the provider (RFC 7009). False where the provider has no such endpoint.

        A token the provider no longer knows counts as revoked. Raises ProviderError.
        """
        url = provider.revoke_url
        if url is None:
            return False
        answer = await self._send(
            provider, app, "revoke", lambda client: client.revoke_token(url, token=token.get_secret_value())
        )
        if answer.is_success:
            return True
        code = _error_code(decoded(answer.content))
        if answer.status_code == 400 and code in _GONE_ALREADY:
            return True
        raise self._refusal(provider.name, "revoke", answer, code)

    async def _tokens(
        self,
        provider: Provider,
        app: App,
        operation: str,
        plain: dict[str, str],
        secret: dict[str, SecretStr],
    ) -> TokenSet:
        if not all(value.get_secret_value() for value in secret.values()):
            raise Rejected(provider.name, operation, "invalid_request")  # Authlib would leave it out

        def ask(client: Client) -> Awaitable[httpx2.Response]:
            revealed = {name: value.get_secret_value() for name, value in secret.items()}
            found: Awaitable[httpx2.Response] = client.fetch_token(provider.token_url, **plain, **revealed)
            return found

        started = self._clock()
        answer = await self._send(provider, app, operation, ask)
        taken = self._clock() - started
        body = decoded(answer.content)
        code = _error_code(body)
        # Some servers put an error into a 200.
        if not answer.is_success or code is not None:
            raise self._refusal(provider.name, operation, answer, code)
        tokens = _token_set(body, taken)
        if tokens is None:
            raise Unavailable(provider.name, operation, "unreadable answer", ambiguous=True)
        return tokens

    async def _send(
        self,
        provider: Provider,
        app: App,
        operation: str,
        ask: Callable[[Client], Awaitable[httpx2.Response]],
    ) -> httpx2.Response:
        """One POST by a client of its own: no cookie and no token outlives it."""
        secret = app.client_secret.get_secret_value() if app.client_secret else None
        if not f"{app.client_id}{secret or ''}".isascii():  # RFC 6749 appendix A.1, A.2: both are VSCHAR
            raise AppRejected(provider.name, operation)
        try:
            borrowed = self._transport.within(self._deadline)
            method = "client_secret_post" if secret and provider.secret_in_body else None
            with self._upstreams.sent(provider.name, operation, "POST") as exchange:
                async with _client(
                    app.client_id,
                    secret,
                    token_endpoint_auth_method=method,
                    transport=borrowed,
                    trust_env=False,
                ) as client:
                    answer = await ask(client)
                exchange.status = answer.status_code
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout):
            raise Unavailable(provider.name, operation, "no connection") from None
        except httpx2.HTTPError:
            raise Unavailable(provider.name, operation, "no usable answer", ambiguous=True) from None
        except (AuthlibBaseError, ValueError):  # what no form can hold; the texts quote it
            raise Rejected(provider.name, operation, "invalid_request") from None
        return answer

    def _refusal(
        self, provider: str, operation: str, answer: httpx2.Response, code: str | None
    ) -> ProviderError:
        status = answer.status_code
        if status == 429:
            return RateLimited(provider, operation, retry_after(answer.headers, self._now()))
        if status == 408 or status >= 500 or code in _PASSING_FAULTS:
            again = named_pause(answer.headers, self._now())
            ambiguous = status in AMBIGUOUS
            return Unavailable(provider, operation, f"HTTP {status}", ambiguous=ambiguous, retry_after=again)
        if code is None:
            return Unavailable(provider, operation, "unreadable answer", ambiguous=False)
        if code == "invalid_grant":
            return GrantRejected(provider, operation)
        if code in _APP_FAULTS:
            return AppRejected(provider, operation)
        return Rejected(provider, operation, code if code in _KNOWN_FAULTS else "unknown_error")


def _joined(*several: Mapping[str, str]) -> dict[str, str]:
    """All of them; what one name is given in several places becomes a list of words, as `prompt` is one."""
    joined: dict[str, str] = {}
    for params in several:
        for name, words in params.items():
            joined[name] = " ".join(dict.fromkeys([*joined.get(name, "").split(), *words.split()]))
    return joined


def _error_code(body: object) -> str | None:
    """The `error` of an OAuth error answer (RFC 6749 §5.2), or None."""
    code = body.get("error") if isinstance(body, dict) else None
    return code if isinstance(code, str) and code else None


def _token_set(body: object, taken: float) -> TokenSet | None:
    """A token answer (RFC 6749 §5.1), or None where it is none. `taken` is the request's time in seconds."""
    if not isinstance(body, dict):
        return None
    token, kind = body.get("access_token"), body.get("token_type")
    if not isinstance(token, str) or not visible(token):
        return None
    if not isinstance(kind, str) or kind.lower() != "bearer":
        return None
    return TokenSet(
        access_token=SecretStr(token),
        expires_in=max(0.0, _lifetime(body.get("expires_in")) - taken),
        refresh_token=_secret(body.get("refresh_token")),
        scopes=_scopes(body.get("scope")),
        id_token=_secret(body.get("id_token")),
        grant_expires_in=_ends_in(body.get("refresh_token_expires_in"), taken),
    )


def _ends_in(value: object, taken: float) -> float | None:
    """Seconds until the grant itself ends, or None where the answer does not say so in a number."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    return max(0.0, float(min(value, 100 * MAX_LIFETIME)) - taken) if value > 0 else None


def _lifetime(value: Any) -> float:
    """Seconds; one hour where the answer says nothing usable, at most a year."""
    try:
        seconds = DEFAULT_LIFETIME if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        return DEFAULT_LIFETIME
    return min(seconds, MAX_LIFETIME) if math.isfinite(seconds) and seconds > 0 else DEFAULT_LIFETIME


def _secret(value: object) -> SecretStr | None:
    return SecretStr(value) if isinstance(value, str) and value else None


def _scopes(value: object) -> frozenset[str] | None:
    """Granted scopes; None where the answer does not say. Some servers send a list.

    What is no scope (RFC 6749 §3.3: `%x21 / %x23-5B / %x5D-7E`) is passed over: it was never asked for.
    """
    words = value.split() if isinstance(value, str) else value
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        return None
    return frozenset(word for word in words[:_MOST_SCOPES] if _SCOPE.fullmatch(word))
