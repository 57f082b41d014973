"""Opening a file of somebody's Drive as Docs and Sheets do: by kind and role, in their words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request

from providers.emulator.google.drive.access import visitor
from providers.emulator.google.drive.api import drive_of
from providers.emulator.google.drive.model import File, Visitor
from providers.emulator.google.errors import ApiError
from providers.emulator.google.people import Person

if TYPE_CHECKING:
    from providers.emulator.google.upstream import Google


def opened(
    google: Google,
    request: Request,
    person: Person,
    id_: str,
    kind: str,
    wide: tuple[str, ...],
    *,
    write: bool,
) -> tuple[File, Visitor]:
    """The file of that kind. `wide` are the scopes that open files which the app was not given.

    Raises ApiError: 404, 403 where the person may not, 400 for a file of another kind.
    """
    who = visitor(google, request, person, wide=wide, sees=())
    try:
        file = drive_of(google).open(who, id_, "writer" if write else "reader")
    except ApiError as error:
        if error.code == 404:
            raise ApiError(404, "Requested entity was not found.", "notFound") from None
        raise ApiError(403, "The caller does not have permission", "forbidden") from None
    if file.kind != kind:
        raise ApiError(400, "This operation is not supported for this document", "failedPrecondition",
                       more={"status": "FAILED_PRECONDITION"})  # fmt: skip
    return file, who
