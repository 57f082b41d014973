"""Flows: a chat client's authorize request, or a person's way to a provider. One row, one hashed handle.

A handle is HMAC-SHA256 of the flow's id under a key of ours: it can't be guessed, it need not be kept,
and a flow that is still pending can be given out again. Only `approve`, `deny` and `finish_connect`
consume, each by one UPDATE. Both kinds live 60 minutes.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, LiteralString, cast
from uuid import UUID

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from vault.errors import VaultError
from vault.ids import new_id
from vault.opaque import digest
from vault.store.clients import Kind
from vault.store.database import Connection as Link
from vault.store.database import Database
from vault.store.grants import settle

_SEEN: LiteralString = (
    "SELECT f.id, f.user_id, f.client_id, c.name AS client_name, c.kind AS client_kind, f.grant_id,"
    " f.provider, f.params FROM flows f LEFT JOIN clients c ON c.id = f.client_id"
)


ANOTHER = ""
"""The label of a connect flow that asks for one more account."""


class AlreadyUsed(VaultError):
    """The authorize flow was answered before, expired, or its client is gone: it must start again."""

    def __init__(self) -> None:
        super().__init__("this authorize request was answered before or has expired")


@dataclass(frozen=True, slots=True)
class AuthorizeRequest:
    """What a chat client asked at /authorize, validated.

    `redirect_uri` is where the answer goes, `registered_uri` the registration it matched (they differ
    in the port of a loopback address), `redirect_sent` whether the client named it.
    """

    client_id: str
    redirect_uri: str
    registered_uri: str
    redirect_sent: bool
    scopes: frozenset[str]
    state: str | None = field(repr=False)
    code_challenge: str = field(repr=False)
    resource: str


@dataclass(frozen=True, slots=True)
class AuthorizeFlow:
    """A pending authorize request, for the consent page. `scopes` are what the client asked for."""

    id: UUID
    client_id: str
    client_name: str
    client_kind: Kind
    redirect_uri: str
    registered_uri: str
    scopes: frozenset[str]
    state: str | None = field(repr=False)
    resource: str


@dataclass(frozen=True, slots=True)
class ConnectFlow:
    """A pending way to a provider, for its person. `ours` is asked of the grant, `upstream` of the provider.

    Without a client (the account page started it) `client_id`, `client_name` and `grant_id` are None.
    `label` names the account that is meant: None is the default one, `ANOTHER` one more.
    """

    id: UUID
    user_id: UUID
    client_id: str | None
    client_name: str | None
    grant_id: UUID | None
    provider: str
    ours: frozenset[str]
    upstream: frozenset[str]
    label: str | None


class Flows:
    """The `flows` table. `handle_key` is a key derived for this one purpose."""

    def __init__(self, database: Database, handle_key: bytes) -> None:
        self._database = database
        self._key = handle_key

    def _handle(self, flow_id: UUID) -> str:
        mac = hmac.new(self._key, flow_id.bytes, hashlib.sha256).digest()
        return base64.urlsafe_b64encode(mac).decode().rstrip("=")

    async def create_authorize(self, asked: AuthorizeRequest) -> str:
        """A new pending authorize flow; returns its handle."""
        flow_id = new_id()
        handle = self._handle(flow_id)
        params = {
            "redirect_uri": asked.redirect_uri,
            "registered_uri": asked.registered_uri,
            "redirect_sent": asked.redirect_sent,
            "scopes": sorted(asked.scopes),
            "state": asked.state,
            "code_challenge": asked.code_challenge,
            "resource": asked.resource,
        }
        async with self._database.connection() as link:
            await link.execute(
                "INSERT INTO flows (id, kind, handle_hash, client_id, params, expires_at) VALUES"
                " (%(id)s, 'authorize', %(hash)s, %(client_id)s, %(params)s, now() + interval '60 minutes')",
                {
                    "id": flow_id,
                    "hash": digest(handle),
                    "client_id": asked.client_id,
                    "params": Jsonb(params),
                },
            )
        return handle

    async def find_authorize(self, handle: str) -> AuthorizeFlow | None:
        """The pending authorize flow of a handle; None once it is answered or expired."""
        row = await self._read(
            " WHERE f.handle_hash = %(hash)s AND f.kind = 'authorize'"
            " AND f.consumed_at IS NULL AND f.expires_at > now()",
            handle,
        )
        if row is None:
            return None
        params = row["params"]
        return AuthorizeFlow(
            id=row["id"],
            client_id=row["client_id"],
            client_name=row["client_name"],
            client_kind=row["client_kind"],
            redirect_uri=params["redirect_uri"],
            registered_uri=params["registered_uri"],
            scopes=frozenset(params["scopes"]),
            state=params["state"],
            resource=params["resource"],
        )

    async def approve(
        self,
        flow_id: UUID,
        user_id: UUID,
        *,
        asked: frozenset[str],
        chosen: frozenset[str],
        code_hash: bytes,
    ) -> UUID:
        """Consume the flow, settle the grant and keep the code (5 minutes), all or nothing.

        Returns the grant's id. Raises AlreadyUsed, also where the person was deleted or blocked meanwhile.
        """
        async with self._database.transaction() as link:
            row = await _consume(link, flow_id, user_id) if await _welcome(link, user_id) else None
            if row is None:
                raise AlreadyUsed
            client_id, params = row
            grant_id = await settle(
                link,
                user_id=user_id,
                client_id=client_id,
                redirect_uri=params["registered_uri"],
                asked=asked,
                chosen=chosen,
            )
            await _keep_code(link, code_hash, grant_id, client_id, params)
            return grant_id

    async def deny(self, flow_id: UUID) -> None:
        """Consume the flow without giving anything. Raises AlreadyUsed."""
        async with self._database.connection() as link:
            if await _consume(link, flow_id, None) is None:
                raise AlreadyUsed

    async def ask_connect(
        self,
        *,
        user_id: UUID,
        client_id: str | None,
        grant_id: UUID | None,
        provider: str,
        ours: frozenset[str],
        upstream: frozenset[str],
        label: str | None,
    ) -> str:
        """The handle of a connect flow; one that is still pending for the same question lives on.

        Asking again starts its 60 minutes anew. Two workers asking at once get the same handle.
        """
        params = {"ours": sorted(ours), "upstream": sorted(upstream), "label": label}
        flow_id = new_id()
        names = {
            "id": flow_id,
            "user_id": user_id,
            "client_id": client_id,
            "grant_id": grant_id,
            "provider": provider,
            "params": Jsonb(params),
        }
        async with self._database.transaction() as link:
            await link.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended('connect:' || %(user_id)s::text, 0))", names
            )
            cursor = await link.execute(
                "UPDATE flows SET expires_at = now() + interval '60 minutes' WHERE id = ("
                "  SELECT id FROM flows WHERE kind = 'connect' AND user_id = %(user_id)s"
                "  AND client_id IS NOT DISTINCT FROM %(client_id)s"
                "  AND grant_id IS NOT DISTINCT FROM %(grant_id)s"
                "  AND provider = %(provider)s AND params = %(params)s"
                "  AND consumed_at IS NULL AND expires_at > now() ORDER BY created_at LIMIT 1)"
                " AND user_id = %(user_id)s AND consumed_at IS NULL RETURNING id",
                names,
            )
            row = await cursor.fetchone()
            if row is not None:
                return self._handle(row[0])
            handle = self._handle(flow_id)
            await link.execute(
                "INSERT INTO flows (id, kind, handle_hash, user_id, client_id, grant_id, provider, params,"
                " expires_at) VALUES (%(id)s, 'connect', %(hash)s, %(user_id)s, %(client_id)s, %(grant_id)s,"
                " %(provider)s, %(params)s, now() + interval '60 minutes')",
                {**names, "hash": digest(handle)},
            )
            return handle

    async def find_connect(self, handle: str) -> ConnectFlow | None:
        """The pending connect flow of a handle. Whether the reader is its `user_id` is for the caller."""
        row = await self._read(
            " WHERE f.handle_hash = %(hash)s AND f.kind = 'connect'"
            " AND f.consumed_at IS NULL AND f.expires_at > now()",
            handle,
        )
        return _connect(row) if row else None

    async def find_lapsed(self, handle: str, user_id: UUID) -> ConnectFlow | None:
        """The person's own connect flow that expired unused, so that a fresh one can be asked for."""
        row = await self._read(
            " WHERE f.handle_hash = %(hash)s AND f.kind = 'connect' AND f.user_id = %(user_id)s"
            " AND f.consumed_at IS NULL AND f.expires_at <= now()",
            handle,
            user_id,
        )
        return _connect(row) if row else None

    async def finish_connect(self, flow_id: UUID, user_id: UUID) -> bool:
        """Consume the person's connect flow; True for exactly one caller.

        A flow that expired while its person was at the provider still finishes: the connection exists.
        """
        async with self._database.connection() as link:
            cursor = await link.execute(
                "UPDATE flows SET consumed_at = now() WHERE id = %(id)s AND kind = 'connect'"
                " AND user_id = %(user_id)s AND consumed_at IS NULL",
                {"id": flow_id, "user_id": user_id},
            )
            return cursor.rowcount == 1

    async def connected(self, flow_handle: str, user_id: UUID) -> bool:
        """Has the person finished this connect flow?"""
        async with self._database.connection() as link:
            cursor = await link.execute(
                "SELECT EXISTS (SELECT FROM flows WHERE handle_hash = %(hash)s AND kind = 'connect'"
                " AND user_id = %(user_id)s AND consumed_at IS NOT NULL)",
                {"hash": digest(flow_handle), "user_id": user_id},
            )
            row = cast("tuple[bool]", await cursor.fetchone())
            return row[0]

    async def show(self, flow_handle: str, user_id: UUID) -> bool:
        """Whether the person's pending connect flow may be opened for them: not where it just was.

        True for one caller in ten minutes.
        """
        async with self._database.connection() as link:
            cursor = await link.execute(
                "UPDATE flows SET shown_at = now() WHERE handle_hash = %(hash)s AND kind = 'connect'"
                " AND user_id = %(user_id)s AND consumed_at IS NULL"
                " AND (shown_at IS NULL OR shown_at < now() - interval '10 minutes')",
                {"hash": digest(flow_handle), "user_id": user_id},
            )
            return cursor.rowcount == 1

    async def tell_finished(self, *, user_id: UUID, grant_id: UUID, provider: str, label: str | None) -> bool:
        """Whether the person finished such a connect flow in the last quarter of an hour, told once.

        A client that comes back without the flow's handle learns it here; the next time it asks for a flow of
        its own.
        """
        async with self._database.connection() as link:
            cursor = await link.execute(
                "UPDATE flows SET params = params || '{\"told\": true}' WHERE id = ("
                "  SELECT id FROM flows WHERE kind = 'connect' AND user_id = %(user_id)s"
                "  AND grant_id = %(grant_id)s AND provider = %(provider)s"
                "  AND params->>'label' IS NOT DISTINCT FROM %(label)s"
                "  AND consumed_at > now() - interval '15 minutes' AND NOT params ? 'told'"
                "  ORDER BY consumed_at LIMIT 1)"
                " AND user_id = %(user_id)s AND NOT params ? 'told'",
                {"user_id": user_id, "grant_id": grant_id, "provider": provider, "label": label},
            )
            return cursor.rowcount == 1

    async def sweep(self) -> int:
        """Delete flows that ended more than a day ago; returns how many rows went.

        An authorize request that nobody answered goes after an hour: anybody can make those.
        """
        async with self._database.connection() as link:
            cursor = await link.execute(
                "DELETE FROM flows WHERE expires_at < now() - interval '1 day'"
                " OR (kind = 'authorize' AND consumed_at IS NULL AND expires_at < now() - interval '1 hour')"
            )
            return cursor.rowcount

    async def _read(
        self, where: LiteralString, handle: str, user_id: UUID | None = None
    ) -> Mapping[str, Any] | None:
        async with self._database.connection() as link, link.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(_SEEN + where, {"hash": digest(handle), "user_id": user_id})
            return await cursor.fetchone()


async def _welcome(link: Link, user_id: UUID) -> bool:
    """The person is there, and stays until the transaction ends: a deletion waits, or was first."""
    cursor = await link.execute(
        "SELECT FROM users WHERE id = %(user_id)s AND blocked_at IS NULL FOR KEY SHARE", {"user_id": user_id}
    )
    return cursor.rowcount == 1


async def _consume(link: Link, flow_id: UUID, user_id: UUID | None) -> tuple[str, dict[str, Any]] | None:
    cursor = await link.execute(
        "UPDATE flows SET consumed_at = now(), user_id = %(user_id)s WHERE id = %(id)s"
        " AND kind = 'authorize' AND consumed_at IS NULL AND expires_at > now() RETURNING client_id, params",
        {"id": flow_id, "user_id": user_id},
    )
    return cast("tuple[str, dict[str, Any]] | None", await cursor.fetchone())


async def _keep_code(
    link: Link, code_hash: bytes, grant_id: UUID, client_id: str, params: Mapping[str, Any]
) -> None:
    await link.execute(
        "INSERT INTO codes (hash, grant_id, client_id, redirect_uri, code_challenge, resource, expires_at)"
        " VALUES (%(hash)s, %(grant_id)s, %(client_id)s, %(redirect_uri)s, %(challenge)s, %(resource)s,"
        " now() + interval '5 minutes')",
        {
            "hash": code_hash,
            "grant_id": grant_id,
            "client_id": client_id,
            "redirect_uri": params["redirect_uri"] if params["redirect_sent"] else None,
            "challenge": params["code_challenge"],
            "resource": params["resource"],
        },
    )


def _connect(row: Mapping[str, Any]) -> ConnectFlow:
    return ConnectFlow(
        id=row["id"],
        user_id=row["user_id"],
        client_id=row["client_id"],
        client_name=row["client_name"],
        grant_id=row["grant_id"],
        provider=row["provider"],
        ours=frozenset(row["params"]["ours"]),
        upstream=frozenset(row["params"]["upstream"]),
        label=row["params"]["label"],
    )
