"""Which playlist is meant: a URI, a link, an id, or a name among those in the person's library."""

from __future__ import annotations

import re
import unicodedata

from mcp_server.errors import Refusal
from mcp_server.tools.spotify.refs import reference
from mcp_server.tools.text import clip, listed, quoted
from providers.spotify import Playlist, Reference, ReferenceKind, Spotify, parse_reference

MOST_READ = 500
"""Playlists that are looked through for a name; a person has some dozens, and each fifty are a request."""

_PAGE = 50
_NAMED = 8
_ADDRESS = re.compile(r"spotify:|(https?://)?open\.spotify\.com/", re.IGNORECASE)


async def find_playlist(
    spotify: Spotify, wanted: str, argument: str = "playlist", *, whole: bool = False
) -> Reference:
    """The playlist that `wanted` points to, or that has it as its name among one's own and followed ones.

    The whole name goes before a part of it, in any case and accents as typed. `whole`: a part is not enough,
    for what is found is to be changed. Raises Refusal where none fits, or several do: it names them and their
    ids.
    """
    if _ADDRESS.match(wanted.strip()) or parse_reference(wanted, "playlist"):
        kinds: tuple[ReferenceKind, ...] = ("playlist",)
        return reference(wanted, kinds, bare="playlist", argument=argument)
    found, all_read = await _named(spotify, _key(wanted))
    partly = whole and found and _key(found[0].name) != _key(wanted)
    if len(found) == 1 and not partly and (only := parse_reference(found[0].id or "", "playlist")):
        return only
    if found:
        rows = [f"{quoted(each.name)}{_owned(each)} ({clip(each.id or 'no id', 40)})" for each in found]
        more = f" and {len(rows) - _NAMED} more" if len(rows) > _NAMED else ""
        fit = "No playlist has just that name. It is a part of these" if partly else "Several fit that name"
        raise Refusal(
            "invalid_argument", f"{fit}: {listed(rows[:_NAMED])}{more}. Give the id as `{argument}`."
        )
    if _key(wanted) == "liked songs":
        raise Refusal("not_found", "Liked Songs is no playlist; see spotify_list_library for it.")
    among = "" if all_read else f" among the first {MOST_READ}"
    raise Refusal(
        "not_found",
        f"No playlist in the person's library{among} has that name. List them with spotify_list_playlists, "
        "or give a playlist's URI or link.",
    )


async def _named(spotify: Spotify, key: str) -> tuple[list[Playlist], bool]:
    """Those whose name is `key`, else those that have it in their name; and whether all were looked at."""
    seen: dict[str, Playlist] = {}
    for offset in range(0, MOST_READ, _PAGE):
        page = await spotify.my_playlists(limit=_PAGE, offset=offset)
        seen |= {each.uri: each for each in page.items if each.uri}
        if not page.more:
            break
    all_read = not page.more
    exact = [each for each in seen.values() if _key(each.name) == key]
    return exact or [each for each in seen.values() if key and key in _key(each.name)], all_read


def _owned(playlist: Playlist) -> str:
    return f" by {quoted(playlist.owner)}" if playlist.owner else ""


def _key(name: str) -> str:
    """A name as it is compared: composed, without case, spaces as one."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())
