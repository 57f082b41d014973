"""A file on its way out: as it comes, never whole, and never as anything that a browser runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import quote

from starlette.types import Message, Receive, Send

from providers.filenames import safe


def headers(name: str, length: int | None) -> list[tuple[bytes, bytes]]:
    """The head of an answer with a file of that name: to be saved, whatever it says it is.

    RFC 6266: `filename` for those who read ASCII alone, `filename*` (RFC 8187) for others. `sandbox` takes
    the right to run a script from it where it is shown all the same.
    """
    kept = safe(name)
    plain = "".join(each if " " <= each <= "~" and each not in '%"\\' else "_" for each in kept)
    disposition = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(kept, safe='')}"
    found = [
        ("Content-Type", "application/octet-stream"),
        ("Content-Disposition", disposition),
        ("Content-Security-Policy", "sandbox"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        ("Accept-Ranges", "none"),
    ]
    if length is not None:
        found.append(("Content-Length", str(length)))
    return [(key.lower().encode(), value.encode("ascii")) for key, value in found]


async def pour(pieces: AsyncIterator[bytes], receive: Receive, send: Send) -> int:
    """Send the pieces, each once the one before is on its way; how many bytes that were.

    Raises ConnectionError where the other side hangs up, and what the pieces raise. The answer is then left
    without its end, and the server closes the connection: nobody takes a part for the whole.
    """
    gone = asyncio.create_task(_gone(receive))
    sending = asyncio.create_task(_send(pieces, send))
    try:
        await asyncio.wait({gone, sending}, return_when=asyncio.FIRST_COMPLETED)
        if not sending.done():
            raise ConnectionError("the other side hung up")
        return sending.result()
    finally:
        for task in (gone, sending):
            task.cancel()
        await asyncio.gather(gone, sending, return_exceptions=True)


async def _send(pieces: AsyncIterator[bytes], send: Send) -> int:
    sent = 0
    async for piece in pieces:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        sent += len(piece)
    await send({"type": "http.response.body", "body": b"", "more_body": False})
    return sent


async def _gone(receive: Receive) -> None:
    while True:
        message: Message = await receive()
        if message["type"] == "http.disconnect":
            return
