"""Envelopes: how one secret value rests, byte by byte. Format 1, suite 1.

    offset  size  content
         0     3  magic, ASCII `VLT`
         3     1  format, 0x01
         4     1  suite, 0x01: HKDF-SHA512, AES-256-GCM, 32-byte key commitment
         5    32  salt, fresh random bytes for every seal
        37    32  key commitment
        69     n  ciphertext, as long as the plaintext
      69+n    16  AES-GCM tag

An envelope is 85 bytes longer than its plaintext, and nothing in it is optional.

    okm        = HKDF-SHA512(ikm = DEK, salt = salt, info = context, length = 64)      RFC 5869
    key        = okm[0:32]          AES-256-GCM key, used for this envelope and never again
    commitment = okm[32:64]         compared in constant time before anything is decrypted
    nonce      = twelve zero bytes
    aad        = context

The context is six fields in this order, each preceded by its length as four bytes, big-endian: magic
and format (4 bytes), suite (1), owner (UUID, 16), purpose (UTF-8), record id (UUID, 16), secret
version (8, big-endian). It is not stored: whoever opens must know it, so an envelope that was moved to
another owner, column, row or version does not open.

A fixed nonce is safe because a key is used once: the salt is 256 random bits, chosen here and never by
a caller. The commitment is there because AES-GCM alone lets one ciphertext be made that opens under two
keys (the layout follows suite 0x0478 of the AWS Encryption SDK message format). There is no plaintext
path and no trial decryption: bytes that are not an envelope of a known format are refused.

Formats live for ever. The first five bytes choose the opener (`_OPENERS`); only the newest format is sealed
(`_seal`). Another format is another entry with its own opener and its own golden vectors, and an entry that
was ever released is neither changed nor taken out.

    EnvelopeError
     ├ Malformed          the bytes are not an envelope: no magic, or too short
     │  └ UnknownFormat   an envelope, of a format or suite this version does not read
     └ Tampered           the key, the context or the bytes are not those it was sealed with

Their texts carry no key, no plaintext and no id. This module imports nothing of ours.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.constant_time import bytes_eq
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_MAGIC = b"VLT"
_FORMAT = b"\x01"
_SUITE = b"\x01"
_HEADER = _MAGIC + _FORMAT + _SUITE
_SALT = slice(5, 37)
_COMMITMENT = slice(37, 69)
_BODY = slice(69, None)
_TAG = 16
_KEY = 32
_NONCE = bytes(12)
_DERIVE = b"valet.derive.v1"

Buffer = bytes | bytearray | memoryview
"""What a key may come in: a copy as `bytes` could not be zeroed."""


class EnvelopeError(Exception):
    """Base of everything this module raises for bytes that do not open."""


class Malformed(EnvelopeError):
    """The bytes are not an envelope."""


class UnknownFormat(Malformed):
    """The bytes begin like an envelope, of a format or suite this version does not read."""


class Tampered(EnvelopeError):
    """Wrong key or wrong context, or the bytes were edited: the three cannot be told apart."""


@dataclass(frozen=True, slots=True)
class Context:
    """Where a secret belongs: whose it is, what it is for, its row, and which version of it this is.

    `version` counts from 0 and fits PostgreSQL's bigint. Raises ValueError for an empty purpose or a
    version out of range.
    """

    owner: UUID
    purpose: str
    record: UUID
    version: int

    def __post_init__(self) -> None:
        if not self.purpose:
            raise ValueError("a context names a purpose")
        if not 0 <= self.version < 1 << 63:
            raise ValueError("a secret version is between 0 and 2^63 - 1")

    def encode(self) -> bytes:
        """The canonical bytes of format, suite and this context: HKDF info and associated data."""
        return _prefixed(
            _MAGIC + _FORMAT,
            _SUITE,
            self.owner.bytes,
            self.purpose.encode(),
            self.record.bytes,
            self.version.to_bytes(8, "big"),
        )


def new_dek() -> bytearray:
    """A fresh data key: 32 random bytes, in memory that its holder can zero."""
    os.urandom(1)  # waits, once after the machine's start, until its randomness can be trusted
    dek = bytearray(_KEY)
    with open("/dev/urandom", "rb", buffering=0) as source:
        if source.readinto(dek) != _KEY:
            raise OSError("the system gave no 32 random bytes")
    return dek


def derive(key: Buffer, purpose: str, length: int = 32) -> bytes:
    """A key of `length` bytes for one purpose, from a 32-byte key (RFC 5869, SHA-512, no salt).

    The info is a label of ours, the purpose and the length, each length-prefixed: two purposes, two
    lengths, or a derived key and an envelope's key, never share a byte by construction. Raises
    ValueError for a key that is not 32 bytes, an empty purpose, or a length HKDF cannot give.
    """
    if not purpose:
        raise ValueError("a derived key names a purpose")
    if not 1 <= length <= 255 * SHA512.digest_size:
        raise ValueError("a derived key is between 1 and 16320 bytes long")
    info = _prefixed(_DERIVE, purpose.encode(), length.to_bytes(4, "big"))
    return _hkdf(_checked(key), salt=None, info=info, length=length)


def seal(dek: Buffer, context: Context, plaintext: bytes) -> bytes:
    """The envelope of `plaintext` under a 32-byte `dek`, bound to `context`. Raises ValueError."""
    return _seal(dek, context, plaintext, os.urandom(32))


def open_sealed(dek: Buffer, context: Context, sealed: bytes) -> bytes:
    """The plaintext of an envelope. Raises Malformed, UnknownFormat, Tampered; ValueError for a bad key."""
    if len(sealed) < len(_HEADER) or not sealed.startswith(_MAGIC):
        raise Malformed("these bytes are not an envelope")
    opener = _OPENERS.get(sealed[: len(_HEADER)])
    if opener is None:
        raise UnknownFormat("this version does not read the format or suite of this envelope")
    return opener(dek, context, sealed)


def _open(dek: Buffer, context: Context, sealed: bytes) -> bytes:
    if len(sealed) < _BODY.start + _TAG:
        raise Malformed("the envelope is cut short")
    associated = context.encode()
    key, commitment = _keys(dek, sealed[_SALT], associated)
    if not bytes_eq(commitment, sealed[_COMMITMENT]):
        raise Tampered("the envelope was not sealed with this key for this place")
    try:
        return AESGCM(key).decrypt(_NONCE, sealed[_BODY], associated)
    except InvalidTag:
        raise Tampered("the envelope was edited after it was sealed") from None


_OPENERS: Final[Mapping[bytes, Callable[[Buffer, Context, bytes], bytes]]] = MappingProxyType(
    {_HEADER: _open}
)


def _seal(dek: Buffer, context: Context, plaintext: bytes, salt: bytes) -> bytes:
    # A salt may be named only by the golden vectors: a salt used twice is a nonce used twice.
    associated = context.encode()
    key, commitment = _keys(dek, salt, associated)
    return _HEADER + salt + commitment + AESGCM(key).encrypt(_NONCE, plaintext, associated)


def _keys(dek: Buffer, salt: bytes, info: bytes) -> tuple[bytes, bytes]:
    okm = _hkdf(_checked(dek), salt=salt, info=info, length=64)
    return okm[:_KEY], okm[_KEY:]


def _hkdf(key: Buffer, *, salt: bytes | None, info: bytes, length: int) -> bytes:
    return HKDF(SHA512(), length, salt, info).derive(key)


def _checked(key: Buffer) -> Buffer:
    if len(key) != _KEY:
        raise ValueError("a key is 32 bytes")
    return key


def _prefixed(*fields: bytes) -> bytes:
    # Concatenation without lengths would let ("ab", "c") and ("a", "bc") pass for each other.
    return b"".join(len(field).to_bytes(4, "big") + field for field in fields)
