"""The sealed body of a connection: its token set as JSON, bound to owner, row and secret version.

Whose tokens they are stands inside: a row that names another provider or app must not send them there.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from uuid import UUID

from pydantic import SecretStr

from providers.base import Credential
from vault import envelope
from vault.cache import DekCache, open_sealed
from vault.errors import Malformed, Tampered
from vault.store.leases import SealedConnection

_PURPOSE = "connection.tokens"


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


async def open_tokens(row: SealedConnection, cache: DekCache) -> Tokens:
    """Open a row's body. Raises Sealed."""
    wrapped = row.dek()
    # A context has no version below zero: only an edit of the row can have made one.
    if wrapped is None or row.body is None or row.secret_version < 0:
        cache.alarms.refused("malformed", _PURPOSE)
        raise Malformed("the connection has no key or no sealed body, or an impossible version")
    place = context(row.owner, row.id, row.secret_version)
    plaintext = open_sealed(await cache.get(wrapped), place, row.body, cache.alarms)
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
    return envelope.seal(await cache.get(wrapped), context(row.owner, row.id, version), body)


def credential(row: SealedConnection, tokens: Tokens) -> Credential:
    """What the vault hands out: never the refresh token."""
    return Credential(
        str(row.id), tokens.access_token, row.expires_in, row.secret_version, frozenset(row.scopes)
    )
