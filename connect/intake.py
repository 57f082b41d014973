"""One file out of a request's body, a little at a time: from a form's chooser, or as the body itself.

Nothing is spooled to a disk, as a form's parser would. What is not the file is small, and counted too.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from connect.pages import Refusal
from providers.carrier import Incoming
from providers.filenames import media_type, safe
from providers.parcel import MOST

IDLE = 60.0
"""Seconds to wait for the next bytes of an upload."""

LONGEST = 600.0
"""Seconds for all of them."""

AROUND = 64 * 1024
"""Bytes of a form that may stand around its file."""

_DRAIN = 10.0
_FORM = "multipart/form-data"
_UNSAID = {"application/x-www-form-urlencoded", _FORM}
"""What a program says where it was told nothing of the type."""


class Intake:
    """The file of one request. Call `begin` once; what it gives is read once."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._body = request.stream()
        self._size = 0
        self._heard = False
        self._over = False
        self._ends = asyncio.get_running_loop().time() + LONGEST

    async def begin(self) -> Incoming:
        """Read on until the file begins. Raises Refusal where there is none, or too large a one."""
        headers = self._request.headers
        said = headers.get("content-length", "")
        if said.isascii() and said.isdecimal() and int(said) > MOST + AROUND:
            raise too_large()
        kind, options = parse_options_header(headers.get("content-type"))
        if kind == _FORM.encode():
            return await self._of_form(options.get(b"boundary", b""))
        if not said and "transfer-encoding" not in headers:
            raise _none()
        name = safe(self._request.query_params.get("name", ""), "")
        return Incoming(name, _type(kind.decode("latin-1")), self._counted(self._received()))

    async def _of_form(self, boundary: bytes) -> Incoming:
        try:
            form = _Form(boundary)
        except (FormParserError, ValueError):
            raise _unreadable() from None
        while not form.begun and (piece := await self._next()):
            form.feed(piece)
        if not form.name:
            raise _none()
        return Incoming(safe(form.name), _type(form.kind), self._counted(self._parsed(form)))

    async def _parsed(self, form: _Form) -> AsyncIterator[bytes]:
        while True:
            while form.pieces:
                yield form.pieces.popleft()
            piece = await self._next()
            if not piece:
                break
            form.feed(piece)
        if not form.ended:
            raise _unreadable()

    async def _received(self) -> AsyncIterator[bytes]:
        while piece := await self._next():
            yield piece

    async def _counted(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for piece in pieces:
            self._size += len(piece)
            if self._size > MOST:
                raise too_large()
            yield piece

    async def _next(self) -> bytes:
        """The next bytes of the body, b"" at its end. Raises Refusal where none come for too long."""
        while not self._over:
            try:
                now = asyncio.get_running_loop().time()
                async with asyncio.timeout_at(min(now + IDLE, self._ends)):
                    piece = await anext(self._body, b"")
            except TimeoutError:
                raise _stalled() from None
            self._heard = True
            if piece:
                return piece
            self._over = True
        return b""

    async def drain(self) -> None:
        """Let the rest of a refused body come, so that its sender reads the answer; not for long, not much.

        Who waits to be told to go on (Expect) has sent nothing, and is not told.
        """
        if "expect" in self._request.headers and not self._heard:
            return
        left = MOST
        with suppress(TimeoutError, ClientDisconnect, Refusal, RuntimeError):
            async with asyncio.timeout(_DRAIN):
                while left > 0 and (piece := await self._next()):
                    left -= len(piece)


class _Form:
    """A form with one file in it (RFC 7578). What else it has is left out, and must be little."""

    def __init__(self, boundary: bytes) -> None:
        if not boundary:
            raise ValueError("no boundary")
        self.pieces: deque[bytes] = deque()
        self.name = ""
        self.kind = ""
        self.begun = False
        self.ended = False
        self._inside = False
        self._around = 0
        self._field = self._value = b""
        self._disposition = self._type = b""
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._part,
                "on_header_field": self._header_field,
                "on_header_value": self._header_value,
                "on_header_end": self._header,
                "on_headers_finished": self._headers,
                "on_part_data": self._data,
                "on_part_end": self._part_end,
                "on_end": self._end,
            },
        )

    def feed(self, piece: bytes) -> None:
        """Read on. Raises Refusal."""
        try:
            self._parser.write(piece)
        except FormParserError:
            raise _unreadable() from None
        self._around += len(piece) - sum(map(len, self.pieces))
        if self._around > AROUND:
            raise _unreadable()

    def _part(self) -> None:
        self._disposition = self._type = b""

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header(self) -> None:
        name = self._field.lower()
        if name == b"content-disposition":
            self._disposition = self._value
        elif name == b"content-type":
            self._type = self._value
        self._field = self._value = b""

    def _headers(self) -> None:
        _, options = parse_options_header(self._disposition.decode("latin-1"))
        self._inside = b"filename" in options
        if not self._inside:
            return
        if self.begun:
            raise Refusal(400, "That was more than one file", "Nothing was stored.", "Send one file only.")
        self.begun = True
        self.name = options[b"filename"].decode(errors="replace")
        self.kind = parse_options_header(self._type.decode("latin-1"))[0].decode("latin-1")

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._inside:
            self.pieces.append(data[start:end])

    def _part_end(self) -> None:
        self._inside = False

    def _end(self) -> None:
        self.ended = True


def _type(said: str) -> str:
    """A media type without parameters; "" where that is none, or says nothing."""
    kind = media_type(said)
    return "" if kind in _UNSAID else kind


def too_large() -> Refusal:
    """The page for a file beyond the cap."""
    return Refusal(
        413,
        "That file is too large",
        "A file may have 25 MB at most. Nothing was stored, and the link stands as it did.",
        "Choose a smaller file.",
    )


def _none() -> Refusal:
    return Refusal(
        400, "There was no file", "Nothing was stored, and the link stands as it did.", "Choose a file first."
    )


def _unreadable() -> Refusal:
    return Refusal(
        400,
        "The file did not arrive whole",
        "Nothing was stored, and the link stands as it did.",
        "Send it once more.",
    )


def _stalled() -> Refusal:
    return Refusal(
        408,
        "The file stopped coming",
        "Nothing came for a minute, or it took too long. Nothing was stored, and the link stands as it did.",
        "Send it once more.",
    )
