"""The calls our tools make to the Gmail API, version 1."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterable, Sequence
from typing import Any

from providers.google.call import Caller, segment
from providers.google.gmail.answers import (
    Content,
    Draft,
    DraftPage,
    Label,
    LabelList,
    Message,
    MessagePage,
    Thread,
    ThreadPage,
)
from providers.google.gmail.parts import unpacked
from providers.google.services import GMAIL_COMPOSE, GMAIL_LABELS, GMAIL_MODIFY, GMAIL_READ, GMAIL_SEND
from providers.http import Answer, Params
from providers.http import Content as Sent
from providers.model import read

HEADERS = ("From", "To", "Cc", "Bcc", "Reply-To", "Subject", "Message-ID", "References", "In-Reply-To")
"""The lines of a mail's head that our tools look at."""

DEEPEST = 8
"""How many levels of parts within parts are asked for: `fields` names each level, so no mail is deeper."""

_READ = frozenset({GMAIL_READ})
_MODIFY = frozenset({GMAIL_MODIFY})
_COMPOSE = frozenset({GMAIL_COMPOSE})
_UPLOAD = "https://gmail.googleapis.com/upload/gmail/v1"
_LARGE = 3_000_000
"""Bytes of a mail from which on it is uploaded as it is: as JSON it would be a third larger."""

_OUTER = "id,threadId,labelIds,snippet,internalDate,sizeEstimate"
_ABOUT = f"{_OUTER},payload(headers)"
_SEEN = "id,threadId,labelIds"
_MOST_TEXT = 8_000_000
_MOST_STRUCTURE = 4_000_000


def _levels(body: str) -> str:
    """The fields of a part and of those within it, `DEEPEST` levels down."""
    each = f"partId,mimeType,filename,headers,body({body})"
    text = each
    for _ in range(DEEPEST - 1):
        text = f"{each},parts({text})"
    return f"{_OUTER},payload({text})"


_STRUCTURE = _levels("size,attachmentId")
_WHOLE = _levels("size,attachmentId,data")


class Gmail(Caller):
    """Gmail with one person's credential. Every call raises ProviderError."""

    base = "https://gmail.googleapis.com/gmail/v1/users/me"

    # Labels

    async def labels(self, scope: str = GMAIL_LABELS) -> tuple[Label, ...]:
        """labels.list. `scope` is the one that is held: to label and to read mail open it, too."""
        params: Params = {"fields": "labels(id,name,type)"}
        answer = await self._call("labels", "GET", "/labels", params, frozenset({scope}))
        return read(LabelList, answer).labels

    async def create_label(self, name: str) -> Label:
        """labels.create. Conflict where the name is taken."""
        label = {"name": name, "labelListVisibility": "labelShow", "messageListVisibility": "show"}
        params: Params = {"fields": "id,name,type"}
        answer = await self._call(
            "create_label", "POST", "/labels", params, frozenset({GMAIL_LABELS}), json=label
        )
        return read(Label, answer)

    # Threads and messages

    async def threads(
        self,
        *,
        query: str | None,
        label_ids: Sequence[str] = (),
        limit: int,
        page_token: str | None = None,
        everywhere: bool = False,
    ) -> ThreadPage:
        """threads.list: with all of `label_ids` and fitting `query`; `everywhere`: spam and trash too."""
        params: Params = {
            "q": query or None, "labelIds": list(label_ids), "maxResults": limit, "pageToken": page_token,
            "includeSpamTrash": "true" if everywhere else None,
            "fields": "threads(id,snippet),nextPageToken,resultSizeEstimate",
        }  # fmt: skip
        return read(ThreadPage, await self._call("threads", "GET", "/threads", params, _READ))

    async def thread(self, thread_id: str, scopes: frozenset[str] = _READ) -> Thread:
        """threads.get with the heads of its messages."""
        params: Params = {
            "format": "metadata", "metadataHeaders": list(HEADERS), "fields": f"id,messages({_ABOUT})",
        }  # fmt: skip
        answer = await self._call("thread", "GET", f"/threads/{segment(thread_id)}", params, scopes)
        return read(Thread, answer)

    async def outline(self, thread_id: str, scopes: frozenset[str] = _READ) -> Thread:
        """threads.get with ids, labels, dates and sizes alone."""
        params: Params = {"format": "minimal", "fields": f"id,messages({_OUTER})"}
        answer = await self._call("outline", "GET", f"/threads/{segment(thread_id)}", params, scopes)
        return read(Thread, answer)

    async def message(self, message_id: str, *, text: bool) -> Message:
        """messages.get with its parts; `text`: with what stands in them, but for attachments."""
        params: Params = {"format": "full", "fields": _WHOLE if text else _STRUCTURE}
        path = f"/messages/{segment(message_id)}"
        most = _MOST_TEXT if text else _MOST_STRUCTURE
        answer = await self._call("message", "GET", path, params, _READ, most=most)
        return read(Message, answer)

    async def head(self, message_id: str) -> Message:
        """messages.get with its head alone."""
        params: Params = {"format": "metadata", "metadataHeaders": list(HEADERS), "fields": _ABOUT}
        answer = await self._call("head", "GET", f"/messages/{segment(message_id)}", params, _READ)
        return read(Message, answer)

    async def standing(self, message_id: str) -> Message:
        """messages.get with ids and labels alone."""
        params: Params = {"format": "minimal", "fields": _SEEN}
        answer = await self._call("standing", "GET", f"/messages/{segment(message_id)}", params, _MODIFY)
        return read(Message, answer)

    async def found(self, query: str) -> tuple[Message, ...]:
        """messages.list: the ids of the first few that fit `query`."""
        params: Params = {"q": query, "maxResults": 5, "fields": "messages(id,threadId)"}
        return read(MessagePage, await self._call("found", "GET", "/messages", params, _READ)).messages

    async def attachment(self, message_id: str, attachment_id: str, most: int) -> bytes:
        """attachments.get: its bytes, at most `most` of them or Unavailable."""
        path = f"/messages/{segment(message_id)}/attachments/{segment(attachment_id)}"
        cap = most * 4 // 3 + 10_000
        params: Params = {"fields": "size,data"}
        answer = await self._call("attachment", "GET", path, params, _READ, most=cap)
        return unpacked(read(Content, answer).data)

    # Labelling and trash

    async def modify_thread(self, thread_id: str, add: Iterable[str], remove: Iterable[str]) -> None:
        """threads.modify: every message of the thread."""
        change = {"addLabelIds": list(add), "removeLabelIds": list(remove)}
        path = f"/threads/{segment(thread_id)}/modify"
        await self._call("modify_thread", "POST", path, {"fields": "id"}, _MODIFY, json=change)

    async def modify_messages(self, ids: Iterable[str], add: Iterable[str], remove: Iterable[str]) -> None:
        """messages.batchModify, at most 1000 of them."""
        change = {"ids": list(ids), "addLabelIds": list(add), "removeLabelIds": list(remove)}
        await self._call("modify_messages", "POST", "/messages/batchModify", {}, _MODIFY, json=change)

    async def trash(self, thread_id: str, *, back: bool = False) -> Thread:
        """threads.trash, or (`back`) threads.untrash: the labels of its messages afterwards."""
        verb = "untrash" if back else "trash"
        path, params = f"/threads/{segment(thread_id)}/{verb}", {"fields": f"id,messages({_SEEN})"}
        return read(Thread, await self._call(verb, "POST", path, params, _MODIFY))

    # Drafts and sending

    async def drafts(self, *, query: str | None, limit: int, page_token: str | None = None) -> DraftPage:
        """drafts.list: ids."""
        params: Params = {
            "q": query or None, "maxResults": limit, "pageToken": page_token,
            "fields": "drafts(id,message(id,threadId)),nextPageToken",
        }  # fmt: skip
        return read(DraftPage, await self._call("drafts", "GET", "/drafts", params, _READ))

    async def draft(self, draft_id: str, scopes: frozenset[str] = _COMPOSE) -> Draft:
        """drafts.get with the head of its message."""
        params: Params = {"format": "metadata", "fields": f"id,message({_ABOUT})"}
        answer = await self._call("draft", "GET", f"/drafts/{segment(draft_id)}", params, scopes)
        return read(Draft, answer)

    async def whole_draft(self, draft_id: str, *, text: bool) -> Draft:
        """drafts.get with its parts; `text`: with what stands in them, but for attachments."""
        fields, most = (_WHOLE, _MOST_TEXT) if text else (_STRUCTURE, _MOST_STRUCTURE)
        params: Params = {"format": "full", "fields": f"id,message({fields})"}
        path = f"/drafts/{segment(draft_id)}"
        return read(Draft, await self._call("whole_draft", "GET", path, params, _COMPOSE, most=most))

    async def create_draft(self, mail: bytes, thread_id: str | None) -> Draft:
        """drafts.create from a whole mail (RFC 5322), in that thread."""
        fields = "id,message(id,threadId)"
        message = {"threadId": thread_id} if thread_id else {}
        if len(mail) > _LARGE:
            answer = await self._upload(
                "create_draft", "/drafts", {"message": message}, mail, fields, _COMPOSE
            )
        else:
            draft = {"message": {**message, "raw": _raw(mail)}}
            answer = await self._call("create_draft", "POST", "/drafts", {"fields": fields}, _COMPOSE, draft)
        return read(Draft, answer)

    async def send_draft(self, draft_id: str) -> Message:
        """drafts.send. Not to be repeated blindly."""
        params: Params = {"fields": _SEEN}
        answer = await self._call(
            "send_draft", "POST", "/drafts/send", params, _COMPOSE, json={"id": draft_id}
        )
        return read(Message, answer)

    async def send(self, mail: bytes, thread_id: str | None) -> Message:
        """messages.send of a whole mail (RFC 5322), in that thread. Not to be repeated blindly."""
        message = {"raw": _raw(mail), **({"threadId": thread_id} if thread_id else {})}
        scopes, params = frozenset({GMAIL_SEND}), {"fields": _SEEN}
        return read(Message, await self._call("send", "POST", "/messages/send", params, scopes, message))

    async def _upload(
        self, operation: str, path: str, about: Any, mail: bytes, fields: str, scopes: frozenset[str]
    ) -> Answer:
        """A mail as it is, with what is to be known of it before (multipart/related, RFC 2387)."""
        mark = secrets.token_hex(16)
        lines = (
            f"--{mark}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{json.dumps(about)}\r\n"
            f"--{mark}\r\nContent-Type: message/rfc822\r\n\r\n"
        )
        body = lines.encode() + mail + f"\r\n--{mark}--\r\n".encode()
        params: Params = {"uploadType": "multipart", "fields": fields}
        content = Sent(f'multipart/related; boundary="{mark}"', body)
        address = f"{_UPLOAD}/users/me"
        return await self._call(operation, "POST", path, params, scopes, content=content, base=address)


def _raw(mail: bytes) -> str:
    return base64.urlsafe_b64encode(mail).decode()
