"""Erasing a person: nothing of theirs stays here, and each provider is told as when they disconnect."""

from __future__ import annotations

import asyncio
from uuid import UUID

import structlog

from vault.errors import NotConnected
from vault.revocation import Ended
from vault.store.connections import Connection
from vault.store.dossier import Dossiers
from vault.vault import Vault

_log = structlog.get_logger(__name__)


class Erasure:
    """Ends everything of a person, step by step in an order that can be begun again at any point.

    First the tokens of all their chats die; then every connection ends, with its key; then, in one
    transaction, all that is left. Whoever is stopped in between is still somebody who can sign in and do it
    again.
    """

    def __init__(self, dossiers: Dossiers, vault: Vault) -> None:
        self._dossiers = dossiers
        self._vault = vault
        self._under_way: set[asyncio.Task[tuple[Ended, ...]]] = set()

    async def erase(self, owner: UUID) -> tuple[Ended, ...]:
        """Erase the person; returns the connections that ended, and whether their providers were told.

        A caller that goes away does not stop it. Raises Busy: what was done till then stays done.
        """
        task = asyncio.create_task(self._erase(owner))
        self._under_way.add(task)
        task.add_done_callback(self._done)
        return await asyncio.shield(task)

    def _done(self, task: asyncio.Task[tuple[Ended, ...]]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()

    async def _erase(self, owner: UUID) -> tuple[Ended, ...]:
        await self._dossiers.silence(owner)
        ended: tuple[Ended, ...] = ()
        while True:
            held = await self._vault.list(owner)
            ended += tuple(each for each in await self._end(owner, held) if each is not None)
            # One may have been connected meanwhile: then it is ended too, and this tried again.
            if await self._dossiers.destroy(owner):
                _log.info("person_erased", connections=len(ended))
                return ended

    async def _end(self, owner: UUID, held: list[Connection]) -> list[Ended | None]:
        """End all of them at once: each provider may take its three seconds. Raises the first fault."""
        done = await asyncio.gather(
            *(self._one(owner, each) for each in held),
            return_exceptions=True,
        )
        for each in done:
            if isinstance(each, BaseException):
                raise each
        return [each for each in done if not isinstance(each, BaseException)]

    async def _one(self, owner: UUID, connection: Connection) -> Ended | None:
        try:
            return await self._vault.disconnect(owner, connection.id)
        except NotConnected:
            return None
