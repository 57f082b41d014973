"""Files of the emulator's people, as they truly are, and given to Valet as by Google's picker."""

from __future__ import annotations

import base64
from typing import Any

from providers.google.services import DRIVE_METADATA, DRIVE_READ
from tests.mcp_server.desk import GOOGLE_UPSTREAM
from tests.mcp_server.hall import Hall

SEEING = GOOGLE_UPSTREAM | {DRIVE_METADATA}
READING = GOOGLE_UPSTREAM | {DRIVE_READ}


def files(hall: Hall, account: str = "ana") -> dict[str, str]:
    """Ids of an account's own files by name."""
    known: dict[str, str] = hall.emulator.accounts("google")[account]["files"]
    return known


def truly(hall: Hall, id_: str, account: str = "ana") -> dict[str, Any]:
    """A file as it is now."""
    rows: list[dict[str, Any]] = hall.emulator.read("drive/files", account=account)
    return next(row for row in rows if row["id"] == id_)


def given(hall: Hall, name: str, account: str = "ana", owner: str | None = None) -> str:
    """A file that there is, which Valet may use from now on."""
    id_ = files(hall, owner or account)[name]
    hall.emulator.control("drive/give", account=account, file=id_)
    return id_


def put(hall: Hall, name: str, kind: str, content: bytes | str = b"", account: str = "ana") -> str:
    """A new file that Valet may use."""
    raw = content.encode() if isinstance(content, str) else content
    body = {"account": account, "title": name, "mimeType": kind, "base64": base64.b64encode(raw).decode()}
    id_: str = hall.emulator.control("drive/file", **body)["id"]
    hall.emulator.control("drive/give", account=account, file=id_)
    return id_
