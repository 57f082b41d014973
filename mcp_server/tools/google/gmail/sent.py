"""What writing a mail takes as arguments, what is asked before it goes out, and what is said of it after."""

from __future__ import annotations

from collections.abc import Iterable
from email.headerregistry import Address
from typing import Annotated

from mcp_types import CallToolResult
from pydantic import BaseModel, Field

from mcp_server.answers import answer
from mcp_server.tools.google.gmail.letter import LONGEST_BODY, LONGEST_SUBJECT
from mcp_server.tools.google.gmail.recipients import Recipients
from mcp_server.tools.google.gmail.views import link
from mcp_server.tools.text import clip, listed, quoted
from providers.google.gmail import Message

_MANY = 10
_Each = Annotated[str, Field(max_length=400)]
To = Annotated[
    list[_Each],
    Field(
        max_length=200,
        description="Addresses. A reply's default: whom it answers.",
    ),
]
More = Annotated[list[_Each], Field(max_length=200, description="Likewise.")]
Subject = Annotated[str, Field(max_length=LONGEST_SUBJECT, description="Not in a reply.")]
Body = Annotated[str, Field(max_length=LONGEST_BODY, description="Plain text: Markdown stays as it is.")]
ReplyTo = Annotated[str | None, Field(max_length=200, description="Mail that it answers.")]


class Addressed(BaseModel):
    """To whom a mail goes, about what."""

    to: list[str]
    cc: list[str] | None = None
    bcc: list[str] | None = None
    subject: str


class Sent(Addressed):
    """A mail that was sent. Its id is absent where Gmail's answer was lost on the way."""

    message_id: str | None = None
    thread_id: str
    link: str


def addressed(recipients: Recipients, subject: str) -> Addressed:
    """The same as strings."""
    return Addressed(
        to=_strings(recipients.to),
        cc=_strings(recipients.cc) or None,
        bcc=_strings(recipients.bcc) or None,
        subject=subject,
    )


def _strings(people: Iterable[Address]) -> list[str]:
    return [each.addr_spec for each in people]


def preview(mail: Addressed, text: str, files: Iterable[str] = ()) -> list[tuple[str, str]]:
    """What its person sees before it goes out."""
    lists = (("To", mail.to), ("Cc", mail.cc), ("Bcc", mail.bcc), ("Files", list(files)))
    lines = [(word, _counted(said or [])) for word, said in lists]
    lines.insert(3, ("Subject", mail.subject))
    return [*((word, said) for word, said in lines if said), ("Text", text)]


def _counted(said: list[str]) -> str:
    """All of them; where there are many, how many first, for a long line is not shown to its end."""
    many = f"{len(said)}: " if len(said) > _MANY else ""
    return many + ", ".join(said)


def whom(mail: Addressed) -> str:
    """`to a@example.com and b@example.com, “Lunch”`."""
    every = [*mail.to, *(mail.cc or []), *(mail.bcc or [])]
    more = [f"{len(every) - 3} more"] if len(every) > 3 else []
    about = quoted(mail.subject, 100) if mail.subject else "without a subject"
    return f"to {listed([*every[:3], *more])}, {about}"


def answered(mail: Addressed, sent: Message) -> CallToolResult:
    """What is said of a mail that went out."""
    result = Sent(
        **dict(mail),
        message_id=clip(sent.id, 200) or None,
        thread_id=clip(sent.thread_id, 200),
        link=link(sent.thread_id),
    )
    known = (
        f"message id {result.message_id}" if result.message_id else "Gmail's answer was lost, but it is gone"
    )
    return answer(result, f"Sent {whom(result)}: {known}. {result.link}")
