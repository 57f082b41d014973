"""People with a chat signed in and Spotify connected, each with an access token of their own.

Many, because a grant may make 300 requests at once and 20 a second (`mcp_server/buckets.py`).
"""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from pydantic import SecretStr

from providers.base import Account, App, TokenSet
from providers.spotify.record import READ, WRITE
from vault.ids import new_id
from vault.opaque import digest, mint
from vault.rings.file import FileKeyRing
from vault.store.database import Database
from vault.upstream import Upstream
from vault.vault import Vault, open_vault

ORIGIN = "http://127.0.0.1:8420"
RESOURCE = f"{ORIGIN}/mcp"
_SCOPES = frozenset(READ | WRITE)
_STATEMENTS = (
    "INSERT INTO users (id, display_name) VALUES (%(user)s, 'Ana')",
    "INSERT INTO clients (id, kind, name, redirect_uris, auth_method)"
    " VALUES ('bench', 'dcr', 'Chat', '{http://127.0.0.1/}', 'none') ON CONFLICT DO NOTHING",
    "INSERT INTO grants (id, user_id, client_id, redirect_uri, scopes)"
    " VALUES (%(grant)s, %(user)s, 'bench', 'http://127.0.0.1/', '{spotify:read,spotify:write}')",
    "INSERT INTO families (id, grant_id, resource) VALUES (%(family)s, %(grant)s, %(resource)s)",
    "INSERT INTO access_tokens (hash, family_id, expires_at)"
    " VALUES (%(hash)s, %(family)s, now() + interval '1 day')",
)


class NoUpstream(Upstream):
    """Nothing is refreshed: the token sets live a day."""

    async def refresh(self, provider: str, app: App | str, refresh_token: SecretStr) -> TokenSet:
        raise NotImplementedError

    async def revoke(self, provider: str, app: App | str, token: SecretStr) -> bool:
        raise NotImplementedError


async def settle(url: str, ring: Path, number: int) -> list[str]:
    """So many people in the database behind `url`; their chats' access tokens."""
    database = Database(url)
    await database.open()
    try:
        vault = await open_vault(database, FileKeyRing.create(ring), NoUpstream())
        try:
            return [await _person(database, vault) for _ in range(number)]
        finally:
            await vault.close()
    finally:
        await database.close()


async def _person(database: Database, vault: Vault) -> str:
    user, token = new_id(), mint("vlt_at_").get_secret_value()
    names = {
        "user": user,
        "grant": new_id(),
        "family": new_id(),
        "resource": RESOURCE,
        "hash": digest(token),
    }
    async with database.transaction() as link:
        for statement in _STATEMENTS:
            await link.execute(statement, names)
    await _connected(vault, user)
    return token


async def _connected(vault: Vault, user: UUID) -> None:
    access, refresh = SecretStr("BQ" + "a" * 200), SecretStr("AQ" + "r" * 128)
    account = Account("https://accounts.spotify.com", str(user), "ana")
    tokens = TokenSet(access, 86_400.0, refresh, _SCOPES)
    await vault.save(user, "spotify", "operator", account, tokens, _SCOPES, None)
