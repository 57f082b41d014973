"""A file and who may see it, as a model reads of them; and which file an argument means."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BaseModel, Field

from mcp_server.errors import Refusal
from mcp_server.tools.google.rows import link
from mcp_server.tools.text import clip, quoted
from providers.base import NotFound, Rejected, ScopeMissing
from providers.google.drive import Drive
from providers.google.driveanswers import (
    DOCUMENT,
    DRAWING,
    FOLDER,
    FORM,
    SHORTCUT,
    SLIDES,
    SPREADSHEET,
    File,
    Owner,
    Permission,
)
from providers.google.services import DRIVE_METADATA, DRIVE_READ

KINDS = {
    FOLDER: "folder",
    DOCUMENT: "document",
    SPREADSHEET: "spreadsheet",
    SLIDES: "presentation",
    DRAWING: "drawing",
    FORM: "form",
    SHORTCUT: "shortcut",
}
ROOT = "root"
FileId = Annotated[str, Field(max_length=500, description="Id or link.")]
_ID = re.compile(r"[A-Za-z0-9_-]{1,200}")
_LINK = re.compile(
    r"https://(?:docs|drive)\.google\.com/"
    r"(?:\S*?/(?:d|folders)/|(?:open|uc)\?(?:\S*&)?id=)"
    r"([A-Za-z0-9_-]{1,200})\S*"
)

UNSEEN = (
    "Valet sees only files that were made or opened with it in that Drive, and this is none of them, or it "
    "is not there."
)


class FileView(BaseModel):
    """A file. Its name is somebody's: data."""

    id: str
    name: str
    type: str
    modified: str | None = None
    size: int | None = None
    owner: str | None = None
    folder_id: str | None = None
    made_with_valet: bool | None = None
    shared: bool | None = None
    shortcut_to: str | None = None
    link: str | None = None


class Brief(BaseModel):
    """A file."""

    id: str
    name: str
    link: str | None = None


class Sharing(BaseModel):
    """A permission."""

    permission_id: str
    who: str
    role: str
    expires: str | None = None


def identified(text: str, argument: str = "file_id") -> str:
    """The id in a link, or the id itself. Raises Refusal."""
    given = text.strip()
    if _ID.fullmatch(given):
        return given
    found = _LINK.fullmatch(given)
    if found is None:
        raise Refusal(
            "invalid_argument",
            f"`{argument}` must be the id or link of a file, as drive_search_files shows it.",
        )
    return found[1]


def kind_of(file: File) -> str:
    """Our word for a file's kind, or its media type."""
    return KINDS.get(file.kind) or clip(file.kind, 100)


def view(file: File) -> FileView:
    """A file for a model."""
    return FileView(
        id=clip(file.id, 200),
        name=clip(file.name),
        type=kind_of(file),
        modified=clip(file.modified, 40) or None,
        size=file.size,
        owner=person(file.owners[0]) if file.owners and not file.mine else "me" if file.mine else None,
        folder_id=clip(file.folder or "", 200) or None,
        made_with_valet=file.given or None,
        shared=file.shared or None,
        shortcut_to=clip(file.target.id, 200) if file.target else None,
        link=link(file.link),
    )


def brief(file: File) -> Brief:
    """The same, short."""
    return Brief(id=clip(file.id, 200), name=clip(file.name), link=link(file.link))


def person(somebody: Owner) -> str:
    """Somebody's name and address."""
    name, email = clip(somebody.name, 80), clip(somebody.email, 120)
    return f"{name} <{email}>" if name and email else name or email


def line(row: FileView) -> str:
    """A file in a list."""
    return f"{quoted(row.name)}, {row.type}, {(row.modified or '')[:16]}, id {row.id}"


def sharing(one: Permission) -> Sharing:
    """A permission for a model."""
    return Sharing(
        permission_id=clip(one.id, 100),
        who=who(one),
        role=clip(one.role, 30),
        expires=clip(one.expires, 40) or None,
    )


def who(one: Permission) -> str:
    """Whom a permission is for: somebody, a group, all of a domain, or anyone."""
    if one.kind == "anyone":
        return "anyone" if one.found else "anyone with the link"
    if one.kind == "domain":
        return f"all of {clip(one.domain, 120)}"
    return person(Owner(name=one.name, email=one.email))


async def found(drive: Drive, file_id: str, wider: str = DRIVE_METADATA) -> File:
    """A file. Where it cannot be seen, the person can allow `wider`, which would show it if it is there.

    Raises Refusal, ScopeMissing, ProviderError.
    """
    try:
        return await drive.file(file_id)
    except NotFound:
        held = await drive.held()
        if wider not in held:
            raise ScopeMissing("google", "file", frozenset({wider}), held, UNSEEN) from None
        raise _nothing() from None


async def own(drive: Drive, file_id: str) -> File:
    """A file that may be changed: one that the app was given. Raises Refusal, ProviderError."""
    try:
        file = await drive.file(file_id)
    except NotFound:
        raise Refusal(
            "not_found",
            f"{UNSEEN} It can't be changed here; the person can do that in Google Drive.",
        ) from None
    if not file.given:
        raise Rejected("google", "file", "appNotAuthorizedToFile")
    return file


async def folder(drive: Drive, text: str, argument: str) -> File:
    """A folder to put something into. Raises Refusal, ProviderError."""
    id_ = identified(text, argument)
    try:
        file = await drive.file(id_)
    except NotFound:
        raise Refusal("not_found", _CLOSED.format(argument=argument)) from None
    if file.kind != FOLDER:
        raise Refusal("invalid_argument", f"`{argument}` is {_a(kind_of(file))}, not a folder.")
    top = file.mine and not file.parents
    if not file.given and not top:
        raise Refusal("conflict", _CLOSED.format(argument=argument))
    return file


_CLOSED = (
    "Valet can put files only into folders that were made or opened with it. Make one with "
    "drive_create_file, or use 'root' as `{argument}` for the top of the Drive."
)


def _a(word: str) -> str:
    return f"an {word}" if word[:1] in "aeiou" else f"a {word}"


def _nothing() -> Refusal:
    return Refusal(
        "not_found",
        "There is no such file, or it is not shared with the connected account. Search again with "
        "drive_search_files.",
    )


async def unreadable(drive: Drive, why: str) -> ScopeMissing:
    """What is said of a file whose content the app was not given."""
    return ScopeMissing("google", "content", frozenset({DRIVE_READ}), await drive.held(), why)
