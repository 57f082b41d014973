"""What the tests of the emulator's playlists share: its true state by name, and the snapshot of an edit."""

from __future__ import annotations

import base64
from typing import Any

from tests.providers.wire import Wire

GONE = "spotify:track:" + "0" * 22
JPEG = base64.b64encode(b"\xff\xd8\xff\xe0 a small picture \xff\xd9")


def id_of(wire: Wire, name: str, owner: str = "ana") -> str:
    return str(wire.emulator.accounts()[owner]["playlists"][name])


def truly(wire: Wire, id_: str, owner: str = "ana") -> Any:
    """The playlist as the emulator holds it."""
    return next(row for row in wire.emulator.playlists(owner) if row["id"] == id_)


def names(wire: Wire, id_: str, owner: str = "ana") -> list[str]:
    return [item["name"] for item in truly(wire, id_, owner)["items"]]


def uris(wire: Wire, *titles: str) -> list[str]:
    return [wire.first(title)["uri"] for title in titles]


def done(answer: Any, status: int = 200) -> str:
    """The new snapshot of an edit."""
    assert answer.status_code == status, answer.text
    return str(answer.json()["snapshot_id"])
