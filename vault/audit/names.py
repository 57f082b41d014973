"""What people, clients and addresses are called in the audit: keyed pseudonyms, 16 bytes of HMAC-SHA256.

Each person has a random key, sealed under the operator's, in a row that dies with the account: after that
nobody can tell whose rows are whose. Their clients and addresses are called by that key too, so those rows
tell nothing either. What belongs to nobody we know is called by a key derived from the operator's. An address
is called otherwise each month.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections import OrderedDict
from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Protocol
from uuid import UUID

from vault.errors import Sealed
from vault.purposes import CALLED
from vault.store.audit import Asked, AuditRows, Known

_SIZE = 16


class Keeper(Protocol):
    """What the audit asks of whoever holds the operator's key."""

    def derive(self, purpose: str) -> bytes:
        """A 32-byte key for one purpose."""

    def seal(self, purpose: str, record: UUID, plaintext: bytes) -> bytes:
        """An envelope bound to purpose and record."""

    def open(self, purpose: str, record: UUID, sealed: bytes) -> bytes:
        """What `seal` was given. Raises Sealed."""


class Names:
    """Pseudonyms. Keys of people are kept opened, `size` at most, and used only while their row is there."""

    def __init__(self, rows: AuditRows, operator: Keeper, *, size: int = 2000) -> None:
        self._rows = rows
        self._operator = operator
        self._size = size
        self._nobodys = operator.derive("audit-names")
        self._opened: OrderedDict[tuple[UUID, bytes], bytes] = OrderedDict()

    def __repr__(self) -> str:
        return f"Names({len(self._opened)} keys)"

    async def know(self, asked: Sequence[Asked]) -> dict[int, tuple[Known, bytes]]:
        """What is known of these people, and the key of each. Raises Busy.

        Who is gone is left out, and so is one whose key does not open, which gives its own alarm.
        """
        known = await self._rows.know(asked)
        fresh = await self._new({who.user_id for who in known.values() if who.sealed is None})
        found = {}
        for number, who in known.items():
            sealed = who.sealed or fresh.get(who.user_id)
            if sealed is not None:
                with suppress(Sealed):
                    found[number] = (who, self._open(who.user_id, sealed))
        return found

    async def _new(self, people: Collection[UUID]) -> dict[UUID, bytes]:
        if not people:
            return {}
        made = {each: self._operator.seal(CALLED, each, os.urandom(32)) for each in people}
        return await self._rows.keys(made)

    def _open(self, user_id: UUID, sealed: bytes) -> bytes:
        # Theirs alone: what was opened for one person must not open for another whose row was given it.
        place = user_id, sealed
        key = self._opened.pop(place, None) or self._operator.open(CALLED, user_id, sealed)
        self._opened[place] = key
        if len(self._opened) > self._size:
            self._opened.popitem(last=False)
        return key

    def person(self, user_id: UUID, key: bytes) -> bytes:
        """What that person is called."""
        return _called(key, b"person", user_id.bytes)

    def client(self, client_id: str | None, key: bytes | None) -> bytes | None:
        """What a client is called: by its person's key, where there is one."""
        return None if client_id is None else _called(key or self._nobodys, b"client", client_id.encode())

    def address(self, address: str | None, key: bytes | None, at: datetime) -> bytes | None:
        """What an address is called in the month of `at`: by its person's key, where there is one."""
        if address is None:
            return None
        return _called(key or self._nobodys, b"address", f"{at:%Y-%m} {address}".encode())


def _called(key: bytes, kind: bytes, value: bytes) -> bytes:
    return hmac.digest(key, kind + b"\0" + value, hashlib.sha256)[:_SIZE]
