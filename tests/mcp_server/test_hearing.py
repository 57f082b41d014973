"""A refusal is heard: it is not answered while the request's body is still on its way."""

from __future__ import annotations

import pytest
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from mcp_server.door import MAX_BODY, Hearing

PIECE = bytes(100_000)


async def told(pieces: int, *, reads: bool = False, expect: bool = False, stops: bool = False) -> list[str]:
    """What happened in turn, where an app refuses a body of so many pieces."""
    happened: list[str] = []
    left = pieces

    async def receive() -> Message:
        nonlocal left
        left -= 1
        if stops:
            raise TimeoutError
        happened.append("piece")
        return {"type": "http.request", "body": PIECE, "more_body": left > 0}

    async def send(message: Message) -> None:
        happened.append(message["type"].removeprefix("http.response."))

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if reads:
            while (await receive())["more_body"]:
                pass
        await Response(status_code=401)(scope, receive, send)

    fields = [(b"expect", b"100-continue")] if expect else []
    await Hearing(app)({"type": "http", "method": "POST", "headers": fields}, receive, send)
    return happened


@pytest.mark.parametrize("reads", [False, True])
async def test_what_is_refused_unread_is_read_first(reads: bool) -> None:
    assert await told(9, reads=reads) == [*["piece"] * 9, "start", "body"]


async def test_not_more_than_may_be_and_not_what_was_not_sent() -> None:
    most = MAX_BODY // len(PIECE) + 1
    assert await told(99) == [*["piece"] * most, "start", "body"]
    assert await told(9, expect=True) == ["start", "body"]
    assert await told(9, stops=True) == ["start", "body"]
