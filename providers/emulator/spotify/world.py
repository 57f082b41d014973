"""Spotify's state as one thing: catalogue, people, players, ledger."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from providers.emulator.clock import Clock
from providers.emulator.ledger import Ledger
from providers.emulator.settings import Settings
from providers.emulator.spotify.catalog import Catalog
from providers.emulator.spotify.people import Person, Playlist, people
from providers.emulator.spotify.player import Player

PREFIXES = {"access": "BQemu-canary-", "refresh": "AQemu-canary-", "code": "AQemu-code-"}
APPS = {"emulator-spotify": "emulator-secret"}


class Spotify:
    """The living half of the double; `catalog` never changes, everything else does."""

    def __init__(self, clock: Clock, settings: Settings) -> None:
        self.clock = clock
        self.settings = settings
        self.catalog = Catalog()
        self.reset()

    def reset(self) -> None:
        """Everybody and everything as at the beginning, with nobody connected."""
        self.ledger = Ledger(self.clock, self.settings, PREFIXES, APPS)
        self._settle_in(people(self.catalog, self.clock.now()))

    def _settle_in(self, everybody: dict[str, Person]) -> None:
        self.people = everybody
        self.players = {
            key: Player(person, self.catalog.duration, self.clock, self.settings)
            for key, person in everybody.items()
        }

    def playlists(self, reader: str) -> list[Playlist]:
        """What `reader` may find: all of their own, and what others made public."""
        return [
            playlist
            for person in self.people.values()
            for playlist in person.playlists
            if playlist.public or playlist.owner == reader
        ]

    def playlist(self, reader: str, id_: str) -> Playlist | None:
        """A playlist `reader` may see."""
        return next((p for p in self.playlists(reader) if p.id == id_), None)

    def dump(self) -> dict[str, Any]:
        """What outlives a restart, as JSON-ready values."""
        return {
            "catalogue": self._edition(),
            "ledger": self.ledger.dump(),
            "people": [person.dump() for person in self.people.values()],
        }

    def load(self, data: Mapping[str, Any]) -> None:
        """What `dump` gave; people start anew if the catalogue they lived with was another."""
        self.ledger.load(data["ledger"])
        if data["catalogue"] == self._edition():
            self._settle_in({row["key"]: Person.load(row) for row in data["people"]})

    def _edition(self) -> str:
        ids = [*self.catalog.tracks, *self.catalog.episodes, *self.catalog.albums]
        return hashlib.sha256(" ".join(ids).encode()).hexdigest()[:16]
