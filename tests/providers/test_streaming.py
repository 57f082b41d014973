"""Streams from an upstream: by the rules of every call, a piece at a time, never more than the cap."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import httpx2
import pytest
from pydantic import SecretStr

from providers.base import (
    Credential,
    GrantRejected,
    NotFound,
    ProviderError,
    RateLimited,
    Rejected,
    ScopeMissing,
    Unavailable,
)
from providers.google import GOOGLE
from providers.http import Http
from providers.streaming import TOO_LARGE, Stream, Streams
from providers.transport import Transport

URL = "https://www.googleapis.com/drive/v3/files/f1"


@dataclass
class Body(httpx2.AsyncByteStream):
    """Counts what was asked of it, and whether it was hung up on."""

    pieces: int
    size: int = 1000
    fails: bool = False
    given: int = 0
    closed: bool = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for _ in range(self.pieces):
            self.given += 1
            yield bytes(self.size)
        if self.fails:
            raise httpx2.ReadError("gone")

    async def aclose(self) -> None:
        self.closed = True


@dataclass
class Upstream:
    """Answers in turn, the last one for ever."""

    answers: list[httpx2.Response]
    requests: list[httpx2.Request] = field(default_factory=list)

    async def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


async def _never(_: float) -> None:
    return None


async def source(refused: int | None) -> Credential:
    return Credential("c", SecretStr(f"token-{refused or 0}"), 3600, (refused or 0) + 1, frozenset())


async def opened(stack: AsyncExitStack, *answers: httpx2.Response, url: str = URL) -> Stream:
    transport = Transport(httpx2.MockTransport(upstream := Upstream(list(answers))))
    streams = Streams(Http(transport, sleep=_never), transport)
    stream = await stack.enter_async_context(
        streams.open(GOOGLE, url, operation="fetch", credential=source, most=10_000, scopes=frozenset({"s"}))
    )
    stream.upstream = upstream  # type: ignore[attr-defined]
    return stream


async def whole(stream: Stream) -> bytes:
    return b"".join([piece async for piece in stream.pieces()])


def answer(body: Body, **headers: str) -> httpx2.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx2.Response(200, headers=named, stream=body)


async def test_nothing_is_read_before_it_is_asked_for_and_leaving_hangs_up() -> None:
    body = Body(pieces=9)
    async with AsyncExitStack() as stack:
        stream = await opened(stack, answer(body, content_length="9000"))
        assert stream.length == 9000
        assert body.given == 0
        pieces = stream.pieces()
        for count in (1, 2, 3):
            assert len(await anext(pieces)) == 1000
            assert body.given == count
        assert not body.closed
    assert body.closed
    assert body.given == 3


async def test_it_asks_for_the_file_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    async with AsyncExitStack() as stack:
        stream = await opened(stack, answer(Body(pieces=1)))
        (request,) = stream.upstream.requests  # type: ignore[attr-defined]
        assert request.headers["accept-encoding"] == "identity"
        assert request.headers["authorization"] == "Bearer token-0"
        assert stream.length is None
        assert [len(piece) async for piece in stream.pieces()] == [1000]
    assert "token-0" not in capsys.readouterr().out


@pytest.mark.parametrize("length", ["", "11000"], ids=["of no length", "that says so"])
async def test_the_cap_holds(length: str) -> None:
    body = Body(pieces=11)
    said = {"content_length": length} if length else {}
    async with AsyncExitStack() as stack:
        with pytest.raises(Rejected) as caught:
            await whole(await opened(stack, answer(body, **said)))
    assert caught.value.reason == TOO_LARGE
    assert body.closed
    assert body.given == (0 if length else 11)


@pytest.mark.parametrize(
    "body", [Body(pieces=3, fails=True), Body(pieces=3), Body(pieces=5)], ids=["breaks off", "short", "long"]
)
async def test_what_is_not_whole_is_no_file(body: Body) -> None:
    async with AsyncExitStack() as stack:
        stream = await opened(stack, answer(body, content_length="4000"))
        with pytest.raises(Unavailable):
            await whole(stream)
    assert body.closed


async def test_a_packed_answer_is_refused_unread() -> None:
    body = Body(pieces=3)
    async with AsyncExitStack() as stack:
        with pytest.raises(Unavailable):
            await opened(stack, answer(body, content_encoding="gzip"))
    assert (body.given, body.closed) == (0, True)


async def test_a_refused_token_is_renewed_once() -> None:
    refused = httpx2.Response(401, json={})
    async with AsyncExitStack() as stack:
        stream = await opened(stack, refused, answer(Body(pieces=1)))
        tokens = [each.headers["authorization"] for each in stream.upstream.requests]  # type: ignore[attr-defined]
        assert tokens == ["Bearer token-0", "Bearer token-1"]
    async with AsyncExitStack() as stack:
        with pytest.raises(GrantRejected):
            await opened(stack, refused)


def _refusal(status: int, reason: str) -> httpx2.Response:
    return httpx2.Response(status, json={"error": {"code": status, "errors": [{"reason": reason}]}})


REFUSALS: dict[str, tuple[httpx2.Response, type[ProviderError]]] = {
    "gone": (_refusal(404, "notFound"), NotFound),
    "no scope": (_refusal(403, "insufficientPermissions"), ScopeMissing),
    "a quota": (_refusal(403, "quotaExceeded"), RateLimited),
    "of no bytes": (_refusal(403, "fileNotDownloadable"), Rejected),
    "down": (_refusal(503, "backendError"), Unavailable),
    "a redirect": (httpx2.Response(302, headers={"location": "https://evil.example/"}), Unavailable),
    "a part": (httpx2.Response(206, content=b"x"), Unavailable),
}


@pytest.mark.parametrize("case", REFUSALS)
async def test_a_refusal_means_what_it_means_elsewhere(case: str) -> None:
    refusal, kind = REFUSALS[case]
    async with AsyncExitStack() as stack:
        with pytest.raises(kind):
            await opened(stack, refusal)


@pytest.mark.parametrize(
    "url", ["https://evil.example/x", "http://www.googleapis.com/x", "https://a@www.googleapis.com/x"]
)
async def test_a_token_goes_to_the_providers_hosts_alone(url: str) -> None:
    async with AsyncExitStack() as stack:
        with pytest.raises(Rejected, match="HOST_NOT_ALLOWED"):
            await opened(stack, answer(Body(pieces=1)), url=url)
