"""Unwrapped data keys, kept for a bounded time and in a bounded number.

Only keys are cached, never rows: a disconnect deletes the wrapped key, so the next read finds no key
reference to look up and nothing cached can serve it.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from vault import envelope, keyring
from vault.alarms import Alarms
from vault.errors import Malformed, Tampered, UnknownKey
from vault.store.deks import WrappedDek


class DekCache:
    """Unwraps data keys with the key ring and remembers them for `seconds`, `size` at most."""

    def __init__(
        self,
        ring: keyring.KeyRing,
        alarms: Alarms,
        *,
        seconds: float = 300,
        size: int = 1000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.alarms = alarms
        self._ring = ring
        self._seconds = seconds
        self._size = size
        self._clock = clock
        self._keys: OrderedDict[WrappedDek, tuple[float, bytes]] = OrderedDict()

    def __repr__(self) -> str:
        return f"DekCache({len(self._keys)} keys)"

    async def get(self, wrapped: WrappedDek) -> bytes:
        """The data key in clear. Raises UnknownKey, Tampered or Malformed.

        The whole row is the cache's key: another owner, reference or blob is another entry.
        """
        kept = self._keys.get(wrapped)
        if kept is not None and kept[0] > self._clock():
            self._keys.move_to_end(wrapped)
            return kept[1]
        context = keyring.wrap_context(wrapped.owner, wrapped.purpose, wrapped.id)
        try:
            dek = await self._ring.unwrap(wrapped.kek_ref, wrapped.wrapped, context)
        except (keyring.UnknownKey, keyring.Unreadable, keyring.Unsafe):
            self.alarms.refused("unknown_key", "deks")
            raise UnknownKey("a data key names a key that the key ring does not hold") from None
        except (keyring.Tampered, keyring.Malformed):
            self.alarms.refused("tampered", "deks")
            raise Tampered("a data key does not unwrap") from None
        self._keys[wrapped] = (self._clock() + self._seconds, dek)
        while len(self._keys) > self._size:
            self._keys.popitem(last=False)
        return dek

    async def wrap(self, wrapped_as: WrappedDek, dek: bytes) -> WrappedDek:
        """`wrapped_as` with its key reference and blob filled in, wrapped by the active key."""
        context = keyring.wrap_context(wrapped_as.owner, wrapped_as.purpose, wrapped_as.id)
        ref, blob = await self._ring.wrap(dek, context)
        return WrappedDek(wrapped_as.id, wrapped_as.owner, wrapped_as.purpose, ref, blob)


def open_sealed(dek: bytes, context: envelope.Context, sealed: bytes, alarms: Alarms) -> bytes:
    """`envelope.open_sealed` in the vault's words: raises Tampered or Malformed, and gives the alarm."""
    try:
        return envelope.open_sealed(dek, context, sealed)
    except envelope.Malformed:
        alarms.refused("malformed", context.purpose)
        raise Malformed("not an envelope of a known format") from None
    except envelope.Tampered:
        alarms.refused("tampered", context.purpose)
        raise Tampered("a sealed record does not open") from None
