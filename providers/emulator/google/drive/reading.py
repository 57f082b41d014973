"""about.get, drives.list, files.generateIds, files.list, files.get and files.export."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from providers.emulator.google import query
from providers.emulator.google.drive.access import Desk
from providers.emulator.google.drive.listing import found
from providers.emulator.google.drive.model import FOLDER, new_id
from providers.emulator.google.drive.papers import PAPERS
from providers.emulator.google.drive.shown import BRIEF, size
from providers.emulator.google.errors import ApiError, invalid
from providers.emulator.google.people import Person

EXPORT_LIMIT = 10 * 1024 * 1024
STORAGE = 16_106_127_360


class Reading(Desk):
    """The handlers; the state is the API's."""

    async def about(self, request: Request, person: Person) -> Response:
        """Who somebody is, and how much room they have. It must be asked for by `fields`."""
        if "fields" not in request.query_params:
            raise invalid("The 'fields' parameter is required for this method.", "fields", "required")
        visitor = self.seeing(request, person)
        used = sum(size(file) for file in self.api.state.files.values() if file.owner == person.key)
        answer = {
            "kind": "drive#about",
            "user": self.shown(visitor).user(person.key),
            "storageQuota": {"limit": str(STORAGE), "usage": str(used), "usageInDrive": str(used)},
            "importFormats": _formats("imports"),
            "exportFormats": _formats("exports"),
            "maxUploadSize": "5242880000000",
            "canCreateDrives": person.domain is not None,
            "appInstalled": False,
        }
        return JSONResponse(query.selected(request, answer))

    async def drives(self, request: Request, person: Person) -> Response:
        """Nobody here has a shared drive."""
        query.whole(request, "pageSize", 10, 100)
        return JSONResponse(query.selected(request, {"kind": "drive#driveList", "drives": []}))

    async def ids(self, request: Request, person: Person) -> Response:
        """Ids for files to come."""
        count = query.whole(request, "count", 10, 1000)
        ids = [new_id(FOLDER) for _ in range(count)]
        return JSONResponse(
            query.selected(request, {"kind": "drive#generatedIds", "space": "drive", "ids": ids})
        )

    async def list(self, request: Request, person: Person) -> Response:
        """Files that the search finds."""
        visitor = self.seeing(request, person)
        some, token = query.page(
            request, found(request, self.api.state, visitor), query.whole(request, "pageSize", 100, 1000)
        )
        shown = self.shown(visitor)
        rows = [shown.file(file) for file in some]
        if "fields" not in request.query_params:
            rows = [{name: row[name] for name in BRIEF} for row in rows]
        answer = {
            "kind": "drive#fileList",
            "incompleteSearch": False,
            **({"nextPageToken": token} if token else {}),
            "files": rows,
        }
        return JSONResponse(query.selected(request, answer))

    async def get(self, request: Request, person: Person) -> Response:
        """What there is to know of a file, or with alt=media its content."""
        media = request.query_params.get("alt") == "media"
        visitor = self.reading(request, person) if media else self.seeing(request, person)
        file = self.api.state.open(visitor, request.path_params["file"])
        if not media:
            return self.file(request, visitor, file)
        if file.native:
            raise ApiError(
                403,
                "Only files with binary content can be downloaded. Use Export with Docs Editors files.",
                "fileNotDownloadable",
                about="alt",
            )
        if file.abusive and not (query.flag(request, "acknowledgeAbuse") and file.owner == person.key):
            raise ApiError(
                403,
                "This file has been identified as malware or spam and cannot be downloaded.",
                "cannotDownloadAbusiveFile",
            )
        return Response(file.bytes, media_type=file.kind, headers={"content-disposition": "attachment"})

    async def export(self, request: Request, person: Person) -> Response:
        """A Doc, Sheet or the like in another format."""
        kind = request.query_params.get("mimeType")
        if kind is None:
            raise invalid("Required parameter: mimeType", "mimeType", "required")
        file = self.api.state.open(self.reading(request, person), request.path_params["file"])
        paper = PAPERS.get(file.kind)
        if paper is None:
            raise ApiError(403, "Export only supports Docs Editors files.", "fileNotExportable")
        if kind not in paper.exports:
            raise invalid("The requested conversion is not supported.", "convertTo", "badRequest")
        content = paper.exports[kind](file.body)
        if len(content) > EXPORT_LIMIT:
            raise ApiError(403, "This file is too large to be exported.", "exportSizeLimitExceeded")
        return Response(content, media_type=kind, headers={"content-disposition": "attachment"})


def _formats(which: str) -> dict[str, list[str]]:
    """What is made into what: imports by the media type that comes in, exports by Google's kind."""
    table: dict[str, list[str]] = {}
    for paper in PAPERS.values():
        for kind in getattr(paper, which):
            one, other = (kind, paper.kind) if which == "imports" else (paper.kind, kind)
            table.setdefault(one, []).append(other)
    return table
