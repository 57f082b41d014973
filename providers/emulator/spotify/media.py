"""i.scdn.co: a picture for every address, in colours of its own, drawn on the spot in the size that it names.

Every other cover is grainy, as scans are: its PNG is many times as large, and only the smallest one is small.
"""

from __future__ import annotations

import random
import struct
import zlib

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from providers.emulator.spotify.shapes import PICTURES

SIDES = {head: side for sizes in PICTURES.values() for head, side in sizes}
"""Pixels by the beginning of an address, which names the kind of picture and its size."""


def routes() -> list[Route]:
    """The pictures' route."""
    return [Route("/i.scdn.co/image/{id}", _picture, methods=["GET"])]


async def _picture(request: Request) -> Response:
    id_ = str(request.path_params["id"])
    side = SIDES.get(id_[:16])
    if side is None or len(id_) != 40 or not set(id_) <= set("0123456789abcdef"):
        raise HTTPException(404)
    headers = {"cache-control": "max-age=86400"}
    seed = bytes.fromhex(id_[16:])
    return Response(png(seed[-6:], side, grainy=grainy(id_)), media_type="image/png", headers=headers)


def grainy(id_: str) -> bool:
    """Whether the picture of that address is grainy, in all its sizes."""
    return int(id_[16], 16) % 2 == 1


def png(colours: bytes, side: int, *, grainy: bool = False) -> bytes:
    """A square PNG shading from the first three bytes to the last three."""
    length = 2 * side - 1
    shades = bytearray()
    for step in range(length):
        share = step / (length - 1)
        shades += bytes(
            round(a + (b - a) * share) & 0xFC for a, b in zip(colours[:3], colours[3:], strict=True)
        )
    noise = random.Random(colours)  # noqa: S311  a pattern, the same each time
    mask = int.from_bytes(b"\x03" * (3 * side))
    rows = bytearray()
    for y in range(side):
        row = bytes(shades[3 * y : 3 * (y + side)])
        if grainy:
            row = (int.from_bytes(row) | noise.getrandbits(24 * side) & mask).to_bytes(3 * side)
        rows += b"\0" + row
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(bytes(rows)))
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
