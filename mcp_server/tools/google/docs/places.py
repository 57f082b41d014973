"""From operations to requests: where each takes place in the document that was read.

Indexes are UTF-16 code units. All operations are about the document as it was read; requests go from its end
backwards, so that none moves the place of another (developers.google.com/workspace/docs, "Edit documents").
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from mcp_server.errors import Refusal
from mcp_server.tools.google.docs.markdown import level
from mcp_server.tools.text import clip, listed, quoted
from providers.google.docsanswers import Tab

Request = dict[str, Any]
_DROPPED = re.compile("[\x00-\x08\x0c-\x1f\ue000-\uf8ff]")
"""What Docs leaves out of inserted text (InsertTextRequest.text); left in, our lengths would be wrong."""


_LAST = 9_999_999


class Operation(BaseModel):
    """One edit."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=lambda schema: schema.pop("description"))

    op: Literal["replace_all", "insert_at", "append", "delete_range"]
    text: Annotated[str, Field(max_length=50_000, description="Plain text.")] = ""
    find: Annotated[str | None, Field(max_length=2000)] = None
    match_case: bool = True
    after_heading: Annotated[str | None, Field(max_length=400, description="Its text; for insert_at.")] = None
    index: Annotated[int | None, Field(le=_LAST)] = None
    end: Annotated[int | None, Field(le=_LAST, description="Exclusive.")] = None


@dataclass(frozen=True)
class Edit:
    """An insertion or deletion at `at`: `text` goes in, what stands up to `end` goes.

    `own`: the text begins as a paragraph of its own, plain, whatever stands before it.
    """

    at: int
    text: str = ""
    end: int = 0
    own: bool = False
    heading: str | None = None

    @property
    def added(self) -> int:
        """Code units that are there more afterwards; negative where there are less."""
        return units(self.text) if self.text else self.at - self.end


@dataclass
class Plan:
    """What an edit comes to."""

    edits: list[Edit] = field(default_factory=list)
    replacements: list[Operation] = field(default_factory=list)

    def requests(self, tab: str, *, only: bool) -> list[Request]:
        """Of insertions and deletions from the end backwards, then of replacements, each in its turn.

        `only`: replace in that tab alone.
        """
        found: list[Request] = []
        for place in reversed(self.forwards()):
            edit = self.edits[place]
            found += _insertion(edit, tab) if edit.text else [_deletion(edit, tab)]
        for one in self.replacements:
            criteria = {"text": one.find, "matchCase": one.match_case}
            what: Request = {"containsText": criteria, "replaceText": one.text}
            if only:
                what["tabsCriteria"] = {"tabIds": [tab]}
            found.append({"replaceAllText": what})
        return found

    def places(self) -> list[int]:
        """Where each edit stands afterwards, in the order they were given; before replacements."""
        shift, found = 0, [0] * len(self.edits)
        for place in self.forwards():
            found[place] = self.edits[place].at + shift
            shift += self.edits[place].added
        return found

    def forwards(self) -> list[int]:
        """The edits as they stand in the document: at one place what comes, before what goes."""
        return sorted(range(len(self.edits)), key=lambda n: (self.edits[n].at, not self.edits[n].text, n))


def units(text: str) -> int:
    """Length in UTF-16 code units."""
    return len(text.encode("utf-16-le")) // 2


def planned(operations: Sequence[Operation], tab: Tab, *, known: bool) -> Plan:
    """The plan for a tab. `known`: the caller named the revision that its indexes are of. Raises Refusal."""
    plan = Plan()
    for one in operations:
        _require_shape(one, known=known)
        text = cleaned(one.text)
        if one.op == "replace_all":
            update = {"text": text, "find": cleaned(one.find or "")}
            plan.replacements.append(one.model_copy(update=update))
        elif one.op == "delete_range":
            plan.edits.append(Edit(one.index or 0, end=one.end or 0))
        elif not text:
            raise _wrong("`text` holds only characters that a document can't hold.")
        elif one.op == "append":
            _append(plan, tab, text)
        elif one.index is not None:
            plan.edits.append(Edit(one.index, text))
        else:
            plan.edits.append(_after(tab, one.after_heading or "", text))
    _require_apart(plan.edits)
    return plan


def cleaned(text: str) -> str:
    """Text as Docs will hold it. Raises Refusal where nothing is left, or it can't be sent."""
    kept = _DROPPED.sub("", text.replace("\r\n", "\n"))
    try:
        kept.encode()
    except UnicodeEncodeError:
        raise Refusal("invalid_argument", "`text` holds half a character. Write it anew.") from None
    return kept


def _require_shape(one: Operation, *, known: bool) -> None:
    """Raise Refusal where an operation lacks what it needs, or has what it would not use."""
    takes = {
        "replace_all": ({"find"}, {"find", "text", "match_case"}),
        "insert_at": ({"text"}, {"text", "index", "after_heading"}),
        "append": ({"text"}, {"text"}),
        "delete_range": ({"index", "end"}, {"index", "end"}),
    }
    needs, allowed = takes[one.op]
    lacking = [name for name in sorted(needs) if not getattr(one, name)]
    strange = one.model_fields_set - allowed - {"op"}
    strange = {name for name in strange if getattr(one, name) not in {None, ""}}
    if lacking:
        raise _wrong(f"{one.op} needs {listed(f'`{name}`' for name in lacking)}.")
    if strange:
        raise _wrong(f"{one.op} does not take {listed(f'`{name}`' for name in sorted(strange))}.")
    if one.op == "insert_at" and (one.index is None) == (not one.after_heading):
        raise _wrong("insert_at needs `index` or `after_heading`, not both.")
    if one.end is not None and one.index is not None and one.end <= one.index:
        raise _wrong("`end` must be greater than `index`.")
    if one.index is not None and not known:
        raise _wrong("An index is good for one revision only: call docs_read with view indexed, and pass its "
                     "`revision_id`.")  # fmt: skip


def _append(plan: Plan, tab: Tab, text: str) -> None:
    content = tab.document.body.content
    last = content[-1] if content else None
    end = last.end if last is not None else 2
    empty = last is not None and last.end - last.start == 1
    before = next((place for place, edit in enumerate(plan.edits) if edit.own and not edit.heading), None)
    if before is not None:
        plan.edits[before] = Edit(end - 1, f"{plan.edits[before].text}\n{text}", own=True)
    else:
        plan.edits.append(Edit(end - 1, text if empty else f"\n{text}", own=True))


def _after(tab: Tab, wanted: str, text: str) -> Edit:
    """The insertion after a heading. Raises Refusal where it is not there, or several are."""
    heads = [
        block for block in tab.document.body.content
        if block.paragraph is not None and level(block.paragraph) and block.paragraph.text.strip()
    ]  # fmt: skip
    name = _plain(wanted)
    same = [block for block in heads if block.paragraph is not None and _plain(block.paragraph.text) == name]
    if len(same) == 1:
        head = same[0]
        return Edit(head.end - 1, f"\n{text}", own=True, heading=wanted)
    if same:
        places = listed(str(block.end) for block in same[:10])
        raise Refusal("conflict", f"{len(same)} headings have that text. Give the `index` instead at which "
                                  f"what follows one begins: {places}.")  # fmt: skip
    names = [quoted(block.paragraph.text, 60) for block in heads[:20] if block.paragraph is not None]
    there = f"It has {listed(names)}." if names else "It has none; use append, or an index."
    raise Refusal("not_found", f"The tab has no such heading. {there}")


def _plain(text: str) -> str:
    return clip(text.strip().lstrip("#"), 400).casefold()


def _require_apart(edits: Sequence[Edit]) -> None:
    """Raise Refusal where ranges overlap, or something is to go in where everything goes."""
    gone = [edit for edit in edits if not edit.text]
    for one in gone:
        for other in edits:
            inside = one.at < other.at < one.end if other.text else other.at < one.end and one.at < other.end
            if other is not one and inside:
                raise _wrong(
                    "Two operations are about the same place. Delete a range and insert at its `index`."
                )


def _insertion(edit: Edit, tab: str) -> list[Request]:
    """The text, and where it is to be a paragraph of its own, ordinary looks for it."""
    place = {"index": edit.at, "tabId": tab}
    found: list[Request] = [{"insertText": {"location": place, "text": edit.text}}]
    if not edit.own:
        return found
    start = edit.at + edit.text.startswith("\n")
    end = edit.at + units(edit.text)
    # With the line break behind it, which is the paragraph's own, an empty last line is meant too.
    lines = {"startIndex": start, "endIndex": end + 1, "tabId": tab}
    style = {"namedStyleType": "NORMAL_TEXT"}
    found += [
        {"updateParagraphStyle": {"range": lines, "paragraphStyle": style, "fields": "namedStyleType"}},
        {"deleteParagraphBullets": {"range": lines}},
    ]
    if end > start:
        words = {"startIndex": start, "endIndex": end, "tabId": tab}
        found.append({"updateTextStyle": {"range": words, "textStyle": {}, "fields": "*"}})
    return found


def _deletion(edit: Edit, tab: str) -> Request:
    return {"deleteContentRange": {"range": {"startIndex": edit.at, "endIndex": edit.end, "tabId": tab}}}


def _wrong(sentence: str) -> Refusal:
    return Refusal("invalid_argument", sentence)
