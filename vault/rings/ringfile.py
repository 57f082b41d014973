"""The key ring file: what is in it, when it may be read, and how it gets its name.

One JSON file:

    {"format": 1,
     "active": "file:main:2",
     "keys": {"file:main:1": {"key": BASE64 OF 32 BYTES, "created": ISO 8601, "state": "decrypt_only"},
              "file:main:2": {"key": BASE64 OF 32 BYTES, "created": ISO 8601, "state": "active"}}}

A reference is `file:<name>:<number>`. Exactly one key is active: it wraps. The others only unwrap.
Whoever edits the file writes a new one beside it and renames it, so that nobody reads half a ring.
"""

from __future__ import annotations

import base64
import errno
import glob
import json
import os
import re
import secrets
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, cast, get_args

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from vault.keyring import Unreadable
from vault.rings.access import refuse_unsafe

FIRST = "file:main:1"
"""What the first key of a new ring is called."""

State = Literal["active", "decrypt_only"]

_REFERENCE = re.compile(r"file:[a-z0-9-]{1,32}:[1-9][0-9]{0,8}")
_KEY = 32
_ABANDONED = 60.0
_RESTORE = "Restore it from its backup; without it nothing sealed so far can be opened."


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of a ring. `created` is what the file says, ISO 8601, or None where it says nothing."""

    key: bytes = field(repr=False)
    created: str | None
    state: State

    @property
    def check(self) -> str:
        """The key's check value (`check`)."""
        return check(self.key)


@dataclass(frozen=True, slots=True)
class Document:
    """A ring file's content: its keys by reference, and which of them wraps."""

    active: str
    keys: Mapping[str, Entry]


def stamp(path: Path) -> tuple[int, ...] | None:
    """What changes whenever the file, or what a link there leads to, does; None where nothing can be seen."""
    try:
        seen = os.stat(path)
    except OSError:
        return None
    return seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns


def read(path: Path) -> Document:
    """The ring in the file at `path`. Raises Unreadable, Unsafe."""
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
        raise Unreadable(f"The key ring {path} needs `keys` named like {FIRST}. {_RESTORE}")
    keys = {ref: _entry(path, ref, entry) for ref, entry in entries.items()}
    active = [ref for ref, entry in keys.items() if entry.state == "active"]
    if active != [document.get("active")]:
        raise Unreadable(f"The key ring {path} must have one active key, the one `active` names. {_RESTORE}")
    return Document(active[0], keys)


def render(document: Document) -> bytes:
    """The content of a ring file that `read` reads as `document`."""
    keys = {
        ref: {"key": base64.b64encode(entry.key).decode(), "created": entry.created, "state": entry.state}
        for ref, entry in document.keys.items()
    }
    return json.dumps({"format": 1, "active": document.active, "keys": keys}, indent=2).encode() + b"\n"


def fresh() -> Entry:
    """A new key, active."""
    created = datetime.now(UTC).isoformat(timespec="seconds")
    return Entry(AESGCM.generate_key(bit_length=256), created, "active")


def publish(path: Path, content: bytes) -> bool:
    """Give `content` the name `path`, mode 0600, whole and durable; False where that name is taken.

    Raises OSError.
    """
    with _settled(path.parent), _drafted(path, content) as draft:
        try:
            # link(2) fails where rename(2) would overwrite: the loser of a race keeps the winner's ring.
            os.link(draft, path)
        except FileExistsError:
            return False
    return True


def replace(path: Path, content: bytes, was: os.stat_result) -> None:
    """Put `content` in the place of the file at `path`, whole and durable, with the owner and mode it had.

    Raises OSError; then the file is as it was.
    """
    with _settled(path.parent), _drafted(path, content, was) as draft:
        os.rename(draft, path)


def sweep(path: Path) -> None:
    """Remove what an edit of that file left beside it when it was killed, once it is a minute old.

    A draft of somebody who is at it right now is seconds old at most.
    """
    for draft in path.parent.glob(f".{glob.escape(path.name)}.{'[0-9a-f]' * 16}"):
        with suppress(OSError):
            if time.time() - draft.lstat().st_mtime > _ABANDONED:
                draft.unlink()


@contextmanager
def _drafted(path: Path, content: bytes, like: os.stat_result | None = None) -> Iterator[Path]:
    """`content` in a file beside `path`, on disk, until the end of the block."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(fd, "wb") as file:
            file.write(content)
            file.flush()
            if like is not None:
                os.fchown(fd, like.st_uid, like.st_gid)
                os.fchmod(fd, stat.S_IMODE(like.st_mode))
            os.fsync(fd)
        yield draft
    finally:
        with suppress(FileNotFoundError):  # it has its name now
            os.unlink(draft)


@contextmanager
def _settled(folder: Path) -> Iterator[None]:
    """What the block names in the folder is so on disk. It is not begun where that can't be had."""
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield
        os.fsync(directory)
    finally:
        os.close(directory)


def check(key: bytes) -> str:
    """A key's check value, which tells it from another and says nothing about it.

    The first eight hex digits of HMAC-SHA256 over a label of ours.
    """
    keyed = HMAC(key, SHA256())
    keyed.update(b"valet.check.v1")
    return keyed.finalize().hex()[:8]


def _entry(path: Path, ref: str, entry: object) -> Entry:
    if not isinstance(entry, dict) or entry.get("state") not in get_args(State):
        raise Unreadable(f"The key {ref} in {path} needs a `state`: active or decrypt_only. {_RESTORE}")
    try:
        key = base64.b64decode(entry["key"], validate=True)
    except (KeyError, ValueError, TypeError):
        key = b""
    if len(key) != _KEY:
        raise Unreadable(f"The key {ref} in {path} is not 32 bytes of base64. {_RESTORE}")
    created = entry.get("created")
    return Entry(key, created if isinstance(created, str) else None, cast(State, entry["state"]))


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    # JSON parsers differ on which of two equal names wins: a ring must mean one thing.
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError  # for `read` alone, which says it in a sentence
    return members


def _read(path: Path) -> bytes:
    # Everything is asked of the open file, so it cannot be exchanged between check and use.
    # O_NONBLOCK: opening a pipe must not wait for a writer.
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        mend = _RESTORE if error.errno != errno.EACCES else "Run this as the user Valet runs as."
        raise Unreadable(f"The key ring {path} cannot be opened: {error.strerror}. {mend}") from None
    try:
        refuse_unsafe(path, os.fstat(fd))
        with open(fd, "rb", closefd=False) as file:
            return file.read()
    except OSError as error:
        raise Unreadable(f"The key ring {path} cannot be read: {error.strerror}. {_RESTORE}") from None
    finally:
        os.close(fd)
