"""Any OpenID Connect provider, by its issuer alone: a way to sign in, with nothing to connect.

It describes itself (OpenID Connect Discovery 1.0). The description must name the very issuer that was asked
for, and nothing in it may lead off https; it is read when somebody first signs in, and kept for an hour.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from providers.base import Account, OpenId, Provider, ProviderError, Rejected, vouched
from providers.http import Http

NAME = "oidc"
_OPERATION = "discover"
_SIGNED = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures by a key pair. `none` and HMAC are not among them: a public key would do as the secret."""
_KEPT = 3600.0
_OLDEST = 86400.0


def record(issuer: str, title: str = "") -> Provider:
    """The record of the provider whose issuer the operator gives; its addresses come from `Discovery`."""
    named = title or urlsplit(issuer).hostname or issuer
    return Provider(
        name=NAME,
        title=named,
        issuer=issuer,
        authorize_url="",
        token_url="",
        hosts=frozenset({urlsplit(issuer).netloc}),
        services=(),
        openid=OpenId("", frozenset({issuer}), lambda claims: _account(issuer, named, claims)),
        identity_scopes=frozenset({"openid", "email", "profile"}),
        manage_url=issuer,
        client_id_setting="OIDC_CLIENT_ID",
        client_secret_setting="OIDC_CLIENT_SECRET",  # noqa: S106  a setting's name
        switch_params={"prompt": "select_account"},
        # Core 1.0 §3.1.2.1: it must ask anew, and say when it last did.
        again_params={"prompt": "login", "max_age": "0"},
        discovers=True,
    )


def _account(issuer: str, title: str, claims: Mapping[str, object]) -> Account:
    """Whose account it is. An address counts only where the provider says that it verified it."""
    words = [claims.get(name) for name in ("email", "preferred_username", "name")]
    label = next((word for word in words if isinstance(word, str) and word), title)
    email = vouched(claims.get("email")) if claims.get("email_verified") is True else None
    return Account(issuer, str(claims["sub"]), label, email=email)


@dataclass(frozen=True, slots=True)
class _Read:
    provider: Provider
    at: float


class Discovery:
    """Completes the record of a provider that describes itself. `clock` is monotonic, in seconds."""

    def __init__(self, http: Http, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._http = http
        self._clock = clock
        self._known: dict[str, _Read] = {}
        self._flights: dict[str, asyncio.Task[_Read]] = {}

    async def complete(self, provider: Provider) -> Provider:
        """The record with its addresses; one that has them already comes back as it is.

        Raises Rejected(DESCRIPTION) where the description can't be accepted, and ProviderError.
        """
        if not provider.discovers:
            return provider
        kept = self._known.get(provider.issuer)
        if kept is not None and self._clock() - kept.at < _KEPT:
            return kept.provider
        flight = self._flights.get(provider.issuer)
        if flight is None:
            flight = self._flights[provider.issuer] = asyncio.create_task(self._read(provider))
            flight.add_done_callback(lambda done: self._landed(provider.issuer, done))
        try:
            return (await asyncio.shield(flight)).provider
        except ProviderError:
            # An older description is better than nobody signing in while it can't be read.
            if kept is not None and self._clock() - kept.at < _OLDEST:
                return kept.provider
            raise

    def _landed(self, issuer: str, flight: asyncio.Task[_Read]) -> None:
        self._flights.pop(issuer, None)
        if not flight.cancelled():
            flight.exception()

    async def _read(self, provider: Provider) -> _Read:
        # Discovery 1.0 §4: a slash at the issuer's end is left out.
        url = f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration"
        found = (await self._http.request(provider, "GET", url, operation=_OPERATION)).json()
        if not isinstance(found, dict):
            raise _refused(provider, "it is no description at all")
        read = _Read(_completed(provider, found), self._clock())
        self._known[provider.issuer] = read
        return read


def _completed(provider: Provider, found: Mapping[str, object]) -> Provider:
    """The record with what its description says. Raises Rejected."""
    if found.get("issuer") != provider.issuer:  # Discovery 1.0 §4.3, RFC 9207 §2.4: exactly
        raise _refused(provider, "it names another issuer")
    authorize = _address(provider, found, "authorization_endpoint")
    token = _address(provider, found, "token_endpoint")
    keys = _address(provider, found, "jwks_uri")
    if "S256" not in _words(found, "code_challenge_methods_supported", ("S256",)):
        raise _refused(provider, "it does not know PKCE with S256")
    offered = _words(found, "id_token_signing_alg_values_supported", ("RS256",))
    algorithms = tuple(name for name in _SIGNED if name in offered)
    if not algorithms:
        raise _refused(provider, "it signs in no way that can be trusted")
    methods = _words(found, "token_endpoint_auth_methods_supported", ("client_secret_basic",))
    assert provider.openid is not None
    return replace(
        provider,
        authorize_url=authorize,
        token_url=token,
        hosts=frozenset({urlsplit(keys).netloc}),
        openid=replace(provider.openid, keys_url=keys, algorithms=algorithms),
        secret_in_body="client_secret_basic" not in methods and "client_secret_post" in methods,
        answers_issuer=found.get("authorization_response_iss_parameter_supported") is True,
        discovers=False,
    )


def _address(provider: Provider, found: Mapping[str, object], name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str) or not is_address(value):
        raise _refused(provider, f"its {name} is no https address")
    return value


def is_address(text: str) -> bool:
    """Whether `text` is an https URL without a user, a fragment or a character that no URL has."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    plain = text.isascii() and text.isprintable() and " " not in text and "\\" not in text
    secure = parts.scheme == "https" and bool(parts.hostname)
    return plain and secure and "@" not in parts.netloc and not parts.fragment


def _words(found: Mapping[str, object], name: str, default: tuple[str, ...]) -> tuple[str, ...]:
    value = found.get(name)
    if value is None:
        return default
    return tuple(word for word in value if isinstance(word, str)) if isinstance(value, list) else ()


def _refused(provider: Provider, why: str) -> Rejected:
    sentence = (
        f"{provider.title} describes itself in a way that Valet can't accept: {why}. Nothing was changed. "
        "Tell whoever runs this Valet to look at OIDC_ISSUER."
    )
    return Rejected(provider.name, _OPERATION, "DESCRIPTION", sentence)
