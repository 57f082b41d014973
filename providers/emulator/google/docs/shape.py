"""A document as documents.get has it: structural elements with their indexes."""

from __future__ import annotations

import hashlib
from typing import Any

from providers.emulator.google.docs.model import cells, extent, length, size

Json = dict[str, Any]
ACCEPTED, WITHOUT, INLINE = (
    "PREVIEW_SUGGESTIONS_ACCEPTED",
    "PREVIEW_WITHOUT_SUGGESTIONS",
    "SUGGESTIONS_INLINE",
)


def revision(id_: str, document: Json, account: str) -> str:
    """The opaque word for a document's present revision; it is not shared between people."""
    text = f"{id_}:{document['revision']}:{account}"
    return "ALtnJHw" + hashlib.sha256(text.encode()).hexdigest()[:40]


def shown(id_: str, title: str, document: Json, *, tabs: bool, mode: str, revision: str | None) -> Json:
    """The whole answer; without `tabs` the first tab alone, as it was before there were tabs."""
    answer: Json = {"title": title, "documentId": id_, "suggestionsViewMode": mode}
    if revision is not None:
        answer["revisionId"] = revision
    if not tabs:
        return {**answer, **_content(document["tabs"][0], mode)}
    return {**answer, "tabs": _tabs(document["tabs"], mode)}


def _tabs(tabs: list[Json], mode: str, parent: str | None = None, level: int = 0) -> list[Json]:
    rows = []
    for index, tab in enumerate(tabs):
        properties: Json = {"tabId": tab["id"], "title": tab["title"], "index": index}
        if parent is not None:
            properties |= {"parentTabId": parent, "nestingLevel": level}
        row: Json = {"tabProperties": properties, "documentTab": _content(tab, mode)}
        if tab.get("children"):
            row["childTabs"] = _tabs(tab["children"], mode, tab["id"], level + 1)
        rows.append(row)
    return rows


def _content(tab: Json, mode: str) -> Json:
    first = {"endIndex": 1, "sectionBreak": {"sectionStyle": {"sectionType": "CONTINUOUS"}}}
    blocks = previewed(tab["blocks"], mode)
    content: Json = {"body": {"content": [first, *_elements(blocks, 1)]}}
    if tab["lists"]:
        content["lists"] = tab["lists"]
    if tab["objects"]:
        content["inlineObjects"] = tab["objects"]
    if tab["footnotes"]:
        content["footnotes"] = {
            id_: {"footnoteId": id_, "content": _elements(previewed(blocks, mode), 0)}
            for id_, blocks in tab["footnotes"].items()
        }
    return content


def previewed(blocks: list[Json], mode: str) -> list[Json]:
    """Blocks with suggestions as that mode has them."""
    if mode not in {ACCEPTED, WITHOUT}:
        return blocks
    gone, mark = ("del", "ins") if mode == ACCEPTED else ("ins", "del")
    kept: list[Json] = []
    for block in blocks:
        if "rows" in block:
            kept.append({"rows": [[previewed(cell, mode) for cell in row] for row in block["rows"]]})
        else:
            runs = [{k: v for k, v in run.items() if k != mark} for run in block["runs"] if gone not in run]
            kept.append({**block, "runs": runs})
    return kept


def _elements(blocks: list[Json], start: int) -> list[Json]:
    rows, at = [], start
    for block in blocks:
        end = at + size(block)
        kind = {"table": _table(block, at)} if "rows" in block else {"paragraph": _paragraph(block, at)}
        # The first index of a footnote is zero, which JSON of Google's leaves out.
        rows.append({**({"startIndex": at} if at else {}), "endIndex": end, **kind})
        at = end
    return rows


def _paragraph(block: Json, start: int) -> Json:
    elements, at = [], start
    runs = list(block["runs"])
    if not runs or "t" not in runs[-1]:
        runs.append({"t": "", "s": {}})
    for place, run in enumerate(runs):
        last = place == len(runs) - 1
        end = at + length(run) + last
        element: Json = {**({"startIndex": at} if at else {}), "endIndex": end}
        marks = {}
        if "ins" in run:
            marks["suggestedInsertionIds"] = [run["ins"]]
        if "del" in run:
            marks["suggestedDeletionIds"] = [run["del"]]
        if "t" in run:
            text = run["t"] + ("\n" if last else "")
            element["textRun"] = {"content": text, "textStyle": run["s"], **marks}
        else:
            ((kind, what),) = run["e"].items()
            element[kind] = {**what, "textStyle": run["s"], **marks}
        elements.append(element)
        at = end
    style: Json = {
        "namedStyleType": block["style"],
        "direction": "RIGHT_TO_LEFT" if block.get("rtl") else "LEFT_TO_RIGHT",
    }
    if block["style"].startswith(("HEADING", "TITLE")):
        style["headingId"] = f"h.{hashlib.sha256(str(start).encode()).hexdigest()[:12]}"
    shape: Json = {"elements": elements, "paragraphStyle": style}
    if "bullet" in block:
        bullet = block["bullet"]
        level = {"nestingLevel": bullet["nestingLevel"]} if bullet.get("nestingLevel") else {}
        shape["bullet"] = {"listId": bullet["listId"], **level, "textStyle": {}}
    return shape


def _table(block: Json, start: int) -> Json:
    begins = iter(cells(block, start))
    rows = []
    at = start + 1
    for row in block["rows"]:
        shaped = []
        for cell in row:
            content, inner = next(begins)
            end = inner + extent(cell)
            style = {"rowSpan": 1, "columnSpan": 1}
            shaped.append({
                "startIndex": inner - 1, "endIndex": end, "content": _elements(content, inner),
                "tableCellStyle": style,
            })  # fmt: skip
        end = at + 1 + sum(1 + extent(cell) for cell in row)
        rows.append({"startIndex": at, "endIndex": end, "tableCells": shaped, "tableRowStyle": {}})
        at = end
    columns = max((len(row) for row in block["rows"]), default=0)
    return {"rows": len(rows), "columns": columns, "tableRows": rows, "tableStyle": {}}
