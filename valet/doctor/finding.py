"""What an examination finds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "note", "warning", "fault"]

STATUS: dict[Level, int] = {"ok": 0, "note": 0, "warning": 1, "fault": 2}
"""The exit status that a finding asks for; the command's is the highest."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line. `fix` is what to do, as a setting or a command; a warning and a fault always have one.

    `about` is the examination's name, which the chart writes.
    """

    level: Level
    text: str
    fix: str = ""
    about: str = ""

    def __post_init__(self) -> None:
        if STATUS[self.level] and not self.fix:
            raise ValueError("a warning or a fault says what to do")

    def json(self) -> dict[str, str]:
        """For a script."""
        return {"about": self.about, "level": self.level, "text": self.text, "fix": self.fix}


def ok(text: str) -> Finding:
    """All is well."""
    return Finding("ok", text)


def note(text: str, fix: str = "") -> Finding:
    """Good to know; nothing needs to be done."""
    return Finding("note", text, fix)


def warning(text: str, fix: str) -> Finding:
    """It works, and will not always, or not for everybody."""
    return Finding("warning", text, fix)


def fault(text: str, fix: str) -> Finding:
    """Something does not work."""
    return Finding("fault", text, fix)


def status(findings: Iterable[Finding]) -> int:
    """The exit status: 0 where nothing needs to be done, 1 for a warning, 2 for a fault."""
    return max((STATUS[each.level] for each in findings), default=0)
