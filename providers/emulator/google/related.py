"""An upload of JSON and content in one body (multipart/related), as Google's APIs take it."""

from __future__ import annotations

import base64
import binascii
import json
from email.message import Message
from typing import Any

from providers.emulator.google.errors import ApiError, invalid

Json = dict[str, Any]


def parts(sort: str, raw: bytes) -> tuple[Json, str, bytes]:
    """The JSON, the media type of the content (without parameters) and the content. Raises ApiError.

    Lines end as the first one does: with CRLF, or with LF alone, as Google's own Python library writes them.
    """
    header = Message()
    header["content-type"] = sort
    boundary = header.get_boundary()
    if header.get_content_type() != "multipart/related" or not boundary:
        raise invalid("Multipart content must have a boundary.", reason="badContent")
    mark = b"--" + boundary.encode()
    end = b"\r\n" if raw.lstrip(b"\r\n").startswith(mark + b"\r\n") else b"\n"
    sections = (end + raw).split(end + mark)
    if len(sections) != 4 or not sections[3].startswith(b"--"):
        raise invalid("Missing end boundary in multipart body.", reason="badContent")
    (_, metadata), (headers, content) = (_section(section, end) for section in sections[1:3])
    try:
        data = json.loads(metadata)
    except ValueError:
        raise ApiError(400, "Parse Error", "parseError") from None
    if not isinstance(data, dict):
        raise ApiError(400, "Parse Error", "parseError")
    if headers.get("content-transfer-encoding", "").lower() == "base64":
        try:
            content = base64.b64decode(content)
        except binascii.Error:
            raise invalid("Failed to decode base64 content.", reason="badContent") from None
    return data, bare(headers.get("content-type", "")), content


def bare(sort: str) -> str:
    """A media type without parameters."""
    return sort.partition(";")[0].strip().lower() or "application/octet-stream"


def _section(section: bytes, end: bytes) -> tuple[dict[str, str], bytes]:
    """Headers and content of one part."""
    head, _, content = section.partition(end * 2)
    lines = (line.partition(":") for line in head.decode("latin-1").splitlines())
    return {name.strip().lower(): value.strip() for name, _, value in lines}, content
