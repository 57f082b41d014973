"""docs.googleapis.com: documents, read and edited."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from providers.emulator.google import query
from providers.emulator.google.api import Api
from providers.emulator.google.docs import edit, model, shape
from providers.emulator.google.docs.data import furnish
from providers.emulator.google.docs.methods import SERVED
from providers.emulator.google.drive.access import visitor
from providers.emulator.google.drive.api import drive_of
from providers.emulator.google.drive.model import DOC, File
from providers.emulator.google.errors import ApiError
from providers.emulator.google.guard import Handler
from providers.emulator.google.opening import opened
from providers.emulator.google.people import Person
from providers.emulator.google.quota import Bucket

Json = dict[str, Any]
READ = ("documents", "documents.readonly", "drive", "drive.readonly")
WRITE = ("documents", "drive")
MODES = ("DEFAULT_FOR_CURRENT_ACCESS", shape.INLINE, shape.ACCEPTED, shape.WITHOUT)
COMMENTS = tuple(
    f"COMMENTS_VIEW_MODE_{name}"
    for name in ("UNSPECIFIED", "DEFAULT_FOR_CURRENT_ACCESS", "OMITTED", "INCLUDED")
)


class DocsApi(Api):
    """Documents; what they hold stands in Drive's store."""

    name = "docs"
    base = "/docs.googleapis.com/v1"
    hosts = frozenset({"docs.googleapis.com"})
    served = SERVED
    modern = True
    ids = re.compile(r"/(documents)/[^/:]+")
    buckets = (Bucket("docs.read", 300), Bucket("docs.write", 60))
    cost: ClassVar[Mapping[str, tuple[str, int]]] = {
        "docs.documents.batchUpdate": ("docs.write", 1),
        "docs.documents.create": ("docs.write", 1),
    }

    def settle(self, now: float) -> None:
        """Documents in everybody's Drive, which is there already."""
        furnish(drive_of(self.google), self.google.people, now)

    def handlers(self) -> Mapping[str, Handler]:
        """What is served."""
        return {
            "docs.documents.batchUpdate": self._update,
            "docs.documents.create": self._create,
            "docs.documents.get": self._get,
        }

    async def _get(self, request: Request, person: Person) -> Response:
        id_ = request.path_params["document"]
        file, _ = opened(self.google, request, person, id_, DOC, READ, write=False)
        query.choice(request, "commentsViewMode", COMMENTS)
        mode = query.choice(request, "suggestionsViewMode", MODES) or MODES[0]
        tabs = query.flag(request, "includeTabsContent")
        return JSONResponse(query.selected(request, self._shown(file, person, mode, tabs=tabs)))

    def _shown(self, file: File, person: Person, mode: str, *, tabs: bool) -> Json:
        writes = file.role(person) in {"writer", "owner"}
        if mode == MODES[0]:
            mode = shape.INLINE if writes else shape.WITHOUT
        if mode != shape.WITHOUT and not writes:
            raise ApiError(403, "The caller does not have permission", "forbidden")
        revision = shape.revision(file.id, file.body, person.key) if writes else None
        return shape.shown(file.id, file.name, file.body, tabs=tabs, mode=mode, revision=revision)

    async def _create(self, request: Request, person: Person) -> Response:
        body = await query.body(request)
        who = visitor(self.google, request, person, wide=WRITE, sees=())
        title = str(body.get("title") or "Untitled document")
        file = drive_of(self.google).add(person, title, DOC, body=model.document(), made_with=who)
        return JSONResponse(query.selected(request, self._shown(file, person, MODES[0], tabs=False)))

    async def _update(self, request: Request, person: Person) -> Response:
        id_ = request.path_params["document"]
        file, _ = opened(self.google, request, person, id_, DOC, WRITE, write=True)
        body = await query.body(request)
        control = body.get("writeControl") or {}
        if "targetRevisionId" in control or control.get("writeMode") == "SUGGEST":
            raise ApiError(501, "only requiredRevisionId is emulated", "notImplemented")
        latest = shape.revision(id_, file.body, person.key)
        if control.get("requiredRevisionId", latest) != latest:
            raise ApiError(400, "The required revision ID does not match the latest revision.", "badRequest")
        after, replies = edit.changed(file.body, body.get("requests") or [])
        if after != file.body:
            after["revision"] += 1
            file.body = after
            drive_of(self.google).touch(file, person)
        answer = {
            "documentId": id_,
            "replies": replies,
            "writeControl": {"requiredRevisionId": shape.revision(id_, file.body, person.key)},
        }
        return JSONResponse(query.selected(request, answer))
