"""Files on their way into a Drive: by a resumable session, so that nothing is there before all of it is.

developers.google.com/workspace/drive/api/guides/manage-uploads, "Perform a resumable upload". Its address is
made of our own with the parameters of the one that Google names: no answer says where a token goes.
"""

from __future__ import annotations

import re
from contextlib import suppress
from urllib.parse import parse_qsl, urlsplit

import structlog
from pydantic import Field

from providers.base import CredentialSource, Parcel, ProviderError, Rejected, Unavailable
from providers.carrier import Incoming, Stored
from providers.google.call import segment
from providers.google.record import GOOGLE
from providers.google.services import DRIVE_FILE
from providers.http import Answer, Content, Http
from providers.model import Model, Text, read
from providers.parcel import MOST
from providers.streaming import TOO_LARGE

log = structlog.get_logger(__name__)

_FILES = "https://www.googleapis.com/upload/drive/v3/files"
_SCOPES = frozenset({DRIVE_FILE})
_FIELDS = "id,name,size,webViewLink"
CHUNK = 2 * 1024 * 1024
"""Bytes of one request: a multiple of 256 KB, as Google wants it."""

_TRIES = 3
_ANY = "application/octet-stream"
_UNFINISHED = 308
_CANCELLED = 499


class _File(Model):
    name: Text = ""
    size: Text = ""
    link: Text = Field(default="", validation_alias="webViewLink")


async def put_new_file(
    http: Http, credential: CredentialSource, parcel: Parcel, incoming: Incoming
) -> Stored:
    """files.create: a new file, in the folder that the parcel names or at the top."""
    folder = parcel.place.get("folder")
    about: dict[str, object] = {"name": parcel.name or incoming.name}
    if folder:
        about["parents"] = [folder]
    return await _Session(http, credential, "POST", _FILES, about).bring(parcel, incoming)


async def put_new_content(
    http: Http, credential: CredentialSource, parcel: Parcel, incoming: Incoming
) -> Stored:
    """files.update: other content for a file that is there."""
    url = f"{_FILES}/{segment(parcel.place['file'])}"
    return await _Session(http, credential, "PATCH", url, {}).bring(parcel, incoming)


class _Session:
    """One resumable upload. It holds a chunk and a piece of the file at a time."""

    def __init__(
        self, http: Http, credential: CredentialSource, method: str, url: str, about: dict[str, object]
    ) -> None:
        self._http = http
        self._credential = credential
        self._method = method
        self._url = url
        self._about = about
        self._query: dict[str, str] = {}
        self._waiting = bytearray()
        self._sent = 0

    async def bring(self, parcel: Parcel, incoming: Incoming) -> Stored:
        """All of it, or nothing. Raises ProviderError, and whatever ends the sending."""
        try:
            await self._begin(parcel.media_type or incoming.media_type or _ANY)
        except Unavailable as error:  # a session without its file is nothing
            raise Unavailable(GOOGLE.name, "put", "no session", retry_after=error.retry_after) from error
        try:
            async for piece in incoming.pieces:
                self._take(piece)
                # The last chunk says how long it all is, so one byte at least is kept back for it.
                while len(self._waiting) > CHUNK:
                    await self._send(CHUNK, None)
            total = self._sent + len(self._waiting)
            while (answer := await self._send(len(self._waiting), total)) is None:
                pass
        except BaseException as error:
            if not (isinstance(error, Unavailable) and error.ambiguous):
                await self._cancel()
            raise
        return _stored(answer, parcel, total)

    def _take(self, piece: bytes) -> None:
        self._waiting += piece
        if self._sent + len(self._waiting) > MOST:
            raise Rejected(GOOGLE.name, "put", TOO_LARGE)

    async def _begin(self, media_type: str) -> None:
        answer = await self._call(
            "put",
            self._method,
            {"uploadType": "resumable", "supportsAllDrives": "true", "fields": _FIELDS},
            json=self._about,
            headers={"X-Upload-Content-Type": media_type},
        )
        self._query = dict(parse_qsl(urlsplit(answer.headers.get("location", "")).query))
        if not self._query.get("upload_id"):
            raise Unavailable(GOOGLE.name, "put", "no session")

    async def _send(self, size: int, total: int | None) -> Answer | None:
        """Send that much of what waits; the answer where it was the end of it, None where it goes on.

        Where an answer was lost, Google is asked how far it got. Raises Unavailable, ambiguous where the file
        may be there.
        """
        chunk = bytes(self._waiting[:size])
        last = self._sent + len(chunk) - 1
        span = f"bytes {self._sent}-{last}/{'*' if total is None else total}"
        if not chunk:
            span = f"bytes */{total}"
        # An empty file has no span (google-api-python-client, MediaFileUpload of 0 bytes).
        headers = {"Content-Range": span} if total != 0 else {}
        before = self._sent
        for _ in range(_TRIES):
            try:
                answer = await self._put(chunk, headers)
            except Unavailable:
                answer = await self._asked(total)
            if answer.status != _UNFINISHED:
                if total is None:
                    raise Unavailable(GOOGLE.name, "put", "an end before the end")
                return answer
            self._advance(answer)
            if self._sent > before:
                return None
        raise Unavailable(GOOGLE.name, "put", "no progress")

    async def _asked(self, total: int | None) -> Answer:
        """How far it got. Not to know that of the last chunk is not to know whether the file is there."""
        try:
            return await self._put(b"", {"Content-Range": f"bytes */{'*' if total is None else total}"})
        except ProviderError as error:
            raise Unavailable(
                GOOGLE.name, "put", "nobody knows how far it got", ambiguous=total is not None
            ) from error

    def _advance(self, answer: Answer) -> None:
        """Let go of what Google has. Its Range names the last byte; there is none where it has nothing."""
        found = re.fullmatch(r"bytes=0-(\d{1,12})", answer.headers.get("range", ""))
        held = int(found[1]) + 1 if found else 0
        if not self._sent <= held <= self._sent + len(self._waiting):
            raise Unavailable(GOOGLE.name, "put", "another place than was sent")
        del self._waiting[: held - self._sent]
        self._sent = held

    async def _put(self, chunk: bytes, headers: dict[str, str]) -> Answer:
        return await self._call(
            "put_chunk", "PUT", self._query, Content(_ANY, chunk), headers=headers, accepts=_UNFINISHED
        )

    async def _cancel(self) -> None:
        """Let the session go; where even that fails it ends by itself, and nothing was made."""
        with suppress(ProviderError):
            await self._call("put_cancel", "DELETE", self._query, accepts=_CANCELLED)

    async def _call(
        self,
        operation: str,
        method: str,
        query: dict[str, str],
        content: Content | None = None,
        *,
        json: object = None,
        headers: dict[str, str] | None = None,
        accepts: int = 200,
    ) -> Answer:
        return await self._http.request(
            GOOGLE,
            method,
            self._url,
            operation=operation,
            credential=self._credential,
            params=query,
            json=json,
            content=content,
            headers=headers,
            scopes=_SCOPES,
            accepts=frozenset({accepts}),
        )


def _stored(answer: Answer, parcel: Parcel, size: int) -> Stored:
    """It is there, whether Google's words for it can be read or not."""
    try:
        file = read(_File, answer)
    except Unavailable:
        file = _File()
    return Stored(file.name or parcel.name, size, file.link)
