"""Whom an access token speaks for, as `/mcp` asks it."""

from __future__ import annotations

from vault.store.callers import Callers, Principal
from vault.store.database import Database


async def speaks_for(database: Database, token_hash: bytes) -> Principal | None:
    """The principal behind that hash, or None."""
    caller = await Callers(database).look(token_hash)
    return None if caller is None else caller.principal
