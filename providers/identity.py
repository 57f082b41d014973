"""Whose account a fresh token is: from the provider's signed id_token, or by asking its API.

OpenID Connect Core 1.0 §3.1.3.7: the signature by a key of the provider's own document, issuer, audience,
authorized party, expiry and nonce. A token that fails any of them is nobody's.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from hmac import compare_digest

import structlog
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from pydantic import SecretStr

from providers.base import (
    Account,
    App,
    OpenId,
    Provider,
    ProviderError,
    Rejected,
    TokenSet,
    Unavailable,
)
from providers.http import Http

log = structlog.get_logger(__name__)

_OPERATION = "identify"
# The nonce, which lives ten minutes and once, proves that the token is fresh: so a host's clock may be wrong.
_LEEWAY = 900
_TRIP = 600.0
_KEPT = 3600.0
_OLDEST = 86400.0
_UNKNOWN_KEY_PAUSE = 5.0
_NOT_GENUINE = (
    "did not prove whose account this is, so nothing was changed. Try again; if it stays, tell the operator."
)


@dataclass(frozen=True, slots=True)
class _Keys:
    """A key document and when it was read, in seconds of the monotonic clock."""

    keys: KeySet
    read_at: float


class Identities:
    """Asks whose account it is. Keeps public key documents for an hour, and nothing else.

    `clock` is monotonic, `now` is Unix time; both are in seconds.
    """

    def __init__(
        self,
        http: Http,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._http = http
        self._clock = clock
        self._now = now
        self._documents: dict[str, _Keys] = {}
        self._flights: dict[str, asyncio.Task[_Keys]] = {}

    async def account(
        self,
        provider: Provider,
        app: App,
        tokens: TokenSet,
        nonce: SecretStr | None,
        *,
        proof: bool = False,
    ) -> Account:
        """The account behind tokens that were just exchanged; `nonce` is the one sent with the person.

        `proof`: the provider was told to ask who it is, and must not say that it did so long ago
        (Rejected(NOT_ASKED)).
        Raises Rejected(ID_TOKEN) where the id_token is missing or not genuine, Rejected(NO_SUBJECT) where
        the provider names nobody, and ProviderError.
        """
        if provider.openid is None:
            assert provider.account is not None, "the registry takes no record without either"
            found = await provider.account(self._http, tokens.access_token)
        elif tokens.id_token is None or nonce is None or not nonce.get_secret_value():
            raise _not_genuine(provider, "missing")
        else:
            claims = await self._verified(provider, provider.openid, app, tokens.id_token, nonce)
            if proof and _was_long_ago(claims):
                raise _not_asked(provider)
            found = provider.openid.account(claims)
            if not proof and "max_age" in provider.again_params:
                # It may have let the browser through by an old session, as anybody at an open one could use.
                just_now = "auth_time" in claims and not _was_long_ago(claims)
                found = replace(found, proved=just_now)
        # Whoever shares a subject is one person here, so an empty one would be everybody.
        if not (found.subject and found.subject.isascii() and found.subject.isprintable()):
            raise Rejected(provider.name, _OPERATION, "NO_SUBJECT", _nobody(provider))
        return found

    async def _verified(
        self, provider: Provider, openid: OpenId, app: App, id_token: SecretStr, nonce: SecretStr
    ) -> dict[str, object]:
        try:
            claims = await self._signed(provider, openid, id_token)
            jwt.JWTClaimsRegistry(
                now=int(self._now()),
                leeway=_LEEWAY,
                iss={"essential": True, "values": sorted(openid.issuers)},
                aud={"essential": True, "value": app.client_id},
                sub={"essential": True},
                exp={"essential": True},
            ).validate(claims)
        except JoseError as error:
            # The word only: the library's sentences quote the token's own claims.
            raise _not_genuine(provider, error.error) from None
        except (ValueError, TypeError):
            raise _not_genuine(provider, "unreadable") from None
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if claims.get("azp", None if several else app.client_id) != app.client_id:
            raise _not_genuine(provider, "azp")
        sent = claims.get("nonce")
        meant = nonce.get_secret_value().encode()
        if not isinstance(sent, str) or not compare_digest(sent.encode(errors="replace"), meant):
            raise _not_genuine(provider, "nonce")
        if not isinstance(claims["sub"], str):
            raise _not_genuine(provider, "sub")
        return claims

    async def _signed(self, provider: Provider, openid: OpenId, id_token: SecretStr) -> dict[str, object]:
        """The claims of a token whose signature holds. Raises JoseError, ValueError."""
        document = await self._keys(provider, openid, older_than=_KEPT)
        try:
            return _decoded(id_token, document.keys, openid)
        except InvalidKeyIdError:
            # Providers change keys between two readings; a stranger's key id must not make us read on and on.
            fresh = await self._keys(provider, openid, older_than=_UNKNOWN_KEY_PAUSE)
            return _decoded(id_token, fresh.keys, openid)

    async def _keys(self, provider: Provider, openid: OpenId, older_than: float) -> _Keys:
        """The key document; all who need it at once share one reading, and its failure."""
        url = openid.keys_url
        kept = self._documents.get(url)
        if kept is not None and self._clock() - kept.read_at < older_than:
            return kept
        flight = self._flights.get(url)
        if flight is None:
            flight = self._flights[url] = asyncio.create_task(self._read(provider, url))
            flight.add_done_callback(lambda done: self._landed(url, done))
        try:
            return await asyncio.shield(flight)
        except ProviderError:
            # An older document is better than nobody signing in while the provider can't be read.
            if kept is not None and self._clock() - kept.read_at < _OLDEST:
                return kept
            raise

    def _landed(self, url: str, flight: asyncio.Task[_Keys]) -> None:
        self._flights.pop(url, None)
        if not flight.cancelled():
            flight.exception()

    async def _read(self, provider: Provider, url: str) -> _Keys:
        answer = await self._http.request(provider, "GET", url, operation="keys")
        try:
            found = _Keys(_usable(answer.json()), self._clock())
        except (JoseError, ValueError, TypeError, KeyError):
            raise Unavailable(provider.name, "keys", "unreadable answer") from None
        self._documents[url] = found
        return found


def _usable(document: object) -> KeySet:
    """The keys of a document that we can use; the others are no fault of these (RFC 7517 §5)."""
    found = []
    for each in document["keys"]:  # type: ignore[index]
        # The library raises what it meets: a curve it does not know, a missing member, a number out of range.
        with suppress(JoseError, ValueError, TypeError, KeyError, AttributeError):
            found += KeySet.import_key_set({"keys": [each]}).keys
    if not found:
        raise ValueError("no key that can be used")
    return KeySet(found)


def _nobody(provider: Provider) -> str:
    return f"{provider.title} did not say which account this is, so nothing was changed. Try again later."


def _decoded(id_token: SecretStr, keys: KeySet, openid: OpenId) -> dict[str, object]:
    return dict(jwt.decode(id_token.get_secret_value(), keys, algorithms=openid.algorithms).claims)


def _was_long_ago(claims: dict[str, object]) -> bool:
    """Whether the provider says that it asked the person longer ago than a trip lasts.

    Both times are by its own clock. One that does not say when it asked can't be held to it (Core 1.0 §2).
    """
    asked, issued = claims.get("auth_time"), claims.get("iat")
    if not isinstance(asked, (int, float)) or not isinstance(issued, (int, float)):
        return asked is not None
    return issued - asked > _TRIP


def _not_asked(provider: Provider) -> Rejected:
    log.warning("proof_too_old", provider=provider.name)
    sentence = (
        f"{provider.title} let you through without asking who you are, so this is no new proof of it. "
        f"Nothing was changed. Sign out at {provider.title}, then try again."
    )
    return Rejected(provider.name, _OPERATION, "NOT_ASKED", sentence)


def _not_genuine(provider: Provider, why: str) -> Rejected:
    log.warning("id_token_refused", provider=provider.name, why=why)
    return Rejected(provider.name, _OPERATION, "ID_TOKEN", f"{provider.title} {_NOT_GENUINE}")
