"""A witness that remembers what it was told."""

from __future__ import annotations

from typing import Any


class Witnessed:
    """Keeps every event with what was said of it, in order."""

    def __init__(self) -> None:
        self.told: list[tuple[str, dict[str, Any]]] = []

    def note(self, event: str, **said: Any) -> None:
        self.told.append((event, said))

    @property
    def events(self) -> list[str]:
        return [event for event, _ in self.told]

    def of(self, event: str) -> list[dict[str, Any]]:
        """What was said of each of those."""
        return [said for each, said in self.told if each == event]
