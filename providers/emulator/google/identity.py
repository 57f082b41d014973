"""Signed identities: the key set, and the id_token (OpenID Connect Core §2, Google's claims)."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from providers.emulator.clock import Clock
from providers.emulator.google.people import Person
from providers.emulator.google.scopes import EMAIL, PROFILE
from providers.emulator.ledger import Issued
from providers.emulator.settings import Settings

ISSUER = "https://accounts.google.com"
LIFETIME = 3600
PUBLISHED = 2
"""The current key and the one before it."""


class Keys:
    """RSA signing keys, made when first needed; the newest signs."""

    def __init__(self) -> None:
        self._keys: list[tuple[str, rsa.RSAPrivateKey]] = []
        self._first = self._keys

    def begin(self) -> None:
        """As at the beginning: the first key signs, and no other is published."""
        self._keys = self._first[:]

    def rotate(self) -> str:
        """A new key signs from now on. Its id."""
        kid = secrets.token_hex(20)
        self._keys = [(kid, _key()), *self._keys][:PUBLISHED]
        self._first = self._first or self._keys
        return kid

    def published(self) -> dict[str, Any]:
        """The JSON Web Key Set (RFC 7517)."""
        self._current()
        return {"keys": [_jwk(kid, key) for kid, key in self._keys]}

    def sign(self, claims: Mapping[str, Any], *, forged: bool = False) -> str:
        """A JWT in RS256; `forged`: another key signs under the published id."""
        kid, key = self._current()
        header = {"alg": "RS256", "kid": kid, "typ": "JWT"}
        text = ".".join(_b64(json.dumps(part).encode()) for part in (header, claims))
        signer = _key() if forged else key
        return f"{text}.{_b64(signer.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"

    def _current(self) -> tuple[str, rsa.RSAPrivateKey]:
        if not self._keys:
            self.rotate()
        return self._keys[0]


def id_token(keys: Keys, person: Person, issued: Issued, clock: Clock, settings: Settings) -> str:
    """The identity that goes with a token answer. The setting `id_token` overrides claims; null removes."""
    now = int(clock.now())
    digest = hashlib.sha256(issued.access_token.encode()).digest()
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "azp": issued.grant.client_id,
        "aud": issued.grant.client_id,
        **profile(person, issued.grant.scopes),
        "at_hash": _b64(digest[:16]),
        "iat": now,
        "exp": now + LIFETIME,
    }
    if "nonce" in issued.notes:
        claims["nonce"] = issued.notes["nonce"]
    bent = {**claims, **settings.id_token}
    shown = {name: value for name, value in bent.items() if value is not None}
    return keys.sign(shown, forged=settings.id_token_forged)


def profile(person: Person, scopes: list[str]) -> dict[str, Any]:
    """The claims about a person that `scopes` allow."""
    claims: dict[str, Any] = {"sub": person.sub}
    if person.domain is not None:
        claims["hd"] = person.domain
    if EMAIL in scopes:
        claims |= {"email": person.email, "email_verified": person.verified}
    if PROFILE in scopes:
        given, _, family = person.name.partition(" ")
        claims |= {"name": person.name, "given_name": given, "family_name": family}
    return claims


def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _jwk(kid: str, key: rsa.RSAPrivateKey) -> dict[str, str]:
    numbers = key.public_key().public_numbers()
    n = numbers.n.to_bytes(256, "big")
    e = numbers.e.to_bytes(3, "big")
    return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "n": _b64(n), "e": _b64(e)}


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
