"""The sealed body of a connection: its token set as JSON, bound to owner, row and secret version.

Whose tokens they are stands inside: a row that names another provider or app must not send them there.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from uuid import UUID

from pydantic import SecretStr

from providers.base import Credential
from vault import envelope
from vault.cache import DekCache
from vault.errors import Malformed, Tampered
from vault.store.leases import SealedConnection

_PURPOSE = "connection.tokens"
_SANE = 1 << 32
"""No count of consents and refreshes comes that far: a larger version is somebody's edit."""
_ROOM = 1 << 31
"""Where a version begins anew it is below this, and one that came to `_SANE` may go on for as many more."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """The two tokens that rest sealed."""

    access_token: SecretStr
    refresh_token: SecretStr | None


def context(owner: UUID, connection: UUID, version: int) -> envelope.Context:
    """What a connection's body is bound to."""
    return envelope.Context(owner, _PURPOSE, connection, version)


def encode(tokens: Tokens, provider: str, app: str) -> bytes:
    """The plaintext of a body: the tokens, and the provider and app that they are of."""
    refresh = tokens.refresh_token
    return json.dumps(
        {
            "provider": provider,
            "app": app,
            "access_token": tokens.access_token.get_secret_value(),
            "refresh_token": None if refresh is None else refresh.get_secret_value(),
        }
    ).encode()


def next_version(version: int) -> int:
    """The version of a new consent over a row with that one.

    A row that somebody edited may hold any number. One that can't be counted on from begins anew at random,
    so that no refresh under way holds it by chance and stores over the consent.
    """
    return version + 1 if 0 <= version < _SANE else 1 + secrets.randbelow(_ROOM - 1)


async def open_tokens(row: SealedConnection, cache: DekCache) -> Tokens:
    """Open a row's body. Raises Sealed."""
    wrapped = row.dek()
    # Nothing counts below zero or that far: only an edit of the row can have made such a version.
    if wrapped is None or row.body is None or not 0 <= row.secret_version < _SANE + _ROOM:
        cache.alarms.refused("malformed", _PURPOSE)
        raise Malformed("the connection has no key or no sealed body, or an impossible version")
    place = context(row.owner, row.id, row.secret_version)
    plaintext = await cache.open(wrapped, place, row.body)
    body = json.loads(plaintext)
    # Bodies of before say nothing of it; they get it with their next refresh.
    if (body.get("provider", row.provider), body.get("app", row.app)) != (row.provider, row.app):
        cache.alarms.refused("tampered", _PURPOSE)
        raise Tampered("the connection names another provider or app than its body")
    refresh = body["refresh_token"]
    return Tokens(SecretStr(body["access_token"]), None if refresh is None else SecretStr(refresh))


async def seal_tokens(row: SealedConnection, version: int, tokens: Tokens, cache: DekCache) -> bytes:
    """A new body for the row under its own key, at that secret version."""
    wrapped = row.dek()
    if wrapped is None:
        raise Malformed("the connection has no key")
    body = encode(tokens, row.provider, row.app)
    return await cache.seal(wrapped, context(row.owner, row.id, version), body)


def credential(row: SealedConnection, tokens: Tokens) -> Credential:
    """What the vault hands out: never the refresh token."""
    return Credential(
        str(row.id),
        tokens.access_token,
        row.expires_in,
        row.secret_version,
        frozenset(row.scopes),
        app=row.app,
    )
