"""Spotify's state as one thing: catalogue, people, players, ledger."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from providers.emulator.clock import Clock
from providers.emulator.oauth import CodeFlow
from providers.emulator.settings import Settings
from providers.emulator.spotify import media
from providers.emulator.spotify.accounts import AUTHORIZE, RULES, SCOPES, TOKEN, Accounts
from providers.emulator.spotify.api import Api
from providers.emulator.spotify.audiobooks import Audiobooks
from providers.emulator.spotify.catalog import Catalog
from providers.emulator.spotify.control import Lists, Players, Shelves
from providers.emulator.spotify.history import History
from providers.emulator.spotify.library import Library
from providers.emulator.spotify.people import Person, people
from providers.emulator.spotify.player import Player
from providers.emulator.spotify.playlists import Playlists
from providers.emulator.spotify.refusal import Refusal
from providers.emulator.spotify.remote import Remote
from providers.emulator.spotify.revisions import Playlist
from providers.emulator.spotify.shapes import COVERS
from providers.emulator.spotify.shelf import stocked
from providers.emulator.upstream import ErrorHandler, Json, Reads, Upstream, Writes

PEOPLE = "2"
"""The form of people as `dump` gives them. Those of another form start anew, as with another catalogue."""

KINDS = "albums|artists|audiobooks|chapters|episodes|playlists|shows|tracks|users|image"
IDS = re.compile(rf"/({KINDS})/([^/]{{20,}})")


class Spotify(Upstream):
    """The living half of the double; `catalog` never changes, everything else does."""

    name = "spotify"
    title = "Spotify"
    hosts = frozenset({"accounts.spotify.com", "api.spotify.com", "www.spotify.com", "i.scdn.co", COVERS})
    authorize = AUTHORIZE
    token = TOKEN
    scopes = SCOPES
    rules = RULES
    people: dict[str, Person]

    def __init__(self, clock: Clock, settings: Settings) -> None:
        self.catalog = Catalog()
        super().__init__(clock, settings)

    def make_flow(self) -> CodeFlow:
        """Secrets by Basic only, and the page of connected apps."""
        return Accounts(self)

    def settle(self, now: float) -> None:
        """Everybody as at the beginning."""
        self._settle_in(stocked(people(self.catalog, now), self.catalog, now))

    def _settle_in(self, everybody: dict[str, Person]) -> None:
        self.people = everybody
        self.players = {
            key: Player(person, self.catalog.duration, self.clock, self.settings)
            for key, person in everybody.items()
        }

    def routes(self) -> Sequence[Route]:
        """Accounts, player, API, pictures. The API does not mind a slash at the end (spotipy sends some)."""
        rooms = (Remote(self), Library(self), History(self), Audiobooks(self), Playlists(self), Api(self))
        api = [route for room in rooms for route in room.routes()]
        slashed = [
            Route(f"{route.path}/", route.endpoint, methods=list(route.methods or ())) for route in api
        ]
        return [*self.flow.routes(), *api, *slashed, *media.routes()]

    def errors(self) -> Mapping[type[Exception], ErrorHandler]:
        """The Web API's refusals."""
        return {Refusal: _refused}

    def error(self, status: int, message: str, reason: str | None = None) -> Json:
        """The Web API's error object."""
        error = {"status": status, "message": message}
        return {"error": error | ({"reason": reason} if reason else {})}

    def fault(self, path: str, status: int, reason: str | None) -> Json:
        """A used-up quota has words of its own (July 2026)."""
        if reason == "QUOTA_EXCEEDED" and not self.is_oauth(path):
            return self.error(status, "Too many requests", reason)
        return super().fault(path, status, reason)

    def unrouted(self, request: Request, error: HTTPException) -> Response:
        """404 and 405 of the Web API; the other hosts say it in plain text."""
        if not request.url.path.startswith("/api.spotify.com/"):
            return PlainTextResponse(error.detail, error.status_code, error.headers)
        message = "Service not found" if error.status_code == 404 else error.detail
        return JSONResponse(self.error(error.status_code, message), error.status_code, error.headers)

    def template(self, path: str) -> str:
        """Ids of the catalogue, of playlists and of pictures."""
        return IDS.sub(r"/\1/{id}", path)

    def reads(self) -> Reads:
        """The true state of a `player`, ahead of a lagging read, of a `library`, of all in `playlists`."""
        return {"player": Players(self).read, "library": Shelves(self).read, "playlists": Lists(self).read}

    def writes(self) -> Writes:
        """`player` and `library`: change them behind the API's back."""
        return {"player": Players(self).write, "library": Shelves(self).write}

    def accounts(self) -> list[Json]:
        """Everybody, with the ids the API gives them."""
        return [
            {
                "account": person.key,
                "id": person.id,
                "account_id": person.account_id,
                "name": person.name,
                "country": person.country,
                "premium": person.premium,
                "note": person.note,
                "playlists": {playlist.name: playlist.id for playlist in person.playlists},
            }
            for person in self.people.values()
        ]

    def playlists(self, reader: str) -> list[Playlist]:
        """What `reader` may find: all of their own, what they are let into, and what others made public."""
        return [
            playlist
            for person in self.people.values()
            for playlist in person.playlists
            if playlist.public or playlist.edited_by(reader)
        ]

    def playlist(self, reader: str, id_: str) -> Playlist | None:
        """A playlist `reader` may see."""
        return next((p for p in self.playlists(reader) if p.id == id_), None)

    def listed(self, person: Person) -> list[Playlist]:
        """The playlists in somebody's library: their own, those they are let into, and those they follow.

        But for those of the first two kinds that they took out of it.
        """
        others = [p for other in self.people.values() if other is not person for p in other.playlists]
        own = [*person.playlists, *(playlist for playlist in others if playlist.edited_by(person.key))]
        followed = (uri.rpartition(":")[2] for uri in person.library if uri.startswith("spotify:playlist:"))
        seen = (self.playlist(person.key, id_) for id_ in followed)
        kept = [playlist for playlist in own if playlist.id not in person.hidden]
        return kept + [playlist for playlist in seen if playlist is not None and playlist not in own]

    def dump(self) -> Json:
        """What outlives a restart, as JSON-ready values."""
        return {
            "catalogue": self._edition(),
            **super().dump(),
            "people": [person.dump() for person in self.people.values()],
        }

    def load(self, data: Mapping[str, Any]) -> None:
        """What `dump` gave; people start anew if the catalogue they lived with was another."""
        super().load(data)
        if data["catalogue"] == self._edition():
            self._settle_in({row["key"]: Person.load(row) for row in data["people"]})

    def _edition(self) -> str:
        books = self.catalog.chapters
        ids = [PEOPLE, *self.catalog.tracks, *self.catalog.episodes, *self.catalog.albums, *books]
        return hashlib.sha256(" ".join(ids).encode()).hexdigest()[:16]


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return error.answer()
