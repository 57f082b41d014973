"""The player of one account: what a command does, what it refuses, and when a read shows it.

The rules: without an active device a command is 404 NO_ACTIVE_DEVICE; without Premium it is 403
PREMIUM_REQUIRED; a restricted device takes none; and whatever `disallows` names is 403 "Restriction
violated", reason UNKNOWN (spotify/web-api#1433). Reads lag behind commands.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from providers.emulator.clock import Clock
from providers.emulator.settings import Settings
from providers.emulator.spotify.people import Device, Person, Session
from providers.emulator.spotify.refusal import Refusal

MAX_STEPS = 200_000
QUEUE_SHOWN = 20


@dataclass(frozen=True)
class View:
    """What a read sees: the devices, and the session brought up to now."""

    devices: list[Device]
    session: Session

    @property
    def device(self) -> Device | None:
        """The active device."""
        return next((d for d in self.devices if d.id == self.session.device), None)


class Player:
    """Commands and reads on one person's session. `duration` gives the length of an item in ms."""

    def __init__(
        self, person: Person, duration: Callable[[str], int], clock: Clock, settings: Settings
    ) -> None:
        self._person = person
        self._duration = duration
        self._clock = clock
        self._settings = settings
        self._past: list[tuple[float, list[Device], Session]] = []

    # Reads

    def view(self, *, lagging: bool = True) -> View:
        """The state as a read sees it now: with `lagging`, the one before a command still under way."""
        self._settle(self._person.session)
        self._past = [past for past in self._past if past[0] > self._clock.ticks()]
        if lagging and self._past:
            _, devices, session = self._past[0]
        else:
            devices, session = self._person.devices, self._person.session
        seen = copy.deepcopy(session)
        self._settle(seen)
        return View(copy.deepcopy(devices), seen)

    # Commands

    def play(
        self,
        device_id: str | None,
        uris: list[str] | None,
        context: str | None,
        at: int,
        position_ms: int | None,
    ) -> None:
        """Start `uris` (of `context`, if any) at index `at`, or resume what was there if `uris` is None."""
        device = self._target(device_id)
        session = self._begin()
        if uris is None:
            if session.current is None or (session.playing and session.device == device.id):
                raise _restricted()
        else:
            self._leave(session)
            session.uris, session.context, session.at = uris, context, at
            session.order = list(range(len(uris)))
            session.current = uris[at]
            if session.shuffle:
                self._shuffle(session)
            position_ms = position_ms or 0
        session.device = device.id
        session.playing = True
        self._place(session, session.position_ms if position_ms is None else position_ms)

    def pause(self, device_id: str | None) -> None:
        """Stop, keeping the position."""
        session = self._controlled(device_id, "pausing")
        session.playing = False
        self._place(session, session.position_ms)

    def next(self, device_id: str | None) -> None:
        """On to what was queued, else to what follows."""
        session = self._controlled(device_id, "skipping_next")
        self._leave(session)
        self._forward(session)
        session.playing = True
        self._place(session, 0)

    def previous(self, device_id: str | None) -> None:
        """Back to what came before."""
        session = self._controlled(device_id, "skipping_prev")
        self._leave(session)
        if session.current == _at(session):
            session.at = (session.at - 1) % len(session.order)
        session.current = _at(session)
        session.playing = True
        self._place(session, 0)

    def seek(self, device_id: str | None, position_ms: int) -> None:
        """To a position; beyond the end means the next one, as the reference says."""
        session = self._controlled(device_id, "seeking")
        if session.current is not None and position_ms >= self._duration(session.current):
            self._leave(session)
            self._finish(session)
            position_ms = 0
        self._place(session, position_ms)

    def repeat(self, device_id: str | None, state: str) -> None:
        """Repeat `track`, `context` or `off`."""
        session = self._controlled(device_id, "toggling_repeat_context")
        session.repeat = state
        self._place(session, session.position_ms)

    def shuffle(self, device_id: str | None, on: bool) -> None:
        """Mix what follows, or put it back in order; what plays now keeps playing."""
        session = self._controlled(device_id, "toggling_shuffle")
        session.shuffle = on
        if on:
            self._shuffle(session)
        elif session.order:
            session.at, session.order = session.order[session.at], sorted(session.order)
        self._place(session, session.position_ms)

    def volume(self, device_id: str | None, percent: int) -> None:
        """Set the volume of the active device or of the one named."""
        device = self._target(device_id)
        if not device.supports_volume:
            raise Refusal(
                403, "Player command failed: Cannot control device volume", "VOLUME_CONTROL_DISALLOW"
            )
        self._begin()
        device.volume = percent

    def queue(self, device_id: str | None, uri: str) -> None:
        """Put an item behind what the person queued already."""
        session = self._controlled(device_id, "queueing")
        session.queued.append(uri)

    def transfer(self, device_id: str, play: bool | None) -> None:
        """Move playback to a device; `play` True starts it, otherwise it keeps its state."""
        device = self._target(device_id)
        session = self._begin()
        session.device = device.id
        session.playing = (play or session.playing) and session.current is not None
        self._place(session, session.position_ms)

    # Rules

    def disallows(self, session: Session) -> dict[str, bool]:
        """The actions the session refuses just now, as `actions.disallows` tells them."""
        refused = ["resuming" if session.playing else "pausing"]
        if self._following(session, 1) == []:
            refused.append("skipping_next")
        first = session.at == 0 and session.current == _at(session)
        if not session.order or (first and session.repeat != "context"):
            refused.append("skipping_prev")
        return dict.fromkeys(refused, True)

    def upcoming(self, session: Session) -> list[str]:
        """What would play next, at most 20: what was queued, then the rest of the context."""
        return (session.queued + self._following(session, QUEUE_SHOWN, queued=False))[:QUEUE_SHOWN]

    def _following(self, session: Session, count: int, *, queued: bool = True) -> list[str]:
        ahead = list(session.queued) if queued else []
        rest = session.order[session.at + 1 :]
        if session.repeat == "context":
            while session.order and len(rest) < count:
                rest = rest + session.order
        return (ahead + [session.uris[i] for i in rest])[:count]

    def _target(self, device_id: str | None) -> Device:
        if not self._person.premium:
            raise Refusal(403, "Player command failed: Premium required", "PREMIUM_REQUIRED")
        if device_id is None:
            device = next((d for d in self._person.devices if d.id == self._person.session.device), None)
            if device is None:
                raise _inactive()
        else:
            visible = (d for d in self._person.devices if d.id == device_id and not d.restricted)
            device = next(visible, None)
            if device is None:
                raise Refusal(404, "Device not found")
        if device.restricted:
            raise _restricted()
        return device

    def _controlled(self, device_id: str | None, action: str) -> Session:
        """The session, settled, for a command on the device that plays. Refuses what is disallowed."""
        device = self._target(device_id)
        if device.id != self._person.session.device:
            raise _inactive()
        self._settle(self._person.session)
        if action in self.disallows(self._person.session):
            raise _restricted()
        return self._begin()

    # Mechanics

    def _begin(self) -> Session:
        """Remember what reads go on showing for a while, and hand out the session to change."""
        session = self._person.session
        self._settle(session)
        if self._settings.lag_ms > 0:
            until = self._clock.ticks() + self._settings.lag_ms / 1000
            self._past.append((until, copy.deepcopy(self._person.devices), copy.deepcopy(session)))
        session.changed_at = self._clock.now()
        return session

    def _place(self, session: Session, position_ms: int) -> None:
        session.position_ms = position_ms
        session.since = self._clock.now()

    def _settle(self, session: Session) -> None:
        """Let the time since `since` pass: on through the items, and stop where they end."""
        if not session.playing or session.current is None:
            return
        passed = max(0, int((self._clock.now() - session.since) * 1000))
        session.since += passed / 1000
        left = session.position_ms + passed
        for _ in range(MAX_STEPS):
            length = self._duration(session.current)
            if left < length or not session.playing:
                break
            left -= length
            self._leave(session, session.since - left / 1000)
            self._finish(session)
            session.changed_at = session.since
        session.position_ms = left if session.playing else 0

    def _leave(self, session: Session, at: float | None = None) -> None:
        """What plays goes, now or at `at`. Where it had begun, and not in a read's copy, it was heard."""
        if session is not self._person.session or session.current is None:
            return
        if session.playing:
            self._person.hear(session.current, session.context, self._clock.now() if at is None else at)
        elif session.position_ms:
            self._person.hear(session.current, session.context, session.since)

    def _finish(self, session: Session) -> None:
        """The item ended by itself: again, on, or stop at the start of the context."""
        if session.repeat != "track":
            self._forward(session)

    def _forward(self, session: Session) -> None:
        if session.queued:
            session.current = session.queued.pop(0)
            return
        session.at += 1
        if session.at >= len(session.order):
            session.at = 0
            session.playing = session.playing and session.repeat == "context"
        if session.order:
            session.current = _at(session)

    def _shuffle(self, session: Session) -> None:
        """The item at hand first, the others mixed: the same mix for the same list."""
        if not session.order:
            return
        first = session.order[session.at]
        others = [i for i in range(len(session.uris)) if i != first]
        others.sort(key=lambda i: hashlib.sha256(f"{i}{session.uris[i]}".encode()).digest())
        session.order, session.at = [first, *others], 0


def _at(session: Session) -> str | None:
    """What the context says plays; `current` differs while something from the queue does."""
    return session.uris[session.order[session.at]] if session.order else None


def _restricted() -> Refusal:
    return Refusal(403, "Player command failed: Restriction violated", "UNKNOWN")


def _inactive() -> Refusal:
    return Refusal(404, "Player command failed: No active device found", "NO_ACTIVE_DEVICE")
