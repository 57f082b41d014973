"""The heading of a message, changed without touching anything else in it."""

from __future__ import annotations

import re

BREAK = re.compile(rb"\r?\n(?![ \t])")


class Envelope:
    """A message as header fields and the rest. Its line ends become CRLF in the heading."""

    def __init__(self, raw: bytes) -> None:
        gap = re.search(rb"\r?\n\r?\n", raw)
        head, self._rest = (raw[: gap.start()], raw[gap.end() :]) if gap else (raw, b"")
        self._fields = [field for field in BREAK.split(head) if field]

    def drop(self, name: str) -> None:
        """Every field of that name is gone."""
        self._fields = [field for field in self._fields if _name(field) != name.lower()]

    def put(self, name: str, value: str) -> None:
        """A field, first, in place of those of its name."""
        self.drop(name)
        self._fields.insert(0, f"{name}: {value}".encode())

    def default(self, name: str, value: str) -> None:
        """A field, where there is none of that name."""
        if all(_name(field) != name.lower() for field in self._fields):
            self.put(name, value)

    @property
    def raw(self) -> bytes:
        """The message."""
        return b"\r\n".join([*self._fields, b"", self._rest])


def _name(field: bytes) -> str:
    return field.partition(b":")[0].decode("latin-1").strip().lower()
