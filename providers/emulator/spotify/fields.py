"""The `fields` parameter of the two playlist reads: which parts of an answer are wanted.

    description,uri      items(added_at,added_by.id)      items(item(name,album(!images,href)))

Documented: names with commas between, a dot or parentheses to go deeper (into each member of a list), `!`
for what is not wanted. Chosen, where the reference leaves it open: a group that names something wanted
holds only that, a group of nothing but `!` holds all the rest, and a name that is not there is not an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from providers.emulator.spotify.refusal import Refusal

MARKS = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*|[!.,()])\s*")


@dataclass
class Fields:
    """What one level of an answer is to hold: `kept` names, with what is kept of each, and `dropped` ones."""

    kept: dict[str, Fields] = field(default_factory=dict)
    dropped: set[str] = field(default_factory=set)

    def of(self, value: Any) -> Any:
        """The wanted part of a JSON value."""
        if isinstance(value, list):
            return [self.of(member) for member in value]
        if not isinstance(value, dict):
            return value
        names = self.kept or value
        everything = Fields()
        return {
            name: self.kept.get(name, everything).of(inner)
            for name, inner in value.items()
            if name in names and name not in self.dropped
        }


def parse(text: str) -> Fields:
    """What `fields` asks for. Refuses what cannot be read with 400."""
    marks = _marks(text)
    wanted = Fields()
    if _group(marks, wanted) is not None:
        raise _unreadable()
    return wanted


def _group(marks: Iterator[str], into: Fields) -> str | None:
    """Read terms into a level until `)` or the end, which is given back."""
    while True:
        end = _term(marks, into)
        if end != ",":
            return end


def _term(marks: Iterator[str], into: Fields) -> str | None:
    """Read one term and give back the mark behind it: `,`, `)` or the end."""
    name = _name(next(marks, None))
    if name is None:
        into.dropped.add(_named(marks))
        return _end(next(marks, None))
    level = into.kept.setdefault(name, Fields())
    mark = next(marks, None)
    while mark == ".":
        level = level.kept.setdefault(_named(marks), Fields())
        mark = next(marks, None)
    if mark == "(":
        if _group(marks, level) != ")":
            raise _unreadable()
        mark = next(marks, None)
    return _end(mark)


def _name(mark: str | None) -> str | None:
    """A name, or None for `!`."""
    if mark == "!":
        return None
    if mark is None or mark in ".,()":
        raise _unreadable()
    return mark


def _named(marks: Iterator[str]) -> str:
    name = _name(next(marks, None))
    if name is None:
        raise _unreadable()
    return name


def _end(mark: str | None) -> str | None:
    if mark not in {",", ")", None}:
        raise _unreadable()
    return mark


def _marks(text: str) -> Iterator[str]:
    at = 0
    while at < len(text):
        found = MARKS.match(text, at)
        if found is None:
            raise _unreadable()
        yield found[1]
        at = found.end()


def _unreadable() -> Refusal:
    return Refusal(400, "Invalid fields")
