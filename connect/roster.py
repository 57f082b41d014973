"""Which chat clients there are: those of the operator's file, then those of the database.

`meet` is for /authorize, where a person is about to decide; `find` for /token and /revoke, which any program
may call as often as it likes.
"""

from __future__ import annotations

from collections.abc import Mapping

from vault.store.clients import Client, Clients


class Roster:
    """The clients of the operator's file (`preset`, by id) before those of the table."""

    def __init__(self, clients: Clients, preset: Mapping[str, Client] | None = None) -> None:
        self._clients = clients
        self._preset = dict(preset or {})

    async def find(self, client_id: str) -> Client | None:
        """The client of that id, as known.

        A row that came from the file is there for its grants only: it counts for nothing once the file does
        not name it.
        """
        named = self._preset.get(client_id)
        if named is not None:
            return named
        client = await self._clients.find(client_id)
        return None if client is None or client.kind == "static" else client

    async def meet(self, client_id: str) -> Client | None:
        """The client of that id, with the row that its flow and grant will point to."""
        client = await self.find(client_id)
        if client is None:
            return None
        if client.kind == "static":
            await self._clients.put(client)
        else:
            await self._clients.touch(client.id)
        return client

    async def touch(self, client_id: str) -> None:
        """Note that the client is alive."""
        await self._clients.touch(client_id)
