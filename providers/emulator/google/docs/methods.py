"""The methods of docs.v1, as its discovery document has them: name, verb, path, accepted scopes."""

from __future__ import annotations

DOCUMENT = "/documents/{document}"
WRITING = ("documents", "drive", "drive.file")
READING = (*WRITING, "documents.readonly", "drive.readonly")

SERVED: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("docs.documents.batchUpdate", "POST", f"{DOCUMENT}:batchUpdate", WRITING),
    ("docs.documents.create", "POST", "/documents", WRITING),
    ("docs.documents.get", "GET", DOCUMENT, READING),
)
