"""Key rings: the keys that wrap data keys. A ring is two verbs, wrap and unwrap, and one active key.

A file ring is one JSON file that only its owner may read:

    {"format": 1,
     "active": "file:main:2",
     "keys": {"file:main:1": {"key": BASE64 OF 32 BYTES, "created": ISO 8601, "state": "decrypt_only"},
              "file:main:2": {"key": BASE64 OF 32 BYTES, "created": ISO 8601, "state": "active"}}}

A reference is `file:<name>:<number>`. Exactly one key is active: it wraps. The others only unwrap.
Whoever edits the file writes a new one beside it and renames it, so that nobody reads half a ring.

A wrapped data key is 61 bytes:

    offset  size  content
         0     1  format, 0x01
         1    12  nonce, random
        13    32  ciphertext of the data key
        45    16  AES-256-GCM tag

    aad = label `valet.wrap.v1`, reference, context: each preceded by its length as four bytes, big-endian

Nonces are random here (NIST SP 800-38D §8.3 allows 2^32 wraps under one key; one wrap is one new
connection, so a yearly new key stays far below). A key is only ever tried under the reference that
names it, and only if the ring names that reference.

    KeyRingError
     ├ Unreadable    there is no ring at this path, or it is not a ring of this format
     ├ Unsafe        others could read or change the ring file
     ├ UnknownKey    wrapped under a reference the ring does not name, even after reading it again
     ├ Malformed     the bytes are not a wrapped data key of this format
     └ Tampered      the wrapped key was edited, or belongs to another key or place

Their texts carry paths and references, never a key. This module imports nothing of ours.
"""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
import shlex
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_FIRST = "file:main:1"
_REFERENCE = re.compile(r"file:[a-z0-9-]{1,32}:[1-9][0-9]{0,8}")
_STATES = ("active", "decrypt_only")
_WRAP_FORMAT = b"\x01"
_WRAP_LABEL = b"valet.wrap.v1"
_WRAPPED_SIZE = 61
_NONCE = slice(1, 13)
_BODY = slice(13, None)
_KEY = 32


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


class KeyRing(Protocol):
    """What the vault needs of a key store: a file, or a key service behind a network."""

    @property
    def active(self) -> str:
        """The reference that wraps now; what is wrapped under another one is due for a re-wrap."""

    async def wrap(self, dek: bytes, context: bytes) -> tuple[str, bytes]:
        """Wrap a data key (32 bytes) for one place; gives the key reference and the wrapped bytes."""

    async def unwrap(self, ref: str, blob: bytes, context: bytes) -> bytes:
        """The data key of `blob`. Raises KeyRingError unless reference, bytes and context belong together."""


def wrap_context(owner: UUID, purpose: str, dek_id: UUID) -> bytes:
    """The canonical bytes of where a data key belongs; hand them to `wrap` and `unwrap`."""
    return _prefixed(b"valet.dek.v1", owner.bytes, purpose.encode(), dek_id.bytes)


@dataclass(frozen=True, slots=True)
class _Keys:
    # Ciphers, not bytes: nothing in here prints or pickles as a key.
    active: str
    ciphers: Mapping[str, AESGCM]


class FileKeyRing:
    """The ring in the file at `path`, read at once. Raises Unreadable, Unsafe."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._keys = _load(path)

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
                _publish(path, _fresh())
        except OSError as error:
            raise Unreadable(
                f"The key ring {path} could not be made: {error.strerror}. "
                f"Make the folder {path.parent} and let only the user Valet runs as write to it."
            ) from None
        return cls(path)

    @property
    def active(self) -> str:
        """The reference of the key that wraps now."""
        return self._keys.active

    def reload(self) -> None:
        """Read the file again. Raises Unreadable, Unsafe; the keys read before then stay in use."""
        self._keys = _load(self._path)

    async def wrap(self, dek: bytes, context: bytes) -> tuple[str, bytes]:
        """Wrap a data key under the active key. Raises ValueError for one that is not 32 bytes."""
        if len(dek) != _KEY:
            raise ValueError("a data key is 32 bytes")
        ref = self._keys.active
        nonce = os.urandom(12)
        sealed = self._keys.ciphers[ref].encrypt(nonce, dek, _associated(ref, context))
        return ref, _WRAP_FORMAT + nonce + sealed

    async def unwrap(self, ref: str, blob: bytes, context: bytes) -> bytes:
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
        try:
            return cipher.decrypt(blob[_NONCE], blob[_BODY], _associated(ref, context))
        except InvalidTag:
            raise Tampered("the wrapped data key was edited, or belongs to another place") from None


def _associated(ref: str, context: bytes) -> bytes:
    return _prefixed(_WRAP_LABEL, ref.encode(), context)


def _prefixed(*fields: bytes) -> bytes:
    # The same rule as in envelope.py, written again because neither module imports the other.
    return b"".join(len(field).to_bytes(4, "big") + field for field in fields)


def _fresh() -> bytes:
    entry = {
        "key": base64.b64encode(AESGCM.generate_key(bit_length=256)).decode(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "state": "active",
    }
    document = {"format": 1, "active": _FIRST, "keys": {_FIRST: entry}}
    return json.dumps(document, indent=2).encode() + b"\n"


def _publish(path: Path, content: bytes) -> None:
    """Give `content` the name `path`, whole and durable, unless that name is taken. Raises OSError."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(fd, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(fd)
        # link(2) fails where rename(2) would overwrite: the loser of a race keeps the winner's ring.
        with suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        os.unlink(temporary)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _load(path: Path) -> _Keys:
    raw = _read(path)
    try:
        document = json.loads(raw, object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError):
        document = None  # the decoder's exception holds the whole text, keys and all: it ends here
    if not isinstance(document, dict):
        raise Unreadable(f"The key ring {path} is not JSON, or names something twice. {_RESTORE}")
    if document.get("format") != 1:
        raise Unreadable(f"The key ring {path} is not of format 1: use the version that wrote it.")
    entries = document.get("keys")
    if not isinstance(entries, dict) or not all(map(_REFERENCE.fullmatch, entries)):
        raise Unreadable(f"The key ring {path} needs `keys` named like {_FIRST}. {_RESTORE}")
    ciphers = {ref: AESGCM(_key(path, ref, entry)) for ref, entry in entries.items()}
    active = [ref for ref, entry in entries.items() if entry["state"] == "active"]
    if active != [document.get("active")]:
        raise Unreadable(f"The key ring {path} must have one active key, the one `active` names. {_RESTORE}")
    return _Keys(active[0], ciphers)


_RESTORE = "Restore it from its backup; without it nothing sealed so far can be opened."


def _key(path: Path, ref: str, entry: object) -> bytes:
    if not isinstance(entry, dict) or entry.get("state") not in _STATES:
        raise Unreadable(f"The key {ref} in {path} needs a `state`: active or decrypt_only. {_RESTORE}")
    try:
        key = base64.b64decode(entry.get("key", ""), validate=True)
    except (ValueError, TypeError):
        key = b""
    if len(key) != _KEY:
        raise Unreadable(f"The key {ref} in {path} is not 32 bytes of base64. {_RESTORE}")
    return key


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    # JSON parsers differ on which of two equal names wins: a ring must mean one thing.
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name stands twice")
    return members


def _read(path: Path) -> bytes:
    # Everything is asked of the open file, so it cannot be exchanged between check and use.
    # O_NONBLOCK: opening a pipe must not wait for a writer.
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise Unreadable(f"The key ring {path} cannot be opened: {error.strerror}. {_RESTORE}") from None
    try:
        _refuse_unsafe(path, os.fstat(fd))
        with open(fd, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(fd)


def _refuse_unsafe(path: Path, status: os.stat_result) -> None:
    quoted = shlex.quote(str(path))
    if not stat.S_ISREG(status.st_mode):
        raise Unreadable(f"The key ring {path} is not a file.")
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise Unsafe(
            f"The key ring {path} is open to other users (mode {stat.S_IMODE(status.st_mode):04o}). "
            f"Run: chmod 600 {quoted}"
        )
    # Root's own files are accepted: root can read any key anyway, and secrets are mounted that way.
    if status.st_uid not in (0, os.geteuid()):
        raise Unsafe(
            f"The key ring {path} belongs to user {status.st_uid}, and Valet runs as {os.geteuid()}. "
            f"Run: chown {os.geteuid()} {quoted}"
        )
