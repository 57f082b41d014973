"""What a link is for, done: the account's credential, the provider's carrier, and how many at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from uuid import UUID
from weakref import WeakValueDictionary

from connect.pages import Refusal
from providers.base import Credential, CredentialSource, Parcel
from providers.carrier import Carrier, Incoming, Outgoing, Stored
from providers.http import Http
from providers.streaming import Streams
from vault.errors import NotConnected
from vault.transfers import Ticket, Transfers
from vault.vault import Vault

AT_ONCE = 16
"""Files under way in one process. The pool to upstreams has 100 connections, and tools need most of them."""

OF_ONE = 4
"""Of one person."""

HELD = 2
"""Of those that are in memory as a whole, with their mail about 150 MB each."""


class Courier:
    """Fetches and brings files, each with its owner's own credential. `transfers` are the links for them."""

    def __init__(
        self,
        *,
        transfers: Transfers,
        vault: Vault,
        carriers: Mapping[str, Carrier],
        http: Http,
        streams: Streams,
    ) -> None:
        self.transfers = transfers
        self._vault = vault
        self._carriers = carriers
        self._http = http
        self._streams = streams
        self._held = 0
        self._turns: WeakValueDictionary[tuple[object, ...], asyncio.Lock] = WeakValueDictionary()
        self._under_way: Counter[UUID] = Counter()

    @contextmanager
    def berth(self, ticket: Ticket) -> Iterator[None]:
        """A place for one file, for the block. Raises Refusal where there is none."""
        parcel, user = ticket.parcel, ticket.user
        held = parcel.kind in self._carriers[parcel.provider].held
        full = self._under_way.total() >= AT_ONCE or self._under_way[user] >= OF_ONE
        if full or (held and self._held >= HELD):
            raise Refusal(
                503,
                "Too many files are under way",
                "Nothing was moved, and the link stands as it did.",
                "Try again in a minute.",
            )
        self._under_way[user] += 1
        self._held += held
        try:
            yield
        finally:
            self._held -= held
            self._under_way[user] -= 1
            if not self._under_way[user]:
                del self._under_way[user]

    def fetch(self, ticket: Ticket) -> AbstractAsyncContextManager[Outgoing]:
        """The file of a ticket, for a block. Raises ProviderError, VaultError."""
        parcel = ticket.parcel
        fetch = self._carriers[parcel.provider].fetches[parcel.kind]
        return fetch(self._streams, self._source(ticket), parcel)

    async def put(self, ticket: Ticket, incoming: Incoming) -> Stored:
        """Bring a file to where its ticket says. Raises what both may: ProviderError, VaultError, …"""
        parcel = ticket.parcel
        put = self._carriers[parcel.provider].puts[parcel.kind]
        if parcel.kind not in self._carriers[parcel.provider].held:
            return await put(self._http.for_one_task(), self._source(ticket), parcel, incoming)
        # What is read, changed and written as a whole takes one change at a time.
        place = (ticket.connection, parcel.kind, *sorted(parcel.place.items()))
        async with self._turns.setdefault(place, asyncio.Lock()):
            return await put(self._http.for_one_task(), self._source(ticket), parcel, incoming)

    def _source(self, ticket: Ticket) -> CredentialSource:
        """The credential of the very connection that the link was made for, whatever it is called now."""
        parcel: Parcel = ticket.parcel

        async def source(refused: int | None) -> Credential:
            rows = await self._vault.list(ticket.user)
            row = next((each for each in rows if each.id == ticket.connection), None)
            if row is None or row.provider != parcel.provider:
                raise NotConnected(parcel.provider)
            found = await self._vault.credential(ticket.user, row.provider, row.label, refused=refused)
            if found.connection != str(ticket.connection):  # renamed in this very moment
                raise NotConnected(parcel.provider)
            return found

        return source
