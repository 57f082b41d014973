"""What a ring holds, as a short word that two processes can compare, and that says nothing about its keys."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from vault.keyring import KeyRing


@runtime_checkable
class Named(Protocol):
    """A ring that tells which keys it names."""

    def named(self) -> Mapping[str, str]:
        """Each reference with its key's check value, empty where it has none."""
        ...


@dataclass(frozen=True, slots=True)
class Mark:
    """`active` is the reference that wraps; `word` is equal for rings that name the same keys."""

    active: str
    word: str


def mark(ring: KeyRing) -> Mark:
    """The ring's mark. A ring that does not tell what it names is known by its active key alone."""
    named = ring.named() if isinstance(ring, Named) else {}
    active = ring.active
    lines = sorted({active: "", **named}.items())
    text = "\n".join((active, *(f"{ref} {check}" for ref, check in lines)))
    return Mark(active, hashlib.sha256(text.encode()).hexdigest()[:16])
