"""Pictures: from which hosts, without a token, how large, and that they are what they say."""

from __future__ import annotations

import base64
import gzip
import logging
from dataclasses import replace

import httpx2
import pytest

from providers.media import Media
from providers.spotify import SPOTIFY
from providers.transport import Transport
from tests.providers.upstream import CANARY, Upstream

URL = "https://i.scdn.co/image/ab67616d00001e02326db007f167499d23171722"
PNG = b"\x89PNG\r\n\x1a\n" + b"p" * 100
JPEG = b"\xff\xd8\xff\xe0" + b"j" * 100
WEBP = b"RIFF\x10\0\0\0WEBPVP8 " + b"w" * 100
BROKEN = [
    httpx2.ConnectError("no"),
    httpx2.ReadTimeout("late"),
    httpx2.RemoteProtocolError("odd"),
    httpx2.DecodingError("garbled"),
]


def picture(body: bytes = PNG, kind: str = "image/png", status: int = 200, **more: str) -> httpx2.Response:
    return httpx2.Response(status, headers={"content-type": kind, **more}, content=body)


@pytest.mark.parametrize(
    ("kind", "body"),
    [("image/png", PNG), ("image/jpeg", JPEG), ("image/webp", WEBP), ("IMAGE/JPEG; q=1", JPEG)],
    ids=["png", "jpeg", "webp", "spelled"],
)
async def test_a_picture_is_fetched_without_a_token(kind: str, body: bytes) -> None:
    upstream = Upstream(picture(body, kind))
    found = await Media(Transport(upstream)).picture(SPOTIFY, URL, 1000)
    assert found is not None
    assert found.data_uri == f"data:{found.kind};base64,{base64.b64encode(body).decode()}"
    assert found.kind == kind.lower().partition(";")[0]
    sent = upstream.last
    assert (sent.method, str(sent.url), sent.content) == ("GET", URL, b"")
    assert {name.lower() for name in sent.headers} == {"host", "accept", "accept-encoding", "user-agent"}
    assert "ppp" not in repr(found)


@pytest.mark.parametrize(
    "url",
    [
        "http://i.scdn.co/image/x",
        "https://i.scdn.co.evil.example/image/x",
        "https://evil.example/i.scdn.co",
        "https://i.scdn.co@evil.example/image/x",
        "https://somebody@i.scdn.co/image/x",
        "https://somebody:secret@i.scdn.co/image/x",
        "https://i.scdn.co:8443/image/x",
        "https://i.scdn.co./image/x",
        "https://x.i.scdn.co/image/x",
        "https://evil.example#@i.scdn.co/image/x",
        "https://evil.example?@i.scdn.co/image/x",
        "https://evil.example\\@i.scdn.co/image/x",
        "https://mosaic.scdn.co/640/x",
        "https://api.spotify.com/v1/me",
        "https://127.0.0.1/image/x",
        "https://[::1]/image/x",
        "https://169.254.169.254/latest/meta-data/",
        "https://ı.scdn.co/image/x",
        "file:///etc/passwd",
        "data:image/png;base64,AAAA",
        "//i.scdn.co/image/x",
        "https:i.scdn.co/image/x",
        "https://i.scdn.co\n.evil.example/",
        "https://i.scdn.co/" + "x" * 70_000,
        "",
    ],
    ids=lambda url: url[:40].replace("\n", "-"),
)
async def test_nothing_is_asked_of_any_other_place(url: str) -> None:
    upstream = Upstream()
    assert await Media(Transport(upstream)).picture(SPOTIFY, url, 1000) is None
    assert upstream.requests == []


async def test_the_record_names_the_hosts() -> None:
    upstream = Upstream(picture())
    elsewhere = replace(SPOTIFY, media_hosts=frozenset({"evil.example"}))
    assert await Media(Transport(upstream)).picture(elsewhere, "https://evil.example/x", 1000) is not None
    assert not SPOTIFY.media_hosts & SPOTIFY.hosts, (
        "where tokens go and where pictures come from are two things"
    )


@pytest.mark.parametrize("status", [204, 206, 301, 302, 307, 400, 403, 404, 429, 500, 503])
async def test_no_redirect_is_followed_and_nothing_is_tried_again(status: int) -> None:
    upstream = Upstream(picture(status=status, location="https://i.scdn.co/image/other"), picture())
    assert await Media(Transport(upstream)).picture(SPOTIFY, URL, 1000) is None
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("more", [0, 1])
async def test_a_picture_that_is_too_large_is_none(more: int) -> None:
    body = PNG + b"p" * (1000 - len(PNG) + more)
    found = await Media(Transport(Upstream(picture(body)))).picture(SPOTIFY, URL, 1000)
    assert (found is None) == bool(more)


async def test_a_small_body_does_not_grow_past_the_cap() -> None:
    bomb = gzip.compress(PNG + b"\0" * 2_000_000)
    upstream = Upstream(picture(bomb, **{"content-encoding": "gzip"}))
    assert await Media(Transport(upstream)).picture(SPOTIFY, URL, 100_000) is None


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("image/jpeg", PNG),
        ("image/png", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
        ("image/svg+xml", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        ("text/html", PNG),
        ("image/gif", b"GIF89a" + b"g" * 50),
        ("image/webp", b"RIFF\x10\0\0\0WAVEfmt "),
        ("image/png", b""),
        ("", PNG),
    ],
    ids=["another", "svg-inside", "svg", "html", "gif", "sound", "empty", "unnamed"],
)
async def test_it_is_the_picture_that_it_says_it_is(kind: str, body: bytes) -> None:
    upstream = Upstream(picture(body, kind))
    assert await Media(Transport(upstream)).picture(SPOTIFY, URL, 1000) is None


@pytest.mark.parametrize("error", BROKEN, ids=lambda error: type(error).__name__)
async def test_a_failure_is_no_picture_and_names_nothing(
    error: Exception, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    assert await Media(Transport(Upstream(error))).picture(SPOTIFY, URL + CANARY, 1000) is None
    assert CANARY not in caplog.text + capsys.readouterr().out


async def test_the_emulators_map_counts_here_too() -> None:
    upstream = Upstream(picture())
    transport = Transport(upstream, emulator_origin="http://localhost:9009")
    assert await Media(transport).picture(SPOTIFY, URL, 1000) is not None
    assert str(upstream.last.url) == URL.replace("https://", "http://localhost:9009/")
