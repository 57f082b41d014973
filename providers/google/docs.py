"""The calls our tools make to the Google Docs API, version 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from providers.google.call import Caller, segment
from providers.google.docsanswers import Batch, Document
from providers.google.services import DOCS, DOCS_READ
from providers.model import read

MOST = 12 * 1024 * 1024
"""Bytes of a whole document with its indexes: Google allows 1.02 million characters of text."""

_STYLE = "textStyle(bold,italic,strikethrough,link/url,weightedFontFamily/fontFamily)"
_ELEMENTS = (
    f"elements(startIndex,endIndex,textRun(content,suggestedInsertionIds,{_STYLE}),"
    "inlineObjectElement/inlineObjectId,footnoteReference(footnoteId,footnoteNumber),"
    "person/personProperties,richLink/richLinkProperties,dateElement/dateElementProperties/displayText,"
    "horizontalRule/suggestedInsertionIds)"
)
_PARAGRAPH = f"paragraph({_ELEMENTS},paragraphStyle/namedStyleType,bullet(listId,nestingLevel))"
_CELL = f"tableCells/content(startIndex,endIndex,{_PARAGRAPH},table)"
_TAB = (
    f"body/content(startIndex,endIndex,{_PARAGRAPH},table/tableRows/{_CELL}),"
    "lists/*/listProperties/nestingLevels/glyphType,headers,footers,footnotes,"
    "inlineObjects/*/inlineObjectProperties/embeddedObject(title,description)"
)
_DOCUMENT = f"documentId,title,revisionId,tabs(tabProperties(tabId,title),documentTab({_TAB}),childTabs)"


class Docs(Caller):
    """Google Docs with one person's credential. Every call raises ProviderError."""

    base = "https://docs.googleapis.com/v1"

    async def document(self, document_id: str) -> Document:
        """documents.get with all tabs, suggestions inline: so the indexes are those that an edit takes."""
        answer = await self._call(
            "document",
            "GET",
            f"/documents/{segment(document_id)}",
            {"includeTabsContent": "true", "fields": _DOCUMENT},
            frozenset({DOCS_READ}),
            most=MOST,
        )
        return read(Document, answer)

    async def revision(self, document_id: str) -> str:
        """The latest revision alone; empty for who may not edit."""
        answer = await self._call(
            "revision",
            "GET",
            f"/documents/{segment(document_id)}",
            {"fields": "revisionId"},
            frozenset({DOCS_READ}),
        )
        return read(Document, answer).revision_id

    async def edit(self, document_id: str, requests: Sequence[dict[str, Any]], revision_id: str) -> Batch:
        """documents.batchUpdate: all requests or none, and only while that revision is the latest."""
        body = {"requests": list(requests), "writeControl": {"requiredRevisionId": revision_id}}
        answer = await self._call(
            "edit",
            "POST",
            f"/documents/{segment(document_id)}:batchUpdate",
            {"fields": "replies/replaceAllText/occurrencesChanged,writeControl/requiredRevisionId"},
            frozenset({DOCS}),
            body,
        )
        return read(Batch, answer)
