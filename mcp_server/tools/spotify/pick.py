"""Which search result a person means when they say "play X".

Spotify's own order is by relevance and popularity, so it decides between equals. Two things go before it:
results that do not contain the words asked for come last, and a remix, cover or live version comes after
the original unless it was asked for.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import TypeVar

from mcp_server.tools.spotify.views import Thing
from providers.spotify import Album, Episode, Playlist, Track

_WORD = re.compile(r"\w+")
_GUESTS = re.compile(r"[(\[]\s*(feat\.?|ft\.?|featuring|with)\s[^)\]]*[)\]]", re.IGNORECASE)
_REMASTER = re.compile(
    r"\s[-–]\s[^-–]*\bremaster(ed)?\b.*$|[(\[][^)\]]*\bremaster(ed)?\b[^)\]]*[)\]]", re.IGNORECASE
)
_VARIANTS = frozenset(
    {"remix", "rmx", "mix", "mashup", "rework", "remake", "nightcore", "8d", "sped", "slowed", "salsa",
     "karaoke", "cover", "tribute", "parody", "instrumental", "acoustic", "piano", "lullaby", "ringtone",
     "live", "demo"}
)  # fmt: skip
_FILLERS = frozenset({"by", "the", "a", "an", "song", "track", "and", "feat", "ft"})

T = TypeVar("T", bound=Thing)


def best(query: str, found: Sequence[T]) -> T | None:
    """The result that the query most likely means, or None where there is none to play."""
    wanted = _words(query)
    playable = [each for each in found if each.id and getattr(each, "is_playable", None) is not False]
    ranked = sorted(enumerate(playable), key=lambda pair: (*_distance(wanted, pair[1]), pair[0]))
    return ranked[0][1] if ranked else None


def _distance(wanted: frozenset[str], thing: Thing) -> tuple[int, int, int]:
    """Smaller is nearer: words missing from it, unasked variants in its title, further words there."""
    title = _words(_REMASTER.sub("", _GUESTS.sub("", thing.name)))
    missing = wanted - title - _words(_around(thing)) - _words(thing.name)
    variants = (title & _VARIANTS) - wanted
    further = title - wanted - _VARIANTS if title & wanted else ()
    return len(missing), len(variants), len(further)


def _around(thing: Thing) -> str:
    if isinstance(thing, Track | Album):
        return " ".join(artist.name for artist in thing.artists)
    if isinstance(thing, Playlist):
        return thing.owner
    if isinstance(thing, Episode) and thing.show is not None:
        return thing.show.name
    return ""


def _words(text: str) -> frozenset[str]:
    """The words of a text without accents, case and fillers (all of them where nothing else is left)."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    words = frozenset(_WORD.findall("".join(c for c in plain if not unicodedata.combining(c))))
    return words - _FILLERS or words
