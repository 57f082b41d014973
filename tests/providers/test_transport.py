"""The shared transport: where requests go, how much is read, how long it may take."""

from __future__ import annotations

import asyncio
import gzip
import logging
from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest
from pydantic import SecretStr

from providers.base import App
from providers.http import Http
from providers.oauth import OAuth, new_verifier
from providers.spotify import SPOTIFY
from providers.transport import Oversized, Transport, quiet_loggers
from tests.providers.upstream import CANARY, Upstream

TRACK = "https://api.spotify.com/v1/tracks/1?market=DE"


class Chunks(httpx2.AsyncByteStream):
    def __init__(self, *chunks: bytes) -> None:
        self.chunks = chunks
        self.read = 0
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self.chunks:
            self.read += len(chunk)
            yield chunk

    async def aclose(self) -> None:
        self.closed = True


async def test_without_an_emulator_the_url_stays() -> None:
    upstream = Upstream(httpx2.Response(200))
    await Transport(upstream).within(1).handle_async_request(httpx2.Request("GET", TRACK))
    assert str(upstream.last.url) == TRACK
    assert upstream.last.headers["host"] == "api.spotify.com"


async def test_the_emulator_gets_every_host_as_a_folder() -> None:
    upstream = Upstream(httpx2.Response(200))
    transport = Transport(upstream, emulator_origin="http://localhost:9009")
    await transport.within(1).handle_async_request(httpx2.Request("POST", TRACK, json={"a": 1}))
    assert str(upstream.last.url) == "http://localhost:9009/api.spotify.com/v1/tracks/1?market=DE"
    assert upstream.last.headers["host"] == "localhost:9009"
    assert upstream.last.content == b'{"a":1}'
    assert transport.address("https://accounts.spotify.com/authorize") == (
        "http://localhost:9009/accounts.spotify.com/authorize"
    )


@pytest.mark.parametrize("size", [100, 101])
async def test_the_body_is_capped(size: int) -> None:
    body = Chunks(b"x" * 60, b"x" * (size - 60), b"")
    exchange = Transport(Upstream(httpx2.Response(200, stream=body)), max_body=100).within(1)
    request = httpx2.Request("GET", TRACK)
    if size <= 100:
        answer = await exchange.handle_async_request(request)
        assert answer.content == b"x" * 100
    else:
        with pytest.raises(Oversized):
            await exchange.handle_async_request(request)
    assert body.closed


async def test_the_cap_counts_what_a_compressed_body_unfolds_to() -> None:
    bomb = gzip.compress(b"\0" * 20_000_000)
    assert len(bomb) < 100_000
    reply = httpx2.Response(200, headers={"Content-Encoding": "gzip"}, stream=Chunks(bomb))
    with pytest.raises(Oversized):
        await (
            Transport(Upstream(reply), max_body=100_000)
            .within(10)
            .handle_async_request(httpx2.Request("GET", TRACK))
        )


async def test_a_compressed_answer_arrives_unfolded() -> None:
    reply = httpx2.Response(
        200, headers={"Content-Encoding": "gzip", "X-Kept": "1"}, stream=Chunks(gzip.compress(b'{"a":1}'))
    )
    answer = await Transport(Upstream(reply)).within(10).handle_async_request(httpx2.Request("GET", TRACK))
    assert answer.json() == {"a": 1}
    assert answer.headers["x-kept"] == "1"
    assert "content-encoding" not in answer.headers


@pytest.mark.parametrize("where", ["headers", "body"])
async def test_one_deadline_covers_headers_and_body(where: str) -> None:
    class Stalled(Chunks):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield b"a"
            await asyncio.Event().wait()

    async def hang(_: httpx2.Request) -> httpx2.Response:
        if where == "headers":
            await asyncio.Event().wait()
        return httpx2.Response(200, stream=Stalled())

    with pytest.raises(httpx2.ReadTimeout):
        await Transport(Upstream(hang)).within(0.02).handle_async_request(httpx2.Request("GET", TRACK))


async def test_closing_a_borrowed_transport_leaves_the_pool_open() -> None:
    upstream = Upstream(httpx2.Response(200))
    transport = Transport(upstream)
    async with httpx2.AsyncClient(transport=transport.within(1)) as client:
        await client.get(TRACK)
    assert not upstream.closed
    async with transport:
        pass
    assert upstream.closed


@pytest.fixture
def loggers() -> Iterator[None]:
    names = ("httpx2", "httpcore2")
    before = {name: logging.getLogger(name).level for name in names}
    # Whatever a test before this one in the same process has set up, a command's logs for example.
    for name in names:
        logging.getLogger(name).setLevel(logging.NOTSET)
    yield
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


async def serve(body: bytes) -> asyncio.Server:
    """A server on a real socket that answers every request alike, with a canary in a header."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            (line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")), b":0"
        )
        await reader.readexactly(int(length.split(b":")[1]))
        lines = [b"HTTP/1.1 200 OK", b"Set-Cookie: sp=" + CANARY.encode(), b"Connection: close"]
        lines.append(b"Content-Length: %d" % len(body))
        writer.write(b"\r\n".join(lines) + b"\r\n\r\n" + body)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    return await asyncio.start_server(answer, "127.0.0.1", 0)


@pytest.mark.parametrize("quiet", [True, False])
async def test_debug_logs_hold_no_secret(
    quiet: bool, loggers: None, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """With `quiet_loggers` the canary is nowhere; without it httpcore2 prints it: the test can see it."""
    if quiet:
        quiet_loggers()
    caplog.set_level(logging.DEBUG)
    tokens = f'{{"access_token":"{CANARY}","refresh_token":"{CANARY}","token_type":"Bearer"}}'
    server = await serve(tokens.encode())
    origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    app, secret = App("operator", "client", SecretStr(CANARY)), SecretStr(CANARY)
    async with server, Transport(emulator_origin=origin) as transport:
        oauth, http = OAuth(transport), Http(transport)
        await oauth.exchange(SPOTIFY, app, "http://127.0.0.1:8420/callback/spotify", secret, new_verifier())
        await oauth.refresh(SPOTIFY, app, secret)
        me = "https://api.spotify.com/v1/me"
        await http.request(SPOTIFY, "GET", me, operation="me", credential=secret, params={"q": CANARY})
    printed = capsys.readouterr()
    logged = caplog.text + printed.out + printed.err
    assert "upstream_call" in logged
    assert (CANARY not in logged) is quiet
