"""As many mails of a conversation as an answer holds, and where the next one goes on: within a text, too."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import tzinfo

from mcp_server.errors import Refusal
from mcp_server.tools.google.gmail.mail import Mail, Read, view
from mcp_server.tools.google.paging import cursor, foreign, resumed
from mcp_server.tools.room import ROOM, weight
from providers.google.gmail import Message

USUAL = 8_000
"""Characters of text that an answer has, unless its caller asks for more or fewer."""

_LEAST = 300
_PLACE = re.compile(r"([!-~]{1,200})\.(\d{1,7})")
_BYTES_A_CHARACTER = 16  # at most: twice in an answer, in UTF-8 and escaped


@dataclass(slots=True)
class Page:
    """One answer in the making. `offset` is where to go on in the mail that did not fit whole, 0 between two.

    `whole`: what a mail quotes is told, too; it comes after its own words.
    """

    most: int
    offset: int
    whole: bool
    mails: list[Mail] = field(default_factory=list, repr=False)
    full: bool = False
    _characters: int = 0
    _bytes: int = 0

    def take(self, mail: Read, local: tzinfo, line: int) -> bool:
        """Put it in, or the beginning of it; False where it does not fit. `line` is its line's weight."""
        row = view(mail, local)
        head = weight(row, "") + line
        room = self._room - self._bytes - head
        left = self.most - self._characters
        stream = mail.own + (mail.quoted if self.whole else "")
        text = fitting_text(stream[self.offset : self.offset + left], room)
        end = self.offset + len(text)
        if self.mails and (_cost(text) > room or len(text) < min(_LEAST, len(stream))):
            self.full = True
            return False
        own = len(mail.own)
        told = row.model_copy(
            update={
                "text": text[: max(own - self.offset, 0)],
                "quoted": text[max(own - self.offset, 0) :] or None,
                "text_from": self.offset or None,
            }
        )
        self.mails.append(told)
        self._characters += len(text)
        self._bytes += head + _cost(text)
        self.full = end < len(stream) or self._characters >= self.most
        self.offset = end if end < len(stream) else 0
        return not self.offset

    @property
    def _room(self) -> int:
        return ROOM if self.most <= USUAL else max(ROOM, self.most * _BYTES_A_CHARACTER)


def fitting_text(text: str, room: int) -> str:
    """The longest beginning of `text` that takes no more than `room` bytes, and always a little."""
    low, high = min(_LEAST, len(text)), len(text)
    if _cost(text) <= room:
        return text
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _cost(text[:middle]) <= room else (low, middle - 1)
    return text[:low]


def _cost(text: str) -> int:
    """The bytes that it takes of an answer: as a field, and within the JSON that its text holds."""
    field_ = json.dumps(text, ensure_ascii=False)
    return len(field_.encode(errors="replace")) + len(
        json.dumps(field_, ensure_ascii=False).encode(errors="replace")
    )


def spot(word: str | None) -> tuple[str, int]:
    """A cursor as the id of a mail and where to go on in its text; "" at the beginning. Raises Refusal."""
    page, shown = resumed(word)
    if page is None and not shown:
        return "", 0
    found = _PLACE.fullmatch(page or "")
    if found is None or shown:
        raise foreign()
    return found[1], int(found[2])


def place(message_id: str, messages: Sequence[Message]) -> int:
    """Where in the conversation that mail stands. Raises Refusal."""
    if not message_id:
        return 0
    at = next((at for at, message in enumerate(messages) if message.id == message_id), None)
    if at is None:
        raise Refusal(
            "conflict", "The mail that `cursor` goes on with is not there. Read the conversation anew."
        )
    return at


def onward(messages: Sequence[Message], at: int, offset: int) -> str | None:
    """The cursor of the mail at that place, None behind the last one."""
    return cursor(f"{messages[at].id}.{offset}") if at < len(messages) else None
