"""sheets.googleapis.com: spreadsheets and their values."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from providers.emulator.google import query
from providers.emulator.google.api import Api
from providers.emulator.google.drive.access import visitor
from providers.emulator.google.drive.api import drive_of
from providers.emulator.google.drive.model import SHEET, File
from providers.emulator.google.guard import Handler
from providers.emulator.google.opening import opened
from providers.emulator.google.people import Person
from providers.emulator.google.quota import Bucket
from providers.emulator.google.sheets import book as books
from providers.emulator.google.sheets import values
from providers.emulator.google.sheets.a1 import bad, parse
from providers.emulator.google.sheets.data import furnish
from providers.emulator.google.sheets.methods import SERVED, UNBUILT

Json = dict[str, Any]
READ = ("spreadsheets", "spreadsheets.readonly", "drive", "drive.readonly")
WRITE = ("spreadsheets", "drive")
IDS = re.compile(r"/(spreadsheets|values)/(?:(?<=spreadsheets/)[^/:]+|(?<=values/).+?(?=:append$|:clear$|$))")
INSERT = ("OVERWRITE", "INSERT_ROWS")
WRITES = ("batchUpdate", "create", "values.append", "values.batchUpdate", "values.clear", "values.update")


class SheetsApi(Api):
    """Spreadsheets; what they hold stands in Drive's store."""

    name = "sheets"
    base = "/sheets.googleapis.com/v4"
    hosts = frozenset({"sheets.googleapis.com"})
    served = SERVED
    unbuilt = UNBUILT
    modern = True
    ids = IDS
    buckets = (Bucket("sheets.read", 60), Bucket("sheets.write", 60))
    cost: ClassVar[Mapping[str, tuple[str, int]]] = {
        f"sheets.spreadsheets.{name}": ("sheets.write", 1) for name in WRITES
    }

    def settle(self, now: float) -> None:
        """Spreadsheets in everybody's Drive, which is there already."""
        furnish(drive_of(self.google), self.google.people, now)

    def handlers(self) -> Mapping[str, Handler]:
        """What is served."""
        return {
            "sheets.spreadsheets.batchUpdate": self._batch,
            "sheets.spreadsheets.create": self._create,
            "sheets.spreadsheets.get": self._get,
            "sheets.spreadsheets.values.append": self._append,
            "sheets.spreadsheets.values.batchGet": self._several,
            "sheets.spreadsheets.values.batchUpdate": self._updates,
            "sheets.spreadsheets.values.clear": self._clear,
            "sheets.spreadsheets.values.get": self._values,
            "sheets.spreadsheets.values.update": self._update,
        }

    def _open(self, request: Request, person: Person, *, write: bool = False) -> File:
        id_ = request.path_params["book"]
        wide = WRITE if write else READ
        return opened(self.google, request, person, id_, SHEET, wide, write=write)[0]

    def _write(self, request: Request, person: Person, act: Callable[[Json], Json]) -> Response:
        """What `act` does with the spreadsheet, whole or not at all."""
        file = self._open(request, person, write=True)
        after = copy.deepcopy(file.body)
        answer = {"spreadsheetId": file.id, **act(after)}
        file.body = after
        drive_of(self.google).touch(file, person)
        return JSONResponse(query.selected(request, answer))

    # Spreadsheets

    async def _get(self, request: Request, person: Person) -> Response:
        file = self._open(request, person)
        fields = request.query_params.get("fields")
        # "If a field mask is set, the includeGridData parameter is ignored" (spreadsheets.get).
        grid = query.flag(request, "includeGridData") if fields is None else "data" in fields
        areas = [parse(file.body, text) for text in request.query_params.getlist("ranges")]
        answer = books.shown(file.id, file.name, file.body, areas, grid=grid)
        return JSONResponse(query.selected(request, answer))

    async def _create(self, request: Request, person: Person) -> Response:
        title, made = books.created(await query.body(request))
        who = visitor(self.google, request, person, wide=WRITE, sees=())
        file = drive_of(self.google).add(person, title, SHEET, body=made, made_with=who)
        return JSONResponse(query.selected(request, books.shown(file.id, title, made, None, grid=False)))

    async def _batch(self, request: Request, person: Person) -> Response:
        body = await query.body(request)

        def act(book: Json) -> Json:
            after, replies = books.changed(book, body.get("requests") or [])
            book.update(after)
            return {"replies": replies}

        return self._write(request, person, act)

    # Values

    async def _values(self, request: Request, person: Person) -> Response:
        file = self._open(request, person)
        area = parse(file.body, request.path_params["range"])
        return JSONResponse(query.selected(request, values.read(area, values.look(request.query_params))))

    async def _several(self, request: Request, person: Person) -> Response:
        file, how = self._open(request, person), values.look(request.query_params)
        areas = [parse(file.body, text) for text in request.query_params.getlist("ranges")]
        if not areas:
            raise bad("Must specify at least one range.")
        answer = {"spreadsheetId": file.id, "valueRanges": [values.read(area, how) for area in areas]}
        return JSONResponse(query.selected(request, answer))

    async def _update(self, request: Request, person: Person) -> Response:
        body, how = await query.body(request), values.entry(request.query_params)
        text = request.path_params["range"]
        return self._write(request, person, lambda book: values.update(book, text, body, how))

    async def _append(self, request: Request, person: Person) -> Response:
        body, how = await query.body(request), values.entry(request.query_params)
        insert = query.choice(request, "insertDataOption", INSERT) == INSERT[1]
        text = request.path_params["range"]

        def act(book: Json) -> Json:
            answer = values.append(book, text, body, how, insert)
            answer["updates"]["spreadsheetId"] = request.path_params["book"]
            return answer

        return self._write(request, person, act)

    async def _clear(self, request: Request, person: Person) -> Response:
        text = request.path_params["range"]
        return self._write(request, person, lambda book: values.clear(book, text))

    async def _updates(self, request: Request, person: Person) -> Response:
        body = await query.body(request)
        how = values.entry(body)

        def act(book: Json) -> Json:
            done = [values.update(book, str(one.get("range")), one, how) for one in body.get("data") or []]
            rows = [{"spreadsheetId": request.path_params["book"], **row} for row in done]
            total = sum(row.get("updatedCells", 0) for row in done)
            return {"totalUpdatedCells": total, "responses": rows}

        return self._write(request, person, act)
