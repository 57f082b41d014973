"""Key rings: the keys that wrap data keys. A ring is two verbs, wrap and unwrap, and one active key.

What holds the keys is behind the verbs: a file (`vault.rings.file`) or a key service. Whatever it is, a
wrapped data key names the key that wrapped it, is bound to the place it belongs to, and is only ever tried
under the reference that names it, and only if the ring names that reference. Which kind there is for which
setting: `vault.rings.choose`.

    KeyRingError
     ├ Unreadable    there is no ring at this path, or it is not a ring of this format
     ├ Unsafe        others could read or change the ring file
     ├ UnknownKey    wrapped under a reference the ring does not name, even after reading it again
     ├ Malformed     the bytes are not a wrapped data key of this format
     ├ Tampered      the wrapped key was edited, or belongs to another key or place
     └ Away          the key service does not answer now: the same call may succeed later

Their texts carry paths and references, never a key. This module imports nothing of ours, and rings import
nothing of ours but this.
"""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

DEK_SIZE = 32
"""How long a data key is, in bytes."""


class KeyRingError(Exception):
    """Base of everything a key ring raises."""


class Unreadable(KeyRingError):
    """There is no ring at this path, or it is not a ring of this format."""


class Unsafe(KeyRingError):
    """Others could read or change the ring file; the text says which command mends it."""


class UnknownKey(KeyRingError):
    """The ring does not name this reference, even after reading it again."""


class Malformed(KeyRingError):
    """The bytes are not a wrapped data key of this format."""


class Tampered(KeyRingError):
    """The wrapped key was edited, or belongs to another key or another place."""


class Away(KeyRingError):
    """What holds the keys does not answer now; nothing is wrong with the wrapped key."""


class KeyRing(Protocol):
    """What the vault needs of a key store: a file, or a key service behind a network."""

    @property
    def active(self) -> str:
        """The reference that wraps now; what is wrapped under another one is due for a re-wrap."""

    async def wrap(self, dek: bytes | bytearray, context: bytes) -> tuple[str, bytes]:
        """Wrap a data key (32 bytes) for one place; gives the key reference and the wrapped bytes.

        Raises ValueError for a key of another size, and KeyRingError.
        """

    async def unwrap(self, ref: str, blob: bytes, context: bytes) -> bytearray:
        """The data key of `blob`, which belongs to the caller: it zeroes it after use.

        Raises KeyRingError unless reference, bytes and context belong together.
        """


def wrap_context(owner: UUID, purpose: str, dek_id: UUID) -> bytes:
    """The canonical bytes of where a data key belongs; hand them to `wrap` and `unwrap`."""
    return prefixed(b"valet.dek.v1", owner.bytes, purpose.encode(), dek_id.bytes)


def prefixed(*fields: bytes) -> bytes:
    """The fields joined, each preceded by its length (four bytes, big-endian): no two lists are alike."""
    # The same rule as in envelope.py, written again because neither module imports the other.
    return b"".join(len(field).to_bytes(4, "big") + field for field in fields)
