"""`/_control/player`, `library`, `playlists`: what somebody truly has; the first two can be changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from providers.emulator.spotify.history import History
from providers.emulator.spotify.library import Library, since
from providers.emulator.spotify.people import Device, Person
from providers.emulator.spotify.revisions import Entry, Playlist

if TYPE_CHECKING:
    from providers.emulator.spotify.upstream import Spotify

Json = dict[str, Any]


class Players:
    """Reads and writes for the control surface; everything they touch lives in `spotify`."""

    def __init__(self, spotify: Spotify) -> None:
        self._spotify = spotify

    def read(self, query: Mapping[str, str]) -> Json:
        """The player of `account`."""
        return self._state(_person(self._spotify, query.get("account")))

    def write(self, body: Json) -> Json:
        """`active` names a device by id or name, or null; `devices` replaces them all.

        `current` is the URI of all that plays, such as a local file, which no command can start.
        """
        person = _person(self._spotify, body.get("account"))
        session = person.session
        if "devices" in body:
            person.devices = [Device(**row) for row in body["devices"]]
        if "active" in body:
            names = {d.id: d.id for d in person.devices} | {d.name: d.id for d in person.devices}
            if body["active"] is not None and body["active"] not in names:
                raise ValueError(f"{person.key} has no device {body['active']!r}.")
            session.device = names.get(body["active"])
        self._spotify.players[person.key].view()
        if "current" in body:
            session.uris, session.order, session.at = [body["current"]], [0], 0
            session.current, session.context = body["current"], None
        for name in ("playing", "position_ms", "shuffle", "repeat", "queued"):
            if name in body:
                setattr(session, name, body[name])
        session.since = session.changed_at = self._spotify.clock.now()
        return self._state(person)

    def _state(self, person: Person) -> Json:
        """The state as it is, ahead of what a lagging read would tell."""
        player = self._spotify.players[person.key]
        view = player.view(lagging=False)
        session = view.session
        item = self._spotify.catalog.item(session.current) if session.current else None
        return {
            "account": person.key,
            "active": session.device,
            "is_playing": session.playing,
            "current": session.current,
            "current_name": item.name if item else None,
            "context": session.context,
            "progress_ms": session.position_ms,
            "shuffle": session.shuffle,
            "repeat": session.repeat,
            "queued": session.queued,
            "upcoming": player.upcoming(session),
            "devices": [vars(device) for device in view.devices],
        }


class Lists:
    """Reads for the control surface: the playlists of somebody."""

    def __init__(self, spotify: Spotify) -> None:
        self._spotify = spotify

    def read(self, query: Mapping[str, str]) -> list[Json]:
        """The playlists that `account` owns, whole and in the order of their making."""
        return [self._state(playlist) for playlist in _person(self._spotify, query.get("account")).playlists]

    def _state(self, playlist: Playlist) -> Json:
        return {
            "id": playlist.id,
            "name": playlist.name,
            "description": playlist.description,
            "public": playlist.public,
            "collaborative": playlist.collaborative,
            "collaborators": playlist.collaborators,
            "snapshot_id": playlist.snapshot,
            "revision": playlist.revision,
            "has_cover": playlist.cover is not None,
            "items": [self._entry(entry) for entry in playlist.entries],
        }

    def _entry(self, entry: Entry) -> Json:
        thing = self._spotify.catalog.item(entry.uri)
        name = thing.name if thing else None
        return {"uri": entry.uri, "name": name, "added_at": entry.added_at, "added_by": entry.by}


class Shelves:
    """Reads and writes of `library`; everything they touch lives in `spotify`."""

    def __init__(self, spotify: Spotify) -> None:
        self._spotify = spotify
        self._library = Library(spotify)
        self._history = History(spotify)

    def read(self, query: Mapping[str, str]) -> Json:
        """What `account` saved and follows since when, which own playlists are hidden, what was heard."""
        person = _person(self._spotify, query.get("account"))
        return {
            "account": person.key,
            "saved": {uri: since(at) for uri, at in person.library.items()},
            "hidden": person.hidden,
            "playlists": [playlist.id for playlist in self._spotify.listed(person)],
            "played": [vars(play) for play in self._history.heard(person)],
        }

    def write(self, body: Json) -> Json:
        """`save` and `remove` are lists of URIs, of things that exist and of such that do not any more."""
        person = _person(self._spotify, body.get("account"))
        self._library.put(person, [self._library.parts(uri) for uri in body.get("save", [])])
        self._library.drop(person, [self._library.parts(uri) for uri in body.get("remove", [])])
        return self.read({"account": person.key})


def _person(spotify: Spotify, account: object) -> Person:
    if not isinstance(account, str) or account not in spotify.people:
        raise ValueError(f"account must be one of {', '.join(spotify.people)}.")
    return spotify.people[account]
