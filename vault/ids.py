"""Record ids: UUIDv7 (RFC 9562 §5.7), so that new rows land at the end of an index."""

from __future__ import annotations

import secrets
import time
import uuid

_OPERATOR = uuid.UUID(int=0)


def new_id() -> uuid.UUID:
    """A UUIDv7: 48 bits of Unix milliseconds, then 74 random bits. Not a secret."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds & (1 << 48) - 1) << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return uuid.UUID(int=value)


def operator_id() -> uuid.UUID:
    """The owner id of what belongs to the operator and to no person: the nil UUID."""
    return _OPERATOR
