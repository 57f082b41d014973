"""Personal tokens are held against the guest list at every call.

A chat's access token lives an hour, and its refresh asks again whether its person may still come in. A
personal token lives for months and is never refreshed, so it is asked here: two small reads, for these only.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from uuid import UUID

import structlog

from vault.store.callers import Caller, Callers

_log = structlog.get_logger(__name__)


class Welcomed:
    """The token check of `/mcp`. `welcome` says whether a person may still come in."""

    def __init__(self, callers: Callers, welcome: Callable[[UUID], Awaitable[bool]]) -> None:
        self._callers = callers
        self._welcome = welcome

    async def look(self, token_hash: bytes) -> Caller | None:
        """Who comes with a live token; None also for a personal one whose person is off the list."""
        caller = await self._callers.look(token_hash)
        if caller is None or not caller.principal.personal or await self._welcome(caller.principal.user_id):
            return caller
        _log.info("personal_token_not_allowed", user_id=str(caller.principal.user_id))
        return None
