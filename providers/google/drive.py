"""The calls our tools make to the Google Drive API, version 3."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import Any

from providers.google.call import Caller, segment
from providers.google.driveanswers import File, FilePage, Permission, PermissionPage
from providers.google.driveterms import Terms
from providers.google.services import DRIVE_FILE
from providers.http import Content, Params
from providers.model import read

UPLOAD = "https://www.googleapis.com/upload/drive/v3"
EXPORT_LIMIT = 10 * 1024 * 1024
"""The most bytes that files.export gives."""

_FILE = (
    "id,name,mimeType,description,size,createdTime,modifiedTime,trashed,starred,shared,ownedByMe,"
    "isAppAuthorized,parents,webViewLink,owners(displayName,emailAddress),"
    "lastModifyingUser(displayName,emailAddress),shortcutDetails(targetId,targetMimeType),"
    "capabilities(canEdit,canRename,canShare,canTrash,canDownload),version"
)
_ROW = (
    "id,name,mimeType,size,modifiedTime,shared,ownedByMe,isAppAuthorized,parents,webViewLink,"
    "owners(displayName,emailAddress),shortcutDetails(targetId,targetMimeType)"
)
_PERMISSION = "id,type,role,emailAddress,displayName,domain,allowFileDiscovery,expirationTime"
_SCOPE = frozenset({DRIVE_FILE})
_PERMISSIONS = 100  # permissions.list, pageSize
_PAGES = 10


class Drive(Caller):
    """Google Drive with one person's credential. Every call raises ProviderError.

    With the scope drive.file it reaches the files that were made or opened with this server's app; any other
    is a NotFound. Shared drives are treated as everything else.
    """

    base = "https://www.googleapis.com/drive/v3"

    async def search(
        self, terms: Terms, *, order: str | None = None, limit: int = 100, page_token: str | None = None
    ) -> FilePage:
        """files.list. A search for text comes by relevance and takes no `order`."""
        params: Params = {
            "q": str(terms), "orderBy": order, "pageSize": limit, "pageToken": page_token,
            "supportsAllDrives": "true", "includeItemsFromAllDrives": "true",
            "fields": f"nextPageToken,incompleteSearch,files({_ROW})",
        }  # fmt: skip
        return read(FilePage, await self._call("search", "GET", "/files", params, _SCOPE))

    async def file(self, file_id: str) -> File:
        """files.get; `root` is the person's My Drive."""
        params: Params = {"supportsAllDrives": "true", "fields": _FILE}
        return read(File, await self._call("file", "GET", f"/files/{segment(file_id)}", params, _SCOPE))

    async def content(self, file_id: str, most: int) -> bytes:
        """files.get with alt=media: the bytes of a file that has some, at most `most`."""
        params: Params = {"alt": "media", "supportsAllDrives": "true"}
        path = f"/files/{segment(file_id)}"
        return (await self._call("content", "GET", path, params, _SCOPE, most=most)).body

    async def export(self, file_id: str, kind: str) -> bytes:
        """files.export: one of Google's own kinds in another media type, at most 10 MB."""
        path = f"/files/{segment(file_id)}/export"
        answer = await self._call("export", "GET", path, {"mimeType": kind}, _SCOPE, most=EXPORT_LIMIT)
        return answer.body

    async def create(self, metadata: Mapping[str, Any], content: Content | None = None) -> File:
        """files.create. Content of another media type than the metadata's is converted."""
        params: Params = {"supportsAllDrives": "true", "fields": _FILE}
        if content is None:
            answer = await self._call("create", "POST", "/files", params, _SCOPE, dict(metadata))
            return read(File, answer)
        both = _related(metadata, content)
        whole: Params = {"uploadType": "multipart", **params}
        return read(
            File, await self._call("create", "POST", "/files", whole, _SCOPE, content=both, base=UPLOAD)
        )

    async def update(
        self,
        file_id: str,
        metadata: Mapping[str, Any],
        content: Content | None = None,
        *,
        into: str | None = None,
        out_of: str | None = None,
    ) -> File:
        """files.update: metadata, content, or the folder it is in (`into` and `out_of`, both)."""
        params: Params = {
            "addParents": into, "removeParents": out_of, "supportsAllDrives": "true", "fields": _FILE,
        }  # fmt: skip
        path = f"/files/{segment(file_id)}"
        if content is None:
            return read(File, await self._call("update", "PATCH", path, params, _SCOPE, dict(metadata)))
        both = _related(metadata, content)
        whole: Params = {"uploadType": "multipart", **params}
        return read(File, await self._call("update", "PATCH", path, whole, _SCOPE, content=both, base=UPLOAD))

    async def permissions(self, file_id: str) -> tuple[Permission, ...]:
        """permissions.list, at most 1000."""
        found: list[Permission] = []
        token: str | None = None
        for _ in range(_PAGES):
            params: Params = {
                "pageSize": _PERMISSIONS, "pageToken": token, "supportsAllDrives": "true",
                "fields": f"nextPageToken,permissions({_PERMISSION})",
            }  # fmt: skip
            path = f"/files/{segment(file_id)}/permissions"
            page = read(PermissionPage, await self._call("permissions", "GET", path, params, _SCOPE))
            found.extend(page.permissions)
            token = page.next_page_token
            if not token:
                break
        return tuple(found)

    async def share(
        self, file_id: str, body: Mapping[str, Any], *, notify: bool | None = None, message: str | None = None
    ) -> Permission:
        """permissions.create. `notify`: Google writes to whom it is shared with, `message` in the mail."""
        told = None if notify is None else "true" if notify else "false"
        params: Params = {
            "sendNotificationEmail": told, "emailMessage": message, "supportsAllDrives": "true",
            "fields": _PERMISSION,
        }  # fmt: skip
        path = f"/files/{segment(file_id)}/permissions"
        return read(Permission, await self._call("share", "POST", path, params, _SCOPE, dict(body)))

    async def unshare(self, file_id: str, permission_id: str) -> None:
        """permissions.delete."""
        path = f"/files/{segment(file_id)}/permissions/{segment(permission_id)}"
        await self._call("unshare", "DELETE", path, {"supportsAllDrives": "true"}, _SCOPE)


def _related(metadata: Mapping[str, Any], content: Content) -> Content:
    """Metadata and content in one body (RFC 2387). The boundary is long enough to be in neither."""
    boundary = secrets.token_hex(24)
    head = json.dumps(metadata, ensure_ascii=True).encode()
    parts = (
        f"--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n".encode() + head,
        f"--{boundary}\r\nContent-Type: {content.kind}\r\n\r\n".encode() + content.body,
        f"--{boundary}--\r\n".encode(),
    )
    return Content(f"multipart/related; boundary={boundary}", b"\r\n".join(parts))
