"""What people and models write when they mean one thing on Spotify."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

ReferenceKind = Literal["track", "album", "artist", "playlist", "show", "episode", "audiobook", "chapter"]
"""A chapter's and an audiobook's own URIs read `spotify:episode:` and `spotify:show:`; their pages do too."""


class Reference(NamedTuple):
    """What a URI, link or id points to."""

    kind: ReferenceKind
    id: str

    @property
    def uri(self) -> str:
        """`spotify:<kind>:<id>`."""
        return f"spotify:{self.kind}:{self.id}"


_KINDS: dict[str, ReferenceKind] = {
    "track": "track", "album": "album", "artist": "artist",
    "playlist": "playlist", "show": "show", "episode": "episode",
    "audiobook": "audiobook", "chapter": "chapter",
}  # fmt: skip
_ID = re.compile(r"[0-9A-Za-z]{22}")
_URI = re.compile(r"spotify:(?:user:[^:\s]+:(?=playlist:))?([a-z]+):([0-9A-Za-z]{22})")
_LINK = re.compile(
    r"(?:https?://)?open\.spotify\.com/(?:intl-[A-Za-z-]{2,10}/)?(?:embed/)?(?:user/[^/\s]+/(?=playlist/))?"
    r"([a-z]+)/([0-9A-Za-z]{22})/?(?:[?#]\S*)?"
)


def parse_reference(text: str, kind: ReferenceKind | None = None) -> Reference | None:
    """What `text` points to: a Spotify URI, an open.spotify.com link, or, given its `kind`, a bare id.

    None where it is none of these, or a kind we have no use for, or not the `kind` asked for.
    """
    text = text.strip()
    if _ID.fullmatch(text):
        return Reference(kind, text) if kind else None
    found = _URI.fullmatch(text) or _LINK.fullmatch(text)
    named = _KINDS.get(found[1]) if found else None
    if found is None or named is None or (kind is not None and named != kind):
        return None
    return Reference(named, found[2])
