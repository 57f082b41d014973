"""Editing a key ring file: what `valet keys` does to it, one whole file after another.

An edit holds a lock on the file (flock), reads it, and puts a new one in its place by rename. So readers see
the ring before or after and never half of it, and of two edits at once the second sees what the first did. No
copy of the ring before is kept: only `retire` takes a key out, and a copy would be one more file to guard.

A number is never given twice. The next is above all that the ring holds, and what is above the active one's
is never taken out: so no key comes to be called like one that a backup still names.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from vault.keyring import KeyRingError
from vault.rings import ringfile
from vault.rings.ringfile import Document, Entry

MOST_DAYS = 365
"""How long a key should be the one that wraps."""

MOST_WRAPS = 1 << 30
"""How many data keys one key should wrap: nonces are random, and NIST SP 800-38D §8.3 allows 2^32."""

_LAST = 999_999_999
"""The largest number that a reference may have."""


class NotEdited(KeyRingError):
    """What was asked does not fit the ring, or its file can't be changed here; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a ring as an operator sees it.

    `check` is its check value: eight hex digits that tell two keys apart and say nothing about either.
    `created` is None where the file says nothing that is a time.
    """

    ref: str
    state: ringfile.State
    created: datetime | None
    check: str

    @property
    def tired(self) -> bool:
        """Whether it has been around for longer than a key should wrap."""
        return self.created is not None and datetime.now(UTC) - self.created > timedelta(days=MOST_DAYS)


class RingFile:
    """The ring file at `path`, as it is edited. A link is followed: what it names is the file."""

    def __init__(self, path: Path) -> None:
        self.path = Path(os.path.realpath(path))

    def inventory(self) -> tuple[Key, ...]:
        """Its keys, newest first. Raises Unreadable, Unsafe."""
        document = ringfile.read(self.path)
        order = sorted(document.keys, key=_number, reverse=True)
        return tuple(_seen(ref, document.keys[ref]) for ref in order)

    def add(self) -> str:
        """Add a fresh key that only unwraps for now; its reference. Raises KeyRingError."""
        with self._held() as (document, was):
            ref = _next(document)
            self._put(_with(document, ref, replace(ringfile.fresh(), state="decrypt_only")), was)
        return ref

    def activate(self, ref: str) -> str:
        """Make a key of the ring the one that wraps; the one that was before. Raises KeyRingError."""
        with self._held() as (document, was):
            self._named(document, ref)
            self._put(_led_by(document, ref), was)
        return document.active

    def rotate(self, seen: str) -> str:
        """Add a fresh key and make it the one that wraps; its reference. `seen`: which is to be relieved.

        Raises NotEdited where that is not the active one any more: somebody else rotated meanwhile.
        """
        with self._held() as (document, was):
            if document.active != seen:
                raise NotEdited(
                    f"Somebody else made {document.active} the active key a moment ago. Nothing was changed; "
                    "if you want another still, run it again."
                )
            ref = _next(document)
            self._put(_led_by(_with(document, ref, ringfile.fresh()), ref), was)
        return ref

    def retire(self, ref: str) -> Entry:
        """Take a key that only unwraps out; what it was, for `restore`. Raises KeyRingError."""
        with self._held() as (document, was):
            self._retirable(document, ref)
            rest = {each: entry for each, entry in document.keys.items() if each != ref}
            self._put(Document(document.active, rest), was)
        return document.keys[ref]

    def restore(self, ref: str, entry: Entry) -> None:
        """Put back what `retire` took out. Raises KeyRingError."""
        with self._held() as (document, was):
            self._put(_with(document, ref, entry), was)

    def retirable(self, ref: str) -> None:
        """Raises NotEdited where `retire` would refuse, Unreadable, Unsafe."""
        self._retirable(ringfile.read(self.path), ref)

    def backup(self, to: Path) -> tuple[Key, ...]:
        """Copy the ring to a new file of mode 0600; the keys in it, read back. Raises KeyRingError."""
        document = ringfile.read(self.path)
        try:
            made = ringfile.publish(to, ringfile.render(document))
        except OSError as error:
            raise NotEdited(
                f"The copy {to} could not be made: {error.strerror}. Choose another place."
            ) from None
        if not made:
            raise NotEdited(f"{to} exists already, and a backup overwrites nothing. Choose another name.")
        if ringfile.read(to) != document:
            raise NotEdited(f"{to} does not hold what was written to it. Remove it and choose another place.")
        return RingFile(to).inventory()

    @contextmanager
    def _held(self) -> Iterator[tuple[Document, os.stat_result]]:
        """The ring as it is, and nobody else edits it until the end of the block. Raises KeyRingError."""
        import fcntl  # which Windows lacks: there this module is loaded, and no ring is edited

        ringfile.read(self.path)  # what is wrong with it is said in its own words
        while True:
            try:
                fd = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
            except OSError as error:
                raise self._fixed(error) from None
            try:
                fcntl.flock(fd, fcntl.LOCK_EX)
                was = os.fstat(fd)
                if os.path.samestat(was, os.stat(self.path)):
                    ringfile.sweep(self.path)
                    yield ringfile.read(self.path), was
                    return
                # It was replaced while we waited for the lock of the one before.
            finally:
                os.close(fd)

    def _put(self, document: Document, was: os.stat_result) -> None:
        try:
            ringfile.replace(self.path, ringfile.render(document), was)
        except OSError as error:
            raise self._fixed(error) from None

    def _fixed(self, error: OSError) -> NotEdited:
        return NotEdited(
            f"The key ring {self.path} can't be changed here: {error.strerror}. If it is a secret that is "
            "mounted into a container or handed over by systemd, change it where it comes from: copy it to a "
            "folder of your own, run this command there with VALET_KEYRING naming the copy, and store the "
            "copy as the secret anew."
        )

    def _named(self, document: Document, ref: str) -> None:
        if ref not in document.keys:
            raise NotEdited(
                f"The key ring {self.path} holds no key {ref}. It holds: {', '.join(sorted(document.keys))}."
            )

    def _retirable(self, document: Document, ref: str) -> None:
        self._named(document, ref)
        if ref == document.active:
            raise NotEdited(f"{ref} is the active key. Rotate first: valet keys rotate")
        if _number(ref) > _number(document.active):
            raise NotEdited(
                f"{ref} is newer than the active key. It can be retired once a key newer than it is active."
            )


def _seen(ref: str, entry: Entry) -> Key:
    try:
        created = datetime.fromisoformat(entry.created or "")
    except ValueError:
        created = None
    if created is not None and created.tzinfo is None:
        created = created.replace(tzinfo=UTC)
    return Key(ref, entry.state, created, entry.check)


def _number(ref: str) -> int:
    return int(ref.rpartition(":")[2])


def _next(document: Document) -> str:
    number = max(map(_number, document.keys)) + 1
    if number > _LAST:
        raise NotEdited(f"The ring's keys are numbered up to {_LAST}; there is no number left.")
    return f"{document.active.rpartition(':')[0]}:{number}"


def _with(document: Document, ref: str, entry: Entry) -> Document:
    return Document(document.active, {**document.keys, ref: entry})


def _led_by(document: Document, ref: str) -> Document:
    keys = {
        each: replace(entry, state="active" if each == ref else "decrypt_only")
        for each, entry in document.keys.items()
    }
    return Document(ref, keys)
