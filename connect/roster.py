"""Which chat clients there are: those of the operator's file before those that made themselves known.

`meet` is for /authorize, where a person is about to decide: only there is a document fetched. `find` is for
/token and /revoke, which any program may call as often as it likes.
"""

from __future__ import annotations

from collections.abc import Mapping

from connect.vouched import Vouched
from vault.store.clients import Client, Clients


class Roster:
    """The clients of the operator's file (`preset`, by id) before all others.

    Without `vouched`, client-id documents are not understood.
    """

    def __init__(
        self, clients: Clients, preset: Mapping[str, Client] | None = None, vouched: Vouched | None = None
    ) -> None:
        self._clients = clients
        self._vouched = vouched
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
        """The client of that id, with the row that its flow and grant will point to. Raises NotVouched."""
        named = self._preset.get(client_id)
        if named is not None:
            await self._clients.put(named)
            return named
        if self._vouched is not None and client_id.startswith("https://"):
            return await self._vouched.client(client_id)
        client = await self._clients.find(client_id)
        if client is None or client.kind != "dcr":
            return None
        await self._clients.touch(client.id)
        return client

    async def touch(self, client_id: str) -> None:
        """Note that the client is alive."""
        await self._clients.touch(client_id)
