"""Questions about single calls, and which services a person wants to be asked about.

A row of `approvals` is one question of one chat about one call: what exactly the call would do is a keyed
hash (`mark`), what its person is shown rests sealed and goes with their answer. A question is open for ten
minutes, a yes is good for ten minutes more and for one call.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, LiteralString, cast
from uuid import UUID

from psycopg.rows import class_row

from vault.store.clients import Kind
from vault.store.database import Database

Decision = Literal["yes", "no"]

_MOST = 50

_RENEW: LiteralString = (
    "UPDATE approvals SET expires_at = now() + interval '10 minutes' WHERE id = ("
    "  SELECT id FROM approvals WHERE user_id = %(user)s AND grant_id = %(grant)s"
    "  AND tool = %(tool)s AND mark = %(mark)s AND decision IS NULL AND expires_at > now()"
    "  ORDER BY created_at LIMIT 1)"
    " AND user_id = %(user)s AND decision IS NULL RETURNING id"
)


@dataclass(frozen=True, slots=True)
class Deed:
    """One call as it is asked about: whose, of which chat, which tool on which account, and its mark."""

    user_id: UUID
    grant_id: UUID
    tool: str
    connection: UUID | None
    mark: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Row:
    """A question as its person's page needs it. `cut`: the chat has no access any more; `over`: too late.

    `spent`: the call was made, or has heard the no.
    """

    id: UUID
    grant_id: UUID
    connection: UUID | None
    account: str | None
    tool: str
    client_id: str
    client_name: str
    client_kind: Kind
    redirect_uri: str
    decision: Decision | None
    cut: bool
    spent: bool
    over: bool
    sealed: bytes | None = field(repr=False)


class ApprovalRows:
    """The tables `approvals` and `asks`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def wanted(self, user_id: UUID, service: str) -> bool:
        """Whether the person wants to be asked about that service."""
        async with self._database.connection() as link:
            cursor = await link.execute(
                "SELECT EXISTS (SELECT FROM asks WHERE user_id = %(user)s AND service = %(service)s)",
                {"user": user_id, "service": service},
            )
            return cast("tuple[bool]", await cursor.fetchone())[0]

    async def services(self, user_id: UUID) -> frozenset[str]:
        """Every service that the person wants to be asked about."""
        async with self._database.connection() as link:
            cursor = await link.execute(
                "SELECT service FROM asks WHERE user_id = %(user)s", {"user": user_id}
            )
            return frozenset(name for (name,) in await cursor.fetchall())

    async def switch(self, user_id: UUID, on: Iterable[str], off: Iterable[str]) -> None:
        """Ask about the services `on` from now on, and no more about those `off`. Raises PersonGone."""
        names = {"user": user_id, "on": sorted(on), "off": sorted(off)}
        async with self._database.transaction() as link:
            await link.execute(
                "DELETE FROM asks WHERE user_id = %(user)s AND service = ANY(%(off)s::text[])", names
            )
            await link.execute(
                "INSERT INTO asks (user_id, service) SELECT %(user)s, unnest(%(on)s::text[])"
                " ON CONFLICT DO NOTHING",
                names,
            )

    async def renew(self, deed: Deed) -> UUID | None:
        """The open question about just that call, if any; it lives ten minutes from now."""
        async with self._database.connection() as link:
            cursor = await link.execute(_RENEW, _names(deed))
            row = await cursor.fetchone()
            return row[0] if row else None

    async def add(self, deed: Deed, question: UUID, handle_hash: bytes, sealed: bytes) -> UUID:
        """A new question, open for ten minutes; or the one that the same call put a moment before: which.

        One at a time, or each of many calls at once would have a question and a yes of its own. Of one chat
        the newest fifty stay. Raises PersonGone.
        """
        names = {**_names(deed), "id": question, "hash": handle_hash, "sealed": sealed, "most": _MOST - 1}
        async with self._database.transaction() as link:
            await link.execute(
                "SELECT FROM grants WHERE id = %(grant)s AND user_id = %(user)s FOR NO KEY UPDATE", names
            )
            cursor = await link.execute(_RENEW, names)
            if row := await cursor.fetchone():
                return cast("UUID", row[0])
            await link.execute(
                "DELETE FROM approvals WHERE id IN (SELECT id FROM approvals WHERE user_id = %(user)s"
                " AND grant_id = %(grant)s AND decision IS NULL ORDER BY created_at DESC, id DESC"
                " OFFSET %(most)s)",
                names,
            )
            await link.execute(
                "INSERT INTO approvals (id, hash, user_id, grant_id, connection_id, tool, mark, sealed,"
                " expires_at) VALUES (%(id)s, %(hash)s, %(user)s, %(grant)s, %(connection)s, %(tool)s,"
                " %(mark)s, %(sealed)s, now() + interval '10 minutes')",
                names,
            )
        return question

    async def find(self, handle_hash: bytes, user_id: UUID) -> Row | None:
        """The person's own question of a handle, as it stands."""
        async with self._database.connection() as link, link.cursor(row_factory=class_row(Row)) as cursor:
            await cursor.execute(
                "SELECT a.id, a.grant_id, a.connection_id AS connection, n.account_label AS account, a.tool,"
                " g.client_id, c.name AS client_name, c.kind AS client_kind, g.redirect_uri, a.decision,"
                " g.revoked_at IS NOT NULL AS cut, a.spent_at IS NOT NULL AS spent,"
                " a.expires_at <= now() AS over, a.sealed FROM approvals a"
                " JOIN grants g ON g.id = a.grant_id JOIN clients c ON c.id = g.client_id"
                " LEFT JOIN connections n ON n.id = a.connection_id AND n.owner = a.user_id"
                " WHERE a.hash = %(hash)s AND a.user_id = %(user)s",
                {"hash": handle_hash, "user": user_id},
            )
            return await cursor.fetchone()

    async def foreign(self, handle_hash: bytes, user_id: UUID) -> bool:
        """Whether that handle is of a question to somebody else. Says nothing more of it."""
        async with self._database.connection() as link:
            cursor = await link.execute(
                "SELECT EXISTS (SELECT FROM approvals WHERE hash = %(hash)s AND user_id <> %(user)s)",
                {"hash": handle_hash, "user": user_id},
            )
            return cast("tuple[bool]", await cursor.fetchone())[0]

    async def decide(self, handle_hash: bytes, user_id: UUID, decision: Decision) -> bool:
        """Answer the person's own open question, by one statement; True for exactly one caller.

        What is sealed goes with it. A yes is good for ten minutes from now.
        """
        async with self._database.connection() as link:
            cursor = await link.execute(
                "UPDATE approvals a SET decision = %(decision)s, answered_at = now(), sealed = NULL,"
                " expires_at = now() + interval '10 minutes'"
                " WHERE a.hash = %(hash)s AND a.user_id = %(user)s AND a.decision IS NULL"
                " AND a.expires_at > now() AND EXISTS ("
                "  SELECT FROM grants g WHERE g.id = a.grant_id AND g.revoked_at IS NULL)",
                {"hash": handle_hash, "user": user_id, "decision": decision},
            )
            return cursor.rowcount == 1

    async def settle(self, deed: Deed) -> Decision | None:
        """Use up what was answered to just that call, by one statement: for one caller. None: nothing.

        Where there are several answers the last one counts, and no other is left to act on after a no.
        """
        async with self._database.connection() as link:
            cursor = await link.execute(
                "UPDATE approvals SET spent_at = now() WHERE id IN ("
                "  SELECT id FROM approvals WHERE user_id = %(user)s AND grant_id = %(grant)s"
                "  AND tool = %(tool)s AND mark = %(mark)s AND decision IS NOT NULL AND spent_at IS NULL"
                "  AND expires_at > now() ORDER BY id FOR UPDATE)"
                " AND user_id = %(user)s AND spent_at IS NULL RETURNING answered_at, decision",
                _names(deed),
            )
            answers: list[tuple[datetime, Decision]] = await cursor.fetchall()
            return max(answers, key=lambda each: (each[0], each[1] == "no"))[1] if answers else None

    async def agree(self, handle_hash: bytes, deed: Deed) -> bool:
        """Answer an open question about just that call with a yes, used up at once; True for one caller."""
        async with self._database.connection() as link:
            cursor = await link.execute(
                "UPDATE approvals SET decision = 'yes', answered_at = now(), spent_at = now(), sealed = NULL"
                " WHERE hash = %(hash)s AND user_id = %(user)s AND grant_id = %(grant)s AND tool = %(tool)s"
                " AND mark = %(mark)s AND decision IS NULL AND expires_at > now()",
                {**_names(deed), "hash": handle_hash},
            )
            return cursor.rowcount == 1

    async def drop(self, handle_hash: bytes, user_id: UUID, grant_id: UUID) -> bool:
        """End a chat's open question with a no that it has heard already."""
        async with self._database.connection() as link:
            cursor = await link.execute(
                "UPDATE approvals SET decision = 'no', answered_at = now(), spent_at = now(), sealed = NULL"
                " WHERE hash = %(hash)s AND user_id = %(user)s AND grant_id = %(grant)s"
                " AND decision IS NULL",
                {"hash": handle_hash, "user": user_id, "grant": grant_id},
            )
            return cursor.rowcount == 1

    async def sweep(self) -> int:
        """Delete what was over a day ago; returns how many rows went. What was sealed goes at once."""
        async with self._database.connection() as link:
            await link.execute(
                "UPDATE approvals SET sealed = NULL WHERE sealed IS NOT NULL AND expires_at <= now()"
            )
            cursor = await link.execute("DELETE FROM approvals WHERE expires_at < now() - interval '1 day'")
            return cursor.rowcount


def _names(deed: Deed) -> dict[str, Any]:
    return {
        "user": deed.user_id,
        "grant": deed.grant_id,
        "tool": deed.tool,
        "connection": deed.connection,
        "mark": deed.mark,
    }
