"""Everything the emulator holds, and how it outlives a restart."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from providers.emulator.clock import Clock
from providers.emulator.faults import Faults
from providers.emulator.journal import Journal
from providers.emulator.settings import Settings
from providers.emulator.upstream import Upstream
from providers.emulator.upstreams import UPSTREAMS

VERSION = 2


class Unreadable(Exception):
    """The state file is not one of ours."""


class World:
    """Clock, settings, upstreams, journal and faults. With `path`, state rests in that file."""

    def __init__(
        self, clock: Clock, path: Path | None = None, kinds: Sequence[type[Upstream]] = UPSTREAMS
    ) -> None:
        self.clock = clock
        self.path = path
        self.settings = Settings()
        self.upstreams: list[Upstream] = [kind(clock, self.settings) for kind in kinds]
        self.journal = Journal()
        self.faults = Faults()
        if path is not None and path.exists():
            self._load(path)

    def upstream_of(self, path: str) -> Upstream | None:
        """The upstream that `/host/path` belongs to."""
        return next((upstream for upstream in self.upstreams if upstream.owns(path)), None)

    def upstream(self, name: object) -> Upstream:
        """The upstream of that name. Raises ValueError with a sentence."""
        for upstream in self.upstreams:
            if upstream.name == name:
                return upstream
        raise ValueError(f"upstream must be one of {', '.join(u.name for u in self.upstreams)}.")

    def reset(self) -> None:
        """Begin the world again: nobody is connected, nothing is broken, the clock is right."""
        self.clock.offset = 0.0
        self.settings.restore()
        for upstream in self.upstreams:
            upstream.reset()
        self.journal.forget()
        self.faults.clear()

    def save(self) -> None:
        """Replace the state file in one step; only its owner may read it."""
        if self.path is None:
            return
        data = {
            "version": VERSION,
            "offset": self.clock.offset,
            "settings": vars(self.settings),
            "upstreams": {upstream.name: upstream.dump() for upstream in self.upstreams},
        }
        beside = self.path.with_name(self.path.name + ".new")
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(data, file, ensure_ascii=False)
        beside.replace(self.path)

    def _load(self, path: Path) -> None:
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            if data["version"] == 1:  # there was one upstream
                data |= {"version": VERSION, "upstreams": {"spotify": data["spotify"]}}
            data = {VERSION: data}[data["version"]]  # KeyError: another version wrote it
            self.clock.offset = float(data["offset"])
            self.settings.change(data["settings"])
            for upstream in self.upstreams:
                if upstream.name in data["upstreams"]:
                    upstream.load(data["upstreams"][upstream.name])
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise Unreadable(
                f"{path} is no state this emulator can read ({type(error).__name__}). "
                "Move it away, or name another file with --state."
            ) from error
