"""JSON with its places: what each value is, and from where to where it stands in the text.

With `comments`, also JSON as VS Code reads it: `//` and `/* */`, and a comma after the last one. Everything
else is as strict as JSON is (RFC 8259).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

_SPACE = re.compile(r"[ \t\r\n]*")
_COMMENT = re.compile(r"//[^\r\n]*|/\*.*?\*/", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_WORDS = {"true": True, "false": False, "null": None}
_DEEPEST = 100


class Broken(Exception):
    """The text is not what it should be; `line` is where that shows, from 1."""

    def __init__(self, line: int) -> None:
        super().__init__(f"line {line}")
        self.line = line


@dataclass(frozen=True, slots=True)
class Node:
    """A value at `start` to `end`. `members` of an object are in their order; `plain` is the value itself."""

    start: int
    end: int
    plain: object
    members: tuple[Member, ...] | None = None

    def find(self, name: str) -> list[Member]:
        """The members of that name: more than one where somebody wrote it twice."""
        return [each for each in self.members or () if each.name == name]


@dataclass(frozen=True, slots=True)
class Member:
    """A name, where it begins, its value, and where the comma after it is, if there is one."""

    name: str
    start: int
    value: Node
    comma: int | None


def parse(text: str, *, comments: bool) -> Node:
    """The one value of the text. Raises Broken."""
    reader = _Reader(text, comments)
    try:
        start = reader.skip(0)
        node = reader.value(start, 0)
        end = reader.skip(node.end)
    except _At as fault:
        raise Broken(text.count("\n", 0, fault.place) + 1) from None
    if end != len(text):
        raise Broken(text.count("\n", 0, end) + 1)
    return node


class _At(Exception):
    def __init__(self, place: int) -> None:
        super().__init__()
        self.place = place


class _Reader:
    def __init__(self, text: str, comments: bool) -> None:
        self._text = text
        self._comments = comments

    def skip(self, at: int) -> int:
        """Past what means nothing."""
        while True:
            found = _SPACE.match(self._text, at)
            at = found.end() if found else at
            comment = _COMMENT.match(self._text, at) if self._comments else None
            if comment is None:
                return at
            at = comment.end()

    def value(self, at: int, depth: int) -> Node:
        """The value that begins at `at`."""
        if depth > _DEEPEST:
            raise _At(at)
        match self._text[at : at + 1]:
            case "{":
                return self._object(at, depth)
            case "[":
                return self._array(at, depth)
            case '"':
                return self._string(at)
        number = _NUMBER.match(self._text, at)
        if number:
            return Node(at, number.end(), json.loads(number[0]))
        for word, meaning in _WORDS.items():
            if self._text.startswith(word, at):
                return Node(at, at + len(word), meaning)
        raise _At(at)

    def _string(self, at: int) -> Node:
        found = _STRING.match(self._text, at)
        if found is None:
            raise _At(at)
        return Node(at, found.end(), json.loads(found[0]))

    def _object(self, at: int, depth: int) -> Node:
        members: list[Member] = []
        place = self.skip(at + 1)
        while self._text[place : place + 1] != "}":
            name = self._string(place)
            colon = self.skip(name.end)
            self._require(colon, ":")
            value = self.value(self.skip(colon + 1), depth + 1)
            comma, place = self._separated(value.end, "}")
            members.append(Member(str(name.plain), name.start, value, comma))
        plain = {each.name: each.value.plain for each in members}
        return Node(at, place + 1, plain, tuple(members))

    def _array(self, at: int, depth: int) -> Node:
        plain: list[object] = []
        place = self.skip(at + 1)
        while self._text[place : place + 1] != "]":
            value = self.value(place, depth + 1)
            plain.append(value.plain)
            _, place = self._separated(value.end, "]")
        return Node(at, place + 1, plain)

    def _separated(self, end: int, closing: str) -> tuple[int | None, int]:
        """After a value: where its comma is, and where the next begins or all of it ends."""
        at = self.skip(end)
        if self._text[at : at + 1] == closing:
            return None, at
        self._require(at, ",")
        following = self.skip(at + 1)
        if not self._comments and self._text[following : following + 1] == closing:
            raise _At(at)
        return at, following

    def _require(self, at: int, what: str) -> None:
        if self._text[at : at + 1] != what:
            raise _At(at)
