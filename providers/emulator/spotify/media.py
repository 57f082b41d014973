"""i.scdn.co: a small picture for every address, in colours of its own, drawn on the spot."""

from __future__ import annotations

import struct
import zlib

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

SIDE = 64


def routes() -> list[Route]:
    """The pictures' route."""
    return [Route("/i.scdn.co/image/{id}", _picture, methods=["GET"])]


async def _picture(request: Request) -> Response:
    id_ = str(request.path_params["id"])
    if len(id_) != 40 or not set(id_) <= set("0123456789abcdef"):
        raise HTTPException(404)
    headers = {"cache-control": "max-age=86400"}
    return Response(png(bytes.fromhex(id_)[-6:]), media_type="image/png", headers=headers)


def png(colours: bytes) -> bytes:
    """A 64×64 PNG shading from the first three bytes to the last three."""
    rows = bytearray()
    for y in range(SIDE):
        rows.append(0)
        for x in range(SIDE):
            share = (x + y) / (2 * SIDE - 2)
            rows += bytes(round(a + (b - a) * share) for a, b in zip(colours[:3], colours[3:], strict=True))
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(bytes(rows)))
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
