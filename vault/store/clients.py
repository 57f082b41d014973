"""Chat programs: who registered with our authorization server, and how they prove it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, LiteralString, cast

from psycopg.rows import class_row

from vault.store.database import Connection as Link
from vault.store.database import Database

Kind = Literal["dcr", "cimd", "static", "personal"]
AuthMethod = Literal["none", "client_secret_basic", "client_secret_post"]

_SEEN: LiteralString = "SELECT id, kind, name, redirect_uris, auth_method, secret_hash FROM clients"


@dataclass(frozen=True, slots=True)
class Client:
    """A chat program. `dcr` names itself and is unverified; `cimd` is vouched for by the host of its id,
    `static` by the operator. `personal` is none: it is what a person's own token is called.

    `secret_hash` is SHA-256 of a minted secret, None for a public client.
    """

    id: str
    kind: Kind
    name: str
    redirect_uris: tuple[str, ...]
    auth_method: AuthMethod
    secret_hash: bytes | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "redirect_uris", tuple(self.redirect_uris))


class Clients:
    """The `clients` table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, client: Client) -> int:
        """Register a client; returns when, in seconds since the epoch by the database's clock."""
        async with self._database.connection() as link:
            cursor = await link.execute(
                "INSERT INTO clients (id, kind, name, redirect_uris, auth_method, secret_hash)"
                " VALUES (%(id)s, %(kind)s, %(name)s, %(redirect_uris)s, %(auth_method)s, %(secret_hash)s)"
                " RETURNING extract(epoch FROM created_at)::bigint",
                {
                    "id": client.id,
                    "kind": client.kind,
                    "name": client.name,
                    "redirect_uris": list(client.redirect_uris),
                    "auth_method": client.auth_method,
                    "secret_hash": client.secret_hash,
                },
            )
            row = cast("tuple[int]", await cursor.fetchone())
            return row[0]

    async def put(self, client: Client) -> None:
        """Make or change the row of a client that is kept elsewhere; its secret stays there."""
        async with self._database.connection() as link:
            await put_client(link, client)

    async def find(self, client_id: str) -> Client | None:
        """The client of that id. Never a `personal` one: there is nobody behind it that could sign in."""
        async with self._database.connection() as link, link.cursor(row_factory=class_row(Client)) as cursor:
            await cursor.execute(_SEEN + " WHERE id = %(id)s AND kind <> 'personal'", {"id": client_id})
            return await cursor.fetchone()

    async def touch(self, client_id: str) -> None:
        """Note that the client is alive, at most once an hour."""
        async with self._database.connection() as link:
            await link.execute(
                "UPDATE clients SET last_used_at = now()"
                " WHERE id = %(id)s AND last_used_at < now() - interval '1 hour'",
                {"id": client_id},
            )

    async def sweep(self) -> int:
        """Delete clients that made themselves known and are not used; returns how many.

        A day without a grant, or 90 days with one: by then its last refresh token has been dead for two
        months. At most 5000 at a time, so that whatever a flood has left is gone after some sweeps; a client
        that is just being used is passed over.
        """
        async with self._database.connection() as link:
            cursor = await link.execute(
                "DELETE FROM clients WHERE id IN (SELECT id FROM clients c WHERE c.kind IN ('dcr', 'cimd')"
                " AND c.last_used_at < now() - interval '1 day'"
                " AND (c.last_used_at < now() - interval '90 days'"
                "  OR NOT EXISTS (SELECT 1 FROM grants g WHERE g.client_id = c.id))"
                " ORDER BY c.last_used_at LIMIT 5000 FOR UPDATE SKIP LOCKED)"
            )
            return cursor.rowcount


async def put_client(link: Link, client: Client) -> None:
    """Make or change the row of a client that has no secret here, on the caller's connection."""
    await link.execute(
        "INSERT INTO clients (id, kind, name, redirect_uris, auth_method)"
        " VALUES (%(id)s, %(kind)s, %(name)s, %(redirect_uris)s, %(auth_method)s)"
        " ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, name = excluded.name,"
        " redirect_uris = excluded.redirect_uris, auth_method = excluded.auth_method,"
        " secret_hash = NULL, last_used_at = now()",
        {
            "id": client.id,
            "kind": client.kind,
            "name": client.name,
            "redirect_uris": list(client.redirect_uris),
            "auth_method": client.auth_method,
        },
    )
