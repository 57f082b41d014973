"""One row, the bytes that its MAC is over, and the MAC.

Each field stands behind its length, four bytes, big-endian; a field that is not there has the length
0xffffffff and no bytes. First the label `valet.audit.v1`, last the MAC of the row before it: of the same
batch, else the last of the same worker's batch before, else 32 zero bytes.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

_LABEL = b"valet.audit.v1"
_NONE = b"\xff\xff\xff\xff"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST = bytes(32)
"""What stands before the first row of a worker."""


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a worker's batch: which worker, which batch, the MAC of its last row."""

    worker: UUID
    batch: int
    mac: bytes

    def __str__(self) -> str:
        return f"{self.worker}:{self.batch}:{self.mac.hex()}"

    @classmethod
    def read(cls, text: str) -> Head:
        """What `str` gave. Raises ValueError."""
        worker, batch, mac = text.strip().split(":")
        found = cls(UUID(worker), int(batch), bytes.fromhex(mac))
        if len(found.mac) != len(FIRST) or found.batch < 1:
            raise ValueError("not a head")
        return found


@dataclass(frozen=True, slots=True)
class Row:
    """A row of `audit`, as docs/storage.md explains its columns."""

    worker: UUID
    batch: int
    position: int
    size: int
    at: datetime
    event: str
    outcome: str
    person: bytes | None = None
    client: bytes | None = None
    address: bytes | None = None
    tool: str | None = None
    provider: str | None = None
    detail: str | None = None
    times: int = 1
    lost: int = 0
    seen: Head | None = None
    mac: bytes = field(default=b"", repr=False)

    @property
    def place(self) -> tuple[UUID, int, int]:
        """Where it stands: worker, batch, position."""
        return self.worker, self.batch, self.position

    def canonical(self, before: bytes) -> bytes:
        """The bytes that the MAC is over; `before` is the MAC of the row before it."""
        seen = self.seen
        return b"".join(
            _field(part)
            for part in (
                _LABEL,
                self.worker.bytes,
                _number(self.batch, 8),
                _number(self.position, 4),
                _number(self.size, 4),
                _number((self.at - _EPOCH) // timedelta(microseconds=1), 8),
                self.event.encode(),
                self.outcome.encode(),
                self.person,
                self.client,
                self.address,
                _text(self.tool),
                _text(self.provider),
                _text(self.detail),
                _number(self.times, 4),
                _number(self.lost, 4),
                None if seen is None else seen.worker.bytes,
                None if seen is None else _number(seen.batch, 8),
                None if seen is None else seen.mac,
                before,
            )
        )


def mac_of(key: bytes, row: Row, before: bytes) -> bytes:
    """HMAC-SHA256 of a row and of the MAC before it."""
    return hmac.digest(key, row.canonical(before), hashlib.sha256)


def _field(part: bytes | None) -> bytes:
    return _NONE if part is None else len(part).to_bytes(4, "big") + part


def _number(value: int, size: int) -> bytes:
    return value.to_bytes(size, "big", signed=True)


def _text(value: str | None) -> bytes | None:
    return None if value is None else value.encode()
