"""drive_share_file, drive_unshare_file."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from mcp_types import CallToolResult
from pydantic import BaseModel, Field

from mcp_server.answers import answer
from mcp_server.errors import Refusal
from mcp_server.inject import AccountLabel, Confirm
from mcp_server.toolbox import tool
from mcp_server.tools.google.client import DriveClient
from mcp_server.tools.google.drive.view import Brief, FileId, Sharing, brief, identified, own, sharing
from mcp_server.tools.text import clip, quoted
from mcp_server.tools.undo import Undo
from providers.base import Rejected
from providers.google.driveanswers import FOLDER, File, Permission
from providers.google.services import DRIVE_FILE

Role = Literal["reader", "commenter", "writer"]
_ROLES: tuple[str, ...] = ("reader", "commenter", "writer", "fileOrganizer", "organizer", "owner")
_MAY = {"reader": "see", "commenter": "see and comment on", "writer": "change"}
_ADDRESS = re.compile(r"[^\s@,;<>\"]{1,64}@[^\s@,;<>\"]{1,190}")
_DOMAIN = re.compile(r"(?=.{1,190}$)[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+", re.IGNORECASE)


class Shared(BaseModel):
    """With whom it is shared."""

    file: Brief
    permission: Sharing
    changed: bool
    public: bool
    mailed: bool
    undo: Undo | None = None
    not_undoable: str | None = None


class Unshared(BaseModel):
    """A permission that is gone."""

    file: Brief
    removed: Sharing
    undo: Undo | None = None


@tool(
    service="drive",
    title="Share a file",
    access="write",
    needs=(DRIVE_FILE,),
    read_only=False,
    destructive=True,
    idempotent=False,
    asks=True,
)
async def drive_share_file(
    drive: DriveClient,
    confirm: Confirm,
    file_id: FileId,
    role: Annotated[Role, Field(description="Role.")],
    email: Annotated[str | None, Field(max_length=254, description="Whom.")] = None,
    domain: Annotated[str | None, Field(max_length=190, description="All of it.")] = None,
    anyone: Annotated[bool | None, Field(description="Public.")] = None,
    notify: Annotated[bool | None, Field(description="By mail.")] = None,
    message: Annotated[str | None, Field(max_length=1000, description="In it.")] = None,
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Shared]:
    """Share a Google Drive file or folder with one of `email`, `domain`, `anyone`."""
    anyone, notify = bool(anyone), bool(notify)
    body, whom = _body(role, email, domain, anyone=anyone)
    if (message or notify) and email is None:
        raise Refusal("invalid_argument", "`notify` and `message` go with `email` only.")
    if message and not notify:
        raise Refusal("invalid_argument", "`message` goes into a mail: set `notify` to true.")
    file = await own(drive, identified(file_id))
    if not file.may.share:
        raise Rejected("google", "share", "insufficientFilePermissions")
    before = _known(await drive.permissions(file.id), body)
    if before is not None and _rank(before.role) >= _rank(role):
        result = Shared(
            file=brief(file), permission=sharing(before), changed=False, public=anyone, mailed=False
        )
        return answer(result, f"{whom} had the role {result.permission.role} before. Nothing was changed.")
    with_ = body.get("emailAddress", whom)
    await confirm(
        *_preview(file, with_, role, anyone=anyone, notify=notify, message=message), same=(file.id,)
    )
    told = notify if email is not None else None
    after = await drive.share(file.id, body, notify=told, message=message if notify else None)
    undo = None
    if before is None:
        arguments = {"file_id": file.id, "permission_id": after.id}
        undo = Undo(tool="drive_unshare_file", arguments=arguments).at(account)
    result = Shared(
        file=brief(file), permission=sharing(after), changed=True, public=anyone, mailed=notify, undo=undo,
        not_undoable=f"The role was {before.role} before; unshare and share again." if before else None,
    )  # fmt: skip
    return answer(result, _text(file, whom, role, anyone=anyone, notify=notify))


def _body(role: str, email: str | None, domain: str | None, *, anyone: bool) -> tuple[dict[str, Any], str]:
    """What to send, and in words whom it is about. Raises Refusal."""
    if (email is not None) + (domain is not None) + anyone != 1:
        raise Refusal("invalid_argument", "Say with whom: exactly one of `email`, `domain` and `anyone`.")
    if email is not None:
        given = email.strip()
        # What a reader does not see in an address, nobody can say yes to.
        if not _ADDRESS.fullmatch(given) or clip(given, 300) != given or not given.isprintable():
            raise Refusal("invalid_argument", "`email` must be one address such as name@example.com.")
        return {"type": "user", "role": role, "emailAddress": given}, quoted(given, 300)
    if domain is not None:
        if not _DOMAIN.fullmatch(domain.strip()):
            raise Refusal("invalid_argument", "`domain` must be a domain such as example.com.")
        return {"type": "domain", "role": role, "domain": domain.strip().lower()}, f"all of {quoted(domain)}"
    return {"type": "anyone", "role": role}, "Anyone with the link"


def _known(permissions: tuple[Permission, ...], body: dict[str, Any]) -> Permission | None:
    """What they have already."""
    address, domain = body.get("emailAddress", "").casefold(), body.get("domain", "")
    for one in permissions:
        if one.kind == "anyone" == body["type"]:
            return one
        if (address and one.email.casefold() == address) or (domain and one.domain == domain):
            return one
    return None


def _rank(role: str) -> int:
    return _ROLES.index(role) if role in _ROLES else -1


def _preview(
    file: File, whom: str, role: str, *, anyone: bool, notify: bool, message: str | None
) -> tuple[str, list[tuple[str, str]]]:
    title = "Make this public" if anyone else "Share this"
    lines = [("File", file.name), ("With", whom), ("They may", f"{_MAY[role]} it")]
    if file.kind == FOLDER:
        lines.append(("Also", "everything in it, now and later"))
    lines.append(("Mail", "Google writes to them" if notify else "Nobody is told"))
    if message:
        lines.append(("Message", message))
    return title, lines


def _text(file: File, whom: str, role: str, *, anyone: bool, notify: bool) -> str:
    what = f"{quoted(file.name)}{' and everything in it' if file.kind == FOLDER else ''}"
    if anyone:
        return f"{what} is public now: anyone who has the link may {_MAY[role]} it, without signing in."
    mail = "Google mails them about it." if notify else "Nobody is told by mail."
    return f"Shared {what} with {whom}, who may {_MAY[role]} it. {mail}"


@tool(
    service="drive",
    title="Unshare a file",
    access="write",
    needs=(DRIVE_FILE,),
    read_only=False,
    destructive=True,
    idempotent=True,
    asks=True,
)
async def drive_unshare_file(
    drive: DriveClient,
    confirm: Confirm,
    file_id: FileId,
    permission_id: Annotated[str, Field(max_length=254, description="Or the address.")],
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Unshared]:
    """Take back a permission of a file, as drive_get_file shows it."""
    file = await own(drive, identified(file_id))
    if not file.may.share:
        raise Rejected("google", "unshare", "insufficientFilePermissions")
    wanted = permission_id.strip().casefold()
    known = [one for one in await drive.permissions(file.id) if wanted and wanted in _called(one)]
    if not known:
        raise Refusal(
            "not_found",
            "It is not shared so, or not any more: drive_get_file with `include_permissions` says how it is.",
        )
    one = known[0]
    if one.role == "owner":
        raise Refusal("conflict", "That is its owner, who can't be taken off it.")
    lines = [("File", file.name), ("With", one.whom), ("They had", f"the role {one.role}")]
    await confirm("Stop sharing this", lines, same=(file.id, one.id))
    await drive.unshare(file.id, one.id)
    result = Unshared(file=brief(file), removed=sharing(one), undo=_undo(file, one, account))
    return answer(result, f"{quoted(one.whom)} can't open {quoted(file.name)} by this permission any more.")


def _called(one: Permission) -> set[str]:
    """By what a permission may be named; what it has not is ""."""
    return {one.id.casefold(), one.email.casefold(), one.domain.casefold()}


def _undo(file: File, one: Permission, account: str | None) -> Undo | None:
    """Sharing it again; none where it had a role or an end that we can't give."""
    if one.role not in _MAY or one.expires or one.kind not in {"user", "domain", "anyone"}:
        return None
    with_: dict[str, Any] = {"user": {"email": one.email}, "domain": {"domain": one.domain}}.get(
        one.kind, {"anyone": True}
    )
    return Undo(tool="drive_share_file", arguments={"file_id": file.id, "role": one.role, **with_}).at(
        account
    )
