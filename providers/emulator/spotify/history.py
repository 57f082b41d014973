"""What was heard: /me/player/recently-played, and /me/top, which is counted from it.

Documented: no episodes, `after` or `before` in Unix ms but not both, the latest first. Observed: nothing
older than the latest fifty is told. Chosen: a track is heard when it leaves the player, by its end or by a
skip; a page after a cursor is the one next to it; affinity is how often a track was heard in that time.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from providers.emulator.spotify import shapes
from providers.emulator.spotify.catalog import Artist, Track
from providers.emulator.spotify.guard import HOST, Caller, guarded, whole
from providers.emulator.spotify.listing import paged
from providers.emulator.spotify.people import Person, Play
from providers.emulator.spotify.refusal import Refusal

if TYPE_CHECKING:
    from providers.emulator.spotify.upstream import Spotify

TOLD = 50
RANGES = {"short_term": 28, "medium_term": 182, "long_term": 365}
"""Days: about four weeks, six months, one year (Get User's Top Items, web reference)."""


class History:
    """The routes; state lives in `spotify`."""

    def __init__(self, spotify: Spotify) -> None:
        self._spotify = spotify
        self._catalog = spotify.catalog

    def routes(self) -> list[Route]:
        """What this file answers."""
        recent = guarded(self._spotify, self._recent, "user-read-recently-played")
        return [
            Route(f"{HOST}/me/player/recently-played", recent, methods=["GET"]),
            *(
                Route(f"{HOST}/me/top/{kind}", guarded(self._spotify, top, "user-top-read"), methods=["GET"])
                for kind, top in (("tracks", self._top_tracks), ("artists", self._top_artists))
            ),
        ]

    def heard(self, person: Person) -> list[Play]:
        """Everything up to now, the latest first."""
        self._spotify.players[person.key].view()
        return [play for play in reversed(person.played) if self._catalog.item(play.uri) is not None]

    async def _recent(self, request: Request, caller: Caller) -> Response:
        limit = whole(request, "limit", 20, 1, 50)
        asked = {
            name: whole(request, name, None, 0)
            for name in ("after", "before")
            if name in request.query_params
        }
        if len(asked) > 1:
            raise Refusal(400, "Only one of after and before may be specified")
        told = self.heard(caller.person)[:TOLD]
        after, before = asked.get("after"), asked.get("before")
        if after is not None:
            newer = [play for play in told if play.at > after]
            page, more = newer[-limit:], len(newer) > limit
        else:
            older = [play for play in told if before is None or play.at < before]
            page, more = older[:limit], len(older) > limit
        path = f"{shapes.API}/me/player/recently-played"
        cursors = {"after": str(page[0].at), "before": str(page[-1].at)} if page else None
        way = "before" if after is None else "after"
        start = "".join(f"{name}={value}&" for name, value in asked.items())
        return JSONResponse(
            {
                "href": f"{path}?{start}limit={limit}",
                "limit": limit,
                "next": f"{path}?{way}={cursors[way]}&limit={limit}" if cursors and more else None,
                "cursors": cursors,
                "items": [self._told(play) for play in page],
            }
        )

    def _told(self, play: Play) -> shapes.Json:
        """PlayHistoryObject."""
        track = self._catalog.tracks[play.uri.rpartition(":")[2]]
        at = datetime.fromtimestamp(play.at / 1000, UTC).isoformat(timespec="milliseconds")
        return {
            "context": shapes.context(play.context) if play.context else None,
            "played_at": at.replace("+00:00", "Z"),
            "track": shapes.track(track),
        }

    async def _top_tracks(self, request: Request, caller: Caller) -> Response:
        counts = self._counts(request, caller)
        ranked = sorted(counts, key=lambda track: (-counts[track], -track.popularity, track.id))
        country = caller.person.country
        return paged(request, "/me/top/tracks", ranked, lambda track: shapes.track(track, market=country))

    async def _top_artists(self, request: Request, caller: Caller) -> Response:
        counts: Counter[Artist] = Counter()
        for track, times in self._counts(request, caller).items():
            counts.update(dict.fromkeys(track.artists, times))
        ranked = sorted(counts, key=lambda artist: (-counts[artist], -artist.popularity, artist.id))
        return paged(request, "/me/top/artists", ranked, shapes.artist)

    def _counts(self, request: Request, caller: Caller) -> Counter[Track]:
        """How often each track was heard in the time asked for."""
        days = RANGES.get(request.query_params.get("time_range", "medium_term"))
        if days is None:
            raise Refusal(400, "Invalid time range")
        begin = (self._spotify.clock.now() - days * 86400) * 1000
        heard = (play for play in self.heard(caller.person) if play.at >= begin)
        return Counter(self._catalog.tracks[play.uri.rpartition(":")[2]] for play in heard)
