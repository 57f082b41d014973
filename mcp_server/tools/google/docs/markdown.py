"""A document's tab as Markdown, as an outline, or with its indexes. Everything in it is its writers' text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from mcp_server.reading.letters import visible
from providers.google.docsanswers import Block, Document, DocumentTab, Element, Paragraph, Table, TextRun

_HEADINGS = {"TITLE": 1, "SUBTITLE": 2, **{f"HEADING_{level}": level for level in range(1, 7)}}
_MONOSPACE = ("mono", "courier", "consolas", "source code", "menlo")


def level(paragraph: Paragraph) -> int:
    """1 to 6 of a heading or title, else 0."""
    return _HEADINGS.get(paragraph.style.named, 0)


def markdown(tab: DocumentTab) -> str:
    """Headings, lists, tables, links, code, pictures by name; suggestions are left out."""
    kept: list[str] = []
    for line in _Writer(tab).lines():
        if line or (kept and kept[-1]):
            kept.append(line)
    return "\n".join(kept).strip("\n")


def outline(tab: DocumentTab) -> str:
    """The headings, each after the index it begins at."""
    rows = [
        f"{block.start}: {'#' * level(block.paragraph)} {_flat(block.paragraph.text)}"
        for block in tab.body.content
        if block.paragraph is not None and level(block.paragraph) and block.paragraph.text.strip()
    ]
    return "\n".join(rows)


def indexed(tab: DocumentTab) -> str:
    """Every paragraph on a line after its range; the last unit of each is its line break."""
    return "\n".join(_indexed(tab.body.content, ""))


def paragraphs(document: Document) -> Iterator[str]:
    """The text of every paragraph, in all tabs, in margins and footnotes, as it stands there."""
    for tab in document.all_tabs:
        paper = tab.document
        margins = (*paper.headers.values(), *paper.footers.values(), *paper.footnotes.values())
        for content in (paper.body, *margins):
            yield from _raws(content.content)


def _raws(blocks: Iterable[Block]) -> Iterator[str]:
    for block in blocks:
        if block.paragraph is not None:
            yield "".join(_raw(each) for each in block.paragraph.elements)
        elif block.table is not None:
            for row in block.table.rows:
                for cell in row.cells:
                    yield from _raws(cell.content)


def _indexed(blocks: Iterable[Block], indent: str) -> Iterator[str]:
    for block in blocks:
        if block.paragraph is not None:
            mark = "#" * level(block.paragraph)
            words = "".join(_raw(each) for each in block.paragraph.elements).rstrip("\n")
            yield f"{indent}[{block.start}-{block.end}] {mark and mark + ' '}{_flat(words)}"
        elif block.table is not None:
            yield f"{indent}[{block.start}-{block.end}] table:"
            for row in block.table.rows:
                for cell in row.cells:
                    yield from _indexed(cell.content, indent + "  ")


def _raw(element: Element) -> str:
    """What stands at an element's index, what is only suggested too, for it has indexes."""
    return element.run.content if element.run is not None else "\ufffc"


def _flat(text: str) -> str:
    return visible(text.replace("\v", " ").replace("\n", " ")).strip()


class _Writer:
    """One walk through a tab."""

    def __init__(self, tab: DocumentTab) -> None:
        self._tab = tab
        self._notes: list[str] = []

    def lines(self) -> Iterator[str]:
        """The lines, footnotes last."""
        yield from self._blocks(self._tab.body.content)
        for id_ in self._notes:
            content = self._tab.footnotes.get(id_)
            words = " ".join(self._cell(content.content).split()) if content is not None else ""
            yield f"[^{self._notes.index(id_) + 1}]: {words}"

    def _blocks(self, blocks: Iterable[Block]) -> Iterator[str]:
        code: list[str] = []
        before = ""
        for block in blocks:
            paragraph = block.paragraph
            if paragraph is not None and _is_code(paragraph):
                code.append(visible(paragraph.text.replace("\v", "\n")))
                continue
            if code:
                yield from _fence(code)
                code, before = [], ""
            if paragraph is not None:
                kind = "item" if paragraph.bullet is not None else "text"
                words = self._words(paragraph)
                if not words.strip():
                    continue
                if before == "item" and kind == "text":
                    yield ""
                yield from self._paragraph(paragraph, words)
                before = kind
            elif block.table is not None:
                yield from ["", *self._table(block.table), ""]
                before = ""
        if code:
            yield from _fence(code)

    def _paragraph(self, paragraph: Paragraph, words: str) -> Iterator[str]:
        if heading := level(paragraph):
            yield from ["", f"{'#' * heading} {words}", ""]
        elif paragraph.bullet is not None:
            yield f"{'  ' * min(max(paragraph.bullet.level, 0), 9)}{self._mark(paragraph)} {words}"
        else:
            yield from [words, ""]

    def _mark(self, paragraph: Paragraph) -> str:
        bullet = paragraph.bullet
        listing = self._tab.lists.get(bullet.list_id) if bullet is not None else None
        levels = listing.properties.levels if listing is not None else ()
        at = bullet.level if bullet is not None else 0
        return "1." if 0 <= at < len(levels) and levels[at].ordered else "-"

    def _words(self, paragraph: Paragraph) -> str:
        return "".join(self._element(each) for each in paragraph.elements).replace("\v", " ").strip("\n")

    def _element(self, element: Element) -> str:
        if element.run is not None:
            return "" if element.run.suggested else _styled(element.run)
        if element.image is not None:
            return f"![{self._picture(element.image)}]"
        if element.footnote is not None:
            self._notes.append(str(element.footnote.get("footnoteId", "")))
            return f"[^{len(self._notes)}]"
        return "\n---\n" if element.rule is not None else _chip(element)

    def _picture(self, image: dict[str, Any]) -> str:
        thing = self._tab.objects.get(str(image.get("inlineObjectId")))
        shown = _part(_part(thing, "inlineObjectProperties"), "embeddedObject")
        return _said(shown, "description") or _said(shown, "title") or "picture"

    def _table(self, table: Table) -> Iterator[str]:
        rows = [[self._cell(cell.content) for cell in row.cells] for row in table.rows]
        if not rows:
            return
        yield _row(rows[0])
        yield "|" + " --- |" * len(rows[0])
        for row in rows[1:]:
            yield _row(row)

    def _cell(self, blocks: Iterable[Block]) -> str:
        """A cell on one line: its paragraphs, and the words of a table in it."""
        parts = []
        for block in blocks:
            if block.paragraph is not None:
                parts.append(self._words(block.paragraph))
            elif block.table is not None:
                parts += [self._cell(cell.content) for row in block.table.rows for cell in row.cells]
        return " ".join(part for part in parts if part.strip())


def _chip(element: Element) -> str:
    """A person, a link or a date that stands as a whole; empty for what is none."""
    if element.person is not None:
        person = _part(element.person, "personProperties")
        name, email = (_said(person, key) for key in ("name", "email"))
        return f"@{name} <{email}>" if name and email else f"@{name or email}"
    if element.chip is not None:
        chip = _part(element.chip, "richLinkProperties")
        return f"[{_said(chip, 'title')}]({_said(chip, 'uri')})"
    return _said(_part(element.date, "dateElementProperties"), "displayText")


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _fence(lines: list[str]) -> list[str]:
    """A block of code; its fence is longer than any in it."""
    fence = "```"
    while any(fence in line for line in lines):
        fence += "`"
    return ["", fence, *lines, fence, ""]


def _is_code(paragraph: Paragraph) -> bool:
    """Whether all words of a plain paragraph are in a font for code."""
    runs = [each.run for each in paragraph.elements if each.run is not None and each.run.content.strip()]
    plain = not level(paragraph) and paragraph.bullet is None
    return plain and bool(runs) and all(_mono(run) for run in runs)


def _mono(run: TextRun) -> bool:
    return any(word in run.style.font.family.lower() for word in _MONOSPACE)


def _styled(run: TextRun) -> str:
    """Words with their emphasis, which never includes the blanks around them."""
    text = visible(run.content)
    inner = text.strip()
    if not inner:
        return text
    style, marked = run.style, inner
    if _mono(run):
        marked = f"`{marked}`"
    if style.strikethrough:
        marked = f"~~{marked}~~"
    if style.italic:
        marked = f"*{marked}*"
    if style.bold:
        marked = f"**{marked}**"
    if style.link is not None and style.link.url:
        marked = f"[{marked}]({visible(style.link.url)})"
    begin = text.index(inner)
    return text[:begin] + marked + text[begin + len(inner) :]


def _part(thing: object, name: str) -> dict[str, Any]:
    inner = thing.get(name) if isinstance(thing, dict) else None
    return inner if isinstance(inner, dict) else {}


def _said(thing: dict[str, Any], name: str) -> str:
    value = thing.get(name)
    return _flat(value) if isinstance(value, str) else ""
