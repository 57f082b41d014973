"""The methods of sheets.v4, as its discovery document has them: name, verb, path, accepted scopes."""

from __future__ import annotations

from providers.emulator.google.api import rest

BOOK = "/spreadsheets/{book}"
VALUES = f"{BOOK}/values"
RANGE = f"{VALUES}/{{range:path}}"
WRITING = ("drive", "drive.file", "spreadsheets")
READING = (*WRITING, "drive.readonly", "spreadsheets.readonly")

SERVED: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("sheets.spreadsheets.batchUpdate", "POST", f"{BOOK}:batchUpdate", WRITING),
    ("sheets.spreadsheets.create", "POST", "/spreadsheets", WRITING),
    ("sheets.spreadsheets.get", "GET", BOOK, READING),
    ("sheets.spreadsheets.values.append", "POST", f"{RANGE}:append", WRITING),
    ("sheets.spreadsheets.values.batchGet", "GET", f"{VALUES}:batchGet", READING),
    ("sheets.spreadsheets.values.batchUpdate", "POST", f"{VALUES}:batchUpdate", WRITING),
    ("sheets.spreadsheets.values.clear", "POST", f"{RANGE}:clear", WRITING),
    ("sheets.spreadsheets.values.get", "GET", RANGE, READING),
    ("sheets.spreadsheets.values.update", "PUT", RANGE, WRITING),
)

REST = f"""
    POST {BOOK}:getByDataFilter {BOOK}/developerMetadata:search {BOOK}/sheets/{{sheet}}:copyTo
    GET {BOOK}/developerMetadata/{{metadata}}
    POST {VALUES}:batchClear {VALUES}:batchClearByDataFilter {VALUES}:batchGetByDataFilter
    POST {VALUES}:batchUpdateByDataFilter
"""
"""The API has these; the emulator answers 501 until it does."""

UNBUILT = rest(REST)
