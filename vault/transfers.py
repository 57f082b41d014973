"""Links for files in and out: what a link is for rests sealed, and whoever holds the link may use it once.

A handle of 256 random bits stands in the link and its hash in the row. What it is for is sealed by the
operator's key together with whose it is: a row that was edited, or made another person's, opens for nobody.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

import structlog
from pydantic import SecretStr

from providers.base import Parcel
from vault.errors import Tampered
from vault.ids import new_id
from vault.opaque import digest, mint
from vault.purposes import TRANSFER
from vault.store.transfers import Transfer, TransferRows
from vault.vault import Vault

_log = structlog.get_logger(__name__)

Fault = Literal["unknown", "used", "expired", "ended"]


@dataclass(frozen=True, slots=True)
class Offered:
    """A new link: the handle for its address, and until when it stands."""

    handle: SecretStr
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a link is for. `key` is the hash of its handle."""

    key: bytes = field(repr=False)
    user: UUID
    grant: UUID
    connection: UUID
    parcel: Parcel
    expires_at: datetime


class Transfers:
    """Makes links, and has each used once."""

    def __init__(self, rows: TransferRows, vault: Vault) -> None:
        self._rows = rows
        self._vault = vault

    async def offer(
        self, *, user: UUID, grant: UUID, connection: UUID, scopes: Iterable[str], parcel: Parcel
    ) -> Offered:
        """A link for that file, for a quarter of an hour. It stands while the grant holds one of `scopes`.

        Raises PersonGone, Busy.
        """
        handle, record = mint(), new_id()
        body = _encode(user, grant, connection, parcel)
        until = await self._rows.add(
            digest(handle.get_secret_value()),
            record=record,
            user=user,
            grant=grant,
            connection=connection,
            scopes=sorted(scopes),
            direction=parcel.direction,
            sealed=self._vault.seal(TRANSFER, record, body),
        )
        return Offered(handle, until)

    async def look(self, handle: str) -> Ticket | Fault:
        """What the link is for, or why it is no good. Uses nothing up. Raises Busy, Sealed."""
        key = digest(handle)
        row = await self._rows.find(key)
        if row is None:
            return "unknown"
        if row.used:
            return "used"
        if row.expired:
            return "expired"
        return self._open(key, row) if row.lives else "ended"

    async def take(self, handle: str) -> Ticket | Fault:
        """The same, and it is used up: for exactly one caller. Raises Busy, Sealed."""
        key = digest(handle)
        row = await self._rows.take(key)
        if row is not None:
            return self._open(key, row)
        found = await self.look(handle)
        # Somebody gave it back between the two statements: whoever asks again may have it.
        return "used" if isinstance(found, Ticket) else found

    async def give_back(self, ticket: Ticket) -> None:
        """Let it be used once more, where nothing came of it. Raises Busy."""
        await self._rows.give_back(ticket.key)

    def _open(self, key: bytes, row: Transfer) -> Ticket:
        held = json.loads(self._vault.open(TRANSFER, row.record_id, row.sealed))
        parcel = Parcel(**held["parcel"])
        owner = [str(row.user_id), str(row.grant_id), str(row.connection_id)]
        if held["for"] != owner or parcel.direction != row.direction:
            _log.error("transfer_moved", provider=parcel.provider)
            raise Tampered("the link's row names another person, grant or connection than its body")
        return Ticket(key, row.user_id, row.grant_id, row.connection_id, parcel, row.expires_at)


def _encode(user: UUID, grant: UUID, connection: UUID, parcel: Parcel) -> bytes:
    names = ("direction", "provider", "kind", "name", "media_type", "size")
    said: dict[str, object] = {name: getattr(parcel, name) for name in names}
    said["place"] = dict(parcel.place)
    return json.dumps({"for": [str(user), str(grant), str(connection)], "parcel": said}).encode()
