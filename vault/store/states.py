"""Trips to a provider and back: one row per redirect, for ten minutes, for one browser, once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from vault.store.database import Database

Purpose = Literal["signin", "connect", "link"]
Fault = Literal["unknown", "elsewhere", "used", "expired"]


@dataclass(frozen=True, slots=True)
class State:
    """What was noted before the redirect.

    `sealed` holds the PKCE verifier and the pages to return to (they may carry a flow's handle), under
    `record_id`. At sign-in nobody is known yet, so `user_id` is None; the others are for one person.
    """

    purpose: Purpose
    provider: str
    app: str
    flow_id: UUID | None
    user_id: UUID | None
    record_id: UUID
    sealed: bytes
    params: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Misfit:
    """Why a state can't be used; `state` only where it is this browser's and person's own."""

    fault: Fault
    state: State | None = None


class States:
    """The `states` table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, state_hash: bytes, browser_hash: bytes, state: State) -> None:
        """Note a trip that starts now and must be back within ten minutes."""
        async with self._database.connection() as link:
            await link.execute(
                "INSERT INTO states (hash, purpose, provider, app, flow_id, user_id, browser_hash, record_id,"
                " sealed, params, expires_at)"
                " VALUES (%(hash)s, %(purpose)s, %(provider)s, %(app)s, %(flow)s, %(user)s, %(browser)s,"
                " %(record)s, %(sealed)s, %(params)s, now() + interval '10 minutes')",
                {
                    "hash": state_hash,
                    "purpose": state.purpose,
                    "provider": state.provider,
                    "app": state.app,
                    "flow": state.flow_id,
                    "user": state.user_id,
                    "browser": browser_hash,
                    "record": state.record_id,
                    "sealed": state.sealed,
                    "params": Jsonb(state.params),
                },
            )

    async def consume(
        self, state_hash: bytes, browser_hash: bytes, provider: str, user: UUID | None
    ) -> State | None:
        """Use the state up, in one statement. None unless it is live and this browser's and person's.

        Another browser or another person does not use it up: a leaked callback address must not
        spoil the trip of the one who made it.
        """
        async with self._database.connection() as link, link.cursor(row_factory=class_row(State)) as cursor:
            await cursor.execute(
                "UPDATE states SET consumed_at = now()"
                " WHERE hash = %(hash)s AND browser_hash = %(browser)s AND provider = %(provider)s"
                " AND (purpose = 'signin' OR user_id = %(user)s)"
                " AND consumed_at IS NULL AND expires_at > now()"
                " RETURNING purpose, provider, app, flow_id, user_id, record_id, sealed, params",
                {"hash": state_hash, "browser": browser_hash, "provider": provider, "user": user},
            )
            return await cursor.fetchone()

    async def misfit(self, state_hash: bytes, browser_hash: bytes, user: UUID | None) -> Misfit:
        """Why `consume` gave nothing. Tells another browser or person nothing but that."""
        async with self._database.connection() as link:
            cursor = await link.execute(
                "SELECT browser_hash = %(browser)s AND (purpose = 'signin' OR user_id = %(user)s) IS TRUE,"
                " consumed_at IS NOT NULL, expires_at <= now(),"
                " purpose, provider, app, flow_id, user_id, record_id, sealed, params"
                " FROM states WHERE hash = %(hash)s",
                {"hash": state_hash, "browser": browser_hash, "user": user},
            )
            row = await cursor.fetchone()
        if row is None:
            return Misfit("unknown")
        ours, used, expired, *state = row
        if not ours:
            return Misfit("elsewhere")
        if used or expired:
            return Misfit("used" if used else "expired", State(*state))
        return Misfit("unknown")

    async def sweep(self) -> int:
        """Delete states that ended more than a day ago; returns how many rows went."""
        async with self._database.connection() as link:
            cursor = await link.execute("DELETE FROM states WHERE expires_at < now() - interval '1 day'")
            return cursor.rowcount
