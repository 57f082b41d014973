"""Clients whose id is the address of their document: fetched when a person is about to decide, and kept.

A copy is fresh for as long as its host says, but five minutes at least and a day at most. When a new one
can't be had, one that is younger than a day still serves.
"""

from __future__ import annotations

import asyncio
import time

import structlog

from connect.document import BadDocument, host_of, read_document
from connect.fetch import SECONDS, Fetcher, NotFetched
from vault.store.clients import Client, Clients
from vault.store.documents import Documents, Turn

_log = structlog.get_logger(__name__)

_LEAST, _USUAL, _MOST = 300, 3600, 86400
_PAUSE = 0.1
AT_ONCE = 64
"""Requests of one process that wait for a document at once, twelve seconds at most each. A stranger names the
document, whose host may be theirs and never answer, and a process has 500 connections for everybody."""


class NotVouched(Exception):
    """There is no such client, or it could not be checked. The text is a sentence for the person."""


class Vouched:
    """The clients of client-id documents."""

    def __init__(self, documents: Documents, clients: Clients, fetcher: Fetcher) -> None:
        self._documents = documents
        self._clients = clients
        self._fetcher = fetcher
        self._waiting = 0

    async def client(self, client_id: str) -> Client:
        """The client that vouches for itself at `client_id`. Raises NotVouched."""
        try:
            host = host_of(client_id)
        except BadDocument as error:
            raise NotVouched(str(error)) from None
        if self._waiting < AT_ONCE:
            self._waiting += 1
            try:
                await self._renew(client_id, host)
            finally:
                self._waiting -= 1
        else:
            seen = await self._documents.look(client_id)
            if seen.state != "fresh" and not seen.usable:
                raise NotVouched("Many chat clients are being checked just now.")
        client = await self._clients.find(client_id)
        if client is None or client.kind != "cimd":
            raise NotVouched(f"{host} has not been asked about it yet.")
        await self._clients.touch(client_id)
        return client

    async def _renew(self, client_id: str, host: str) -> None:
        """See to it that there is a copy that serves. Raises NotVouched."""
        turn = await self._turn(client_id, host)
        if turn.state == "fetch":
            try:
                await self._fetch(client_id, host)
            except NotVouched as error:
                _log.info("document_refused", host=host, why=str(error))
                await self._documents.fail(client_id, str(error))
                if not turn.usable:
                    raise
        elif turn.state != "fresh" and not turn.usable:
            raise NotVouched(turn.failure or f"Too much is asked of {host} just now.")

    async def _turn(self, client_id: str, host: str) -> Turn:
        """What to do, after whoever fetches this document has finished."""
        until = time.monotonic() + SECONDS + 2
        turn = await self._documents.turn(client_id, host)
        while turn.state == "wait" and not turn.usable and time.monotonic() < until:
            await asyncio.sleep(_PAUSE)
            turn = await self._documents.turn(client_id, host)
        return turn

    async def _fetch(self, client_id: str, host: str) -> None:
        try:
            fetched = await self._fetcher.fetch(client_id)
            client = read_document(client_id, fetched.body)
        except NotFetched as error:
            raise NotVouched(f"{host} {error}.") from None
        except BadDocument as error:
            raise NotVouched(str(error)) from None
        seconds = _USUAL if fetched.max_age is None else min(max(fetched.max_age, _LEAST), _MOST)
        await self._documents.keep(client, seconds)
