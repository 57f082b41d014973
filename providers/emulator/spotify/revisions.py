"""A playlist as the sum of its revisions: what an edit does, and which snapshot it is meant for.

Documented in the reference (Working with Playlists; Update and Remove Playlist Items): `snapshot_id` names
a version, every change makes a new one, and an edit may name the version it is meant for. A removal checks
that the items exist in that version, and is made "even if more recent changes have been made".

Observed: a snapshot is the number of the revision in four bytes and twenty bytes more, as base64. A change
of the name or the cover makes a new one, too. Adding beyond the end is 403 "Index out of bounds.". Removing
what does not stand there is 400 "Could not remove tracks, please check parameters.".

Chosen, where nobody says: an edit for an older snapshot finds its items there, wherever they are by now.
What was removed since then stays removed, what was added since then stays, and an insertion point that is
gone is the next one that is left. The last `KEPT` revisions are known; any other snapshot is 400 "Invalid
snapshot_id". Moving beyond the end is 400. Without a snapshot, removing what is not there changes nothing
and succeeds.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from providers.emulator.spotify.refusal import Refusal

KEPT = 50


@dataclass
class Entry:
    """One place in a playlist. `key` is its own for good; `by` is the key of who added it."""

    key: int
    uri: str
    added_at: str
    by: str


@dataclass
class Revision:
    """An older version: its number, and the keys and URIs of its entries in order."""

    number: int
    keys: list[int]
    uris: list[str]


@dataclass
class Playlist:
    """A playlist of a person; `owner` and `collaborators` are keys of people, `cover` is a JPEG in base64."""

    id: str
    name: str
    description: str
    owner: str
    public: bool
    entries: list[Entry] = field(default_factory=list)
    collaborative: bool = False
    collaborators: list[str] = field(default_factory=list)
    cover: str | None = None
    revision: int = 1
    past: list[Revision] = field(default_factory=list)

    @staticmethod
    def load(data: Mapping[str, Any]) -> Playlist:
        """What `dataclasses.asdict` gave. Raises KeyError or TypeError where it is not that."""
        parts = dict(data)
        parts["entries"] = [Entry(**row) for row in parts["entries"]]
        parts["past"] = [Revision(**row) for row in parts["past"]]
        return Playlist(**parts)

    @property
    def uris(self) -> list[str]:
        """Tracks, episodes and local files in order."""
        return [entry.uri for entry in self.entries]

    @property
    def snapshot(self) -> str:
        """The `snapshot_id` of how it is now."""
        return self._snapshot(self.revision)

    def edited_by(self, key: str) -> bool:
        """Whether that person may read and change its items."""
        return key == self.owner or (self.collaborative and key in self.collaborators)

    # Changes

    def change(self, **details: Any) -> None:
        """Set name, description, public, collaborative or cover."""
        self._turn()
        for name, value in details.items():
            setattr(self, name, value)

    def insert(self, uris: Sequence[str], position: int | None, at: str, by: str) -> None:
        """Put items at a position, or at the end."""
        if position is not None and position > len(self.entries):
            raise Refusal(403, "Index out of bounds.")
        place = len(self.entries) if position is None else position
        fresh = self._fresh(uris, at, by)
        self._turn()
        self.entries[place:place] = fresh

    def replace(self, uris: Sequence[str], at: str, by: str) -> None:
        """Set all items anew; none clears it."""
        fresh = self._fresh(uris, at, by)
        self._turn()
        self.entries = fresh

    def move(self, start: int, length: int, before: int, snapshot: str | None) -> None:
        """Move `length` items from `start` to before the one at `before`, as they stood in `snapshot`."""
        then = self._version(snapshot).keys
        if start + length > len(then) or before > len(then):
            raise Refusal(400, "Index out of bounds.")
        places = {entry.key: entry for entry in self.entries}
        moving = [places[key] for key in then[start : start + length] if key in places]
        moved = {entry.key for entry in moving}
        anchor = next((key for key in then[before:] if key in places and key not in moved), None)
        rest = [entry for entry in self.entries if entry.key not in moved]
        at = next((i for i, entry in enumerate(rest) if entry.key == anchor), len(rest))
        self._turn()
        self.entries = [*rest[:at], *moving, *rest[at:]]

    def remove(self, uris: Sequence[str], snapshot: str | None) -> None:
        """Take out every occurrence of the URIs, as they stood in `snapshot`."""
        then, wanted = self._version(snapshot), set(uris)
        if snapshot is not None and not wanted <= set(then.uris):
            raise Refusal(400, "Could not remove tracks, please check parameters.")
        gone = {key for key, uri in zip(then.keys, then.uris, strict=True) if uri in wanted}
        left = [entry for entry in self.entries if entry.key not in gone]
        if len(left) < len(self.entries):
            self._turn()
            self.entries = left

    # Mechanics

    def _turn(self) -> None:
        """Remember how it is, and begin the next revision."""
        self.past = [*self.past, self._now()][-KEPT:]
        self.revision += 1

    def _now(self) -> Revision:
        return Revision(self.revision, [entry.key for entry in self.entries], self.uris)

    def _version(self, snapshot: str | None) -> Revision:
        now = self._now()
        known = (now, *self.past) if snapshot is not None else (now,)
        for revision in known:
            if snapshot is None or self._snapshot(revision.number) == snapshot:
                return revision
        raise Refusal(400, "Invalid snapshot_id")

    def _snapshot(self, number: int) -> str:
        digest = hashlib.sha256(f"{self.id}/{number}".encode()).digest()[:20]
        return base64.b64encode(number.to_bytes(4) + digest).decode()

    def _fresh(self, uris: Sequence[str], at: str, by: str) -> list[Entry]:
        """New entries. A key says which revision brought it, so none is ever used twice."""
        first = (self.revision + 1) * 1_000_000
        return [Entry(first + i, uri, at, by) for i, uri in enumerate(uris)]
