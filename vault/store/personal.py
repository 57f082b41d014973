"""Personal access tokens, for programs that can't sign in by OAuth: made by their person, for `/mcp` only.

One is an ordinary access token with a longer life, under a family, a grant and a client of its own. The
client is of the kind `personal`, which `Clients` never gives out, so no endpoint of OAuth takes it; and there
is no refresh token. What ends a grant, or shuts out a person, ends it too.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import cast
from uuid import UUID

from psycopg.rows import class_row
from pydantic import SecretStr

from vault.errors import PersonGone, VaultError
from vault.ids import new_id
from vault.opaque import digest, mint
from vault.store.database import Connection as Link
from vault.store.database import Database

PREFIX = "vlt_pat_"
"""How every one begins, so that people and secret scanners recognise it."""

LONGEST = 365
"""The most days that one lives."""


MOST = 50
"""How many one person may have at a time."""


class Full(VaultError):
    """The person has MOST tokens already."""

    def __init__(self) -> None:
        super().__init__("this person has as many personal tokens as one may have")


@dataclass(frozen=True, slots=True)
class PersonalToken:
    """One as its person sees it; `id` is its grant's, `scopes` are ours. `over`: it has run out."""

    id: UUID
    name: str
    scopes: frozenset[str]
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime
    over: bool

    def __post_init__(self) -> None:
        object.__setattr__(self, "scopes", frozenset(self.scopes))


class PersonalTokens:
    """Clients of the kind `personal` and what stands under them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(
        self, key: UUID, user_id: UUID, name: str, scopes: frozenset[str], resource: str, days: int
    ) -> SecretStr | None:
        """A new token, seen here and never again. None where `key` made one before: a form is sent once.

        Raises Full, PersonGone where the person was deleted or blocked meanwhile, and ValueError for a life
        of no days, or of more than LONGEST.
        """
        if not 1 <= days <= LONGEST:
            raise ValueError(f"a personal token lives 1 to {LONGEST} days")
        token = mint(PREFIX)
        names = {
            "client": f"vlt_personal_{key}",
            "name": name,
            "grant": new_id(),
            "family": new_id(),
            "user_id": user_id,
            "scopes": sorted(scopes),
            "resource": resource,
            "hash": digest(token.get_secret_value()),
            "days": days,
        }
        async with self._database.transaction() as link:
            return token if await _add(link, names) else None

    async def list(self, user_id: UUID) -> list[PersonalToken]:
        """The person's tokens that were not revoked, oldest first; one that ran out is there for a day."""
        async with (
            self._database.connection() as link,
            link.cursor(row_factory=class_row(PersonalToken)) as cursor,
        ):
            await cursor.execute(
                "SELECT g.id, c.name, g.scopes, g.created_at, g.last_used_at, t.expires_at,"
                " t.expires_at <= now() AS over FROM grants g JOIN clients c ON c.id = g.client_id"
                " JOIN families f ON f.grant_id = g.id JOIN access_tokens t ON t.family_id = f.id"
                " WHERE g.user_id = %(user_id)s AND c.kind = 'personal' AND g.revoked_at IS NULL"
                " AND f.revoked_at IS NULL ORDER BY g.created_at, g.id",
                {"user_id": user_id},
            )
            return await cursor.fetchall()

    async def sweep(self) -> int:
        """Delete clients whose token is gone, revoked, or without its person; returns how many rows went."""
        async with self._database.connection() as link:
            cursor = await link.execute(
                "DELETE FROM clients c WHERE c.kind = 'personal' AND NOT EXISTS ("
                "  SELECT FROM grants g JOIN families f ON f.grant_id = g.id"
                "  JOIN access_tokens t ON t.family_id = f.id WHERE g.client_id = c.id"
                "  AND g.revoked_at IS NULL AND f.revoked_at IS NULL)"
            )
            return cursor.rowcount


async def _add(link: Link, names: dict[str, object]) -> bool:
    """The four rows, inside the caller's transaction; False where the client is there.

    The person's row is held meanwhile, so that of many forms at once each counts the others. Raises Full,
    PersonGone.
    """
    person = await link.execute(
        "SELECT FROM users WHERE id = %(user_id)s AND blocked_at IS NULL FOR NO KEY UPDATE", names
    )
    if person.rowcount == 0:
        raise PersonGone
    if await _full(link, names):
        raise Full
    cursor = await link.execute(
        "INSERT INTO clients (id, kind, name, redirect_uris, auth_method)"
        " VALUES (%(client)s, 'personal', %(name)s, '{}', 'none') ON CONFLICT DO NOTHING",
        names,
    )
    if cursor.rowcount == 0:
        return False
    await link.execute(
        "INSERT INTO grants (id, user_id, client_id, redirect_uri, scopes)"
        " VALUES (%(grant)s, %(user_id)s, %(client)s, '', %(scopes)s)",
        names,
    )
    await link.execute(
        "INSERT INTO families (id, grant_id, resource) VALUES (%(family)s, %(grant)s, %(resource)s)", names
    )
    await link.execute(
        "INSERT INTO access_tokens (hash, family_id, expires_at)"
        " VALUES (%(hash)s, %(family)s, now() + make_interval(days => %(days)s))",
        names,
    )
    return True


async def _full(link: Link, names: dict[str, object]) -> bool:
    cursor = await link.execute(
        "SELECT count(*) FROM grants g JOIN clients c ON c.id = g.client_id"
        " JOIN families f ON f.grant_id = g.id JOIN access_tokens t ON t.family_id = f.id"
        " WHERE g.user_id = %(user_id)s AND c.kind = 'personal' AND g.revoked_at IS NULL"
        " AND f.revoked_at IS NULL AND t.expires_at > now()",
        names,
    )
    return cast("tuple[int]", await cursor.fetchone())[0] >= MOST
