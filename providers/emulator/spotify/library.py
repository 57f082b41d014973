"""api.spotify.com/v1/me/library and what is in it: saved items by kind, followed artists.

Since February 2026 one pair of verbs saves and removes every kind by URI; what a URI is decides the scope.
Following an artist this way is undocumented but works. Chosen here: a request is done or refused as a whole,
saving what is saved keeps its date, and removing what is not there is no error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from providers.emulator.spotify import audiobooks, shapes
from providers.emulator.spotify.books import MARKETS
from providers.emulator.spotify.catalog import is_id
from providers.emulator.spotify.guard import HOST, Caller, Handler, guarded, market, whole
from providers.emulator.spotify.listing import paged
from providers.emulator.spotify.people import Person
from providers.emulator.spotify.refusal import Refusal

if TYPE_CHECKING:
    from providers.emulator.spotify.upstream import Spotify

MOST = 40


class Scopes(NamedTuple):
    """What a token needs to look for a kind of item, and to save or remove it."""

    read: str
    change: str


SAVED = Scopes("user-library-read", "user-library-modify")
FOLLOWED = Scopes("user-follow-read", "user-follow-modify")
SCOPES = {
    **dict.fromkeys(("track", "album", "show", "episode", "audiobook"), SAVED),
    **dict.fromkeys(("artist", "user"), FOLLOWED),
    "playlist": Scopes("playlist-read-private", "playlist-modify-public"),
}
"""By the kind that a URI names."""


class Library:
    """The routes; state lives in `spotify`."""

    def __init__(self, spotify: Spotify) -> None:
        self._spotify = spotify
        self._catalog = spotify.catalog

    def routes(self) -> list[Route]:
        """What this file answers."""
        position = "user-read-playback-position"
        served: list[tuple[str, str, Handler, tuple[str, ...]]] = [
            ("GET", "/me/tracks", self._tracks, (SAVED.read,)),
            ("GET", "/me/albums", self._albums, (SAVED.read,)),
            ("GET", "/me/shows", self._shows, (SAVED.read,)),
            ("GET", "/me/episodes", self._episodes, (SAVED.read, position)),
            ("GET", "/me/audiobooks", self._audiobooks, (SAVED.read,)),
            ("GET", "/me/following", self._following, (FOLLOWED.read,)),
            ("GET", "/me/library/contains", self._contains, ()),
            ("PUT", "/me/library", self._save, ()),
            ("DELETE", "/me/library", self._remove, ()),
        ]
        return [
            Route(HOST + path, guarded(self._spotify, handler, *scopes), methods=[method])
            for method, path, handler, scopes in served
        ]

    # Saved items

    async def _tracks(self, request: Request, caller: Caller) -> Response:
        market(request)
        country = caller.person.country
        return _saved(
            request, caller, "track", self._catalog.tracks, lambda t: shapes.track(t, market=country)
        )

    async def _albums(self, request: Request, caller: Caller) -> Response:
        applies = market(request)
        return _saved(
            request, caller, "album", self._catalog.albums, lambda a: shapes.album(a, market=applies)
        )

    async def _shows(self, request: Request, caller: Caller) -> Response:
        return _saved(request, caller, "show", self._catalog.shows, shapes.show_brief)

    async def _episodes(self, request: Request, caller: Caller) -> Response:
        market(request)
        return _saved(request, caller, "episode", self._catalog.episodes, shapes.episode, GONE_EPISODE)

    async def _audiobooks(self, request: Request, caller: Caller) -> Response:
        """The books themselves: the real answer has neither `added_at` nor the level around them."""
        books = self._catalog.audiobooks

        def shape(entry: tuple[str, float]) -> shapes.Json | None:
            return audiobooks.brief(books[entry[0]]) if entry[0] in books else None

        return paged(request, "/me/audiobooks", _newest(caller.person, "audiobook"), shape)

    async def _following(self, request: Request, caller: Caller) -> Response:
        """Artists in the order of their ids: where a page ends is known even when that artist is left."""
        kind = request.query_params.get("type")
        if kind != "artist":
            raise Refusal(400, "Missing required field: type" if kind is None else "Invalid type")
        limit = whole(request, "limit", 20, 1, 50)
        after = request.query_params.get("after", "")
        ids = sorted(id_ for id_, _ in _newest(caller.person, "artist") if id_ in self._catalog.artists)
        rest = [id_ for id_ in ids if id_ > after]
        last = rest[limit - 1] if len(rest) > limit else None
        here = f"{shapes.API}/me/following?type=artist&limit={limit}"
        return JSONResponse(
            {
                "artists": {
                    "href": here + (f"&after={after}" if after else ""),
                    "limit": limit,
                    "next": f"{here}&after={last}" if last else None,
                    "cursors": {"after": last},
                    "total": len(ids),
                    "items": [shapes.artist(self._catalog.artists[id_]) for id_ in rest[:limit]],
                }
            }
        )

    # Any item

    async def _contains(self, request: Request, caller: Caller) -> Response:
        listed = {playlist.id for playlist in self._spotify.listed(caller.person)}
        return JSONResponse(
            [
                id_ in listed if kind == "playlist" else f"spotify:{kind}:{id_}" in caller.person.library
                for kind, id_ in self._asked(request, caller, "read")
            ]
        )

    async def _save(self, request: Request, caller: Caller) -> Response:
        asked = self._asked(request, caller, "change")
        for kind, id_ in asked:
            if not self._exists(caller.person, kind, id_):
                raise Refusal(400, f"Invalid library resource: spotify:{kind}:{id_}")
        self.put(caller.person, asked)
        return Response(status_code=200)

    async def _remove(self, request: Request, caller: Caller) -> Response:
        self.drop(caller.person, self._asked(request, caller, "change"))
        return Response(status_code=200)

    def put(self, person: Person, items: list[tuple[str, str]]) -> None:
        """Save or follow; one's own playlist comes back to where it was."""
        for kind, id_ in items:
            if self._own(person, id_):
                person.hidden = [hidden for hidden in person.hidden if hidden != id_]
            else:
                person.library.setdefault(f"spotify:{kind}:{id_}", self._spotify.clock.now())

    def drop(self, person: Person, items: list[tuple[str, str]]) -> None:
        """Remove or leave; one's own playlist is only hidden, as it is for Spotify."""
        for kind, id_ in items:
            if self._own(person, id_):
                person.hidden = [*(hidden for hidden in person.hidden if hidden != id_), id_]
            else:
                person.library.pop(f"spotify:{kind}:{id_}", None)

    def _own(self, person: Person, id_: str) -> bool:
        """Whether that is a playlist that stands in the library without being followed."""
        everybody = self._spotify.people.values()
        return any(p.id == id_ and p.edited_by(person.key) for other in everybody for p in other.playlists)

    def parts(self, uri: str) -> tuple[str, str]:
        """Kind and id of a URI. The show that an audiobook is, is one. Raises ValueError with a sentence."""
        scheme, _, rest = uri.partition(":")
        kind, _, id_ = rest.partition(":")
        if scheme != "spotify" or not (is_id(id_) or (kind == "user" and id_.isalnum())):
            raise ValueError(f"Invalid uri: {uri}")
        if kind not in SCOPES:
            raise ValueError(f"Unsupported uri type: {kind}")
        return ("audiobook", id_) if kind == "show" and id_ in self._catalog.audiobooks else (kind, id_)

    def _asked(self, request: Request, caller: Caller, verb: str) -> list[tuple[str, str]]:
        """What `uris` names. Refuses what is no such list, and a token without the scope of each kind."""
        text = request.query_params.get("uris")
        if not text:
            raise Refusal(400, "Missing required field: uris")
        uris = text.split(",")
        if len(uris) > MOST:
            raise Refusal(400, f"Too many uris: maximum {MOST}")
        try:
            items = [self.parts(uri) for uri in uris]
        except ValueError as error:
            raise Refusal(400, str(error)) from None
        if not caller.scopes.issuperset(getattr(SCOPES[kind], verb) for kind, _ in items):
            raise Refusal(403, "Insufficient client scope")
        return items

    def _exists(self, person: Person, kind: str, id_: str) -> bool:
        shelves: dict[str, Mapping[str, Any]] = {
            "track": self._catalog.tracks,
            "album": self._catalog.albums,
            "show": self._catalog.shows,
            "episode": self._catalog.episodes,
            "audiobook": self._catalog.audiobooks if person.country in MARKETS else {},
            "artist": self._catalog.artists,
            "user": {other.id: other for other in self._spotify.people.values()},
            "playlist": {playlist.id: playlist for playlist in self._spotify.playlists(person.key)},
        }
        return id_ in shelves[kind]


def since(at: float) -> str:
    """A date as the library tells it: UTC, whole seconds."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _newest(person: Person, kind: str) -> list[tuple[str, float]]:
    """Id and date of what is saved of a kind, the latest first."""
    start = f"spotify:{kind}:"
    entries = [(uri.removeprefix(start), at) for uri, at in person.library.items() if uri.startswith(start)]
    return sorted(reversed(entries), key=lambda entry: -entry[1])


def _saved(
    request: Request,
    caller: Caller,
    kind: str,
    shelf: Mapping[str, Any],
    shape: Callable[[Any], shapes.Json],
    gone: shapes.Json | None = None,
) -> Response:
    """One page of what is saved. What Spotify has no more is null, or `gone` in its place (real answers)."""

    def entry(saved: tuple[str, float]) -> shapes.Json | None:
        id_, at = saved
        thing = shape(shelf[id_]) if id_ in shelf else gone
        return None if thing is None else {"added_at": since(at), kind: thing}

    return paged(request, f"/me/{kind}s", _newest(caller.person, kind), entry)


_NAMELESS = {
    "description": None,
    "explicit": False,
    "html_description": None,
    "id": None,
    "images": [],
    "is_externally_hosted": None,
    "languages": [None],
    "name": None,
    "uri": None,
}
GONE_EPISODE: shapes.Json = {
    **_NAMELESS,
    "duration_ms": None,
    "external_urls": {"spotify": "https://open.spotify.com/episode/null"},
    "href": f"{shapes.API}/episodes/null",
    "release_date": "0000",
    "release_date_precision": "year",
    "resume_point": {"fully_played": False, "resume_position_ms": None},
    "show": {
        **_NAMELESS,
        "copyrights": None,
        "external_urls": {"spotify": "https://open.spotify.com/show/null"},
        "href": f"{shapes.API}/shows/null",
        "media_type": None,
        "total_episodes": None,
        "type": "show",
    },
    "type": "episode",
}
"""A saved episode that its publisher took away, as the API tells it; less the fields removed since."""
