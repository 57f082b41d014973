"""A file on its way out waits for whoever reads it, and stops where they go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from starlette.types import Message

from connect.delivery import headers, pour


class Reader:
    """The other side: takes a piece each time it is let, and may hang up."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.room = asyncio.Semaphore(0)
        self.gone = asyncio.Event()
        self.made = 0

    async def send(self, message: Message) -> None:
        await self.room.acquire()
        self.sent.append(message)

    async def receive(self) -> Message:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def pieces(self, count: int) -> AsyncIterator[bytes]:
        for _ in range(count):
            self.made += 1
            yield b"x"


async def _idle() -> None:
    for _ in range(20):  # every task that can go on has gone on
        await asyncio.sleep(0)


async def test_nothing_is_fetched_before_the_piece_before_it_is_on_its_way() -> None:
    reader = Reader()
    pouring = asyncio.create_task(pour(reader.pieces(5), reader.receive, reader.send))
    for taken in range(5):
        await _idle()
        assert (reader.made, len(reader.sent)) == (taken + 1, taken)
        reader.room.release()
    reader.room.release()
    assert await pouring == 5
    assert [message["more_body"] for message in reader.sent] == [True] * 5 + [False]


async def test_who_hangs_up_is_sent_nothing_more() -> None:
    reader = Reader()
    reader.room.release()
    pouring = asyncio.create_task(pour(reader.pieces(5), reader.receive, reader.send))
    await _idle()
    reader.gone.set()
    with pytest.raises(ConnectionError):
        await pouring
    assert (reader.made, len(reader.sent)) == (2, 1)


async def test_what_breaks_off_has_no_end() -> None:
    reader = Reader()
    for _ in range(9):
        reader.room.release()

    async def broken() -> AsyncIterator[bytes]:
        yield b"x"
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await pour(broken(), reader.receive, reader.send)
    assert [message["more_body"] for message in reader.sent] == [True]


def test_a_length_is_told_where_it_is_known() -> None:
    assert (b"content-length", b"0") in headers("a", 0)
    assert b"content-length" not in dict(headers("a", None))
