"""Unwrapped data keys, kept for a bounded time and in a bounded number. None of them leaves.

Only keys are cached, never rows: a disconnect deletes the wrapped key, so the next read finds no key
reference to look up and nothing cached can serve it. Fetching a key may wait for whatever holds the keys;
using it never waits, so no key is zeroed while it is used. A key whose time is over is zeroed then, whether
anybody asks for it or not.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from uuid import UUID

from vault import envelope, keyring
from vault.alarms import Alarms
from vault.datakey import DataKey
from vault.errors import KeysAway, Tampered, UnknownKey
from vault.ids import new_id
from vault.secret import wipe
from vault.store.deks import Purpose, WrappedDek


class DekCache:
    """Unwraps data keys with the key ring and remembers them for `seconds`, `size` at most.

    The whole row is what a key is found by: another owner, reference or blob is another entry.
    """

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
        self._keys: OrderedDict[WrappedDek, tuple[float, DataKey]] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None
        self._wipes = 0

    def __repr__(self) -> str:
        return f"DekCache({len(self._keys)} keys)"

    async def seal(self, wrapped: WrappedDek, context: envelope.Context, plaintext: bytes) -> bytes:
        """An envelope under that data key. Raises UnknownKey, Tampered, Busy."""
        return (await self._get(wrapped)).seal(context, plaintext)

    async def open(self, wrapped: WrappedDek, context: envelope.Context, sealed: bytes) -> bytes:
        """What was sealed under that data key. Raises UnknownKey, Tampered, Malformed, Busy."""
        return (await self._get(wrapped)).open(context, sealed)

    async def fresh(self, owner: UUID, purpose: Purpose) -> WrappedDek:
        """A new data key, wrapped by the active key and kept: a row to insert. Raises UnknownKey, Busy."""
        wipes, dek_id, dek = self._wipes, new_id(), envelope.new_dek()
        try:
            ref, blob = await self._ring.wrap(dek, keyring.wrap_context(owner, purpose, dek_id))
        except keyring.KeyRingError as error:
            wipe(dek)
            raise self._refusal(error) from None
        except BaseException:
            wipe(dek)  # whoever asked went away
            raise
        wrapped = WrappedDek(dek_id, owner, purpose, ref, blob)
        self._keep(wrapped, DataKey(dek, self.alarms), wipes)
        return wrapped

    async def ready(self, wrapped: WrappedDek | None) -> bool:
        """Have that data key at hand: so a transaction to come need not wait for what holds the keys.

        False where there is none or it does not unwrap: the alarm is for who opens it. Raises KeysAway.
        """
        if wrapped is None:
            return False
        if not self._kept(wrapped):
            wipes = self._wipes
            try:
                self._keep(wrapped, DataKey(await self._ring.unwrap(*_asked(wrapped)), self.alarms), wipes)
            except keyring.Away as error:
                raise self._refusal(error) from None
            except keyring.KeyRingError:
                return False
        return True

    async def lasting(self, wrapped: WrappedDek) -> DataKey:
        """That data key outside the bounds: its holder wipes it. Raises UnknownKey, Tampered, Busy."""
        return await self._unwrap(wrapped)

    def wipe(self) -> None:
        """Zero every key it holds; what is asked for after that is unwrapped anew.

        What is being unwrapped just now serves whoever waits for it, and is not kept.
        """
        self._wipes += 1
        while self._keys:
            self._keys.popitem()[1][1].wipe()
        self._sweep()

    async def _get(self, wrapped: WrappedDek) -> DataKey:
        key = self._kept(wrapped)
        if key is None:
            wipes = self._wipes
            key = await self._unwrap(wrapped)
            self._keep(wrapped, key, wipes)
        return key

    def _kept(self, wrapped: WrappedDek) -> DataKey | None:
        kept = self._keys.get(wrapped)
        if kept is None or kept[0] <= self._clock():
            return None
        self._keys.move_to_end(wrapped)
        return kept[1]

    def _keep(self, wrapped: WrappedDek, key: DataKey, wipes: int) -> None:
        if wipes != self._wipes:
            return  # asked for before a wipe: it is zeroed when its last user lets go of it
        before = self._keys.pop(wrapped, None)
        if before is not None:
            before[1].wipe()
        self._keys[wrapped] = (self._clock() + self._seconds, key)
        while len(self._keys) > self._size:
            self._keys.popitem(last=False)[1][1].wipe()
        if self._timer is None:
            self._wait()

    def _sweep(self) -> None:
        now = self._clock()
        for wrapped, (until, key) in [*self._keys.items()]:
            if until <= now:
                key.wipe()
                del self._keys[wrapped]
        self._wait()

    def _wait(self) -> None:
        """Sweep once the first of them is due."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._keys:
            due = min(until for until, _ in self._keys.values()) - self._clock()
            self._timer = asyncio.get_running_loop().call_later(max(due, 0), self._sweep)

    async def _unwrap(self, wrapped: WrappedDek) -> DataKey:
        try:
            dek = await self._ring.unwrap(*_asked(wrapped))
        except keyring.KeyRingError as error:
            raise self._refusal(error) from None
        return DataKey(dek, self.alarms)

    def _refusal(self, error: keyring.KeyRingError) -> Exception:
        """The error in the vault's words, and its alarm; a key service that is away is none."""
        if isinstance(error, keyring.Away):
            return KeysAway(str(error), retry_after=2)
        if isinstance(error, keyring.Tampered | keyring.Malformed):
            self.alarms.refused("tampered", "deks")
            return Tampered("a data key does not unwrap")
        self.alarms.refused("unknown_key", "deks")
        return UnknownKey("a data key names a key that the key ring does not hold")


def _asked(wrapped: WrappedDek) -> tuple[str, bytes, bytes]:
    """What a ring is asked for that row."""
    context = keyring.wrap_context(wrapped.owner, wrapped.purpose, wrapped.id)
    return wrapped.kek_ref, wrapped.wrapped, context
