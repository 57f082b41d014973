"""Connections as the caretaker finds them: in use or idle, fresh or nearly over."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from providers.base import Account
from tests.vault.upstreams import SCOPES, FakeUpstream
from vault.store.connections import Connection
from vault.store.database import Database
from vault.vault import Vault

HOUR, DAY = 3600.0, 86400.0


async def tended(
    vault: Vault,
    upstream: FakeUpstream,
    owner: UUID,
    provider: str,
    *,
    used: float | None = 60,
    left: float = 100,
    lives: float = HOUR,
    refreshed: float | None = None,
    subject: str = "ana",
) -> Connection:
    """A connection that is looked at now. In seconds: `used` so long ago (None: never); its access token has
    `left` of what it `lives`; `refreshed` so long ago, else when that token was new.
    """
    account = Account("https://accounts.example", subject, subject)
    tokens = upstream.grant(left)
    saved = await vault.save(owner, provider, "operator", account, tokens, SCOPES, None)
    async with vault._database.connection() as link:
        await link.execute(
            "UPDATE connections SET last_used_at = now() - make_interval(secs => %(used)s),"
            " access_expires_at = now() + make_interval(secs => %(left)s),"
            " refreshed_at = now() - make_interval(secs => %(refreshed)s), tend_at = now() WHERE id = %(id)s",
            {
                "used": used,
                "left": left,
                "refreshed": lives - left if refreshed is None else refreshed,
                "id": saved.id,
            },
        )
    return saved


async def column(database: Database, name: str, connection: UUID) -> Any:
    """One column of a row; of a time, how far it is from now."""
    async with database.connection() as link:
        cursor = await link.execute(
            "SELECT to_jsonb(c) -> %s, now() FROM connections c WHERE id = %s", (name, connection)
        )
        row = await cursor.fetchone()
        assert row is not None
        if name.endswith("_at") and row[0] is not None:
            cursor = await link.execute(
                "SELECT (to_jsonb(c) ->> %s)::timestamptz - now() FROM connections c WHERE id = %s",
                (name, connection),
            )
            row = await cursor.fetchone()
            assert row is not None
    value = row[0]
    return value.total_seconds() if isinstance(value, timedelta) else value


def part(id: UUID) -> float:
    """A row's own part between 0 and 1, as the statements compute it."""
    return (id.bytes[14] * 256 + id.bytes[15]) / 65536


def window(id: UUID, ahead: float = 300) -> float:
    """Seconds before the end of its access token at which that row is due."""
    return ahead * (0.8 + 0.4 * part(id))
