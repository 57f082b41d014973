"""Google Docs' answers as types, reduced to what a tool shows (discovery document docs.v1)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import Field

from providers.model import Model, Text


class Link(Model):
    """Where words lead; without `url` it is a place in the document."""

    url: Text = ""


class Font(Model):
    """A font."""

    family: Annotated[Text, Field(validation_alias="fontFamily")] = ""


class TextStyle(Model):
    """What a run of text looks like."""

    bold: bool = False
    italic: bool = False
    strikethrough: bool = False
    link: Link | None = None
    font: Annotated[Font, Field(validation_alias="weightedFontFamily")] = Font()


class TextRun(Model):
    """Text in one style. `suggested`: somebody proposes to add it, so it is not part of the document yet."""

    content: Text = ""
    style: Annotated[TextStyle, Field(validation_alias="textStyle")] = TextStyle()
    suggested: Annotated[tuple[Text, ...], Field(validation_alias="suggestedInsertionIds")] = ()


class Element(Model):
    """A part of a paragraph: text, or something else that counts as one code unit."""

    start: Annotated[int, Field(validation_alias="startIndex")] = 0
    end: Annotated[int, Field(validation_alias="endIndex")] = 0
    run: Annotated[TextRun | None, Field(validation_alias="textRun")] = None
    image: Annotated[dict[str, Any] | None, Field(validation_alias="inlineObjectElement")] = None
    footnote: Annotated[dict[str, Any] | None, Field(validation_alias="footnoteReference")] = None
    person: dict[str, Any] | None = None
    chip: Annotated[dict[str, Any] | None, Field(validation_alias="richLink")] = None
    date: Annotated[dict[str, Any] | None, Field(validation_alias="dateElement")] = None
    rule: Annotated[dict[str, Any] | None, Field(validation_alias="horizontalRule")] = None


class Bullet(Model):
    """That a paragraph is an item of a list."""

    list_id: Annotated[Text, Field(validation_alias="listId")] = ""
    level: Annotated[int, Field(validation_alias="nestingLevel")] = 0


class ParagraphStyle(Model):
    """A paragraph's named style, such as HEADING_1."""

    named: Annotated[Text, Field(validation_alias="namedStyleType")] = ""


class Paragraph(Model):
    """Text up to and including a line break."""

    elements: tuple[Element, ...] = ()
    style: Annotated[ParagraphStyle, Field(validation_alias="paragraphStyle")] = ParagraphStyle()
    bullet: Bullet | None = None

    @property
    def text(self) -> str:
        """Its words as they stand in the document, without the line break."""
        runs = (each.run for each in self.elements if each.run is not None and not each.run.suggested)
        return "".join(run.content for run in runs).rstrip("\n")


class Cell(Model):
    """A cell of a table."""

    content: tuple[Block, ...] = ()


class Row(Model):
    """A row of a table."""

    cells: Annotated[tuple[Cell, ...], Field(validation_alias="tableCells")] = ()


class Table(Model):
    """A table."""

    rows: Annotated[tuple[Row, ...], Field(validation_alias="tableRows")] = ()


class Block(Model):
    """A paragraph, a table, or something that is not shown. Indexes are UTF-16 code units."""

    start: Annotated[int, Field(validation_alias="startIndex")] = 0
    end: Annotated[int, Field(validation_alias="endIndex")] = 0
    paragraph: Paragraph | None = None
    table: Table | None = None


class Content(Model):
    """Blocks in a row."""

    content: tuple[Block, ...] = ()


class NestingLevel(Model):
    """How the items of a list are marked; `glyph_type` of an ordered one is DECIMAL and the like."""

    glyph_type: Annotated[Text, Field(validation_alias="glyphType")] = ""

    @property
    def ordered(self) -> bool:
        """Whether items are counted."""
        return self.glyph_type not in {"", "NONE", "GLYPH_TYPE_UNSPECIFIED"}


class ListProperties(Model):
    """Levels of a list."""

    levels: Annotated[tuple[NestingLevel, ...], Field(validation_alias="nestingLevels")] = ()


class Listing(Model):
    """A list."""

    properties: Annotated[ListProperties, Field(validation_alias="listProperties")] = ListProperties()


class DocumentTab(Model):
    """What a tab holds. `objects` are pictures and the like, by id."""

    body: Content = Content()
    lists: Mapping[str, Listing] = {}
    headers: Mapping[str, Content] = {}
    footers: Mapping[str, Content] = {}
    footnotes: Mapping[str, Content] = {}
    objects: Annotated[Mapping[str, Any], Field(validation_alias="inlineObjects")] = {}


class TabProperties(Model):
    """A tab's id and title."""

    id: Annotated[Text, Field(validation_alias="tabId")] = ""
    title: Text = ""


class Tab(Model):
    """A tab, which may hold others."""

    properties: Annotated[TabProperties, Field(validation_alias="tabProperties")] = TabProperties()
    document: Annotated[DocumentTab, Field(validation_alias="documentTab")] = DocumentTab()
    children: Annotated[tuple[Tab, ...], Field(validation_alias="childTabs")] = ()


class Document(Model):
    """A document. `revision_id` is there only for who may edit it."""

    id: Annotated[Text, Field(validation_alias="documentId")] = ""
    title: Text = ""
    revision_id: Annotated[Text, Field(validation_alias="revisionId")] = ""
    tabs: tuple[Tab, ...] = ()

    @property
    def all_tabs(self) -> tuple[Tab, ...]:
        """Every tab, each followed by those in it."""
        return tuple(_flat(self.tabs))


def _flat(tabs: tuple[Tab, ...]) -> Iterator[Tab]:
    for tab in tabs:
        yield tab
        yield from _flat(tab.children)


class Replaced(Model):
    """How often a text was replaced."""

    count: Annotated[int, Field(validation_alias="occurrencesChanged")] = 0


class Reply(Model):
    """The answer to one request of a batch; most have none."""

    replaced: Annotated[Replaced | None, Field(validation_alias="replaceAllText")] = None


class WriteControl(Model):
    """The revision after a change."""

    revision_id: Annotated[Text, Field(validation_alias="requiredRevisionId")] = ""


class Batch(Model):
    """What came of a batch: a reply to each request, and the new revision."""

    replies: tuple[Reply, ...] = ()
    control: Annotated[WriteControl, Field(validation_alias="writeControl")] = WriteControl()
