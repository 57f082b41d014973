"""`/_control/player`: the true state of somebody's player, read and changed behind the API's back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from providers.emulator.spotify.people import Device, Person

if TYPE_CHECKING:
    from providers.emulator.spotify.upstream import Spotify

Json = dict[str, Any]


class Players:
    """Reads and writes for the control surface; everything they touch lives in `spotify`."""

    def __init__(self, spotify: Spotify) -> None:
        self._spotify = spotify

    def read(self, query: Mapping[str, str]) -> Json:
        """The player of `account`."""
        return self._state(self._person(query.get("account")))

    def write(self, body: Json) -> Json:
        """`active` names a device by id or name, or null; `devices` replaces them all."""
        person = self._person(body.get("account"))
        session = person.session
        if "devices" in body:
            person.devices = [Device(**row) for row in body["devices"]]
        if "active" in body:
            names = {d.id: d.id for d in person.devices} | {d.name: d.id for d in person.devices}
            if body["active"] is not None and body["active"] not in names:
                raise ValueError(f"{person.key} has no device {body['active']!r}.")
            session.device = names.get(body["active"])
        self._spotify.players[person.key].view()
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

    def _person(self, account: object) -> Person:
        people = self._spotify.people
        if not isinstance(account, str) or account not in people:
            raise ValueError(f"account must be one of {', '.join(people)}.")
        return people[account]
