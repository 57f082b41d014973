"""Google's files on their way out: a Drive file, a Doc or Sheet as an Office file, a mail's attachment."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from providers.base import CredentialSource, Parcel, Rejected, Unavailable
from providers.carrier import Outgoing
from providers.google.call import segment
from providers.google.record import GOOGLE
from providers.google.services import DRIVE_FILE, GMAIL_READ
from providers.parcel import MOST
from providers.streaming import TOO_LARGE, Stream, Streams

_DRIVE = "https://www.googleapis.com/drive/v3/files"
_GMAIL = "https://gmail.googleapis.com/gmail/v1/users/me/messages"

_HEAD = 1024
_BEGINS = re.compile(rb'\s*\{\s*(?:"size"\s*:\s*(\d{1,12})\s*,\s*)?"data"\s*:\s*"')
_ENDS = re.compile(rb'"\s*(?:,\s*"size"\s*:\s*(\d{1,12})\s*)?\}\s*')
_ENCODED = MOST * 4 // 3 + 4 * _HEAD


def fetch_file(
    streams: Streams, credential: CredentialSource, parcel: Parcel
) -> AbstractAsyncContextManager[Outgoing]:
    """files.get with alt=media: its bytes as they are."""
    return streams.open(
        GOOGLE,
        f"{_DRIVE}/{segment(parcel.place['file'])}",
        operation="fetch_file",
        credential=credential,
        params={"alt": "media", "supportsAllDrives": True},
        scopes=frozenset({DRIVE_FILE}),
    )


def fetch_export(
    streams: Streams, credential: CredentialSource, parcel: Parcel
) -> AbstractAsyncContextManager[Outgoing]:
    """files.export: a Doc, Sheet or Slides as the parcel's media type. Google gives 10 MB at most."""
    return streams.open(
        GOOGLE,
        f"{_DRIVE}/{segment(parcel.place['file'])}/export",
        operation="fetch_export",
        credential=credential,
        params={"mimeType": parcel.media_type},
        scopes=frozenset({DRIVE_FILE}),
    )


@asynccontextmanager
async def fetch_attachment(
    streams: Streams, credential: CredentialSource, parcel: Parcel
) -> AsyncIterator[Outgoing]:
    """messages.attachments.get: JSON with the bytes in base64url, decoded as it comes."""
    message, attachment = segment(parcel.place["message"]), segment(parcel.place["attachment"])
    async with streams.open(
        GOOGLE,
        f"{_GMAIL}/{message}/attachments/{attachment}",
        operation="fetch_attachment",
        credential=credential,
        params={"fields": "size,data", "prettyPrint": False},
        scopes=frozenset({GMAIL_READ}),
        most=_ENCODED,
    ) as stream:
        decoded = _Decoded(stream)
        await decoded.begin()
        yield decoded


class _Decoded:
    """The `data` of a JSON object that has that and maybe `size`, out of base64url."""

    def __init__(self, stream: Stream) -> None:
        self._pieces = stream.pieces()
        self._rest = b""
        self.length: int | None = None

    async def begin(self) -> None:
        """Read up to where the data begins. Raises ProviderError."""
        while (begun := _BEGINS.match(self._rest)) is None:
            piece = await anext(self._pieces, b"")
            self._rest += piece
            if not piece or len(self._rest) > _HEAD + len(piece):
                raise _unreadable()
        self._rest = self._rest[begun.end() :]
        self.length = int(begun[1]) if begun[1] is not None else None
        if self.length is not None and self.length > MOST:
            raise Rejected(GOOGLE.name, "fetch_attachment", TOO_LARGE)

    async def pieces(self) -> AsyncIterator[bytes]:
        """The bytes of the attachment. Raises ProviderError."""
        seen = 0
        while b'"' not in self._rest:
            # Four letters are three bytes; what is over waits for the next piece.
            whole = len(self._rest) // 4 * 4
            piece, self._rest = _bytes(self._rest[:whole]), self._rest[whole:]
            seen += len(piece)
            if seen > MOST:
                raise Rejected(GOOGLE.name, "fetch_attachment", TOO_LARGE)
            if piece:
                yield piece
            more = await anext(self._pieces, b"")
            if not more:
                raise _unreadable()
            self._rest += more
        last, _, _ = self._rest.partition(b'"')
        ending = self._rest[len(last) :]
        async for more in self._pieces:
            ending += more
        ended, piece = _ENDS.fullmatch(ending), _bytes(last)
        seen += len(piece)
        if seen > MOST:
            raise Rejected(GOOGLE.name, "fetch_attachment", TOO_LARGE)
        said = self.length if ended is None or ended[1] is None else int(ended[1])
        if ended is None or (said is not None and said != seen):
            raise _unreadable()
        if piece:
            yield piece


def _bytes(letters: bytes) -> bytes:
    try:
        return base64.b64decode(letters + b"=" * (-len(letters) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _unreadable() from None


def _unreadable() -> Unavailable:
    return Unavailable(GOOGLE.name, "fetch_attachment", "unreadable answer")
