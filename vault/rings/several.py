"""Rings of several kinds as one, while data keys move from one kind to another: the first wraps."""

from __future__ import annotations

from collections.abc import Mapping

from vault.keyring import KeyRing, UnknownKey
from vault.rings.mark import Named


class SeveralRings:
    """Each ring by its kind, which is how its references begin (`file:`, `awskms:`); the first one wraps."""

    def __init__(self, rings: Mapping[str, KeyRing]) -> None:
        self._rings = dict(rings)
        self._first = next(iter(self._rings.values()))

    def __repr__(self) -> str:
        return f"SeveralRings({', '.join(map(repr, self._rings.values()))})"

    @property
    def active(self) -> str:
        """The active reference of the first ring."""
        return self._first.active

    def named(self) -> Mapping[str, str]:
        """What each of them names."""
        found: dict[str, str] = {}
        for ring in self._rings.values():
            found |= ring.named() if isinstance(ring, Named) else {ring.active: ""}
        return found

    async def wrap(self, dek: bytes | bytearray, context: bytes) -> tuple[str, bytes]:
        """Wrap by the first ring; raises what that raises."""
        return await self._first.wrap(dek, context)

    async def unwrap(self, ref: str, blob: bytes, context: bytes) -> bytearray:
        """Unwrap by the one ring whose kind the reference names. Raises UnknownKey, and what that raises."""
        ring = self._rings.get(ref.partition(":")[0])
        if ring is None:
            raise UnknownKey(f"VALET_KEYRING names no ring for the key {ref!r}.")
        return await ring.unwrap(ref, blob, context)
