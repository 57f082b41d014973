"""One more attachment for a draft: its mail is read whole, put together anew, and takes the old one's place.

Gmail has no way to add to a draft. So here, and only here, a file is in memory as a whole, beside its mail.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
import secrets
from email import policy
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from json import dumps

from pydantic import Field

from providers.base import Conflict, CredentialSource, Parcel, Rejected, Unavailable
from providers.carrier import Incoming, Stored
from providers.filenames import safe
from providers.google.call import segment
from providers.google.record import GOOGLE
from providers.google.services import GMAIL_COMPOSE
from providers.http import Content, Http
from providers.model import Model, Text, read
from providers.parcel import MOST
from providers.streaming import TOO_LARGE

_DRAFTS = "https://gmail.googleapis.com/gmail/v1/users/me/drafts"
_UPLOAD = "https://gmail.googleapis.com/upload/gmail/v1/users/me/drafts"
_SCOPES = frozenset({GMAIL_COMPOSE})
LARGEST_MAIL = 36_700_160
"""Bytes of a whole mail (gmail.v1, drafts.update, mediaUpload.maxSize)."""

_ENCODED = LARGEST_MAIL * 4 // 3 + 10_000
_TRIES = 3
_ANY = ("application", "octet-stream")
_GAP = re.compile(rb"\r?\n\r?\n")


class _Message(Model):
    id: Text = ""
    raw: Text = ""
    thread: Text = Field(default="", validation_alias="threadId")


class _Draft(Model):
    message: _Message = _Message()


async def put_draft_attachment(
    http: Http, credential: CredentialSource, parcel: Parcel, incoming: Incoming
) -> Stored:
    """drafts.get and drafts.update. The draft keeps its id and its thread.

    Raises Rejected (TOO_LARGE) where the mail would be larger than Gmail takes, Conflict where the draft does
    not stop changing.
    """
    body = bytearray()
    async for piece in incoming.pieces:
        body += piece
        if len(body) > MOST:
            raise Rejected(GOOGLE.name, "put", TOO_LARGE)
    draft = segment(parcel.place["draft"])
    name = safe(parcel.name or incoming.name)
    kind = parcel.media_type or incoming.media_type
    for _ in range(_TRIES):
        message = await _message(http, credential, draft, "message(id,raw,threadId)")
        mail = await asyncio.to_thread(_attached, message.raw, name, kind, body)
        # Drafts have no etag, and whoever changed this one meanwhile (another link of it) must not lose that.
        if (await _message(http, credential, draft, "message(id)")).id == message.id:
            break
    else:
        raise Conflict(GOOGLE.name, "put_draft")
    await http.request(
        GOOGLE,
        "PUT",
        f"{_UPLOAD}/{draft}",
        operation="put_draft",
        credential=credential,
        params={"uploadType": "multipart", "fields": "id"},
        content=_related(message.thread, mail),
        scopes=_SCOPES,
    )
    return Stored(name, len(body))


async def _message(http: Http, credential: CredentialSource, draft: str, fields: str) -> _Message:
    try:
        answer = await http.request(
            GOOGLE,
            "GET",
            f"{_DRAFTS}/{draft}",
            operation="draft",
            credential=credential,
            params={
                "format": "raw" if "raw" in fields else "minimal",
                "fields": fields,
                "prettyPrint": False,
            },
            scopes=_SCOPES,
            most=_ENCODED,
        )
        return read(_Draft, answer).message
    except Unavailable as error:  # nothing hangs on a read
        raise Unavailable(GOOGLE.name, "draft", retry_after=error.retry_after) from error


def _attached(raw: str, name: str, kind: str, body: bytearray) -> bytes:
    """The mail with one more part. Everything that stood in it stands there still, byte by byte."""
    try:
        held = base64.b64decode(raw + "=" * (-len(raw) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        held = b""
    if not held:
        raise Unavailable(GOOGLE.name, "draft", "unreadable answer")
    # Lines of 76 letters for 57 bytes (RFC 2045 §6.8), and some room for headers.
    if len(held) + len(body) * 78 // 57 + 4096 > LARGEST_MAIL:
        raise Rejected(GOOGLE.name, "put", TOO_LARGE)
    main, _, sub = kind.partition("/")
    main, sub = (main, sub) if main and sub and main not in {"multipart", "message"} else _ANY
    part = EmailMessage(policy=policy.SMTP)
    part.set_content(bytes(body), maintype=main, subtype=sub, disposition="attachment", filename=name)
    del part["MIME-Version"]
    return _with(held, part.as_bytes())


def _with(mail: bytes, part: bytes) -> bytes:
    """A multipart/mixed of what the mail was and of that part (RFC 2046 §5.1)."""
    found = _GAP.search(mail)
    head, body = (mail[: found.start()], mail[found.end() :]) if found else (mail, b"")
    about = BytesHeaderParser(policy=policy.compat32).parsebytes(head)
    boundary = about.get_boundary()
    if about.get_content_type() == "multipart/mixed" and boundary:
        mark = b"--" + boundary.encode("ascii", "replace")
        before, closing, after = body.rpartition(mark + b"--")
        if closing and before[-1:] in {b"\n", b""}:
            return b"".join((head, b"\r\n\r\n", before, mark, b"\r\n", part, b"\r\n", closing, after))
    mark = b"--" + secrets.token_hex(16).encode()
    inner, outer = _sorted(head)
    kind = b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="' + mark[2:] + b'"\r\n\r\n'
    first = (mark, b"\r\n", inner, b"\r\n", body, b"\r\n")
    return b"".join((outer, kind, *first, mark, b"\r\n", part, b"\r\n", mark, b"--\r\n"))


def _sorted(head: bytes) -> tuple[bytes, bytes]:
    """The fields of a header that are about its body, and the others; each with its folded lines."""
    inner, outer = bytearray(), bytearray()
    for each in re.split(rb"\r?\n(?![ \t])", head):
        name = each.partition(b":")[0].strip().lower()
        if each and name != b"mime-version":
            (inner if name.startswith(b"content-") else outer).extend(each + b"\r\n")
    return bytes(inner), bytes(outer)


def _related(thread: str, mail: bytes) -> Content:
    """A multipart upload: what Gmail is told of the message, and the message (RFC 2387)."""
    about = {"message": {"threadId": thread}} if thread else {"message": {}}
    boundary = secrets.token_hex(16)
    head = (
        f"--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{dumps(about)}\r\n"
        f"--{boundary}\r\nContent-Type: message/rfc822\r\n\r\n"
    )
    body = b"".join((head.encode(), mail, f"\r\n--{boundary}--\r\n".encode()))
    return Content(f"multipart/related; boundary={boundary}", body)
