"""drive_create_file."""

from __future__ import annotations

from typing import Annotated, Literal

from mcp_types import CallToolResult
from pydantic import BaseModel, Field

from mcp_server.answers import answer
from mcp_server.errors import Refusal
from mcp_server.filelinks import FileLink
from mcp_server.inject import AccountLabel, Confirm, Transfers
from mcp_server.toolbox import tool
from mcp_server.tools.google.client import DriveClient
from mcp_server.tools.google.drive.content import MOST, made
from mcp_server.tools.google.drive.view import ROOT, Brief, brief, folder, kind_of
from mcp_server.tools.text import quoted
from mcp_server.tools.undo import Undo
from providers.google.driveanswers import DOCUMENT, FOLDER, SPREADSHEET
from providers.google.services import DRIVE_FILE
from providers.google.transfer import new_file

_KINDS = {"doc": DOCUMENT, "sheet": SPREADSHEET, "folder": FOLDER}

Name = Annotated[str, Field(min_length=1, max_length=300)]
Text = Annotated[str | None, Field(max_length=MOST, description="Its text.")]
ContentType = Annotated[str | None, Field(max_length=100, description="Media type.")]


class Made(BaseModel):
    """What was made, or the link that makes it."""

    file: Brief | None = None
    upload: FileLink | None = None
    undo: Undo | None = None


@tool(
    service="drive",
    title="Make a file",
    access="write",
    needs=(DRIVE_FILE,),
    read_only=False,
    destructive=False,
    idempotent=False,
    asks=True,
)
async def drive_create_file(
    drive: DriveClient,
    confirm: Confirm,
    transfers: Transfers,
    name: Name,
    type: Annotated[Literal["doc", "sheet", "folder", "file"], Field(description="Kind.")],
    content: Text = None,
    content_type: ContentType = None,
    folder_id: Annotated[str | None, Field(max_length=500, description="Where.")] = None,
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Made]:
    """Make a Google Doc (of Markdown), Sheet (of CSV), folder or file; no `content`: an upload link."""
    kind = _KINDS.get(type)
    if kind == FOLDER and content:
        raise Refusal("invalid_argument", "A folder has no `content`: make it, then files in it.")
    body = None if content is None or kind == FOLDER else made(kind or "", name, content, content_type)
    inside = None if folder_id in {None, ROOT} else await folder(drive, folder_id, "folder_id")
    if inside is not None and inside.shared:
        lines = [("File", name), ("Folder", inside.name), ("Seen by", "all who may see that folder")]
        lines += [("Text", content)] if content else []
        await confirm("Make this in a shared folder", lines, same=(inside.id,))
    if kind is None and body is None:
        link = await transfers.offer(new_file(name, inside.id if inside else None, content_type or ""))
        text = f"Nothing is there yet: {quoted(name)} is made when it is uploaded. {link.sentence}"
        return answer(Made(upload=link.shown), text, link.block)
    metadata = {"name": name, "mimeType": kind or (body.kind if body else "")}
    if inside is not None:
        metadata["parents"] = [inside.id]  # type: ignore[assignment]
    file = await drive.create(metadata, body)
    undo = Undo(tool="drive_trash_file", arguments={"file_id": file.id}).at(account)
    result = Made(file=brief(file), undo=undo)
    where = f"in {quoted(inside.name)}" if inside else "at the top of the Drive"
    assert result.file is not None
    said = f"Made {quoted(file.name)} ({kind_of(file)}) {where}, id {result.file.id}."
    return answer(result, f"{said} {result.file.link or ''}".strip())
