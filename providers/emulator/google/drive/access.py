"""Who asks, and the parts of an answer that a request wants; what the groups of methods share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse

from providers.emulator.google import query
from providers.emulator.google.drive.model import File, Visitor
from providers.emulator.google.drive.shown import BRIEF, Shown
from providers.emulator.google.people import Person
from providers.emulator.google.scopes import full

if TYPE_CHECKING:
    from providers.emulator.google.drive.api import DriveApi
    from providers.emulator.google.upstream import Google

Json = dict[str, Any]
WHOLE = ("drive", "drive.readonly", "drive.meet.readonly")
SEEING = (*WHOLE, "drive.metadata", "drive.metadata.readonly")


def visitor(
    google: Google, request: Request, person: Person, wide: Iterable[str], sees: Iterable[str] = ()
) -> Visitor:
    """Who asks. `wide` are the scopes that open files that the app was not given, for what is asked; those of
    `sees` at least show that such a file is there.
    """
    held = google.bearer(request)
    scopes = set(held.scopes)
    everywhere = bool(scopes & {full(scope) for scope in wide})
    return Visitor(person, held.client_id, everywhere, everywhere or bool(scopes & {full(s) for s in sees}))


class Desk:
    """What every group of methods begins with."""

    def __init__(self, api: DriveApi) -> None:
        self.api = api

    def seeing(self, request: Request, person: Person) -> Visitor:
        """Who asks about names and other metadata."""
        return visitor(self.api.google, request, person, SEEING)

    def reading(self, request: Request, person: Person) -> Visitor:
        """Who asks for content."""
        return visitor(self.api.google, request, person, WHOLE, SEEING)

    def writing(self, request: Request, person: Person) -> Visitor:
        """Who changes something."""
        return visitor(self.api.google, request, person, ("drive",), SEEING)

    def shown(self, visitor: Visitor) -> Shown:
        """Everything in the eyes of who asks."""
        return Shown(self.api.state, self.api.google.people, visitor)

    def file(self, request: Request, visitor: Visitor, file: File) -> JSONResponse:
        """A file as an answer; without `fields` it is brief."""
        return self.partial(request, self.shown(visitor).file(file), BRIEF)

    @staticmethod
    def partial(request: Request, row: Json, brief: Iterable[str]) -> JSONResponse:
        """What `fields` asks for, or else what `brief` names."""
        if "fields" in request.query_params:
            return JSONResponse(query.selected(request, row))
        return JSONResponse({name: row[name] for name in brief if name in row})
