"""What a document is here: JSON-ready blocks, without indexes, which follow from where a block stands.

    document   {"revision": 1, "tabs": [tab, …]}
    tab        {"id", "title", "blocks": [block, …], "lists", "footnotes": {id: [block, …]}, "objects"}
    paragraph  {"runs": [run, …], "style": "HEADING_1", "bullet": {"listId", "nestingLevel"}, "rtl": true}
    table      {"rows": [[[block, …], …], …]}: rows of cells of blocks
    run        {"t": text, "s": text style} or {"e": element, "s": text style}; "ins", "del": suggestions

A paragraph's last line break is not written down, and an element counts as one code unit.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any

from providers.emulator.google.errors import ApiError

Json = dict[str, Any]
NORMAL = "NORMAL_TEXT"
MARK = "\ufffc"
"""Stands for an element in a paragraph's text."""

STRIPPED = re.compile("[\x00-\x08\x0c-\x1f\ue000-\uf8ff]")
"""What Docs leaves out of inserted text (InsertTextRequest.text)."""


def units(text: str) -> int:
    """The length in UTF-16 code units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def cut(text: str, at: int) -> tuple[str, str]:
    """`text` before and after a code unit. Raises ApiError inside a surrogate pair."""
    raw = text.encode("utf-16-le")
    try:
        return raw[: 2 * at].decode("utf-16-le"), raw[2 * at :].decode("utf-16-le")
    except UnicodeDecodeError:
        raise bad("The index is inside a surrogate pair.") from None


def bad(message: str) -> ApiError:
    """400 about a request."""
    return ApiError(400, message, "badRequest")


def paragraph(*runs: Json, style: str = NORMAL, bullet: Json | None = None, rtl: bool = False) -> Json:
    """A paragraph."""
    block: Json = {"runs": list(runs), "style": style}
    if bullet:
        block["bullet"] = bullet
    if rtl:
        block["rtl"] = True
    return block


def run(text: str, **style: Any) -> Json:
    """Text in a style."""
    return {"t": text, "s": style}


def tab(id_: str, title: str, blocks: list[Json], **more: Any) -> Json:
    """A tab; it always ends in a paragraph."""
    if not blocks or "rows" in blocks[-1]:
        blocks = [*blocks, paragraph()]
    return {"id": id_, "title": title, "blocks": blocks, "lists": {}, "footnotes": {}, "objects": {}, **more}


def document(*tabs: Json) -> Json:
    """A document; an empty one without tabs."""
    return {"revision": 1, "tabs": list(tabs) or [tab("t.0", "Tab 1", [])]}


def length(run: Json) -> int:
    """Code units of a run."""
    return units(run["t"]) if "t" in run else 1


def plain(block: Json) -> str:
    """A paragraph's text, with a mark for each element and without its line break."""
    return "".join(run.get("t", MARK) for run in block["runs"])


def size(block: Json) -> int:
    """Code units of a block. A table has one before itself, each row and each cell, and one at its end."""
    if "rows" not in block:
        return sum(map(length, block["runs"])) + 1
    return 2 + sum(1 + sum(1 + extent(cell) for cell in row) for row in block["rows"])


def extent(blocks: list[Json]) -> int:
    """Code units of blocks."""
    return sum(map(size, blocks))


def cells(table: Json, start: int) -> Iterator[tuple[list[Json], int]]:
    """The cells of a table that begins at `start`, each with the index of its content."""
    at = start + 1
    for row in table["rows"]:
        at += 1
        for cell in row:
            yield cell, at + 1
            at += 1 + extent(cell)


def paragraphs(blocks: list[Json], start: int) -> Iterator[tuple[list[Json], int, int]]:
    """Every paragraph, those in tables too: the blocks it is one of, its place there, its index."""
    at = start
    for place, block in enumerate(list(blocks)):
        if "rows" in block:
            for cell, inner in cells(block, at):
                yield from paragraphs(cell, inner)
        else:
            yield blocks, place, at
        at += size(block)


def split(runs: list[Json], at: int) -> tuple[list[Json], list[Json]]:
    """Runs before and after a code unit."""
    left: list[Json] = []
    for place, each in enumerate(runs):
        long = length(each)
        if at <= 0:
            return left, runs[place:]
        if at < long:
            before, after = cut(each["t"], at)
            return [*left, {**each, "t": before}], [{**copy.deepcopy(each), "t": after}, *runs[place + 1 :]]
        left.append(each)
        at -= long
    return left, []


def joined(runs: list[Json]) -> list[Json]:
    """The same with neighbours of one style as one run, and no empty one."""
    kept: list[Json] = []
    for each in runs:
        if each.get("t") == "":
            continue
        before = kept[-1] if kept else {}
        alike = {k: v for k, v in each.items() if k != "t"} == {k: v for k, v in before.items() if k != "t"}
        if "t" in each and "t" in before and alike:
            kept[-1] = {**before, "t": before["t"] + each["t"]}
        else:
            kept.append(each)
    return kept


def segments(one: Json) -> Iterator[tuple[list[Json], int]]:
    """Body and footnotes of a tab, with the index each begins at."""
    yield one["blocks"], 1
    for blocks in one["footnotes"].values():
        yield blocks, 0
