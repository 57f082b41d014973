"""What is read off a line as a request, what is refused, and how much of it is kept in memory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from valet.heads import MOST, Heads

HOST = "Host: valet.example"
HUGE = 64 * MOST


class Desk:
    """A server with that protocol, which answers with what it got."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.port = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        self.paths.append(scope["path"])
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body", False):
                break
        got = {
            "path": scope["path"],
            "body": len(body),
            "headers": [[str(name, "latin-1"), str(value, "latin-1")] for name, value in scope["headers"]],
        }
        said = json.dumps(got).encode()
        headers = [(b"content-length", str(len(said)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": said})

    async def ask(self, pieces: Iterable[bytes]) -> bytes:
        """All that is answered until the line is closed; it is left alone once nothing more is taken."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        answered = asyncio.ensure_future(reader.read())
        try:
            for piece in pieces:
                if answered.done():
                    break
                writer.write(piece)
                await writer.drain()
            return await answered
        except ConnectionError:
            return b"" if answered.exception() else answered.result()
        finally:
            writer.close()


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    made = Desk()
    config = uvicorn.Config(made, http=Heads, port=0, log_config=None, ws="none", lifespan="off")
    server = uvicorn.Server(config)
    server.config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    made.port = server.servers[0].sockets[0].getsockname()[1]
    yield made
    await server.shutdown()


def head(line: str, *fields: str) -> bytes:
    return "".join(f"{one}\r\n" for one in (line, *fields, "")).encode("latin-1")


CLOSE = "Connection: close"
SHAPES = {
    "no host": head("GET / HTTP/1.1", CLOSE),
    "two hosts": head("GET / HTTP/1.1", HOST, "Host: evil.example", CLOSE),
    "length and coding": head("POST / HTTP/1.1", HOST, "Content-Length: 4", "Transfer-Encoding: chunked")
    + b"0\r\n\r\n",
    "coding and length": head("POST / HTTP/1.1", HOST, "Transfer-Encoding: chunked", "Content-Length: 4")
    + b"0\r\n\r\n",
    "two lengths": head("POST / HTTP/1.1", HOST, "Content-Length: 4", "Content-Length: 5") + b"abcde",
    "a list of lengths": head("POST / HTTP/1.1", HOST, "Content-Length: 4, 5") + b"abcde",
    "a signed length": head("POST / HTTP/1.1", HOST, "Content-Length: +4") + b"abcd",
    "another coding": head("POST / HTTP/1.1", HOST, "Transfer-Encoding: gzip, chunked") + b"0\r\n\r\n",
    "a crooked coding": head("POST / HTTP/1.1", HOST, "Transfer-Encoding: xchunked") + b"0\r\n\r\n",
    "two codings": head("POST / HTTP/1.1", HOST, "Transfer-Encoding: chunked", "Transfer-Encoding: identity")
    + b"0\r\n\r\n",
    "chunks in 1.0": head("POST / HTTP/1.0", HOST, "Transfer-Encoding: chunked") + b"0\r\n\r\n",
    "a space before the colon": head("GET / HTTP/1.1", HOST, "Content-Length : 4", CLOSE),
    "a folded header": head("GET / HTTP/1.1", HOST, "X-A: b", " c", CLOSE),
    "line feeds alone": b"GET / HTTP/1.1\nHost: valet.example\n\n",
    "a zero byte": head("GET / HTTP/1.1", HOST, "X-A: b\0c", CLOSE),
    "a whole address": head("GET http://evil.example/mcp HTTP/1.1", HOST, CLOSE),
    "a host and port": head("CONNECT evil.example:443 HTTP/1.1", HOST),
    "a fragment": head("GET /mcp#a HTTP/1.1", HOST, CLOSE),
    "another version": head("GET / HTTP/2.0", HOST, CLOSE),
    "no version": b"GET /\r\n\r\n",
    "the other protocol's beginning": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}


@pytest.mark.parametrize("name", SHAPES)
async def test_what_could_be_read_in_two_ways_is_refused_and_goes_nowhere(name: str, desk: Desk) -> None:
    said = await desk.ask([SHAPES[name]])
    assert said.startswith(b"HTTP/1.1 400 "), said
    assert said.count(b"HTTP/1.1 ") == 1
    assert desk.paths == []


@pytest.mark.parametrize("size", ["1.0", "1.1"])
async def test_a_plain_request_is_served(size: str, desk: Desk) -> None:
    said = await desk.ask([head(f"GET /a%20b?c HTTP/{size}", HOST, "X-A:  b \t", CLOSE)])
    got = json.loads(said.partition(b"\r\n\r\n")[2])
    assert got["path"] == "/a b" and ["x-a", "b"] in got["headers"]


def endless(begin: bytes, piece: bytes) -> Iterable[bytes]:
    yield begin
    for _ in range(HUGE // len(piece)):
        yield piece


CHUNKED = head("POST /late HTTP/1.1", HOST, "Transfer-Encoding: chunked")
ENDLESS = {
    "a target": endless(b"GET /", b"a" * 1000),
    "the name of a header": endless(b"GET / HTTP/1.1\r\nX", b"a" * 1000),
    "the value of a header": endless(b"GET / HTTP/1.1\r\nX-A: ", b"a" * 1000),
    "many headers": endless(b"GET / HTTP/1.1\r\n", b"X-A: b\r\n" * 100),
    "an extension of a chunk": endless(CHUNKED + b"1;", b"a" * 1000),
    "a trailer behind the other protocol": endless(
        head("POST /late HTTP/1.1", HOST, "Connection: Upgrade", "Upgrade: a", "Transfer-Encoding: chunked")
        + b"0\r\nX-A: ",
        b"a" * 1000,
    ),
    "a trailer": endless(CHUNKED + b"1\r\na\r\n0\r\nX-A: ", b"a" * 1000),
    "many trailers": endless(CHUNKED + b"1\r\na\r\n0\r\n", b"X-A: b\r\n" * 100),
    "a head in one piece": [head("GET / HTTP/1.1", HOST, *(f"X-A: {'a' * 1000}" for _ in range(70)))],
}


@pytest.mark.parametrize("name", ENDLESS)
async def test_what_has_no_end_is_given_up_early(name: str, desk: Desk) -> None:
    taken = 0

    def counted() -> Iterable[bytes]:
        nonlocal taken
        for piece in ENDLESS[name]:
            taken += len(piece)
            yield piece

    said = await desk.ask(counted())
    assert said.startswith(b"HTTP/1.1 431 ") or (said == b"" and taken < HUGE), said
    assert taken < HUGE, "the line was closed long before"
    assert desk.paths in ([], ["/late"])


async def test_a_head_within_the_bound_and_a_body_beyond_it_are_read(desk: Desk) -> None:
    many = [f"X-A: {'a' * 1000}" for _ in range(60)]
    said = await desk.ask([head("GET / HTTP/1.1", HOST, *many, CLOSE)])
    assert said.startswith(b"HTTP/1.1 200 ")
    length = head("POST / HTTP/1.1", HOST, "Content-Length: 1000000", CLOSE)
    said = await desk.ask([length, *[bytes(10_000)] * 100])
    assert json.loads(said.partition(b"\r\n\r\n")[2])["body"] == 1_000_000
    chunks = head("POST / HTTP/1.1", HOST, "Transfer-Encoding: chunked", CLOSE)
    said = await desk.ask([chunks, *[b"1\r\na\r\n" * 1000] * 100, b"0\r\n\r\n"])
    assert json.loads(said.partition(b"\r\n\r\n")[2])["body"] == 100_000


async def test_requests_after_each_other_on_one_line_are_counted_each_by_itself(desk: Desk) -> None:
    one = head("POST / HTTP/1.1", HOST, f"X-A: {'a' * 20_000}", "Content-Length: 3") + b"abc"
    last = head("GET /last HTTP/1.1", HOST, CLOSE)
    said = await desk.ask([one] * 12 + [last])
    assert said.count(b"HTTP/1.1 200 OK") == 13 and desk.paths[-1] == "/last"


async def test_a_trailer_is_no_header(desk: Desk) -> None:
    chunks = head("POST / HTTP/1.1", HOST, "Transfer-Encoding: chunked", CLOSE)
    said = await desk.ask([chunks, b"1\r\na\r\n0\r\nAuthorization: Bearer canary\r\nHost: evil\r\n\r\n"])
    got = json.loads(said.partition(b"\r\n\r\n")[2])
    assert got["body"] == 1
    assert [name for name, _ in got["headers"]] == ["host", "transfer-encoding", "connection"]


@pytest.mark.parametrize("coding", ["length", "chunks", "nothing"])
async def test_who_asks_for_another_protocol_is_served_in_this_one(coding: str, desk: Desk) -> None:
    """Some programs ask so with the first request of a line, whatever it is."""
    framing, body = {
        "length": (["Content-Length: 4"], b"abcd"),
        "chunks": (["Transfer-Encoding: chunked"], b"1\r\na\r\n3\r\nbcd\r\n0\r\n\r\n"),
        "nothing": ([], b""),
    }[coding]
    asks = head("POST / HTTP/1.1", HOST, "Connection: Upgrade", "Upgrade: h2c", *framing)
    last = head("GET /last HTTP/1.1", HOST, CLOSE)
    for pieces in ([asks + body + asks + body + last], [asks, body, asks, body, last]):
        desk.paths.clear()
        said = await desk.ask(pieces)
        assert said.count(b"HTTP/1.1 200 OK") == 3 and desk.paths == ["/", "/", "/last"]
        assert said.count(b'"body": 4' if body else b'"body": 0') == (2 if body else 3)


async def test_the_other_protocol_is_no_way_around_what_is_refused(desk: Desk) -> None:
    asks = ("Connection: Upgrade", "Upgrade: h2c")
    double = head("POST / HTTP/1.1", HOST, *asks, "Content-Length: 4", "Transfer-Encoding: chunked")
    assert (await desk.ask([double + b"0\r\n\r\n"])).startswith(b"HTTP/1.1 400 ")
    assert (await desk.ask([head("GET http://evil/ HTTP/1.1", HOST, *asks)])).startswith(b"HTTP/1.1 400 ")
    assert desk.paths == []


async def test_a_request_before_a_broken_one_gets_its_answer(desk: Desk) -> None:
    said = await desk.ask([head("GET /first HTTP/1.1", HOST) + SHAPES["two hosts"]])
    assert said.startswith(b"HTTP/1.1 200 ") and said.count(b"HTTP/1.1 ") == 1
    assert desk.paths == ["/first"]
