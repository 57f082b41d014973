"""A mail as it goes out: headers that nobody else can write into, and plain text."""

from __future__ import annotations

import base64
import re
import secrets
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP

from mcp_server.errors import Refusal
from mcp_server.tools.google.gmail.recipients import Recipients, one_line

LONGEST_SUBJECT = 900
LONGEST_BODY = 200_000

_MOST_ENCODED = 45  # bytes: with base64 and its frame an encoded word has 75 characters at most
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")
_KIND = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")


@dataclass(frozen=True, slots=True)
class Enclosed:
    """A file that goes with a mail."""

    name: str
    kind: str
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answers:
    """The mail that another one answers: its conversation, its id, and those before it, the oldest first."""

    thread_id: str
    message_id: str = ""
    before: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail to be: who writes it is Gmail's to say. Its repr shows nothing of it."""

    recipients: Recipients = field(repr=False)
    subject: str = field(repr=False)
    body: str = field(repr=False)
    answers: Answers | None = field(default=None, repr=False)
    enclosed: Sequence[Enclosed] = field(default=(), repr=False)
    message_id: str = field(default_factory=lambda: f"<{secrets.token_hex(16)}@valet.invalid>")

    def __bytes__(self) -> bytes:
        """RFC 5322, lines ended by CRLF.

        The headers are written here: `email` loses spaces where it folds encoded words, and encodes
        a long id, so that nobody who threads by it would find it again.
        """
        mail = EmailMessage(policy=SMTP)
        mail.set_content(self.body)
        for file in self.enclosed:
            _enclose(mail, file)
        head = "".join(f"{name}: {value}\r\n" for name, value in self._head())
        return head.encode("ascii") + mail.as_bytes()

    def _head(self) -> Iterator[tuple[str, str]]:
        people = (("To", self.recipients.to), ("Cc", self.recipients.cc), ("Bcc", self.recipients.bcc))
        yield from ((name, ",\r\n ".join(map(_written, those))) for name, those in people if those)
        yield "Subject", encoded(self.subject)
        yield "Message-ID", self.message_id
        if self.answers is not None and self.answers.message_id:
            yield "In-Reply-To", self.answers.message_id
            yield "References", "\r\n ".join([*self.answers.before, self.answers.message_id])


def encoded(text: str) -> str:
    """One line of text in a header: as it is, or in encoded words of whole characters (RFC 2047 §2)."""
    if text.isascii() and "=?" not in text:
        return text
    chunks, chunk = [], b""
    for char in text:
        more = char.encode()
        if len(chunk) + len(more) > _MOST_ENCODED:
            chunks.append(chunk)
            chunk = b""
        chunk += more
    chunks.append(chunk)
    return "\r\n ".join(f"=?utf-8?B?{base64.b64encode(each).decode()}?=" for each in chunks)


def _written(person: Address) -> str:
    """Somebody as a header has them: the name an atom, a quoted string or encoded words (RFC 5322 §3.4)."""
    name = person.display_name
    if not name:
        return person.addr_spec
    if name.isascii() and "=?" not in name and not _ATOMS.fullmatch(name):
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}" <{person.addr_spec}>'
    return f"{encoded(name)} <{person.addr_spec}>"


def subject_of(text: str) -> str:
    """A subject as it may go out. Raises Refusal."""
    if len(text) > LONGEST_SUBJECT:
        raise Refusal("invalid_argument", f"`subject` is too long: at most {LONGEST_SUBJECT} characters.")
    return " ".join(one_line(text, "`subject`").split())


def body_of(text: str) -> str:
    """A text as it may go out: line ends as one, no control characters but tabs. Raises Refusal."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    if any(unicodedata.category(char) in {"Cc", "Cs"} and char not in "\n\t" for char in lines):
        raise Refusal(
            "invalid_argument",
            "`body` holds control characters, which no mail may. Nothing was sent; leave them out.",
        )
    return lines


def _enclose(mail: EmailMessage, file: Enclosed) -> None:
    kind = file.kind.lower() if _KIND.fullmatch(file.kind.lower()) else "application/octet-stream"
    main, _, sub = kind.partition("/")
    if main in {"multipart", "message"}:  # its parts would become parts of ours
        main, sub = "application", "octet-stream"
    mail.add_attachment(file.body, maintype=main, subtype=sub, filename=file.name or "attachment")
