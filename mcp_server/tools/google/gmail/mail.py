"""One mail as plain, bounded data: its own words, what it quotes, and what is attached."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from mcp_server.reading.mail import mail_text
from mcp_server.tools.google.gmail.views import Person, date, people, sender
from mcp_server.tools.text import clip
from providers.base import NotFound, Unavailable
from providers.google.gmail import Gmail, Message
from providers.google.gmail.parts import Attachment, Contents, Piece, contents, text_of

_SMALL = 1_000_000
"""Bytes of a mail that is read at once; of a larger one it is asked first what is in it."""

_MOST_TEXT = 3_000_000
"""Bytes of a mail's text, HTML and all, beyond which it is not read."""

_MOST_PIECES = 40
_LONGEST = 400_000
_MOST_PEOPLE = 6
_MOST_FILES = 12

Flag = Literal["unread", "draft", "sent", "trash", "spam"]
_FLAGS: tuple[Flag, ...] = ("unread", "draft", "sent", "trash", "spam")


class File(BaseModel):
    """An attachment, for gmail_get_attachment."""

    id: str
    name: str
    type: str
    size: int


class Mail(BaseModel):
    """A mail; `quoted_chars`: how much of what was written before it quotes."""

    id: str
    sender: Person
    to: list[Person] | None = None
    cc: list[Person] | None = None
    more_people: int | None = None
    date: str | None = None
    flags: list[Flag] | None = None
    text: str
    text_from: Annotated[int | None, Field(description="It began in an earlier answer.")] = None
    quoted: str | None = None
    quoted_chars: int | None = None
    note: str | None = None
    attachments: list[File] | None = None
    more_attachments: int | None = None


@dataclass(frozen=True, slots=True)
class Read:
    """A mail that was read: its own words and those it quotes. Its repr shows nothing of it."""

    message: Message = field(repr=False)
    own: str = field(repr=False)
    quoted: str = field(repr=False)
    attachments: Sequence[Attachment] = field(repr=False)
    note: str | None = None


async def fetched(gmail: Gmail, about: Message) -> Read | Message | None:
    """The mail with that id and size, None where it is gone by now. Never more is asked for than can be read:
    of a larger one it is known at once what is to be said. Raises ProviderError.
    """
    try:
        if about.size_estimate > _SMALL:
            found = await _structure(gmail, about)
            if isinstance(found, Read):
                return found
        return await gmail.message(about.id, text=True)
    except NotFound:
        return None


async def read_mail(message: Message) -> Read:
    """A mail that was fetched with its text. To be called for one after the other: threads that read hold up
    all else.
    """
    there = contents(message.payload)
    own, quoted, note = await asyncio.to_thread(_words, there)
    return Read(message, own, quoted, there.attachments, note)


async def _structure(gmail: Gmail, about: Message) -> Read | None:
    """What is to be said of a large mail whose text is not read; None where it can be."""
    try:
        message = await gmail.message(about.id, text=False)
    except Unavailable:  # so many parts that even their names are too much
        head = await gmail.head(about.id)
        return Read(head, clip(head.snippet), "", (), "Only its beginning: it has too many parts to be read.")
    there = contents(message.payload)
    size = sum(piece.size for piece in there.pieces)
    if size <= _MOST_TEXT:
        return None
    note = f"Only its beginning: the text has {size} bytes, too many to be read. See it in Gmail."
    return Read(message, clip(message.snippet), "", there.attachments, note)


async def words_in(there: Contents) -> str:
    """All words of a mail, those it quotes at the end."""
    own, quoted, _ = await asyncio.to_thread(_words, there)
    return "\n\n".join(part for part in (own, quoted) if part)


def _words(there: Contents) -> tuple[str, str, str | None]:
    """The own words, those quoted, and what was left out."""
    read = [_piece(piece) for piece in there.pieces[:_MOST_PIECES]]
    notes = []
    if any(cut for _, _, cut in read) or len(there.pieces) > _MOST_PIECES:
        notes.append("The end is left out: it is very long. See it in Gmail.")
    if there.deeper:
        notes.append("Parts nested very deep are left out.")
    own = "\n\n".join(own for own, _, _ in read if own)[:_LONGEST]
    return own, "\n\n".join(old for _, old, _ in read if old)[:_LONGEST], " ".join(notes) or None


def _piece(piece: Piece) -> tuple[str, str, bool]:
    found = mail_text(text_of(piece.html), text_of(piece.plain), _LONGEST)
    return found.own, found.quoted, found.cut


def view(mail: Read, local: tzinfo) -> Mail:
    """What is told of a mail, but for its text."""
    message, head = mail.message, mail.message.payload
    to, cc = people(head.header("To"), 500), people(head.header("Cc"), 500)
    files = [_file(each) for each in mail.attachments[:_MOST_FILES]]
    held = {label.lower() for label in message.label_ids}
    return Mail(
        id=clip(message.id, 200),
        sender=sender(head),
        to=to[:_MOST_PEOPLE] or None,
        cc=cc[:_MOST_PEOPLE] or None,
        more_people=max(len(to) - _MOST_PEOPLE, 0) + max(len(cc) - _MOST_PEOPLE, 0) or None,
        date=date(message, local),
        flags=[flag for flag in _FLAGS if flag in held] or None,
        text="",
        quoted_chars=len(mail.quoted) or None,
        note=mail.note,
        attachments=files or None,
        more_attachments=len(mail.attachments) - len(files) or None,
    )


def _file(each: Attachment) -> File:
    return File(id=clip(each.part_id, 60), name=clip(each.name, 80), type=clip(each.kind, 60), size=each.size)
