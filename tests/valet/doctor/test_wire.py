"""What a stranger at the public address may answer: the doctor reads it, and is not harmed by it."""

from __future__ import annotations

import re
import socket
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from providers.registry import PROVIDERS
from providers.transport import Transport
from tests.support.ports import free_port
from valet.doctor.address import _stranger
from valet.doctor.chart import EXAMINATIONS, examine
from valet.doctor.finding import Finding
from valet.doctor.patient import Patient
from valet.doctor.report import lines
from valet.doctor.wire import Wire
from valet.settings import load


@contextmanager
def stranger(head: bytes, body: bytes) -> Iterator[str]:
    """The origin of somebody who answers everything with those bytes."""
    listening = socket.create_server(("127.0.0.1", free_port()))

    def answer() -> None:
        with suppress(OSError):
            while True:
                line, _ = listening.accept()
                with line:
                    line.recv(65536)
                    line.sendall(
                        b"%bContent-Length: %d\r\nConnection: close\r\n\r\n" % (head, len(body)) + body
                    )

    threading.Thread(target=answer, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()


async def asked(head: bytes, body: bytes) -> tuple[int, bytes] | None:
    """What the doctor has of such an answer: status and content."""
    with stranger(head, body) as origin:
        async with Wire(origin) as wire:
            got = await wire.get("/")
    return None if got is None else (got.status_code, got.content)


async def found(head: bytes, body: bytes) -> list[Finding]:
    """What it makes of it."""
    with stranger(head, body) as origin:
        async with Transport() as transport:
            settings = load({"PUBLIC_URL": origin}, PROVIDERS)
            at = Patient(settings, "live", Path("/nowhere"), {}, transport, origin)
            looking = [
                each for each in EXAMINATIONS if each.name in {"address", "/mcp", "documents", "clock"}
            ]
            return await examine(at, looking)


async def test_what_unpacks_to_gigabytes_is_not_unpacked() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(packer.compress(bytes(1_000_000)) for _ in range(20)) + packer.flush()
    for kind in (b"gzip", b"deflate", b"gzip, gzip", b"nonsense"):
        got = await asked(b"HTTP/1.1 200 OK\r\nContent-Encoding: " + kind + b"\r\n", bomb)
        assert got == (200, bomb)


async def test_an_answer_without_an_end_is_read_so_far_and_is_nothing() -> None:
    assert await asked(b"HTTP/1.1 200 OK\r\n", bytes(200_000)) == (200, bytes(200_000))
    assert await asked(b"HTTP/1.1 200 OK\r\n", bytes(200_001)) is None


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (b"HTTP/1.1 413 Too Large\r\nServer: x\r\n", 413),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nX: y\r\n\r\nHTTP/1.1 413 x\r\n", 413),
        (b"HTTP/1.1\r\n", None),
        (b"\xff\x9b\r\n", None),
        (b"HTTP/1.1 200 OK\r\n" + b"X: " + b"x" * 200_000 + b"\r\n", None),
    ],
    ids=["plain", "interim", "no status", "bytes", "long"],
)
async def test_what_a_stranger_answers_to_a_head_is_a_status_or_nothing(
    said: bytes, status: int | None
) -> None:
    with stranger(said, b"") as origin:
        async with Wire(origin) as wire:
            got = await wire.head("/", 1000, 20)
    assert (None if got is None else got.status_code) == status


async def test_silence_after_a_head_is_told_from_an_answer_and_from_nobody() -> None:
    with socket.create_server(("127.0.0.1", free_port())) as mute:
        async with Wire(f"http://127.0.0.1:{mute.getsockname()[1]}") as wire:
            with pytest.raises(TimeoutError):
                await wire.head("/", 1000, 0.1)
    async with Wire(f"http://127.0.0.1:{free_port()}") as wire:
        assert await wire.head("/", 1000, 20) is None


async def test_an_address_of_a_name_that_does_not_answer_holds_nothing_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with stranger(b"HTTP/1.1 413 Too Large\r\n", b"") as origin, socket.socket() as full:
        port = urlsplit(origin).port
        full.bind(("127.0.0.2", port))
        full.listen(0)
        known = [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in ("127.0.0.2", "127.0.0.1")
        ]
        with socket.create_connection(("127.0.0.2", port)):  # the one that it has room for
            monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: known)
            async with Wire(f"http://valet.example:{port}") as wire:
                got = await wire.head("/", 1000, 20)
    assert got is not None and got.status_code == 413


CORS = b"Access-Control-Allow-Origin: *\r\n"


@pytest.mark.parametrize(
    ("head", "body", "told"),
    [
        (b"200 OK\r\n" + CORS, b"[" * 150_000, "is no JSON"),
        (b"200 OK\r\n" + CORS, b"\xff{}", "is no JSON"),
        (b"200 OK\r\n" + CORS, b'{"issuer": ' + b"9" * 5000 + b"}", "is no JSON"),
        (b"200 OK\r\n" + CORS, b'{"issuer": "\\u001b[2J\\u202e"}', "says issuer"),
        (b"302 \x1b[2J\r\nServer: e\x9b2Jvil\r\nLocation: http://\xff\x9b/\r\n", b"", "answers 302"),
        (b"200 OK\r\nDate: Mon, 01 Jan 0001 00:00:00 -0000\r\n" + CORS, b"{}", "the clock here is"),
        (b"200 OK\r\nDate: Mon, 99 Jan 99999 99:00:00 +9999\r\n" + CORS, b"{}", "says issuer"),
        (b"200 OK\r\nDate: Fri, 31 Dec 9999 23:59:59 +99999999999999999999\r\n" + CORS, b"{}", "says issuer"),
        (
            b'401 U\r\nWWW-Authenticate: Bearer resource_metadata="\x07\x9b"\r\n',
            b"",
            "sends chat programs to",
        ),
    ],
    ids=["deep", "bytes", "number", "escapes", "headers", "old", "date", "zone", "challenge"],
)
async def test_whatever_is_answered_each_examination_ends_with_a_finding(
    head: bytes, body: bytes, told: str
) -> None:
    findings = await found(b"HTTP/1.1 " + head, body)
    said = [f"{each.text} {each.fix}" for each in findings]
    assert any(told in each for each in said) and not any("could not be looked at" in each for each in said)
    plain = re.sub(r"\x1b\[\d{1,2}m", "", "\n".join(lines(findings)))  # our own colours
    assert all(sign.isprintable() or sign == "\n" for sign in plain), "nothing drives the terminal"


async def test_where_it_sends_to_no_address_that_is_told(tmp_path: Path) -> None:
    async with Transport() as transport:
        at = Patient(load({}, PROVIDERS), "live", tmp_path, {}, transport, "https://valet.example")
        with stranger(b"HTTP/1.1 302 Found\r\nLocation: http://[\r\n", b"") as origin:
            async with Wire(origin) as wire:
                answer = await wire.get("/")
        assert answer is not None and "sends elsewhere" in _stranger(at, answer).text
