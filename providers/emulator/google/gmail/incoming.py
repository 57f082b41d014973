"""What comes in with a request: a message in JSON, or at the address for uploads as it is."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable
from email.message import Message
from typing import Any

from starlette.requests import Request

from providers.emulator.google import query
from providers.emulator.google.errors import ApiError, invalid
from providers.emulator.google.gmail import refusals

Json = dict[str, Any]
MESSAGE = {
    "classificationLabelValues", "historyId", "id", "internalDate", "labelIds", "payload", "raw",
    "sizeEstimate", "snippet", "threadId",
}  # fmt: skip
NO_RAW = "'raw' RFC822 payload message string or uploading message via /upload/* URL required"


async def taken(request: Request, *, draft: bool) -> tuple[Json, bytes | None]:
    """What JSON there is (of a draft, or of a message), and the message itself. Raises ApiError."""
    if "/upload/" not in request.scope["path"]:
        data = await query.body(request)
        return data, _message(data, draft=draft)
    raw, sort = await request.body(), request.headers.get("content-type", "")
    way = request.query_params.get("uploadType")
    if way == "media":
        return {}, _bounded(raw, sort)
    if way == "multipart":
        data, kind, content = _parts(sort, raw)
        _message(data, draft=draft)
        return data, _bounded(content, kind)
    if way == "resumable":
        raise ApiError(501, "Not emulated yet", "notImplemented")
    raise invalid("Invalid upload request.", "uploadType", "badRequest")


def known(data: Json, names: Iterable[str]) -> None:
    """Refuse what the API has no field for. Raises ApiError 400."""
    for name in data:
        if name not in names:
            raise ApiError(
                400, f'Invalid JSON payload received. Unknown name "{name}": Cannot find field.', "badRequest"
            )


def thread(data: Json, *, draft: bool) -> str | None:
    """The thread it shall go to. Raises ApiError."""
    named = (data.get("message") or {} if draft else data).get("threadId") or None
    if named is not None and not isinstance(named, str):
        raise refusals.wrong("Invalid thread_id value")
    return named


def _message(data: Json, *, draft: bool) -> bytes | None:
    known(data, {"id", "message"} if draft else MESSAGE)
    message = data.get("message") or {} if draft else data
    if not isinstance(message, dict):
        raise refusals.wrong("Invalid value at 'draft.message'")
    known(message, MESSAGE)
    text = message.get("raw")
    if text is None or text == "":
        return None
    return _bounded(_decoded(text, "draft.message.raw" if draft else "message.raw"), "message/rfc822")


def _decoded(text: object, at: str) -> bytes:
    """Base64 in either alphabet, padded or not. Raises ApiError 400."""
    plain = text.replace("-", "+").replace("_", "/") if isinstance(text, str) else "!"
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ApiError(
            400, f"Invalid value at '{at}' (TYPE_BYTES), Base64 decoding failed", "invalid"
        ) from None


def _bounded(raw: bytes, kind: str) -> bytes:
    if not kind.partition(";")[0].strip().lower().startswith("message/"):
        raise ApiError(
            400, f"Media type '{kind}' is not supported. Valid media types: [message/*]", "badContent"
        )
    if len(raw) > refusals.LARGEST:
        raise refusals.too_large()
    return raw


def _parts(sort: str, raw: bytes) -> tuple[Json, str, bytes]:
    """JSON, media type and content of a multipart/related body. Raises ApiError."""
    header = Message()
    header["content-type"] = sort
    boundary = header.get_boundary()
    if header.get_content_type() != "multipart/related" or not boundary:
        raise invalid("Multipart content must have a boundary.", reason="badContent")
    sections = (b"\n" + raw.replace(b"\r\n--" + boundary.encode(), b"\n--" + boundary.encode())).split(
        b"\n--" + boundary.encode()
    )
    if len(sections) != 4 or not sections[3].startswith(b"--"):
        raise invalid("Missing end boundary in multipart body.", reason="badContent")
    first, second = (_section(section) for section in sections[1:3])
    try:
        data = json.loads(first[1])
    except ValueError:
        raise ApiError(400, "Parse Error", "parseError") from None
    if not isinstance(data, dict):
        raise ApiError(400, "Parse Error", "parseError")
    kind = Message()
    kind["content-type"] = second[0].get("content-type", "")
    content = second[1]
    if second[0].get("content-transfer-encoding", "").lower() == "base64":
        content = base64.b64decode(content)
    return data, kind.get_content_type(), content


def _section(section: bytes) -> tuple[dict[str, str], bytes]:
    """Headers and content of one part; lines end with CRLF or LF."""
    gap = min((at for at in (section.find(b"\r\n\r\n"), section.find(b"\n\n")) if at >= 0), default=-1)
    if gap < 0:
        raise invalid("Missing blank line in multipart body.", reason="badContent")
    lines = section[:gap].decode("latin-1").splitlines()
    headers = {
        name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
    }
    return headers, section[gap:].lstrip(b"\r")[1:].removeprefix(b"\r").removeprefix(b"\n")
