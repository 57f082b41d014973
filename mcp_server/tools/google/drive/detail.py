"""drive_get_file."""

from __future__ import annotations

from typing import Annotated

from mcp_types import CallToolResult
from pydantic import BaseModel, Field

from mcp_server.answers import answer
from mcp_server.inject import AccountLabel
from mcp_server.toolbox import tool
from mcp_server.tools.google.client import DriveClient
from mcp_server.tools.google.drive.view import (
    FileId,
    FileView,
    Sharing,
    found,
    identified,
    person,
    sharing,
    view,
)
from mcp_server.tools.google.rows import block
from mcp_server.tools.room import fitting
from mcp_server.tools.text import quoted
from providers.base import Rejected
from providers.google.driveanswers import File
from providers.google.services import DRIVE_FILE

_ROOM = 16_000
_HIDDEN = "Only who may change a file sees whom it is shared with."


class Detail(BaseModel):
    """Everything about one file."""

    file: FileView
    description: str | None = None
    created: str | None = None
    changed_by: str | None = None
    may_change: bool
    permissions: list[Sharing] | None = None
    permissions_total: int | None = None
    permissions_unknown: str | None = None
    in_trash: bool | None = None


@tool(
    service="drive",
    title="Look at a file",
    needs=(DRIVE_FILE,),
    read_only=True,
    destructive=False,
    idempotent=True,
)
async def drive_get_file(
    drive: DriveClient,
    file_id: FileId,
    include_permissions: Annotated[bool | None, Field(description="With whom.")] = None,
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Detail]:
    """Look up a Google Drive file: kind, size, owner, place and sharing."""
    file = await found(drive, identified(file_id))
    shared, total, unknown = await _shared(drive, file) if include_permissions else (None, None, None)
    result = Detail(
        file=view(file),
        description=block(file.description, 1000) or None,
        created=file.created[:40] or None,
        changed_by=person(file.changed_by) if file.changed_by else None,
        may_change=file.may.edit and file.given,
        permissions=shared,
        permissions_total=total,
        permissions_unknown=unknown,
        in_trash=file.trashed or None,
    )
    return answer(result, _text(result))


async def _shared(drive: DriveClient, file: File) -> tuple[list[Sharing] | None, int | None, str | None]:
    """As many permissions as fit, how many there are, or why they are not told."""
    try:
        known = await drive.permissions(file.id)
    except Rejected as error:
        if error.reason not in {"insufficientFilePermissions", "appNotAuthorizedToFile"}:
            raise
        return None, None, _HIDDEN
    rows = [sharing(one) for one in known]
    return rows[: fitting([(row, _who(row)) for row in rows], _ROOM)], len(rows), None


def _who(row: Sharing) -> str:
    return f"{quoted(row.who, 120)}: {row.role}, permission {row.permission_id}"


def _text(result: Detail) -> str:
    file = result.file
    size = f", {file.size} bytes" if file.size is not None else ""
    bin_ = " It is in the trash." if result.in_trash else ""
    lines = [
        f"{quoted(file.name)}, {file.type}{size}, changed {file.modified}. {file.link or ''}{bin_}".strip()
    ]
    if result.permissions is not None:
        count = len(result.permissions)
        lines.append(f"{count} of {result.permissions_total} permissions:")
        lines += [_who(row) for row in result.permissions]
    if result.permissions_unknown:
        lines.append(result.permissions_unknown)
    return "\n".join(lines)
