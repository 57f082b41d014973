"""files.create, files.update and files.copy: what a body may say, and what becomes of a file."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from providers.emulator.google import query
from providers.emulator.google.drive import sharing
from providers.emulator.google.drive.access import Desk
from providers.emulator.google.drive.model import FOLDER, SHORTCUT, File, Visitor
from providers.emulator.google.drive.papers import PAPERS
from providers.emulator.google.drive.shown import guessed
from providers.emulator.google.drive.store import missing
from providers.emulator.google.errors import ApiError, invalid
from providers.emulator.google.people import Person

Json = dict[str, Any]
Media = tuple[str, bytes]
"""A media type, and content of it."""

FIELDS: dict[str, type] = {
    "name": str,
    "mimeType": str,
    "description": str,
    "parents": list,
    "id": str,
    "properties": dict,
    "appProperties": dict,
    "shortcutDetails": dict,
    "starred": bool,
    "trashed": bool,
    "folderColorRgb": str,
    "createdTime": str,
    "modifiedTime": str,
    "originalFilename": str,
    "writersCanShare": bool,
    "copyRequiresWriterPermission": bool,
    "contentHints": dict,
}
"""What a body may say, and of what type."""


class Writing(Desk):
    """The handlers; the state is the API's."""

    async def create(self, request: Request, person: Person) -> Response:
        """A file of metadata alone: a folder, a blank Doc, an empty file."""
        return self.created(request, person, await body(request), None)

    async def update(self, request: Request, person: Person) -> Response:
        """Change metadata: name, place, star, trash."""
        return self.updated(request, person, await body(request), None)

    async def copy(self, request: Request, person: Person) -> Response:
        """A copy of one's own."""
        data, visitor = await body(request), self.reading(request, person)
        file = self.api.state.open(visitor, request.path_params["file"])
        if file.kind == FOLDER:
            raise ApiError(403, "This file cannot be copied by the user.", "cannotCopyFile")
        folder = self._folder(request, person, data.get("parents"))
        made = self.api.state.add(
            person, data.get("name", f"Copy of {file.name}"), file.kind, parent=folder, content=file.bytes,
            body=dict(file.body), made_with=visitor, id_=self._own_id(data),
        )  # fmt: skip
        made.target = file.target
        return self.file(request, visitor, made)

    def created(self, request: Request, person: Person, data: Json, media: Media | None) -> Response:
        """A new file. Raises ApiError."""
        visitor, name = self.writing(request, person), data.get("name", "Untitled")
        kind = data.get("mimeType") or (media[0] if media else guessed(name))
        folder = self._folder(request, person, data.get("parents"))
        target = self._target(request, person, data) if kind == SHORTCUT else None
        made = self.api.state.add(
            person, name, kind, parent=folder, content=b"", body=converted(kind, media),
            made_with=visitor, id_=self._own_id(data),
        )  # fmt: skip
        if media and not made.native:
            made.bytes = media[1]
        made.target = target
        self._described(made, data, person)
        return self.file(request, visitor, made)

    def updated(self, request: Request, person: Person, data: Json, media: Media | None) -> Response:
        """A file changed. Raises ApiError."""
        drive, visitor = self.api.state, self.writing(request, person)
        file = drive.open(visitor, request.path_params["file"])
        least = "reader" if media is None and data.keys() <= {"starred"} and not _moves(request) else "writer"
        drive.open(visitor, file.id, least)
        if "parents" in data:
            sentence = (
                "The parents field is not directly writable in update requests. Use the addParents and "
                "removeParents parameters instead."
            )
            raise ApiError(403, sentence, "fieldNotWritable")
        if "trashed" in data and file.owner != person.key:
            drive.open(visitor, file.id, "owner")
        content = converted(file.kind, media)
        kind = data.get("mimeType", file.kind)
        if kind != file.kind and (file.native or kind in PAPERS):
            raise invalid("The requested conversion is not supported.", reason="badRequest")
        self._move(request, visitor, file)
        if media is not None:
            if content is not None:
                file.body = content
            else:
                file.bytes = media[1]
                kind = data.get("mimeType", media[0])
        file.kind, file.name = kind, data.get("name", file.name)
        if "trashed" in data:
            file.trashed = self.api.google.clock.now() if data["trashed"] else None
        self._described(file, data, person)
        if media is not None or data.keys() - {"starred", "trashed"}:
            drive.touch(file, person)
        return self.file(request, visitor, file)

    def _described(self, file: File, data: Json, person: Person) -> None:
        file.description = data.get("description", file.description)
        given = {**data.get("properties", {}), **data.get("appProperties", {})}
        file.properties = {k: v for k, v in {**file.properties, **given}.items() if v is not None}
        if "starred" in data:
            file.starred = [key for key in file.starred if key != person.key]
            file.starred += [person.key] if data["starred"] else []

    def _target(self, request: Request, person: Person, data: Json) -> str:
        """What a shortcut leads to. Raises ApiError."""
        id_ = str(data.get("shortcutDetails", {}).get("targetId", ""))
        return self.api.state.open(self.seeing(request, person), id_).id

    def _own_id(self, data: Json) -> str | None:
        """An id made before by files.generateIds. Raises ApiError where it is taken."""
        id_: str | None = data.get("id")
        if id_ is not None and id_ in self.api.state.files:
            raise ApiError(409, "A file already exists with the provided ID.", "fileIdInUse")
        return id_

    def _folder(self, request: Request, person: Person, parents: list[str] | None) -> File:
        """Where to put something: one folder, or My Drive. Raises ApiError."""
        if parents and len(parents) > 1:
            raise ApiError(
                403, "A file cannot be put into more than one folder.", "multipleParentsNotAllowed"
            )
        id_ = parents[0] if parents else "root"
        visitor = self.writing(request, person)
        folder = self.api.state.open(replace(visitor, sees=False), id_, "writer")
        if folder.kind != FOLDER:
            raise ApiError(403, "The specified parent is not a folder.", "parentNotAFolder")
        return folder

    def _move(self, request: Request, visitor: Visitor, file: File) -> None:
        """addParents and removeParents; a file is in one folder, so that the one needs the other."""
        drive, asked = self.api.state, request.query_params
        added = [id_ for id_ in asked.get("addParents", "").split(",") if id_]
        removed = [id_ for id_ in asked.get("removeParents", "").split(",") if id_]
        root = drive.roots[visitor.person.key]
        removed = [root if id_ == "root" else id_ for id_ in removed]
        if any(id_ != file.parent for id_ in removed):
            raise missing(next(id_ for id_ in removed if id_ != file.parent))
        if not added:
            return
        folder = self._folder(request, visitor.person, added)
        if folder.id == file.parent:
            return
        if not removed and file.parent is not None:
            raise ApiError(403, "Increasing the number of parents is not allowed", "cannotAddParent")
        if folder in drive.beneath(file):
            raise invalid("Bad Request", reason="badRequest")  # a cycle in the directory graph
        file.parent = folder.id
        sharing.inherit(drive, file, folder)


def _moves(request: Request) -> bool:
    return bool({"addParents", "removeParents"} & request.query_params.keys())


async def body(request: Request) -> Json:
    """The body of a request about a file; none is an empty one. Raises ApiError."""
    if not await request.body():
        return {}
    return checked(await query.body(request))


def checked(data: Json) -> Json:
    """Metadata that may be written. Raises ApiError."""
    for name, value in data.items():
        if name not in FIELDS:
            sentence = "The resource body includes fields which are not directly writable."
            raise ApiError(403, sentence, "fieldNotWritable")
        if not isinstance(value, FIELDS[name]):
            raise ApiError(400, "Parse Error", "parseError")
    return data


def converted(kind: str, media: Media | None) -> Json | None:
    """The body of a Doc or Sheet made from content; None where there is none, or it stays bytes.

    Raises ApiError for what cannot be made into that kind.
    """
    if media is None:
        return None
    paper = PAPERS.get(kind)
    if paper is None:
        if kind.startswith("application/vnd.google-apps."):
            raise invalid("Bad Request", reason="badRequest")
        return None
    if media[0] not in paper.imports:
        sentence = "The requested conversion is not supported."
        raise invalid(sentence, reason="conversionUnsupportedConversionPath")
    try:
        return paper.imports[media[0]](media[1])
    except ValueError:
        raise invalid("Bad Request", reason="badRequest") from None
