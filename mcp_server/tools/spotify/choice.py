"""What a person wants to hear, as a model says it: in words, by reference, or as a list to play from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mcp_server.errors import Refusal
from mcp_server.tools.ends import BREAKS
from mcp_server.tools.spotify.commands import near, on
from mcp_server.tools.spotify.lists import find_playlist
from mcp_server.tools.spotify.pick import best
from mcp_server.tools.spotify.refs import reference, references
from mcp_server.tools.spotify.views import Item, item
from mcp_server.tools.text import clip
from providers.spotify import Playback, Reference, ReferenceKind, SearchKind, Spotify, Track, parse_reference

ALONE: tuple[ReferenceKind, ...] = ("track", "episode", "chapter")
"""What plays by itself."""

LISTS: tuple[ReferenceKind, ...] = ("album", "artist", "playlist", "show", "audiobook")
"""What is played from: Spotify calls it a context."""

MOST = 100
"""Items started at once. Spotify names no limit; some 228 were too many for it (web-api#582)."""

_PAGE = 50
_ADDRESS = re.compile("spotify:|https?://|open[.]spotify[.]com/", re.IGNORECASE)
_LIKED = re.compile(
    r"(my )?liked songs|spotify:(user:[^:\s]+:)?collection(:tracks)?"
    r"|(https?://)?open\.spotify\.com/collection/tracks/?(\?\S*)?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Choice:
    """Either `uris`, tracks and episodes, or a `context`.

    `start` is where in the context to begin, a place from 0 or a URI; `item` the search result that was
    chosen, `note` what the person should know of it.
    """

    uris: tuple[str, ...] = ()
    context: str | None = None
    start: int | str | None = None
    item: Item | None = None
    note: str = ""

    @property
    def uri(self) -> str:
        """What it is called by: the context, or the first of the items."""
        return self.context or self.uris[0]

    async def play(self, spotify: Spotify, position_ms: int | None, device_id: str | None) -> None:
        """Send the command."""
        await spotify.play(
            uris=self.uris or None,
            context_uri=self.context,
            offset=self.start,
            position_ms=position_ms,
            device_id=device_id,
        )

    def shown(self, state: Playback, position_ms: int | None, device_id: str | None) -> bool:
        """Whether the player shows it, there, at about that position: it may have played before, too."""
        if not self._here(state, position_ms, device_id):
            return False
        if self.context is not None:
            return not isinstance(self.start, str) or _plays(state, (self.start,))
        return _plays(state, self.uris if state.shuffle_state else self.uris[:1]) or self._named(state)

    async def relinked(
        self, spotify: Spotify, state: Playback | None, position_ms: int | None, device_id: str | None
    ) -> bool:
        """Whether what plays is the track asked for under another id: the one of the person's market."""
        wanted = self.start if isinstance(self.start, str) else self.uri
        if state is None or not isinstance(state.item, Track) or not wanted.startswith("spotify:track:"):
            return False
        if state.item.uri == wanted or not self._here(state, position_ms, device_id):
            return False
        try:
            return (await spotify.track(wanted.rpartition(":")[2])).uri == state.item.uri
        except BREAKS:
            return False

    def _here(self, state: Playback, position_ms: int | None, device_id: str | None) -> bool:
        if not state.is_playing or not on(state, device_id):
            return False
        if self.context is not None and not _plays_from(state, self.context):
            return False
        # Episodes go on where the person stopped; everything else begins at its beginning.
        spoken = self.uri.startswith(("spotify:show:", "spotify:episode:"))
        return (spoken and position_ms is None) or near(state, position_ms or 0)

    def _named(self, state: Playback) -> bool:
        return self.item is not None and state.item is not None and item(state.item).name == self.item.name


def _plays_from(state: Playback, context: str) -> bool:
    """By its id: Spotify also writes `spotify:user:…:playlist:ID`."""
    return (state.context_uri or "").rpartition(":")[2] == context.rpartition(":")[2]


def _plays(state: Playback, uris: Sequence[str]) -> bool:
    return state.item is not None and state.item.uri in uris


async def choose(
    spotify: Spotify,
    *,
    query: str | None,
    kind: SearchKind,
    items: Sequence[str] | None,
    context: str | None,
    start_at: int | str | None,
) -> Choice:
    """What to play. Raises Refusal where the arguments do not say it, or nothing fits."""
    if sum(each is not None for each in (query, items, context)) != 1:
        raise Refusal(
            "invalid_argument",
            "Give one of `query` (words), `items` (tracks or episodes) and `context` (what to play from).",
        )
    start = _start(start_at)
    if items is not None:
        _no_start(start, "`items`")
        return Choice(uris=tuple(uri(each) for each in references(items, ALONE)))
    if context is not None:
        return await _context(spotify, context, start)
    assert query is not None
    pointed = parse_reference(query)
    if pointed is not None:
        return _pointed(pointed, start)
    _no_start(start, f"a query for one {kind}", only=kind in ALONE or kind == "artist")
    found = await find(spotify, query, kind)
    if kind in ALONE:
        return Choice(uris=(found.uri,), item=found)
    return Choice(context=found.uri, start=start, item=found)


async def find(spotify: Spotify, query: str, kind: SearchKind) -> Item:
    """The search result that is meant. Raises Refusal where there is none."""
    if not clip(query):
        raise Refusal("invalid_argument", "`query` is blank. Give words, such as a title and its artist.")
    results = await spotify.search(query, [kind], limit=10)
    page: Any = getattr(results, f"{kind}s")
    found = best(query, page.items) if page is not None else None
    if found is None:
        raise Refusal("not_found", f"Spotify has no {kind} that matches. Try fewer words, or another `kind`.")
    return item(found)


def uri(pointed: Reference) -> str:
    """The URI that the player takes: that of a chapter is an episode's, that of an audiobook a show's."""
    kind = {"chapter": "episode", "audiobook": "show"}.get(pointed.kind, pointed.kind)
    return f"spotify:{kind}:{pointed.id}"


async def _context(spotify: Spotify, context: str, start: int | str | None) -> Choice:
    if _LIKED.fullmatch(context.strip()):
        return await _liked(spotify, start)
    pointed = parse_reference(context)
    if pointed is not None and pointed.kind in ALONE:
        raise Refusal("invalid_argument", f"`context` is one {pointed.kind}; give it in `items`.")
    if pointed is None and _ADDRESS.match(context.strip()):
        pointed = reference(context, LISTS, argument="context")
    if pointed is None:
        pointed = await find_playlist(spotify, context, argument="context")
    return _pointed(pointed, start)


def _pointed(pointed: Reference, start: int | str | None) -> Choice:
    if pointed.kind in ALONE:
        _no_start(start, "one item")
        return Choice(uris=(uri(pointed),))
    _no_start(start, "an artist", only=pointed.kind == "artist")
    return Choice(context=uri(pointed), start=start)


async def _liked(spotify: Spotify, start: int | str | None) -> Choice:
    """The songs saved last, one by one: Spotify takes "Liked Songs" for no context (web-api#1478)."""
    found: list[str] = []
    for offset in range(0, MOST, _PAGE):
        page = await spotify.saved_tracks(limit=_PAGE, offset=offset)
        found += [each.item.uri for each in page.items if each.item is not None and each.item.id]
        if not page.more:
            break
    if not found:
        raise Refusal("not_found", "There are no liked songs in this account.")
    first = found.index(start) if isinstance(start, str) and start in found else start or 0
    if not isinstance(first, int) or first >= len(found):
        raise Refusal(
            "invalid_argument", f"`start_at` is not among the {len(found)} liked songs that were saved last."
        )
    less = f"These are the {len(found)} liked songs saved last, of {page.total}." if page.more else ""
    return Choice(uris=tuple(found[first:]), note=less)


def _start(start_at: int | str | None) -> int | str | None:
    if isinstance(start_at, int):
        return start_at
    if not start_at:
        return None
    text = start_at.strip()
    if re.fullmatch("[0-9]{1,5}", text):
        return int(text)
    return uri(reference(text, ALONE, bare="track", argument="start_at"))


def _no_start(start: int | str | None, what: str, *, only: bool = True) -> None:
    if only and start is not None:
        raise Refusal(
            "invalid_argument", f"`start_at` goes with an album, playlist or show, not with {what}."
        )
