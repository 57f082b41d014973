"""files.list: which of somebody's files, in what order, a page at a time."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from starlette.requests import Request

from providers.emulator.google import query
from providers.emulator.google.drive.model import FOLDER, File, Visitor
from providers.emulator.google.drive.search import Query
from providers.emulator.google.drive.shown import size
from providers.emulator.google.drive.store import Drive
from providers.emulator.google.errors import ApiError, invalid

CORPORA = ("user", "domain", "drive", "allDrives")
Key = Callable[[File], Any]


def found(request: Request, drive: Drive, visitor: Visitor) -> list[File]:
    """What a request asks for, in its order. Raises ApiError."""
    _corpora(request)
    files = [file for file in drive.of(visitor.person) if drive.reaches(visitor, file)]
    text = request.query_params.get("q")
    search = Query(text, drive, visitor.person) if text else None
    order = request.query_params.get("orderBy")
    if search is not None:
        if search.full_text and order:
            sentence = (
                "Sorting is not supported for queries with fullText terms. Results are always in descending "
                "relevance order."
            )
            raise invalid(sentence, "orderBy", "badRequest")
        files = [file for file in files if search.matches(file)]
    files.sort(key=lambda file: (-file.modified, file.id))
    for name, falling in reversed(_order(order)):
        files.sort(key=_keys(visitor)[name], reverse=falling)
    return files


def _corpora(request: Request) -> None:
    asked = request.query_params
    corpora = query.choice(request, "corpora", CORPORA) or "user"
    everywhere = query.flag(request, "includeItemsFromAllDrives")
    supports = query.flag(request, "supportsAllDrives")
    if asked.get("spaces", "drive") != "drive":
        raise invalid("Invalid Value", "spaces")
    if everywhere and not supports:
        raise invalid("The includeItemsFromAllDrives parameter requires supportsAllDrives.",
                      "includeItemsFromAllDrives")  # fmt: skip
    if corpora in {"drive", "allDrives"} and not (everywhere and supports):
        raise invalid(f"Invalid value for corpora: {corpora}", "corpora")
    if corpora == "drive" or "driveId" in asked:
        raise ApiError(
            404, f"Shared drive not found: {asked.get('driveId', '')}", "notFound", about="driveId"
        )


def _order(text: str | None) -> list[tuple[str, bool]]:
    """Names and whether they fall: `folder,modifiedTime desc`."""
    keys = []
    for part in (text or "").split(",") if text else ():
        name, _, way = part.strip().partition(" ")
        if name not in NAMES or way.strip() not in {"", "desc", "asc"}:
            raise invalid("Invalid Value", "orderBy")
        keys.append((name, way.strip() == "desc"))
    return keys


NAMES = frozenset(
    {
        *("createdTime", "folder", "modifiedByMeTime", "modifiedTime", "name", "name_natural"),
        *("quotaBytesUsed", "recency", "sharedWithMeTime", "starred", "viewedByMeTime"),
    }
)


def _keys(visitor: Visitor) -> dict[str, Key]:
    me = visitor.person.key
    modified: Key = lambda file: file.modified  # noqa: E731  one of a table
    return {
        "createdTime": lambda file: file.created,
        "folder": lambda file: file.kind != FOLDER,
        "modifiedByMeTime": modified,
        "modifiedTime": modified,
        "name": lambda file: file.name.casefold(),
        "name_natural": lambda file: _natural(file.name),
        "quotaBytesUsed": size,
        "recency": modified,
        "sharedWithMeTime": lambda file: file.shared_at.get(me, 0.0),
        "starred": lambda file: me in file.starred,
        "viewedByMeTime": modified,
    }


def _natural(name: str) -> list[tuple[int, int | str]]:
    """A name with its numbers as numbers: `2` before `10`."""
    return [
        (0, int(part)) if part.isdigit() else (1, part)
        for part in re.findall(r"[0-9]+|[^0-9]+", name.casefold())
    ]
