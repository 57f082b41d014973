"""One file out of a body: however it is cut, and nothing that is none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from connect import intake
from connect.intake import AROUND, Intake
from connect.pages import Refusal

FORM = "multipart/form-data; boundary=b"
FILE = (
    '--b\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
    "Content-Type: Text/Plain; charset=x\r\n\r\n{content}\r\n"
)


def taken(
    body: bytes, kind: str = FORM, step: int = 10_000, *, breaks: bool = False, stalls: bool = False
) -> Intake:
    """The intake of a request with that body, which comes in steps of that many bytes."""
    pieces = [body[at : at + step] for at in range(0, len(body), step)] or [b""]
    headers = {"content-type": kind, "content-length": str(len(body))}
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }

    async def receive() -> Message:
        if stalls:
            await asyncio.Event().wait()
        if pieces:
            return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces) or breaks}
        return {"type": "http.disconnect"}

    return Intake(Request(scope, receive))


async def whole(pieces: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in pieces])


def form(*parts: str, end: str = "--b--\r\n") -> bytes:
    return ("".join(parts) + end).encode()


FIELD = '--b\r\nContent-Disposition: form-data; name="x"\r\n\r\nvalue\r\n'
CONTENT = "a\r\n--a is no end\r\n-\r\n--\r\n\r\n" * 9


@pytest.mark.parametrize("step", [1, 2, 3, 7, 50, 10_000])
@pytest.mark.parametrize("around", [False, True], ids=["alone", "among fields"])
async def test_a_file_of_a_form_is_the_same_however_it_is_cut(step: int, around: bool) -> None:
    file = FILE.format(name="a b.txt", content=CONTENT)
    body = form(FIELD, file, FIELD) if around else form(file)
    incoming = await taken(body, step=step).begin()
    assert (incoming.name, incoming.media_type) == ("a b.txt", "text/plain")
    assert await whole(incoming.pieces) == CONTENT.encode()


NAMES = {
    "plain.txt": "plain.txt",
    "C:\\\\Users\\\\ana\\\\plan.pdf": "plan.pdf",
    "/etc/passwd": "_etc_passwd",
    "תקציב.pdf": "תקציב.pdf",
    "a\u202egpj.exe": "agpj.exe",
    'a\\"b': "a_b",
}


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
async def test_a_name_is_made_safe(name: str) -> None:
    incoming = await taken(form(FILE.format(name=name, content="x"))).begin()
    assert incoming.name == NAMES[name]
    assert name not in repr(incoming)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (form(FILE.format(name="", content="")), "no file"),
        (form(FIELD), "no file"),
        (b"", "no file"),
        (b"--b--\r\n", "no file"),
        (b"nothing of a form", "whole"),
        (b"--b\r\nno header\r\n\r\n", "whole"),
        (form("x" * 10), "whole"),
        (form(FIELD.replace("value", "x" * (AROUND + 1))), "whole"),
        (form(*["--b\r\nX: " + "y" * 99_000 + "\r\n\r\n"]), "whole"),
    ],
    ids=[
        "no name",
        "no file",
        "empty",
        "an end",
        "no form",
        "no header",
        "no boundary",
        "much",
        "a header",
    ],
)
async def test_what_is_no_file_is_refused(body: bytes, said: str) -> None:
    with pytest.raises(Refusal) as caught:
        await taken(body).begin()
    assert caught.value.status == 400
    assert said in caught.value.title


async def test_without_a_boundary_it_is_no_form() -> None:
    with pytest.raises(Refusal):
        await taken(form(FIELD), "multipart/form-data").begin()


BROKEN = {
    "cut off": FILE.format(name="a", content="abc").encode()[:-2],
    "without its end": form(FILE.format(name="a", content="abc"), end=""),
    "a second file": form(FILE.format(name="a", content="abc"), FILE.format(name="b", content="d")),
    "much after it": form(FILE.format(name="a", content="abc"), FIELD.replace("value", "v" * (AROUND + 1))),
}


@pytest.mark.parametrize("case", BROKEN)
async def test_what_is_not_whole_ends_in_a_refusal(case: str) -> None:
    incoming = await taken(BROKEN[case], step=30).begin()
    with pytest.raises(Refusal) as caught:
        await whole(incoming.pieces)
    assert caught.value.status == 400


@pytest.mark.parametrize("kind", [FORM, "text/plain"])
async def test_who_hangs_up_is_heard(kind: str) -> None:
    body = FILE.format(name="a", content="abc").encode()
    incoming = await taken(body, kind, breaks=True).begin()
    with pytest.raises(ClientDisconnect):
        await whole(incoming.pieces)


async def test_too_much_is_refused_on_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "MOST", 100)
    for body, kind in ((b"x" * 100, "text/plain"), (form(FILE.format(name="a", content="x" * 100)), FORM)):
        assert len(await whole((await taken(body, kind).begin()).pieces)) == 100
    for body, kind in ((b"x" * 101, "text/plain"), (form(FILE.format(name="a", content="x" * 101)), FORM)):
        incoming = await taken(body, kind, 50).begin()
        with pytest.raises(Refusal) as caught:
            await whole(incoming.pieces)
        assert caught.value.status == 413


async def test_what_stops_coming_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "IDLE", 0.0)
    with pytest.raises(Refusal) as caught:
        await taken(form(FIELD), stalls=True).begin()
    assert caught.value.status == 408


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("application/pdf", "application/pdf"),
        ("application/x-www-form-urlencoded", ""),
        ("multipart/form-data", ""),
        ("no type", ""),
    ],
)
def test_a_type_is_a_type_or_none(said: str, found: str) -> None:
    assert intake._type(said) == found
