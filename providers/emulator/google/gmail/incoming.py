"""What comes in with a request: a message in JSON, or at the address for uploads as it is."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from typing import Any

from starlette.requests import Request

from providers.emulator.google import query
from providers.emulator.google.errors import ApiError, invalid
from providers.emulator.google.gmail import refusals
from providers.emulator.google.related import parts

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
        data, kind, content = parts(sort, raw)
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
