"""The search language of files.list (developers.google.com/workspace/drive/api/guides/ref-search-terms)."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from providers.emulator.google.drive.model import File, at_least
from providers.emulator.google.drive.papers import PAPERS
from providers.emulator.google.drive.store import Drive
from providers.emulator.google.errors import ApiError, invalid
from providers.emulator.google.people import Person

Test = Callable[[File], bool]
TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^'\\]|\\.)*')|(?P<sign><=|>=|!=|[=<>(){}])|(?P<word>[\w.]+))", re.DOTALL
)
EQUALITY = frozenset({"=", "!="})
ORDER = EQUALITY | {"<", "<=", ">", ">="}
TERMS: dict[str, frozenset[str]] = {
    "name": EQUALITY | {"contains"},
    "fullText": frozenset({"contains"}),
    "mimeType": EQUALITY | {"contains"},
    "modifiedTime": ORDER,
    "createdTime": ORDER,
    "viewedByMeTime": ORDER,
    "trashed": EQUALITY,
    "starred": EQUALITY,
    "sharedWithMe": EQUALITY,
    "visibility": EQUALITY,
    "shortcutDetails.targetId": EQUALITY,
    "properties": frozenset({"has"}),
    "appProperties": frozenset({"has"}),
}
"""Which operators go with which term."""

FLAGS = frozenset({"trashed", "starred", "sharedWithMe"})
LISTS = ("parents", "owners", "writers", "readers")
ESCAPE = re.compile(r"\\(.)", re.DOTALL)


class Query:
    """One search, read. `full_text`: it asks for words anywhere, so that nothing else may sort it."""

    def __init__(self, text: str, drive: Drive, person: Person) -> None:
        self._drive = drive
        self._person = person
        self._tokens = _tokens(text)
        self._at = 0
        self.full_text = ("word", "fullText") in self._tokens
        self.matches = self._expression()
        if self._at < len(self._tokens):
            raise _bad()

    # Grammar: `and` and `or` are read from left to right, parentheses group.

    def _expression(self) -> Test:
        left = self._term()
        while (word := self._peek("word")) in {"and", "or"}:
            self._at += 1
            left = _joined(left, self._term(), both=word == "and")
        return left

    def _term(self) -> Test:
        if self._peek("word") == "not":
            self._at += 1
            inner = self._term()
            return lambda file: not inner(file)
        if self._peek("sign") == "(":
            self._at += 1
            inside = self._expression()
            self._take("sign", ")")
            return inside
        if (text := self._peek("text")) is not None:
            self._at += 1
            self._take("word", "in")
            return self._member(text, self._take("word"))
        return self._comparison()

    def _comparison(self) -> Test:
        name = self._take("word")
        if name not in TERMS:
            raise _bad()
        operator = self._peek("sign") or self._peek("word") or ""
        if name in FLAGS and operator not in ORDER | {"contains"}:
            return self._flag(name, wanted=True)  # `sharedWithMe` by itself
        if operator not in TERMS[name]:
            raise _bad()
        self._at += 1
        if name in FLAGS:
            value = self._take("word")
            if value not in {"true", "false"}:
                raise _bad()
            return self._flag(name, wanted=(value == "true") == (operator == "="))
        if operator == "has":
            return self._property()
        return self._compared(name, operator, self._take("text"))

    def _peek(self, kind: str) -> str | None:
        if self._at < len(self._tokens) and self._tokens[self._at][0] == kind:
            return self._tokens[self._at][1]
        return None

    def _take(self, kind: str, value: str | None = None) -> str:
        found = self._peek(kind)
        if found is None or (value is not None and found != value):
            raise _bad()
        self._at += 1
        return found

    # What the terms mean

    def _member(self, value: str, where: str) -> Test:
        if where not in LISTS:
            raise _bad()
        if where == "parents":
            root = self._drive.roots[self._person.key]
            folder = root if value == "root" else value
            known = self._drive.files.get(folder)
            if known is None or known.role(self._person) is None:
                raise ApiError(404, f"File not found: {value}.", "notFound", about="fileId")
            return lambda file: file.parent == folder
        email = self._person.email if value == "me" else value
        least = {"owners": "owner", "writers": "writer", "readers": "reader"}[where]

        def has(file: File) -> bool:
            return any(
                one.to.casefold() == email.casefold() and at_least(one.role, least)
                for one in file.permissions
            )

        return has

    def _flag(self, name: str, *, wanted: bool) -> Test:
        def holds(file: File) -> bool:
            if name == "trashed":
                return self._drive.in_trash(file)
            if name == "starred":
                return self._person.key in file.starred
            return self._person.key in file.shared_at

        return lambda file: holds(file) == wanted

    def _property(self) -> Test:
        self._take("sign", "{")
        given = {}
        for index, name in enumerate(("key", "value")):
            if index:
                self._take("word", "and")
            self._take("word", name)
            self._take("sign", "=")
            given[name] = self._take("text")
        self._take("sign", "}")
        return lambda file: file.properties.get(given["key"]) == given["value"]

    def _compared(self, name: str, operator: str, value: str) -> Test:
        if name == "fullText":
            return lambda file: _anywhere(value, _everything(file))
        if name == "name" and operator == "contains":
            return lambda file: _begins(value, file.name)
        if name == "mimeType" and operator == "contains":
            return lambda file: file.kind.startswith(value)
        if name.endswith("Time"):
            return _timed(name, operator, value)
        read: dict[str, Callable[[File], Any]] = {
            "name": lambda file: file.name.casefold(),
            "mimeType": lambda file: file.kind,
            "visibility": _visibility,
            "shortcutDetails.targetId": lambda file: file.target,
        }
        wanted = value.casefold() if name == "name" else value
        return lambda file: (read[name](file) == wanted) == (operator == "=")


def _joined(left: Test, right: Test, *, both: bool) -> Test:
    if both:
        return lambda file: left(file) and right(file)
    return lambda file: left(file) or right(file)


def _tokens(text: str) -> list[tuple[str, str]]:
    found, at = [], 0
    while text[at:].strip():
        token = TOKEN.match(text, at)
        if token is None or token.lastgroup is None:
            raise _bad()
        value = token[token.lastgroup]
        if token.lastgroup == "text":
            value = ESCAPE.sub(r"\1", value[1:-1])
        found.append((token.lastgroup, value))
        at = token.end()
    if not found:
        raise _bad()
    return found


def _timed(name: str, operator: str, value: str) -> Test:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise _bad() from None
    at = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()

    def holds(file: File) -> bool:
        mine = file.created if name == "createdTime" else file.modified
        above = {">": mine > at, ">=": mine >= at, "<": mine < at, "<=": mine <= at}
        return {"=": mine == at, "!=": mine != at, **above}[operator]

    return holds


def words(text: str) -> list[str]:
    """What a text is searched by."""
    return re.findall(r"\w+", text.casefold())


def _begins(wanted: str, name: str) -> bool:
    """Whether each word of `wanted` begins a word of the name: `contains` matches prefixes only."""
    asked, there = words(wanted), words(name)
    if not asked:
        return wanted.casefold() in name.casefold()
    return all(any(word.startswith(prefix) for word in there) for prefix in asked)


def _anywhere(wanted: str, text: str) -> bool:
    """Whole words, all of them; within double quotes, one after the other."""
    there = words(text)
    if wanted.startswith('"') and wanted.endswith('"') and len(wanted) > 1:
        asked = words(wanted)
        return any(there[start : start + len(asked)] == asked for start in range(len(there)))
    asked = words(wanted)
    return bool(asked) and set(asked) <= set(there)


def _everything(file: File) -> str:
    text = f"{file.name} {file.description}"
    if file.kind in PAPERS:
        return f"{text} {PAPERS[file.kind].words(file.body)}"
    if file.kind.startswith("text/"):
        return f"{text} {file.bytes.decode(errors='replace')}"
    return text


def _visibility(file: File) -> str:
    open_ = [one for one in file.permissions if one.kind in {"anyone", "domain"}]
    if not open_:
        return "limited"
    kind = "anyone" if open_[0].kind == "anyone" else "domain"
    return f"{kind}CanFind" if open_[0].found else f"{kind}WithLink"


def _bad() -> ApiError:
    return invalid("Invalid Value", "q")
