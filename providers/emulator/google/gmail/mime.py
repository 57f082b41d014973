"""A message as Gmail takes it apart: a tree of parts, its words, its files, and the beginning of its text."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.header import decode_header
from email.message import Message
from email.parser import BytesHeaderParser, BytesParser
from email.policy import compat32
from email.utils import getaddresses

DEEPEST = 60
"""What is nested deeper is cut off."""

SNIPPET = 200
UNSEEN = re.compile(r"(?s)<(style|script|title)\b.*?</\1>|<!--.*?-->|<[^>]*>")


@dataclass(frozen=True)
class Part:
    """One part. `headers` as they were sent, unfolded; `body` without its transfer encoding."""

    id: str
    kind: str
    name: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    parts: tuple[Part, ...] = ()

    def walk(self) -> Iterator[Part]:
        """Itself and everything within."""
        yield self
        for part in self.parts:
            yield from part.walk()

    def header(self, name: str) -> str:
        """The first header of that name as its reader sees it, or nothing."""
        return next((readable(value) for key, value in self.headers if key.lower() == name.lower()), "")

    def addresses(self, *names: str) -> list[str]:
        """The addresses in those headers, in lower case, each once."""
        texts = [value for key, value in self.headers if key.lower() in {name.lower() for name in names}]
        return list(dict.fromkeys(address.lower() for _, address in getaddresses(texts) if address))

    @property
    def attached(self) -> bool:
        """Whether its content is fetched apart: a file, or no text."""
        return bool(self.name) or not (self.kind.startswith(("text/", "multipart/")))


def parsed(raw: bytes) -> Part:
    """Any bytes as a message; what no parser can take apart is one text."""
    try:
        return _part(BytesParser(policy=compat32).parsebytes(raw), "", 0)
    except RecursionError:
        head = BytesHeaderParser(policy=compat32).parsebytes(raw)
        body = raw.replace(b"\r\n", b"\n").partition(b"\n\n")[2]
        return Part("", "text/plain", "", tuple(_headers(head)), body)


def readable(value: str) -> str:
    """A header without its encoded words; one that is broken stays as it is."""
    try:
        pieces = decode_header(value)
        return "".join(
            piece if isinstance(piece, str) else piece.decode(charset or "latin-1", "replace")
            for piece, charset in pieces
        )
    except (LookupError, ValueError):
        return value


def text(root: Part) -> str:
    """Everything to read in a message: plain text, or HTML without its tags."""
    plain = [part for part in root.walk() if part.kind == "text/plain" and not part.name]
    rich = [part for part in root.walk() if part.kind == "text/html" and not part.name]
    found = [part.body.decode("utf-8", "replace") for part in plain]
    return "\n".join(found) if plain else "\n".join(_stripped(part) for part in rich)


def snippet(root: Part) -> str:
    """The beginning of it, as HTML, on one line."""
    return html.escape(" ".join(text(root)[: SNIPPET * 20].split())[:SNIPPET])


def _stripped(part: Part) -> str:
    return html.unescape(UNSEEN.sub(" ", part.body.decode("utf-8", "replace")))


def _part(message: Message, id_: str, depth: int) -> Part:
    kind, inner = message.get_content_type(), message.get_payload()
    parts: tuple[Part, ...] = ()
    body = b""
    if message.is_multipart() and isinstance(inner, list):
        if depth < DEEPEST:
            parts = tuple(
                _part(part, f"{id_}.{index}".lstrip("."), depth + 1)
                for index, part in enumerate(inner)
                if isinstance(part, Message)
            )
        if kind == "message/rfc822" and inner and depth < DEEPEST:
            body = _bytes(inner[0])
    else:
        kind = "text/plain" if kind.startswith("multipart/") else kind  # a boundary that never comes
        body = _decoded(message, kind)
    name = readable(message.get_filename() or "")
    return Part(id_, kind, name, tuple(_headers(message)), body, parts)


def _bytes(message: object) -> bytes:
    assert isinstance(message, Message)
    return message.as_bytes()


def _decoded(message: Message, kind: str) -> bytes:
    """Without transfer encoding; text that is no file comes in UTF-8, whatever its header goes on saying."""
    payload = message.get_payload(decode=True)
    raw = payload if isinstance(payload, bytes) else b""
    if not kind.startswith("text/") or message.get_filename():
        return raw
    try:
        return raw.decode(message.get_content_charset() or "utf-8", "replace").encode("utf-8", "replace")
    except (LookupError, ValueError):
        return raw.decode("utf-8", "replace").encode()


def _headers(message: Message) -> Iterator[tuple[str, str]]:
    """As sent, without folds; bytes that are no ASCII are taken for Latin-1, as Gmail takes them."""
    for name, value in message.raw_items():
        flat = re.sub(r"\r?\n(?=[ \t])", "", str(value))
        yield name, flat.encode("utf-8", "surrogateescape").decode("latin-1")
