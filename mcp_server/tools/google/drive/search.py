"""drive_search_files."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from mcp_types import CallToolResult
from pydantic import BaseModel, Field

from mcp_server.answers import answer
from mcp_server.errors import Refusal
from mcp_server.inject import AccountLabel
from mcp_server.toolbox import tool
from mcp_server.tools.google.client import DriveClient
from mcp_server.tools.google.drive.view import ROOT, FileView, found, identified, line, view
from mcp_server.tools.google.paging import following, reach, resumed
from mcp_server.tools.google.rows import Cursor, More, part, told
from providers.base import ScopeMissing
from providers.google.driveanswers import DOCUMENT, FOLDER, FORM, SLIDES, SPREADSHEET
from providers.google.driveterms import Terms
from providers.google.services import DRIVE_FILE, DRIVE_METADATA

_OFFICE = "application/vnd.openxmlformats-officedocument"
_TYPES: dict[str, tuple[str, ...]] = {
    "folder": (FOLDER,),
    "document": (DOCUMENT, f"{_OFFICE}.wordprocessingml.document", "application/msword"),
    "spreadsheet": (SPREADSHEET, f"{_OFFICE}.spreadsheetml.sheet", "text/csv"),
    "presentation": (SLIDES, f"{_OFFICE}.presentationml.presentation"),
    "form": (FORM,),
    "pdf": ("application/pdf",),
    "image": ("image/",),
    "text": ("text/",),
}
Type = Literal["folder", "document", "spreadsheet", "presentation", "pdf", "image", "text"]
_NARROW = (
    "Only files that were made or opened with Valet were searched. For all of the Drive repeat it with "
    "`whole_drive`: true; the person is asked for that once."
)


class Found(BaseModel):
    """Files, the latest changed first; with `text` the best match first."""

    files: list[FileView]
    searched: Literal["made_with_valet", "whole_drive"]
    incomplete: Annotated[bool | None, Field(description="Google gave up before the end.")] = None
    next_cursor: More = None


@tool(
    service="drive",
    title="Search files",
    needs=(DRIVE_FILE,),
    read_only=True,
    destructive=False,
    idempotent=True,
)
async def drive_search_files(
    drive: DriveClient,
    text: Annotated[str | None, Field(max_length=200, description="Words.")] = None,
    name: Annotated[str | None, Field(max_length=200)] = None,
    type: Annotated[Type | None, Field(description="Kind.")] = None,
    folder_id: Annotated[str | None, Field(max_length=500, description="Or 'root'.")] = None,
    modified_after: Annotated[str | None, Field(max_length=40, description="Day or RFC 3339.")] = None,
    owner: Annotated[str | None, Field(max_length=254, description="Or 'me'.")] = None,
    whole_drive: Annotated[
        bool | None, Field(description="Not just what was made or opened with Valet.")
    ] = None,
    limit: Annotated[int, Field(ge=1, le=100)] = 25,
    cursor: Cursor = None,
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Found]:
    """Find files and folders in Google Drive, the latest changed first."""
    token, behind = resumed(cursor)
    terms = Terms(
        text=text or None,
        name=name or None,
        kinds=_TYPES[type] if type else (),
        folder=identified(folder_id, "folder_id") if folder_id else None,
        after=_after(modified_after) if modified_after else None,
        owner=owner or None,
    )
    held = await drive.held()
    if whole_drive and DRIVE_METADATA not in held:
        raise ScopeMissing("google", "search", frozenset({DRIVE_METADATA}), held)
    if terms.folder and terms.folder != ROOT:
        await found(drive, terms.folder)  # a search in a folder that cannot be seen says nothing of why
    order = None if terms.text else "modifiedTime desc"
    with following(token):
        page = await drive.search(terms, order=order, limit=reach(behind, limit, 100), page_token=token)
    rows = [(n, row, line(row)) for n, row in enumerate(map(view, page.files)) if n >= behind]
    shown = part(rows, (token, len(page.files), page.next_page_token), limit)
    result = Found(
        files=shown.rows,
        searched="whole_drive" if DRIVE_METADATA in held else "made_with_valet",
        incomplete=page.incomplete or None,
        next_cursor=shown.next_cursor,
    )
    text_ = told(
        "found in Google Drive, times in UTC",
        shown.lines,
        shown.next_cursor,
        empty="No file was found.",
        resumed=cursor,
    )
    narrow = f"\n{_NARROW}" if result.searched == "made_with_valet" and not shown.next_cursor else ""
    return answer(result, text_ + narrow)


def _after(text: str) -> str:
    """A day's midnight in UTC, or a time with its offset. Raises Refusal."""
    try:
        return f"{date.fromisoformat(text)}T00:00:00+00:00"
    except ValueError:
        pass
    sentence = "`modified_after` must be a day, YYYY-MM-DD, or an RFC 3339 time with an offset."
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Refusal("invalid_argument", sentence) from None
    if moment.tzinfo is None:
        raise Refusal("invalid_argument", sentence)
    return moment.isoformat()
