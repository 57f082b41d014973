"""Messages, threads and labels as Gmail's API shows them."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Iterable
from typing import Any

from providers.emulator.google.gmail import mime
from providers.emulator.google.gmail.mail import Label, Mail, Mailbox
from providers.emulator.google.gmail.mime import Part

Json = dict[str, Any]
FORMATS = ("minimal", "full", "raw", "metadata")


def message(mail: Mail, form: str, headers: Iterable[str] = ()) -> Json:
    """A message in one of `FORMATS`; `headers` are the only ones that metadata shows, where any are named."""
    row: Json = {
        "id": mail.id,
        "threadId": mail.thread,
        "labelIds": list(mail.labels),
        "snippet": mime.snippet(mail.root),
        "sizeEstimate": len(mail.raw),
        "historyId": str(mail.history),
        "internalDate": str(mail.at),
    }
    if not mail.labels:
        del row["labelIds"]
    if form == "full":
        row["payload"] = _part(mail, mail.root)
    elif form == "raw":
        row["raw"] = encoded(mail.raw)
    elif form == "metadata":
        wanted = {name.lower() for name in headers}
        some = [pair for pair in mail.root.headers if not wanted or pair[0].lower() in wanted]
        row["payload"] = {"mimeType": mail.root.kind, "headers": _headers(some)}
    return row


def thread(box: Mailbox, id_: str, form: str, headers: Iterable[str] = ()) -> Json:
    """A thread with its messages."""
    mails = box.thread(id_)
    return {
        "id": id_,
        "historyId": str(max(mail.history for mail in mails)),
        "messages": [message(mail, form, headers) for mail in mails],
    }


def label(one: Label) -> Json:
    """A label as a list of them has it."""
    row: Json = {"id": one.id, "name": one.name, "type": "system" if one.system else "user"}
    if not one.system or one.message_visibility == "hide":
        row["messageListVisibility"] = one.message_visibility
        row["labelListVisibility"] = one.list_visibility
    if one.color is not None:
        row["color"] = dict(one.color)
    return row


def counted(box: Mailbox, one: Label) -> Json:
    """A label with how much bears it."""
    mails = [mail for mail in box.mails.values() if one.id in mail.labels]
    unread = [mail for mail in mails if "UNREAD" in mail.labels]
    return {
        **label(one),
        "messagesTotal": len(mails),
        "messagesUnread": len(unread),
        "threadsTotal": len({mail.thread for mail in mails}),
        "threadsUnread": len({mail.thread for mail in unread}),
    }


def encoded(raw: bytes) -> str:
    """base64url, padded."""
    return base64.urlsafe_b64encode(raw).decode()


def found(mail: Mail, attachment: str) -> Part | None:
    """The part that an attachment id stands for."""
    try:
        body = base64.urlsafe_b64decode(attachment + "=" * (-len(attachment) % 4))
    except ValueError:
        return None
    mark = body[-20:]
    return next((part for part in mail.root.walk() if _mark(mail, part) == mark), None)


def _part(mail: Mail, part: Part) -> Json:
    body: Json = {"size": len(part.body)}
    if part.attached and not (part.parts and not part.body):
        body["attachmentId"] = _attachment(mail, part)
    elif part.body:
        body["data"] = encoded(part.body)
    row: Json = {
        "partId": part.id,
        "mimeType": part.kind,
        "filename": part.name,
        "headers": _headers(part.headers),
        "body": body,
    }
    if part.parts:
        row["parts"] = [_part(mail, inner) for inner in part.parts]
    return row


def _attachment(mail: Mail, part: Part) -> str:
    """Another one every time, as with Gmail; each of them opens the attachment."""
    return base64.urlsafe_b64encode(b"\x00\x01" + secrets.token_bytes(200) + _mark(mail, part)).decode()


def _mark(mail: Mail, part: Part) -> bytes:
    return hashlib.sha256(f"{mail.id}/{part.id}".encode()).digest()[:20]


def _headers(pairs: Iterable[tuple[str, str]]) -> list[Json]:
    return [{"name": name, "value": value} for name, value in pairs]
