"""A1 notation: from text to an area of a sheet, and back (developers.google.com/workspace/sheets, "Cell")."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from providers.emulator.google.errors import ApiError

Json = dict[str, Any]
CELLS = re.compile(r"\$?([A-Za-z]{1,3})?\$?([0-9]{1,8})?(?::\$?([A-Za-z]{1,3})?\$?([0-9]{1,8})?)?")
BARE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Area:
    """Cells of a sheet from `top`, `left` to before `bottom`, `right`, counted from zero.

    `single`: the notation named one cell.
    """

    sheet: Json
    top: int
    left: int
    bottom: int
    right: int
    single: bool = False


def bad(message: str) -> ApiError:
    """400 about a range or a value."""
    return ApiError(400, message, "badRequest")


def column(letters: str) -> int:
    """`A` is 0."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - 64
    return number - 1


def letters(number: int) -> str:
    """0 is `A`."""
    text, number = "", number + 1
    while number:
        number, rest = divmod(number - 1, 26)
        text = chr(65 + rest) + text
    return text


def titled(title: str) -> str:
    """A sheet's title as it stands before the exclamation mark."""
    plain = BARE.fullmatch(title) and not re.fullmatch(r"[A-Za-z]{1,3}[0-9]+", title)
    return title if plain else "'" + title.replace("'", "''") + "'"


def cells(top: int, left: int, bottom: int, right: int) -> str:
    """`A1:B2`, and `A1` for one cell."""
    first, last = f"{letters(left)}{top + 1}", f"{letters(right - 1)}{bottom}"
    return first if first == last else f"{first}:{last}"


def written(area: Area) -> str:
    """`'My sheet'!A1:B2`."""
    return f"{titled(area.sheet['title'])}!{cells(area.top, area.left, area.bottom, area.right)}"


def parse(book: Json, text: str) -> Area:
    """The area that `text` names, within the grid. Raises ApiError."""
    named = next((row for row in book["named"] if row["name"].lower() == text.lower()), None)
    if named is not None:
        sheet = next(row for row in book["sheets"] if row["id"] == named["sheet"])
        return Area(sheet, *named["area"])
    sheet, rest = _sheet(book, text)
    if rest is None:
        return Area(sheet, 0, 0, sheet["rows"], sheet["cols"])
    found = CELLS.fullmatch(rest)
    if not rest or found is None:
        raise _unreadable(text)
    return _area(sheet, text, rest, found)


def _area(sheet: Json, text: str, rest: str, found: re.Match[str]) -> Area:
    left, top, right, bottom = found.groups()
    if ":" not in rest:
        if left is None or top is None:
            raise _unreadable(text)
        right, bottom = left, top
    elif (left is None and top is None) or (right is None and bottom is None):
        raise _unreadable(text)
    rows = sorted([int(top or 1) - 1, int(bottom or sheet["rows"]) - 1])
    columns = sorted([column(left or "A"), column(right) if right else sheet["cols"] - 1])
    if rows[0] < 0:
        raise _unreadable(text)
    if rows[0] >= sheet["rows"] or columns[0] >= sheet["cols"]:
        raise bad(f"Range ({titled(sheet['title'])}!{rest}) exceeds grid limits. Max rows: {sheet['rows']}, "
                  f"max columns: {sheet['cols']}")  # fmt: skip
    return Area(
        sheet, rows[0], columns[0], min(rows[1] + 1, sheet["rows"]), min(columns[1] + 1, sheet["cols"]),
        single=":" not in rest,
    )  # fmt: skip


def _sheet(book: Json, text: str) -> tuple[Json, str | None]:
    """The sheet a range is of, and its cells; None for all of them."""
    title, mark, rest = text.rpartition("!")
    if not mark:
        title = text
        if CELLS.fullmatch(text) and (":" in text or re.fullmatch(r"\$?[A-Za-z]+\$?[0-9]+", text)):
            return next(row for row in book["sheets"] if not row["hidden"]), text
    quoted = re.fullmatch(r"'((?:[^']|'')*)'", title)
    name = quoted[1].replace("''", "'") if quoted else title
    if not quoted and not BARE.fullmatch(title):
        raise _unreadable(text)
    for sheet in book["sheets"]:
        if sheet["title"].lower() == name.lower():
            return sheet, rest if mark else None
    raise _unreadable(text)


def _unreadable(text: str) -> ApiError:
    return bad(f"Unable to parse range: {text}")
