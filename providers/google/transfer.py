"""Files of Google's that travel by a link: each kind as a parcel, and how it is fetched or put."""

from __future__ import annotations

from providers.base import Direction, Parcel
from providers.carrier import Carrier
from providers.filenames import media_type as bare
from providers.google.drafting import put_draft_attachment
from providers.google.fetching import fetch_attachment, fetch_export, fetch_file
from providers.google.putting import put_new_content, put_new_file
from providers.google.record import GOOGLE

CARRIER = Carrier(
    fetches={
        "drive_file": fetch_file,
        "exported": fetch_export,
        "attachment": fetch_attachment,
    },
    puts={
        "new_file": put_new_file,
        "new_content": put_new_content,
        "draft_attachment": put_draft_attachment,
    },
    held=frozenset({"draft_attachment"}),
)
"""One line for each kind."""


def drive_file(file_id: str, name: str, media_type: str = "", size: int | None = None) -> Parcel:
    """The content of a Drive file that has bytes of its own (files.get, alt=media)."""
    return _parcel("download", "drive_file", name, {"file": file_id}, media_type, size)


def exported(file_id: str, name: str, media_type: str) -> Parcel:
    """A Doc, Sheet, … of Google's as a file of that type (files.export); `name` has its ending."""
    return _parcel("download", "exported", name, {"file": file_id}, media_type)


def attachment(
    message_id: str, attachment_id: str, name: str, media_type: str = "", size: int | None = None
) -> Parcel:
    """An attachment of a mail (messages.attachments.get)."""
    place = {"message": message_id, "attachment": attachment_id}
    return _parcel("download", "attachment", name, place, media_type, size)


def new_file(name: str, folder_id: str | None = None, media_type: str = "") -> Parcel:
    """A new file in the Drive, in that folder or at its top. Without a type it is what the upload says."""
    return _parcel("upload", "new_file", name, {"folder": folder_id} if folder_id else {}, media_type)


def new_content(file_id: str, name: str, media_type: str = "") -> Parcel:
    """Other content for a Drive file, which keeps its id, name and place."""
    return _parcel("upload", "new_content", name, {"file": file_id}, media_type)


def draft_attachment(draft_id: str, name: str = "", media_type: str = "") -> Parcel:
    """One more attachment of a draft. Without a name it is called as the upload says."""
    return _parcel("upload", "draft_attachment", name, {"draft": draft_id}, media_type)


def _parcel(
    direction: Direction,
    kind: str,
    name: str,
    place: dict[str, str],
    media_type: str,
    size: int | None = None,
) -> Parcel:
    return Parcel(direction, GOOGLE.name, kind, name, place, bare(media_type), size)
