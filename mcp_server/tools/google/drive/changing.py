"""drive_update_file, drive_trash_file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from mcp_types import CallToolResult
from pydantic import BaseModel, Field

from mcp_server.answers import answer
from mcp_server.errors import Refusal
from mcp_server.filelinks import FileLink
from mcp_server.inject import AccountLabel, Confirm, Transfers
from mcp_server.toolbox import tool
from mcp_server.tools.google.client import DriveClient
from mcp_server.tools.google.drive.content import made
from mcp_server.tools.google.drive.making import Name, Text
from mcp_server.tools.google.drive.view import Brief, FileId, brief, folder, identified, kind_of, own
from mcp_server.tools.text import listed, quoted
from mcp_server.tools.undo import Undo
from providers.base import Rejected
from providers.google.drive import Drive
from providers.google.driveanswers import DOCUMENT, FOLDER, SPREADSHEET, File
from providers.google.services import DRIVE_FILE
from providers.google.transfer import new_content
from providers.http import Content

_KEPT = 4_000
_WRITTEN = frozenset({DOCUMENT, SPREADSHEET})


class Changed(BaseModel):
    """What was changed."""

    file: Brief
    changed: list[str]
    upload: FileLink | None = None
    undo: Undo | None = None
    not_undoable: str | None = None


class Binned(BaseModel):
    """Where the file is now."""

    file: Brief
    in_trash: bool
    changed: bool
    undo: Undo | None = None


@tool(
    service="drive",
    title="Change a file",
    access="write",
    needs=(DRIVE_FILE,),
    read_only=False,
    destructive=True,
    idempotent=True,
    asks=True,
)
async def drive_update_file(
    drive: DriveClient,
    confirm: Confirm,
    transfers: Transfers,
    file_id: FileId,
    name: Name | None = None,
    move_to: Annotated[str | None, Field(max_length=500, description="Folder, or 'root'.")] = None,
    content: Annotated[Text, Field(description="Replaces all.")] = None,
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Changed]:
    """Rename, move or rewrite a Google Drive file; `file_id` alone: an upload link."""
    upload = name is None and move_to is None and content is None
    file = await own(drive, identified(file_id))
    if not file.may.edit:
        raise Rejected("google", "update", "insufficientFilePermissions")
    plan = await _plan(drive, file, name, move_to, content)
    old = await _text_of(drive, file) if plan.content is not None else None
    if upload and file.native:
        raise Refusal(
            "invalid_argument", f"A {kind_of(file)} takes no upload: give its new text as `content`."
        )
    if plan.into is not None and plan.into.shared:
        lines = [("File", file.name), ("Folder", plan.into.name), ("Seen by", "all who may see that folder")]
        await confirm("Move this into a shared folder", lines, same=(file.id, plan.into.id))
    lost = ["content"] if plan.content is not None and old is None else []
    lost += ["folder"] if plan.into is not None and not await _way_back(drive, file) else []
    after = await _applied(drive, file, plan)
    link = await transfers.offer(new_content(file.id, after.name)) if upload else None
    result = Changed(
        file=brief(after),
        changed=plan.changed,
        upload=link.shown if link else None,
        undo=_undo(file, plan, old, account, back="folder" not in lost),
        not_undoable=listed(lost) if lost else None,
    )
    what = f"Changed {listed(plan.changed)} of" if plan.changed else "Nothing had to be changed of"
    said = [f"{what} {quoted(after.name)}. {result.file.link or ''}".strip()]
    if "folder" in lost:
        said.append("Valet can't move it back: the folder of before was not made or opened with it.")
    if "content" in lost:
        said.append("Google keeps the content of before: the person finds it under “Version history”.")
    said += [link.sentence] if link else []
    return answer(result, " ".join(said), *([link.block] if link else []))


@dataclass(frozen=True, slots=True)
class _Plan:
    """What to send, and what of our arguments it is about."""

    metadata: dict[str, Any]
    content: Content | None
    into: File | None
    changed: list[str]


async def _plan(
    drive: Drive, file: File, name: str | None, move_to: str | None, content: str | None
) -> _Plan:
    """What has to be changed. Raises Refusal, ProviderError."""
    metadata = {"name": name} if name is not None and name != file.name else {}
    into = await folder(drive, move_to, "move_to") if move_to is not None else None
    if into is not None and into.id == file.folder:
        into = None
    body = _body(file, name or file.name, content) if content is not None else None
    given = (("name", metadata), ("move_to", into), ("content", body))
    return _Plan(metadata, body, into, [word for word, value in given if value])


def _body(file: File, name: str, text: str) -> Content:
    """New content, of the type that the file has. Raises Refusal."""
    if file.native and file.kind not in _WRITTEN:
        raise Refusal("invalid_argument", f"The content of a {kind_of(file)} can't be replaced.")
    if not file.native and not file.kind.startswith(("text/", "application/json", "application/xml")):
        raise Refusal(
            "invalid_argument",
            "That file holds no text. With `file_id` alone you get a link to upload its new content.",
        )
    return made(file.kind, name, text, None if file.native else file.kind.partition(";")[0].strip().lower())


async def _text_of(drive: Drive, file: File) -> str | None:
    """What is in a small text file, for `undo`; None of any other."""
    if file.native or (file.size or 0) > _KEPT:
        return None
    raw = await drive.content(file.id, _KEPT) if file.size else b""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None


async def _way_back(drive: Drive, file: File) -> bool:
    """Whether Valet may put the file into the folder that it is in."""
    try:
        await folder(drive, file.folder or "", "move_to")
    except Refusal:
        return False
    return True


async def _applied(drive: Drive, file: File, plan: _Plan) -> File:
    if not plan.changed:
        return file
    return await drive.update(
        file.id,
        plan.metadata,
        plan.content,
        into=plan.into.id if plan.into else None,
        out_of=file.folder if plan.into else None,
    )


def _undo(file: File, plan: _Plan, old: str | None, account: str | None, *, back: bool) -> Undo | None:
    before: dict[str, Any] = {}
    if "name" in plan.changed:
        before["name"] = file.name
    if "move_to" in plan.changed and back:
        before["move_to"] = file.folder
    if "content" in plan.changed and old is not None:
        before["content"] = old
    if not before:
        return None
    return Undo(tool="drive_update_file", arguments={"file_id": file.id, **before}).at(account)


@tool(
    service="drive",
    title="Trash a file",
    access="write",
    needs=(DRIVE_FILE,),
    read_only=False,
    destructive=True,
    idempotent=True,
    asks=True,
)
async def drive_trash_file(
    drive: DriveClient,
    confirm: Confirm,
    file_id: FileId,
    undo: Annotated[bool | None, Field(description="Out of it.")] = None,
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Binned]:
    """Move a file or folder into the trash of Google Drive, or out of it."""
    file = await own(drive, identified(file_id))
    if file.trashed is not bool(undo):
        where = "in the trash" if file.trashed else "not in the trash"
        result = Binned(file=brief(file), in_trash=file.trashed, changed=False)
        return answer(result, f"{quoted(file.name)} was {where} already.")
    if not file.may.trash:
        raise Rejected("google", "trash", "insufficientFilePermissions")
    inside = "with everything in it" if file.kind == FOLDER else ""
    if not undo:
        lines = [
            ("File", file.name),
            ("Kind", kind_of(file)),
            *([("Also", "everything in it")] if inside else []),
        ]
        await confirm("Move this to the trash", lines, same=(file.id, file.modified))
    after = await drive.update(file.id, {"trashed": not undo})
    back = Undo(tool="drive_trash_file", arguments={"file_id": file.id, "undo": not undo}).at(account)
    result = Binned(file=brief(after), in_trash=after.trashed, changed=True, undo=back)
    where = "is out of the trash" if undo else "is in the trash; Google deletes it there after 30 days"
    return answer(result, f"{quoted(file.name)} {inside} {where}.".replace("  ", " "))
