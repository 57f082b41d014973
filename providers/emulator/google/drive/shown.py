"""A file, a permission and a person as the API shows them to whoever asks."""

from __future__ import annotations

import hashlib
import mimetypes
from typing import Any

from providers.emulator.google.drive.model import (
    DOC,
    FOLDER,
    FORM,
    SHEET,
    SHORTCUT,
    SLIDES,
    File,
    Permission,
    Visitor,
    at_least,
    permission_id,
    stamp,
)
from providers.emulator.google.drive.papers import PAPERS
from providers.emulator.google.drive.store import Drive
from providers.emulator.google.people import Person

Json = dict[str, Any]
DOCS = "https://docs.google.com"
PAGES = {DOC: "document", SHEET: "spreadsheets", SLIDES: "presentation", FORM: "forms"}
BRIEF = ("kind", "id", "name", "mimeType")
"""What a file has where `fields` asks for nothing."""


class Shown:
    """Everything that the API says of files, in the eyes of one visitor."""

    def __init__(self, drive: Drive, people: dict[str, Person], visitor: Visitor) -> None:
        self._drive = drive
        self._people = people
        self._visitor = visitor

    def user(self, key: str) -> Json:
        """A person."""
        person = self._people[key]
        return {
            "kind": "drive#user",
            "displayName": person.name,
            "me": key == self._visitor.person.key,
            "permissionId": permission_id(person.email),
            "emailAddress": person.email,
        }

    def permission(self, one: Permission) -> Json:
        """A permission."""
        row: Json = {"kind": "drive#permission", "id": one.id, "type": one.kind, "role": one.role}
        if one.kind in {"user", "group"}:
            row |= {"emailAddress": one.to, "displayName": one.name or one.to, "deleted": False}
            row["pendingOwner"] = False
        elif one.kind == "domain":
            row |= {"domain": one.to, "displayName": one.to}
        if one.kind in {"domain", "anyone"}:
            row["allowFileDiscovery"] = one.found
        return row

    def file(self, file: File) -> Json:
        """A file, everything about it."""
        person = self._visitor.person
        role = file.role(person)
        mine = file.owner == person.key
        trashed = self._drive.in_trash(file)
        row: Json = {
            "kind": "drive#file",
            "id": file.id,
            "name": file.name,
            "mimeType": file.kind,
            "starred": person.key in file.starred,
            "trashed": trashed,
            "explicitlyTrashed": file.trashed is not None,
            "spaces": ["drive"],
            "version": str(file.version),
            "webViewLink": link(file),
            "iconLink": f"https://drive-thirdparty.googleusercontent.com/16/type/{file.kind}",
            "createdTime": stamp(file.created),
            "modifiedTime": stamp(file.modified),
            "modifiedByMe": file.changed_by == person.key,
            "owners": [self.user(file.owner)],
            "lastModifyingUser": self.user(file.changed_by or file.owner),
            "shared": len(file.permissions) > 1,
            "ownedByMe": mine,
            "writersCanShare": True,
            "copyRequiresWriterPermission": False,
            "viewersCanCopyContent": True,
            "isAppAuthorized": self._visitor.given(file),
            "capabilities": capabilities(file, role, mine=mine),
            "hasThumbnail": False,
            "thumbnailVersion": "0",
            "quotaBytesUsed": str(size(file)),
        }
        row |= self._content(file) | self._place(file)
        if file.description:
            row["description"] = file.description
        if file.properties:
            row["properties"] = file.properties
        if file.trashed is not None:
            row |= {"trashedTime": stamp(file.trashed), "trashingUser": self.user(file.owner)}
        if person.key in file.shared_at:
            row |= {
                "sharedWithMeTime": stamp(file.shared_at[person.key]),
                "sharingUser": self.user(file.owner),
            }
        if at_least(role, "writer"):
            row["permissions"] = [self.permission(one) for one in file.permissions]
            row["permissionIds"] = [one.id for one in file.permissions]
        return row

    def _content(self, file: File) -> Json:
        if file.kind == SHORTCUT:
            target = self._drive.files.get(file.target or "")
            kind = {"targetMimeType": target.kind} if target else {}
            return {"shortcutDetails": {"targetId": file.target, **kind}}
        if file.kind == FOLDER:
            return {"folderColorRgb": "#8f8f8f"}
        if file.native:
            paper = PAPERS.get(file.kind)
            links = {
                kind: f"{DOCS}/feeds/download/{PAGES.get(file.kind, 'file')}s/export/Export?id={file.id}"
                for kind in (paper.exports if paper else ())
            }
            return {"size": str(size(file)), **({"exportLinks": links} if links else {})}
        raw = file.bytes
        ending = file.name.rpartition(".")[2] if "." in file.name else ""
        return {
            "size": str(len(raw)),
            "originalFilename": file.name,
            "fullFileExtension": ending,
            "fileExtension": ending,
            "md5Checksum": hashlib.md5(raw, usedforsecurity=False).hexdigest(),
            "sha1Checksum": hashlib.sha1(raw, usedforsecurity=False).hexdigest(),
            "sha256Checksum": hashlib.sha256(raw).hexdigest(),
            "headRevisionId": f"0B{file.version:032d}",
            "webContentLink": f"https://drive.google.com/uc?id={file.id}&export=download",
        }

    def _place(self, file: File) -> Json:
        """The folder it is in, for those who may see that folder."""
        folder = self._drive.files.get(file.parent or "")
        if folder is None or folder.role(self._visitor.person) is None:
            return {}
        return {"parents": [folder.id]}


def link(file: File) -> str:
    """Where it opens in a browser."""
    if file.kind in PAGES:
        return f"{DOCS}/{PAGES[file.kind]}/d/{file.id}/edit?usp=drivesdk"
    if file.kind == FOLDER:
        return f"https://drive.google.com/drive/folders/{file.id}"
    return f"https://drive.google.com/file/d/{file.id}/view?usp=drivesdk"


def size(file: File) -> int:
    """Bytes that it takes of its owner's storage."""
    if file.kind in {FOLDER, SHORTCUT}:
        return 0
    return 1024 if file.native else len(file.content) // 4 * 3 - file.content[-2:].count("=")


def capabilities(file: File, role: str | None, *, mine: bool) -> Json:
    """What whoever asks may do (File.capabilities); those that our tools and tests look at."""
    writes, folder = at_least(role, "writer"), file.kind == FOLDER
    return {
        "canAddChildren": writes and folder,
        "canComment": at_least(role, "commenter") and not folder,
        "canCopy": not folder,
        "canDelete": mine,
        "canDownload": not folder,
        "canEdit": writes,
        "canListChildren": folder,
        "canModifyContent": writes,
        "canRename": writes,
        "canShare": writes,
        "canTrash": mine,
        "canUntrash": mine,
    }


def guessed(name: str) -> str:
    """The media type that a name's ending stands for."""
    return mimetypes.guess_type(name)[0] or "application/octet-stream"
