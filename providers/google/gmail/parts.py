"""What a mail is made of: its text, its attachments, and its head in plain words.

Everything here comes from a stranger: nothing raises, and each look is bounded.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.utils import getaddresses

from providers.google.gmail.answers import Part

_LONGEST_HEADER = 20_000
_CHARSET = re.compile(r"charset\s*=\s*\"?([A-Za-z0-9._:+-]{1,40})", re.I)
_TEXT = frozenset({"text/plain", "text/html"})


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a mail's own text: as plain text, as HTML, or as both, which say the same."""

    plain: Part | None = None
    html: Part | None = None

    @property
    def size(self) -> int:
        """Bytes of what is there."""
        return sum(part.body.size for part in (self.plain, self.html) if part is not None)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file in a mail. `part_id` stays; Gmail's `attachment_id` holds for one answer."""

    part_id: str
    name: str
    kind: str
    size: int
    attachment_id: str
    data: str = ""


@dataclass(frozen=True, slots=True)
class Contents:
    """The text of a mail in order, and what is attached. `deeper`: more lies below what was asked for."""

    pieces: tuple[Piece, ...]
    attachments: tuple[Attachment, ...]
    deeper: bool


@dataclass(frozen=True, slots=True)
class Address:
    """Somebody a mail names; `address` may be "" or no address at all, for senders write what they like."""

    name: str
    address: str


def contents(payload: Part) -> Contents:
    """The text and the files of a mail, from its tree of parts."""
    found = list(_walk(payload, own=True))
    return Contents(
        tuple(each for each in found if isinstance(each, Piece)),
        tuple(each for each in found if isinstance(each, Attachment)),
        any(each is None for each in found),
    )


def _walk(part: Part, *, own: bool) -> Iterator[Piece | Attachment | None]:
    """What is in `part`; None where it is cut off. `own`: not within a mail that is itself attached."""
    kind = part.mime_type.lower()
    if kind.startswith("multipart/"):
        if not part.parts and part.body.size == 0 and not part.filename:
            yield None
        inner = [each for child in part.parts for each in _walk(child, own=own)]
        if kind == "multipart/alternative":
            pieces = [each for each in inner if isinstance(each, Piece)]
            inner = [each for each in inner if not isinstance(each, Piece)]
            plain = next((each.plain for each in pieces if each.plain is not None), None)
            html = next((each.html for each in pieces if each.html is not None), None)
            if plain is not None or html is not None:
                yield Piece(plain, html)
        yield from inner
    elif kind in _TEXT and _is_text(part):
        if own and (part.body.size or part.body.data):
            yield Piece(plain=part) if kind == "text/plain" else Piece(html=part)
    else:
        if part.filename or part.body.size:
            yield _attachment(part, kind)
        for child in part.parts:
            yield from (each for each in _walk(child, own=False) if not isinstance(each, Piece))


def _is_text(part: Part) -> bool:
    """Whether it is to be read rather than to be saved (RFC 2183); what is kept apart can't be read here."""
    attached = part.header("Content-Disposition").lower().lstrip().startswith("attachment")
    return not part.filename and not attached and not part.body.attachment_id


def _attachment(part: Part, kind: str) -> Attachment:
    name = words(part.filename) or ("message.eml" if kind == "message/rfc822" else "")
    return Attachment(
        part.part_id or "root", name, kind, max(0, part.body.size), part.body.attachment_id, part.body.data
    )


def unpacked(data: str) -> bytes:
    """What base64url stands for; b"" for what is none."""
    try:
        return base64.urlsafe_b64decode(data + "=" * (-len(data) % 4))
    except (binascii.Error, ValueError):
        return b""


def text_of(part: Part | None) -> str | None:
    """The text of a part, None where there is none.

    Gmail gives text in UTF-8 whatever its declared charset was; where it is none, the declared one is tried.
    """
    if part is None:
        return None
    body = unpacked(part.body.data)
    named = _CHARSET.search(part.header("Content-Type"))
    charset = named[1].lower() if named else "utf-8"
    try:
        codec = codecs.lookup(charset)
        stateful = charset.startswith("iso-2022") and b"\x1b" in body
        if stateful or not _is_utf8(body):
            return (
                codec.decode(body, "replace")[0] if _is_text_codec(codec) else body.decode("utf-8", "replace")
            )
    except (LookupError, ValueError):  # an unknown name, or a codec that can't go on
        pass
    return body.decode("utf-8", "replace")


def _is_text_codec(codec: codecs.CodecInfo) -> bool:
    """Whether it makes text of bytes; there are some that do anything else (zlib, rot13)."""
    return bool(getattr(codec, "_is_text_encoding", False))


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def utf8(value: str) -> str:
    """A header that was written in UTF-8 as it is (RFC 6532): Gmail takes its bytes for Latin-1."""
    if value.isascii():
        return value
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:  # it is what it seems
        return value


def words(value: str) -> str:
    """A header as its sender meant it: encoded words (RFC 2047) as what they stand for."""
    value = value[:_LONGEST_HEADER]
    if "=?" not in value:
        return value
    try:
        return str(make_header(decode_header(value)))
    except (HeaderParseError, LookupError, ValueError, AssertionError):
        return value


def addresses(value: str) -> list[Address]:
    """Whom a header names, in order. What can't be understood is a name without an address."""
    value = " ".join(utf8(value[:_LONGEST_HEADER]).split())
    try:
        pairs = getaddresses([value])
    except RecursionError:  # comments within comments (RFC 5322 §3.2.2), as deep as somebody likes
        pairs = []
    found = [Address(words(name), address) for name, address in pairs if name or address]
    return found or ([Address(words(value), "")] if value else [])
