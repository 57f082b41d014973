"""Documents out of text and Markdown, and back: what Drive imports and exports."""

from __future__ import annotations

import re
from html import escape
from typing import Any

from providers.emulator.google.docs import model
from providers.emulator.google.docs.model import paragraph, run

Json = dict[str, Any]
BULLETS, NUMBERS = "kix.bullets", "kix.numbers"
LISTS: Json = {
    BULLETS: {"listProperties": {"nestingLevels": [{"glyphSymbol": glyph} for glyph in "●○■●○■●○■"]}},
    NUMBERS: {
        "listProperties": {"nestingLevels": [{"glyphType": kind} for kind in ("DECIMAL", "ALPHA", "ROMAN")]}
    },
}
ITEM = re.compile(r"( *)(?:([-*+])|(\d+)[.)]) +(.*)")
INLINE = re.compile(r"\*\*(.+?)\*\*|\*(.+?)\*|`(.+?)`|\[([^\]]+)\]\(([^)\s]+)\)")
HEADINGS = {"TITLE": "#", **{f"HEADING_{level}": "#" * level for level in range(1, 7)}}
MONO = {"fontFamily": "Roboto Mono", "weight": 400}


def from_text(text: str) -> Json:
    """A document with a paragraph for each line."""
    return model.document(model.tab("t.0", "Tab 1", [paragraph(*_runs(line)) for line in _lines(text)]))


def from_markdown(text: str) -> Json:
    """A document out of headings, lists, tables and emphasis."""
    blocks: list[Json] = []
    lines = _lines(text)
    at = 0
    while at < len(lines):
        line = lines[at]
        at += 1
        if not line.strip():
            continue
        heading = re.fullmatch(r"(#{1,6}) +(.*)", line)
        item = ITEM.fullmatch(line)
        if heading:
            blocks.append(paragraph(*_inline(heading[2]), style=f"HEADING_{len(heading[1])}"))
        elif item:
            kind = BULLETS if item[2] else NUMBERS
            bullet = {"listId": kind, "nestingLevel": len(item[1]) // 2}
            blocks.append(paragraph(*_inline(item[4]), bullet=bullet))
        elif line.startswith("|"):
            rows = [line]
            while at < len(lines) and lines[at].startswith("|"):
                rows.append(lines[at])
                at += 1
            blocks.append(_table(rows))
        else:
            blocks.append(paragraph(*_inline(line)))
    return model.document(model.tab("t.0", "Tab 1", blocks, lists=LISTS))


def _lines(text: str) -> list[str]:
    return model.STRIPPED.sub("", text.replace("\r\n", "\n").rstrip("\n")).split("\n")


def _runs(text: str) -> list[Json]:
    return [run(text)] if text else []


def _inline(text: str) -> list[Json]:
    runs, at = [], 0
    for match in INLINE.finditer(text):
        runs += _runs(text[at : match.start()])
        bold, italic, code, words, url = match.groups()
        if bold:
            runs.append(run(bold, bold=True))
        elif italic:
            runs.append(run(italic, italic=True))
        elif code:
            runs.append(run(code, weightedFontFamily=MONO))
        else:
            runs.append(run(words, link={"url": url}))
        at = match.end()
    return [*runs, *_runs(text[at:])]


def _table(lines: list[str]) -> Json:
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]
    kept = [row for row in rows if not all(re.fullmatch(r":?-+:?", cell) for cell in row)]
    width = max(map(len, kept))
    return {
        "rows": [[[paragraph(*_inline(cell))] for cell in [*row, *[""] * (width - len(row))]] for row in kept]
    }


# Out again


def to_text(document: Json) -> str:
    """Every paragraph of every tab on a line."""
    return "\n".join(
        model.plain(inside[place]).replace(model.MARK, "")
        for tab in document["tabs"]
        for inside, place, _ in model.paragraphs(tab["blocks"], 1)
    )


def to_markdown(document: Json) -> str:
    """Markdown as Drive exports it, for all tabs."""
    return "\n\n".join(_blocks(tab["blocks"], tab["lists"]) for tab in document["tabs"])


def to_html(document: Json) -> str:
    """A page."""
    rows = [f"<p>{escape(line)}</p>" for line in to_text(document).split("\n")]
    return f"<html><body>{''.join(rows)}</body></html>"


def _blocks(blocks: list[Json], lists: Json) -> str:
    parts = []
    for block in blocks:
        if "rows" in block:
            rows = [
                [" ".join(_words(p) for p in cell if "runs" in p) for cell in row] for row in block["rows"]
            ]
            lines = ["| " + " | ".join(row) + " |" for row in rows]
            parts.append("\n".join([lines[0], "|" + " :--- |" * len(rows[0]), *lines[1:]]))
        elif "bullet" in block:
            level = block["bullet"].get("nestingLevel", 0)
            ordered = "glyphType" in lists[block["bullet"]["listId"]]["listProperties"]["nestingLevels"][0]
            parts.append(f"{'  ' * level}{'1.' if ordered else '*'} {_words(block)}")
        elif words := _words(block):
            mark = HEADINGS.get(block["style"])
            parts.append(f"{mark} {words}" if mark else words)
    return "\n\n".join(parts)


def _words(block: Json) -> str:
    words = []
    for each in block["runs"]:
        text, style = each.get("t", ""), each["s"]
        if style.get("bold"):
            text = f"**{text}**"
        if style.get("italic"):
            text = f"*{text}*"
        if "link" in style:
            text = f"[{text}]({style['link'].get('url', '')})"
        words.append(text)
    return "".join(words)
