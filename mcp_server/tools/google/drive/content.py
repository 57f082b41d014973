"""What is written into files: of which type it is, and what Google would make of it."""

from __future__ import annotations

import csv
import io
import mimetypes
import re

from mcp_server.errors import Refusal
from providers.google.driveanswers import DOCUMENT, SPREADSHEET
from providers.http import Content

MOST = 300_000
"""Characters of content that a call may bring; larger files come by an upload link."""

_USUAL = {DOCUMENT: "text/markdown", SPREADSHEET: "text/csv"}
_MADE_FROM = {
    DOCUMENT: ("text/markdown", "text/plain", "text/html"),
    SPREADSHEET: ("text/csv", "text/tab-separated-values"),
}
_TYPE = re.compile(r"[a-z]+/[a-z0-9][a-z0-9.+-]{0,80}")
_FORMULA = re.compile(r"\s*(=|[+-]\s*[A-Za-z_]\w*\s*\()")
_ENDINGS = {".md": "text/markdown", ".markdown": "text/markdown"}


def made(kind: str, name: str, text: str, declared: str | None) -> Content:
    """Content for a file of that kind, with its type: the declared one, or the usual one. Raises Refusal."""
    if kind in _USUAL:
        sort = declared or _USUAL[kind]
        if sort not in _MADE_FROM[kind]:
            raise Refusal(
                "invalid_argument",
                f"`content_type` for this must be one of {', '.join(_MADE_FROM[kind])}.",
            )
        if kind == SPREADSHEET:
            _plain_cells(text, "\t" if sort == "text/tab-separated-values" else ",")
        return Content(sort, text.encode("utf-8", "replace"))
    sort = declared or guessed(name)
    if not _TYPE.fullmatch(sort):
        raise Refusal("invalid_argument", "`content_type` must be a media type such as text/plain.")
    return Content(sort, text.encode("utf-8", "replace"))


def guessed(name: str) -> str:
    """The type that a name's ending stands for; text where it says nothing."""
    ending = f".{name.rpartition('.')[2].lower()}"
    found = _ENDINGS.get(ending) or mimetypes.guess_type(name)[0] or ""
    return found if _TYPE.fullmatch(found) else "text/plain"


def _plain_cells(text: str, between: str) -> None:
    """Raise Refusal where a cell would become a formula: Google runs those when it makes a spreadsheet."""
    try:
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=between)
        if any(_FORMULA.match(cell) for row in rows for cell in row):
            raise Refusal(
                "invalid_argument",
                "A cell of `content` would become a formula. Leave formulas out, and write them with "
                "sheets_update_range and `input` USER_ENTERED.",
            )
    except csv.Error:
        raise Refusal("invalid_argument", "`content` can't be read as CSV.") from None
