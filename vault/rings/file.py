"""The key ring in a file (`vault.rings.ringfile` says what is in it), which may change while we run.

Before it wraps it looks whether the file is another one by now, so that a running worker wraps under a new
active key at once. What cannot be read at that moment, or gives a reference we hold another key, is not
taken over: the keys read before stay in use, and the log says so once.

A wrapped data key is 61 bytes:

    offset  size  content
         0     1  format, 0x01
         1    12  nonce, random
        13    32  ciphertext of the data key
        45    16  AES-256-GCM tag

    aad = label `valet.wrap.v1`, reference, context: each preceded by its length as four bytes, big-endian

Nonces are random here (NIST SP 800-38D §8.3 allows 2^32 wraps under one key; one wrap is one new
connection, so a yearly new key stays far below).
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from vault.keyring import DEK_SIZE, KeyRingError, Malformed, Tampered, UnknownKey, Unreadable, prefixed
from vault.rings import ringfile

_WRAP_FORMAT = b"\x01"
_WRAP_LABEL = b"valet.wrap.v1"
_WRAPPED_SIZE = 61
_NONCE = slice(1, 13)
_BODY = slice(13, None)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Keys:
    # Ciphers, not bytes: nothing in here prints or pickles as a key.
    active: str
    ciphers: Mapping[str, AESGCM]
    checks: Mapping[str, str]


class FileKeyRing:
    """The ring in the file at `path`, read at once. Raises Unreadable, Unsafe."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = ringfile.stamp(path)
        self._keys = _load(path)
        self._told: str | None = None

    def __repr__(self) -> str:
        return f"FileKeyRing({str(self._path)!r}, active={self.active!r}, keys={len(self._keys.ciphers)})"

    @classmethod
    def create(cls, path: Path) -> FileKeyRing:
        """The ring at `path`, made with one fresh key (mode 0600) if there is none yet.

        Never overwrites: of processes that start at once, one makes the ring and all return that one; it
        is on disk before the one that made it returns. The folder must exist: making it could turn a
        volume that is not mounted into keys that vanish with the container. Raises Unreadable, Unsafe.
        """
        try:
            if not os.path.lexists(path):
                document = ringfile.Document(ringfile.FIRST, {ringfile.FIRST: ringfile.fresh()})
                ringfile.publish(path, ringfile.render(document))
        except OSError as error:
            mend = f"Make the folder {path.parent} and let only the user Valet runs as write to it."
            if error.errno == errno.EROFS:
                mend = (
                    "Valet writes to no mounted secret: make the ring elsewhere (valet keys init), give it "
                    "as the secret, and start again."
                )
            raise Unreadable(f"The key ring {path} could not be made: {error.strerror}. {mend}") from None
        return cls(path)

    @property
    def active(self) -> str:
        """The reference of the key that wraps now."""
        return self._keys.active

    def named(self) -> Mapping[str, str]:
        """Each reference in the file now, with its key's check value."""
        self._follow()
        return self._keys.checks

    def reload(self) -> None:
        """Read the file again. Raises Unreadable, Unsafe; the keys read before then stay in use."""
        # Stamped before it is read: what changes in between is seen as a change the next time.
        seen, fresh = ringfile.stamp(self._path), _load(self._path)
        for ref, check in fresh.checks.items():
            if self._keys.checks.get(ref, check) != check:
                raise Unreadable(f"The key ring {self._path} has another key {ref} than before.")
        self._seen, self._keys, self._told = seen, fresh, None

    def _follow(self) -> None:
        if ringfile.stamp(self._path) == self._seen:
            return
        before = self._keys.active
        try:
            self.reload()
        except KeyRingError as error:
            if self._told != str(error):
                _log.error("keyring_not_reloaded", path=str(self._path), reason=str(error))
                self._told = str(error)
            return
        _log.info("keyring_reloaded", active=self._keys.active, before=before)

    async def wrap(self, dek: bytes | bytearray, context: bytes) -> tuple[str, bytes]:
        """Wrap a data key under the key that is active in the file now.

        Raises ValueError for one that is not 32 bytes, and nothing else.
        """
        if len(dek) != DEK_SIZE:
            raise ValueError("a data key is 32 bytes")
        self._follow()
        ref = self._keys.active
        nonce = os.urandom(12)
        sealed = self._keys.ciphers[ref].encrypt(nonce, dek, _associated(ref, context))
        return ref, _WRAP_FORMAT + nonce + sealed

    async def unwrap(self, ref: str, blob: bytes, context: bytes) -> bytearray:
        """The data key of `blob`. An unknown reference makes the ring read its file once more.

        Raises UnknownKey, Malformed, Tampered, and what `reload` raises.
        """
        if ref not in self._keys.ciphers:
            self.reload()
        cipher = self._keys.ciphers.get(ref)
        if cipher is None:
            raise UnknownKey(f"The key ring {self._path} holds no key {ref!r}.")
        if len(blob) != _WRAPPED_SIZE or not blob.startswith(_WRAP_FORMAT):
            raise Malformed("these bytes are not a wrapped data key")
        dek = bytearray(DEK_SIZE)
        try:
            # Straight into memory that can be zeroed: `bytes` can't be.
            cipher.decrypt_into(blob[_NONCE], blob[_BODY], _associated(ref, context), dek)
        except InvalidTag:
            dek[:] = bytes(DEK_SIZE)  # it is decrypted before the tag is compared
            raise Tampered("the wrapped data key was edited, or belongs to another place") from None
        return dek


def _load(path: Path) -> _Keys:
    document = ringfile.read(path)
    return _Keys(
        document.active,
        {ref: AESGCM(entry.key) for ref, entry in document.keys.items()},
        {ref: entry.check for ref, entry in document.keys.items()},
    )


def _associated(ref: str, context: bytes) -> bytes:
    return prefixed(_WRAP_LABEL, ref.encode(), context)
