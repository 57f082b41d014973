"""Content on its way in: at once (media), with metadata (multipart), or in pieces (resumable).

developers.google.com/workspace/drive/api/guides/manage-uploads.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from providers.emulator.google.drive.access import Desk
from providers.emulator.google.drive.writing import Writing, body, checked
from providers.emulator.google.errors import ApiError, invalid
from providers.emulator.google.people import Person
from providers.emulator.google.related import bare, parts

Json = dict[str, Any]
PIECE = 256 * 1024
"""Pieces but the last are multiples of it."""

RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")


@dataclass
class Session:
    """A resumable upload that is not finished: for which file (None: a new one), and what came so far."""

    account: str
    file: str | None
    data: Json
    kind: str
    total: int | None
    content: bytearray = field(default_factory=bytearray)


class Uploads(Desk):
    """The handlers of the addresses beneath /upload/. Sessions do not outlive a restart."""

    def __init__(self, writing: Writing) -> None:
        super().__init__(writing.api)
        self._writing = writing
        self.sessions: dict[str, Session] = {}

    async def begin(self, request: Request, person: Person) -> Response:
        """A whole upload, or the beginning of one in pieces."""
        way = request.query_params.get("uploadType")
        if way == "resumable":
            return await self._open(request, person)
        raw, sort = await request.body(), request.headers.get("content-type", "")
        if way == "media":
            return self._store(request, person, {}, bare(sort), raw)
        if way == "multipart":
            data, kind, content = parts(sort, raw)
            return self._store(request, person, checked(data), kind, content)
        raise invalid("Invalid upload request.", "uploadType", "badRequest")

    async def _open(self, request: Request, person: Person) -> Response:
        data = await body(request)
        headers = request.headers
        kind = headers.get("x-upload-content-type") or data.get("mimeType") or "application/octet-stream"
        total = headers.get("x-upload-content-length")
        session = Session(
            person.key, request.path_params.get("file"), data, bare(kind),
            int(total) if total and total.isdigit() else None,
        )  # fmt: skip
        if session.file is not None:
            self.api.state.open(self.writing(request, person), session.file, "writer")
        id_ = secrets.token_urlsafe(24)
        self.sessions[id_] = session
        # What was asked at the beginning (`fields`) holds for the answer at the end.
        place = f"https:/{request.url.path}?{request.url.query}&upload_id={id_}"
        return Response(status_code=200, headers={"location": place, "x-guploader-uploadid": id_})

    async def resume(self, request: Request, person: Person) -> Response:
        """Another piece, or the question how far it got (`bytes */N`)."""
        id_, session = self._session(request, person)
        piece = await request.body()
        first, last, total = _range(request, piece)
        if total is not None and session.total not in {None, total}:
            raise invalid("Invalid request. The size of the upload changed.", reason="badRequest")
        session.total = session.total if total is None else total
        if first is not None:
            if first != len(session.content) or last is None or last - first + 1 != len(piece):
                raise ApiError(416, "Requested range not satisfiable", "requestedRangeNotSatisfiable")
            whole = session.total is not None and last + 1 == session.total
            if not whole and len(piece) % PIECE:
                raise invalid("Invalid request. Pieces are multiples of 256 KiB.", reason="badRequest")
            session.content += piece
        if session.total is None or len(session.content) < session.total:
            got = {"range": f"bytes=0-{len(session.content) - 1}"} if session.content else {}
            return Response(status_code=308, headers=got)
        del self.sessions[id_]
        request.scope["path_params"] = {"file": session.file} if session.file else {}
        return self._store(request, person, session.data, session.kind, bytes(session.content))

    async def cancel(self, request: Request, person: Person) -> Response:
        """Call an upload off; what came is forgotten."""
        id_, _ = self._session(request, person)
        del self.sessions[id_]
        return Response(status_code=499)

    def _session(self, request: Request, person: Person) -> tuple[str, Session]:
        id_ = request.query_params.get("upload_id", "")
        session = self.sessions.get(id_)
        if session is None or session.account != person.key:
            raise ApiError(404, "Upload session not found.", "notFound")
        return id_, session

    def _store(self, request: Request, person: Person, data: Json, kind: str, content: bytes) -> Response:
        media = (kind, content)
        if "file" in request.path_params:
            return self._writing.updated(request, person, data, media)
        return self._writing.created(request, person, data, media)


def _range(request: Request, piece: bytes) -> tuple[int | None, int | None, int | None]:
    """First and last byte of a piece, and the size of all; without the header it is everything."""
    text = request.headers.get("content-range")
    if text is None:
        return 0, len(piece) - 1, len(piece)
    found = RANGE.fullmatch(text)
    if found is None:
        raise invalid("Failed to parse Content-Range header.", reason="badRequest")
    first, last, total = found.groups()
    return (
        int(first) if first else None,
        int(last) if last else None,
        int(total) if total != "*" else None,
    )
