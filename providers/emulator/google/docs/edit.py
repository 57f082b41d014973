"""documents.batchUpdate: the requests that change text, all of them or none."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping
from typing import Any

from providers.emulator.google.docs import model
from providers.emulator.google.docs.model import bad, joined, paragraphs, size, split
from providers.emulator.google.errors import ApiError

Json = dict[str, Any]
TEXT_STYLES = frozenset(
    {"bold", "italic", "underline", "strikethrough", "smallCaps", "link", "baselineOffset", "fontSize",
     "foregroundColor", "backgroundColor", "weightedFontFamily"}
)  # fmt: skip


def changed(document: Json, requests: list[Json]) -> tuple[Json, list[Json]]:
    """The document after all requests, and a reply to each; all or nothing. Raises ApiError."""
    after = copy.deepcopy(document)
    replies = []
    for place, request in enumerate(requests):
        if not isinstance(request, dict) or len(request) != 1:
            raise bad(f"Invalid requests[{place}]: exactly one request must be set.")
        ((name, what),) = request.items()
        handler = HANDLERS.get(name)
        if handler is None:
            raise ApiError(501, f"requests[{place}].{name} is not emulated", "notImplemented")
        try:
            replies.append(handler(after, what))
        except ApiError as error:
            if error.code != 400:
                raise
            raise bad(f"Invalid requests[{place}].{name}: {error.body['error']['message']}") from None
    return after, replies


# Places


def _tab(document: Json, id_: str | None) -> Json:
    tabs = list(flat(document["tabs"]))
    if id_ is None:
        return tabs[0]
    for tab in tabs:
        if tab["id"] == id_:
            return tab
    raise bad(f"Tab ID {id_} does not exist in the document.")


def flat(tabs: list[Json]) -> list[Json]:
    """All tabs, each followed by those in it."""
    return [one for tab in tabs for one in (tab, *flat(tab.get("children", [])))]


def _segment(document: Json, place: Json) -> tuple[list[Json], int]:
    tab = _tab(document, place.get("tabId"))
    segment = place.get("segmentId")
    if not segment:
        return tab["blocks"], 1
    if segment not in tab["footnotes"]:
        raise bad(f"Segment with ID {segment} was not found.")
    return tab["footnotes"][segment], 0


def _span(document: Json, what: Json) -> tuple[list[Json], int, int, int]:
    """Blocks, where they begin, and a range in them."""
    given = what.get("range") or {}
    blocks, start = _segment(document, given)
    low, high = given.get("startIndex", 0), given.get("endIndex")
    if not isinstance(low, int) or not isinstance(high, int):
        raise bad("The range must have a start index and an end index.")
    if low >= high:
        raise bad("The range should not be empty.")
    last = start + model.extent(blocks)
    if low < start or high > last:
        raise bad(f"Index {high - 1 if high > last else low} must be less than the end index of the "
                  f"referenced segment, {last}.")  # fmt: skip
    return blocks, start, low, high


# Requests


def insert_text(document: Json, what: Json) -> Json:
    """insertText."""
    text = what.get("text")
    if not isinstance(text, str) or not text:
        raise bad("Insert text requests must specify text to insert.")
    if ("location" in what) == ("endOfSegmentLocation" in what):
        raise bad("exactly one insertion location must be set.")
    if "location" in what:
        blocks, start = _segment(document, what["location"])
        index = what["location"].get("index", 0)
    else:
        blocks, start = _segment(document, what["endOfSegmentLocation"])
        index = start + model.extent(blocks) - 1
    put(blocks, start, index, model.STRIPPED.sub("", text))
    return {}


def put(blocks: list[Json], start: int, index: Any, text: str) -> None:
    """Text at an index, which must be in a paragraph. Its style is that of what stands before it."""
    if not isinstance(index, int) or index < start or index >= start + model.extent(blocks):
        raise bad(f"Index {index} must be less than the end index of the referenced segment, "
                  f"{start + model.extent(blocks)}.")  # fmt: skip
    for inside, place, at in paragraphs(blocks, start):
        block = inside[place]
        if at <= index < at + size(block):
            left, right = split(block["runs"], index - at)
            near: Json = next((run for run in [*reversed(left), *right] if "t" in run), {"s": {}})
            inside[place : place + 1] = _lines(block, left, text, right, near["s"])
            return
    raise bad("The insertion index must be inside the bounds of an existing paragraph. You can still create "
              "new paragraphs by inserting newlines.")  # fmt: skip


def _lines(block: Json, left: list[Json], text: str, right: list[Json], style: Json) -> list[Json]:
    """Paragraphs like `block`: what was left of `text`, the text in that style, what was right of it."""
    lines = [[{"t": line, "s": copy.deepcopy(style)}] for line in text.split("\n")]
    lines[0] = [*left, *lines[0]]
    lines[-1] = [*lines[-1], *right]
    return [{**copy.deepcopy(block), "runs": joined(runs)} for runs in lines]


def delete_range(document: Json, what: Json) -> Json:
    """deleteContentRange."""
    blocks, start, low, high = _span(document, what)
    _delete(blocks, start, low, high)
    return {}


def _delete(blocks: list[Json], start: int, low: int, high: int) -> None:
    at, kept = start, []
    loose: list[Json] | None = None  # runs whose line break is gone
    first: Json = {}
    for block in blocks:
        begin, end = at, at + size(block)
        at = end
        covered = low < end and high > begin
        if "rows" in block:
            if covered and not (low <= begin and high >= end):
                _within_cell(block, begin, low, high)
            if not covered or not (low <= begin and high >= end):
                if loose is not None:
                    raise bad("Invalid deletion range. Cannot delete the newline before a table.")
                kept.append(block)
            continue
        runs, broken = block["runs"], False
        if covered:
            whole = end - begin - 1
            left, _ = split(runs, max(low - begin, 0))
            _, right = split(runs, min(high - begin, whole))
            runs, broken = joined([*left, *right]), high >= end
        if broken:
            if loose is None:
                loose, first = ([], {}) if low <= begin else (runs, block)
            continue
        kept.append({**first, "runs": joined([*loose, *runs])} if loose else {**block, "runs": runs})
        loose, first = None, {}
    if loose is not None or not kept:
        raise bad("The range cannot include the newline character at the end of the segment.")
    blocks[:] = kept


def _within_cell(table: Json, begin: int, low: int, high: int) -> None:
    for cell, inner in model.cells(table, begin):
        if inner <= low and high <= inner + model.extent(cell):
            _delete(cell, inner, low, high)
            return
    raise bad("Invalid deletion range. Cannot delete the requested range.")


def replace_all(document: Json, what: Json) -> Json:
    """replaceAllText, paragraph by paragraph, in the order of the text."""
    criteria = what.get("containsText") or {}
    wanted = criteria.get("text")
    if criteria.get("searchByRegex"):
        raise ApiError(501, "searchByRegex is not emulated", "notImplemented")
    if not isinstance(wanted, str) or not wanted:
        raise bad("The find text should not be empty.")
    ids = (what.get("tabsCriteria") or {}).get("tabIds")
    tabs = flat(document["tabs"]) if ids is None else [_tab(document, id_) for id_ in ids]
    pattern = re.compile(re.escape(wanted), 0 if criteria.get("matchCase") else re.IGNORECASE)
    put_in, count = model.STRIPPED.sub("", what.get("replaceText", "")), 0
    for tab in tabs:
        for blocks, start in model.segments(tab):
            # From the end backwards, so that what was replaced moves nothing that is still to come.
            for inside, place, _ in reversed(list(paragraphs(blocks, start))):
                count += _replace(inside, place, pattern, put_in)
    return {"replaceAllText": {"occurrencesChanged": count} if count else {}}


def _replace(inside: list[Json], place: int, pattern: re.Pattern[str], put_in: str) -> int:
    text = model.plain(inside[place])
    found = list(pattern.finditer(text))
    for match in reversed(found):
        low, high = model.units(text[: match.start()]), model.units(text[: match.end()])
        block = inside[place]
        left, rest = split(block["runs"], low)
        replaced, right = split(rest, high - low)
        inside[place : place + 1] = _lines(block, left, put_in, right, replaced[0]["s"])
    return len(found)


def _each(document: Json, what: Json) -> list[Json]:
    """The paragraphs that a range touches."""
    blocks, start, low, high = _span(document, what)
    return [
        inside[place]
        for inside, place, at in paragraphs(blocks, start)
        if low < at + size(inside[place]) and high > at
    ]


def paragraph_style(document: Json, what: Json) -> Json:
    """updateParagraphStyle: the named style and the direction."""
    fields, style = _fields(what), what.get("paragraphStyle") or {}
    if unknown := fields - {"namedStyleType", "direction"}:
        raise ApiError(501, f"paragraph style {sorted(unknown)} is not emulated", "notImplemented")
    for block in _each(document, what):
        if "namedStyleType" in fields:
            block["style"] = style.get("namedStyleType", model.NORMAL)
        if "direction" in fields:
            block["rtl"] = style.get("direction") == "RIGHT_TO_LEFT"
    return {}


def text_style(document: Json, what: Json) -> Json:
    """updateTextStyle."""
    fields, style = _fields(what), what.get("textStyle") or {}
    names = TEXT_STYLES if fields == {"*"} else fields
    if unknown := (names | style.keys()) - TEXT_STYLES:
        raise bad(f"Invalid field: {sorted(unknown)[0]}")
    blocks, start, low, high = _span(document, what)
    for inside, place, at in paragraphs(blocks, start):
        runs = inside[place]["runs"]
        left, rest = split(runs, max(low - at, 0))
        styled, right = split(rest, max(high - max(low, at), 0))
        for run in styled:
            kept = {name: value for name, value in run["s"].items() if name not in names}
            run["s"] = {**kept, **{name: style[name] for name in names if name in style}}
        inside[place]["runs"] = joined([*left, *styled, *right])
    return {}


def delete_bullets(document: Json, what: Json) -> Json:
    """deleteParagraphBullets."""
    for block in _each(document, what):
        block.pop("bullet", None)
    return {}


def _fields(what: Json) -> set[str]:
    fields = {name.strip() for name in str(what.get("fields", "")).split(",") if name.strip()}
    if not fields:
        raise bad("At least one field must be listed in 'fields'. (Use '*' to indicate all fields.)")
    return fields


HANDLERS: Mapping[str, Callable[[Json, Json], Json]] = {
    "deleteContentRange": delete_range,
    "deleteParagraphBullets": delete_bullets,
    "insertText": insert_text,
    "replaceAllText": replace_all,
    "updateParagraphStyle": paragraph_style,
    "updateTextStyle": text_style,
}
