"""Personal tokens are held against the guest list at every call.

A chat's access token lives an hour, and its refresh asks again whether its person may still come in. A
personal token lives for months and is never refreshed, so it is asked here: two small reads, for these only.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from uuid import UUID

import structlog

from vault.store.tokens import Principal, Tokens

_log = structlog.get_logger(__name__)


class Welcomed:
    """The token check of `/mcp`. `welcome` says whether a person may still come in."""

    def __init__(self, tokens: Tokens, welcome: Callable[[UUID], Awaitable[bool]]) -> None:
        self._tokens = tokens
        self._welcome = welcome

    async def check(self, token_hash: bytes) -> Principal | None:
        """Who a live token speaks for; None also for a personal one whose person is off the list."""
        principal = await self._tokens.check(token_hash)
        if principal is None or not principal.personal or await self._welcome(principal.user_id):
            return principal
        _log.info("personal_token_not_allowed", user_id=str(principal.user_id))
        return None
