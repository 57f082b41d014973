"""Many people with a chat client's token and a connection each, and what their rows say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString
from uuid import UUID

from pydantic import SecretStr

from providers.base import Account, App, TokenSet
from providers.oauth import OAuth
from providers.registry import PROVIDERS, Registry
from providers.transport import Transport
from tests.support.emulator import CLIENT, SECRET, EmulatorProcess
from valet.upstream import RegisteredUpstream
from vault.ids import new_id
from vault.opaque import digest, mint
from vault.rings.file import FileKeyRing
from vault.store.database import Database
from vault.timing import Timing
from vault.vault import Vault, open_vault

SCOPES = ("user-read-playback-state", "user-modify-playback-state")
REFRESH = "POST accounts.spotify.com/api/token refresh_token"
"""How the emulator names a refresh, for its faults."""

CLIENT_ROW: LiteralString = (
    "INSERT INTO clients (id, kind, name, redirect_uris, auth_method)"
    " VALUES ('proof', 'dcr', 'proof', '{http://127.0.0.1/}', 'none') ON CONFLICT DO NOTHING"
)
USER_ROW: LiteralString = "INSERT INTO users (id, display_name) VALUES (%s, 'Proof')"
GRANT_ROW: LiteralString = (
    "INSERT INTO grants (id, user_id, client_id, redirect_uri, scopes)"
    " VALUES (%s, %s, 'proof', 'http://127.0.0.1/', '{spotify:read,spotify:write}')"
)
FAMILY_ROW: LiteralString = "INSERT INTO families (id, grant_id, resource) VALUES (%s, %s, %s)"
_TOKEN: LiteralString = (
    "INSERT INTO access_tokens (hash, family_id, expires_at) VALUES (%s, %s, now() + interval '1 hour')"
)


@dataclass(frozen=True)
class Person:
    """A user with one connection, and the access token of their chat client."""

    owner: UUID
    connection: UUID
    token: str


async def vault_over(
    database: Database, ring: Path, transport: Transport, timing: Timing | None = None
) -> Vault:
    """A vault whose refreshes go over `transport`, with the emulator's app."""
    registry = Registry(PROVIDERS, {"spotify": App("operator", CLIENT, SecretStr(SECRET))})
    upstream = RegisteredUpstream(OAuth(transport), registry)
    keys = FileKeyRing(ring) if ring.exists() else FileKeyRing.create(ring)
    return await open_vault(database, keys, upstream, timing=timing)


async def opened(
    stack: AsyncExitStack, url: str, ring: Path, emulator: EmulatorProcess
) -> tuple[Database, Vault]:
    """The database and a vault on it, until the stack is closed."""
    database = Database(url)
    await database.open()
    stack.push_async_callback(database.close)
    transport = await stack.enter_async_context(Transport(emulator_origin=emulator.origin))
    return database, await vault_over(database, ring, transport)


async def settle(
    database: Database, vault: Vault, emulator: EmulatorProcess, origin: str, count: int
) -> list[Person]:
    """That many people; each connection is from a consent of its own and its access token is over."""
    async with database.connection() as link:
        await link.execute(CLIENT_ROW)
    people = [await one(database, vault, emulator, origin) for _ in range(count)]
    emulator.expire("access")
    emulator.forget()
    return people


async def one(database: Database, vault: Vault, emulator: EmulatorProcess, origin: str) -> Person:
    """Somebody whose access token still lives at the provider, and has run out by our own record."""
    issued = emulator.sign_in(*SCOPES)
    user, grant, family, token = new_id(), new_id(), new_id(), mint("vlt_at_").get_secret_value()
    async with database.connection() as link:
        await link.execute(USER_ROW, (user,))
        await link.execute(GRANT_ROW, (grant, user))
        await link.execute(FAMILY_ROW, (family, grant, f"{origin}/mcp"))
        await link.execute(_TOKEN, (digest(token), family))
    tokens = TokenSet(SecretStr(issued["access_token"]), 0, SecretStr(issued["refresh_token"]))
    account = Account("https://accounts.spotify.com", "proof", "Proof")
    saved = await vault.save(user, "spotify", "operator", account, tokens, frozenset(SCOPES), None)
    return Person(user, saved.id, token)


async def expire(database: Database) -> None:
    """Let every stored access token be over, as after an hour."""
    async with database.connection() as link:
        await link.execute("UPDATE connections SET access_expires_at = now()")


async def leased(database: Database) -> set[UUID]:
    """The owners of connections whose refresh began and has not ended."""
    return await _owners(database, "SELECT owner FROM connections WHERE lease_until IS NOT NULL")


async def lost(database: Database) -> set[UUID]:
    """The owners of connections that need the person."""
    return await _owners(database, "SELECT owner FROM connections WHERE status = 'needs_reauth'")


async def _owners(database: Database, query: LiteralString) -> set[UUID]:
    async with database.connection() as link:
        return {row[0] for row in await (await link.execute(query)).fetchall()}


async def standing(database: Database) -> Counter[tuple[str, str | None]]:
    """How many connections are in which status, for which reason."""
    async with database.connection() as link:
        cursor = await link.execute("SELECT status, reason FROM connections")
        return Counter((status, reason) for status, reason in await cursor.fetchall())


async def versions(database: Database) -> dict[UUID, int]:
    """The stored secret version by owner."""
    async with database.connection() as link:
        cursor = await link.execute("SELECT owner, secret_version FROM connections")
        return {owner: version for owner, version in await cursor.fetchall()}


def ended(emulator: EmulatorProcess) -> list[Any]:
    """The grants that the emulator no longer honours."""
    return [grant for grant in emulator.read("tokens")["grants"] if grant["ended"] is not None]


def owners(people: Iterable[Person]) -> list[UUID]:
    return [person.owner for person in people]
