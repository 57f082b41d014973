"""What a stranger at the public address may answer: the doctor reads it, and is not harmed by it."""

from __future__ import annotations

import socket
import threading
import zlib

from valet.doctor.wire import Wire


async def asked(head: bytes, body: bytes) -> tuple[int, bytes] | None:
    """What the doctor has of an answer of those bytes: status and content."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            line, _ = listening.accept()
            with line:
                line.recv(65536)
                line.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)

        threading.Thread(target=answer, daemon=True).start()
        async with Wire(f"http://127.0.0.1:{listening.getsockname()[1]}") as wire:
            got = await wire.get("/")
    return None if got is None else (got.status_code, got.content)


async def test_what_unpacks_to_gigabytes_is_not_unpacked() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(packer.compress(bytes(1_000_000)) for _ in range(20)) + packer.flush()
    for kind in (b"gzip", b"deflate", b"gzip, gzip", b"nonsense"):
        got = await asked(b"HTTP/1.1 200 OK\r\nContent-Encoding: " + kind + b"\r\n", bomb)
        assert got == (200, bomb)
