"""Google's files, piece by piece: attachments out of JSON, uploads in spans, drafts with one part more."""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from email import message_from_bytes
from email.policy import SMTP

import httpx2
import pytest
from pydantic import SecretStr

from providers.base import Conflict, Credential, NotFound, ProviderError, Rejected, Unavailable
from providers.carrier import Incoming, Stored
from providers.google import drafting
from providers.google.fetching import fetch_attachment
from providers.google.putting import CHUNK
from providers.google.transfer import CARRIER, attachment, draft_attachment, new_file
from providers.http import Http
from providers.parcel import MOST
from providers.streaming import Streams
from providers.transport import Transport

MIB = 1024 * 1024


async def source(refused: int | None) -> Credential:
    return Credential("c", SecretStr(f"token-{refused or 0}"), 3600, (refused or 0) + 1, frozenset())


async def _never(_: float) -> None:
    return None


# Attachments


class _Pieces(httpx2.AsyncByteStream):
    def __init__(self, content: bytes, size: int) -> None:
        self._pieces = [content[at : at + size] for at in range(0, len(content), size)]

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


async def attached(answer: bytes, size: int = 1000) -> tuple[int | None, bytes]:
    """What comes of that JSON, in pieces of that size."""
    transport = Transport(httpx2.MockTransport(lambda _: httpx2.Response(200, stream=_Pieces(answer, size))))
    streams = Streams(Http(transport), transport)
    async with fetch_attachment(streams, source, attachment("m1", "a1", "x.bin")) as file:
        return file.length, b"".join([piece async for piece in file.pieces()])


CONTENT = bytes(range(256)) + b"\xff\xfe\xfd" * 7


def said(content: bytes = CONTENT, *, pad: bool = True) -> bytes:
    letters = base64.urlsafe_b64encode(content)
    return letters if pad else letters.rstrip(b"=")


SIZE = len(CONTENT)
FORMS: dict[str, tuple[bytes, int | None]] = {
    "the size first": (b'{"size":%d,"data":"%b"}' % (SIZE, said()), SIZE),
    "written prettily": (b'{\n  "size": %d,\n  "data": "%b"\n}\n' % (SIZE, said(pad=False)), SIZE),
    "the size last": (b'{"data":"%b", "size": %d}' % (said(), SIZE), None),
    "no size": (b'{"data":"%b"}' % said(pad=False), None),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", [1, 3, 7, 64, 100_000])
async def test_an_attachment_is_decoded_however_it_comes(form: str, size: int) -> None:
    answer, length = FORMS[form]
    assert await attached(answer, size) == (length, CONTENT)


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5])
async def test_few_bytes_are_few_bytes(size: int) -> None:
    content = CONTENT[:size]
    assert await attached(b'{"size":%d,"data":"%b"}' % (size, said(content, pad=False)), 5) == (size, content)


BROKEN = {
    "cut off": b'{"size":300,"data":"' + said()[:100],
    "cut off after a quote": b'{"data":"' + said() + b'"',
    "another size": b'{"size":3,"data":"' + said() + b'"}',
    "another size, last": b'{"data":"' + said() + b'","size":3}',
    "no data": b'{"size":3}',
    "no object": b"[]",
    "nothing": b"",
    "a page": b"<!doctype html>" * 500,
    "no base64": b'{"data":"####"}',
    "an escape": b'{"data":"AA\\u0041A"}',
    "more after it": b'{"data":"AAAA"}{"data":"AAAA"}',
    "white space without end": b" " * 5000 + b'{"data":"AAAA"}',
}


@pytest.mark.parametrize("case", BROKEN)
async def test_what_is_no_attachment_is_none(case: str) -> None:
    with pytest.raises(Unavailable):
        await attached(BROKEN[case], 50)


async def test_an_attachment_beyond_the_cap_is_refused() -> None:
    with pytest.raises(Rejected, match="TOO_LARGE"):
        await attached(b'{"size":%d,"data":"AAAA"}' % (MOST + 1))


# Into a Drive


Bad = Callable[[int, httpx2.Request], httpx2.Response | httpx2.HTTPError | None]


@dataclass
class Drive:
    """Google's end of a resumable upload. `bad` may answer a request, by its number, in its place."""

    bad: Bad = lambda number, request: None
    spans: list[str] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    held: bytes = b""
    done: bool = False
    cancelled: bool = False

    async def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.tokens.append(request.headers["authorization"])
        bad = self.bad(len(self.tokens), request)
        if isinstance(bad, httpx2.HTTPError):
            raise bad
        if bad is not None:
            return bad
        if request.method == "POST":
            assert request.url.params["uploadType"] == "resumable"
            there = "http://elsewhere.example/upload?uploadType=resumable&upload_id=u1&x=1"
            return httpx2.Response(200, headers={"location": there})
        assert request.url.host == "www.googleapis.com"
        assert (request.url.params["upload_id"], request.url.params["x"]) == ("u1", "1")
        if request.method == "DELETE":
            self.cancelled = True
            return httpx2.Response(499)
        return self._put(request)

    def _put(self, request: httpx2.Request) -> httpx2.Response:
        span = request.headers.get("content-range", "")
        self.spans.append(span)
        found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", span)
        if found:
            assert int(found[1]) == len(self.held)
            self.held += request.content
        if span == "" or span.rpartition("/")[2] == str(len(self.held)):
            self.done = True
            return httpx2.Response(200, json={"id": "f1", "name": "Plan.pdf", "size": str(len(self.held))})
        return unfinished(len(self.held))


def unfinished(held: int) -> httpx2.Response:
    return httpx2.Response(308, headers={"range": f"bytes=0-{held - 1}"} if held else {})


async def put(drive: Drive, size: int, piece: int = 700_001) -> Stored:
    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, size, piece):
            yield bytes(min(piece, size - at))

    transport = Transport(httpx2.MockTransport(drive))
    incoming = Incoming("Plan.pdf", "application/pdf", pieces())
    return await CARRIER.puts["new_file"](Http(transport, sleep=_never), source, new_file(""), incoming)


@pytest.mark.parametrize(
    ("size", "spans"),
    [
        (0, [""]),
        (1, ["bytes 0-0/1"]),
        (CHUNK, [f"bytes 0-{CHUNK - 1}/{CHUNK}"]),
        (CHUNK + 1, [f"bytes 0-{CHUNK - 1}/*", f"bytes {CHUNK}-{CHUNK}/{CHUNK + 1}"]),
        (2 * CHUNK, [f"bytes 0-{CHUNK - 1}/*", f"bytes {CHUNK}-{2 * CHUNK - 1}/{2 * CHUNK}"]),
    ],
)
@pytest.mark.parametrize("piece", [700_001, 9 * MIB])
async def test_the_spans_are_those_of_the_guide(size: int, spans: list[str], piece: int) -> None:
    drive = Drive()
    stored = await put(drive, size, piece)
    assert (stored.name, stored.size, drive.spans) == ("Plan.pdf", size, spans)
    assert drive.held == bytes(size)
    assert not drive.cancelled


async def test_a_token_that_ends_in_the_middle_is_renewed() -> None:
    drive = Drive(lambda number, _: httpx2.Response(401) if number == 3 else None)
    await put(drive, 3 * CHUNK)
    assert drive.held == bytes(3 * CHUNK)
    assert drive.tokens[2:4] == ["Bearer token-0", "Bearer token-1"]


async def test_a_lost_answer_is_asked_after() -> None:
    """The second chunk arrived and its answer did not; then half of the third is all that there is."""

    def bad(number: int, request: httpx2.Request) -> httpx2.Response | httpx2.HTTPError | None:
        if number == 3:
            drive.held += request.content
            return httpx2.ReadError("lost")
        if number == 5:
            drive.held += request.content[: CHUNK // 2]
            return httpx2.ReadError("lost")
        return None

    drive = Drive(bad)
    await put(drive, 4 * CHUNK)
    assert drive.held == bytes(4 * CHUNK)
    assert drive.done


async def test_a_lost_last_answer_is_no_second_file() -> None:
    def bad(number: int, request: httpx2.Request) -> httpx2.Response | httpx2.HTTPError | None:
        if number == 2:
            drive.held += request.content
            return httpx2.ReadError("lost")
        return None

    drive = Drive(bad)
    assert (await put(drive, 100)).size == 100
    assert drive.spans == ["bytes */100"]


async def test_nobody_knows_where_that_is_lost_too() -> None:
    drive = Drive(lambda number, _: httpx2.ReadError("lost") if number >= 2 else None)
    with pytest.raises(Unavailable) as caught:
        await put(drive, 100)
    assert caught.value.ambiguous
    assert not drive.cancelled


# At which requests what is answered, what it comes to, and whether the session is called off.
FAILURES: dict[str, tuple[range, httpx2.Response, type[ProviderError], bool]] = {
    "the session is no more": (range(3, 4), httpx2.Response(404), NotFound, True),
    "an answer out of its mind": (range(3, 4), unfinished(99 * CHUNK), Unavailable, True),
    "an end before the end": (range(2, 3), httpx2.Response(200, json={}), Unavailable, True),
    "no way on": (range(2, 5), unfinished(0), Unavailable, True),
    "no session": (range(1, 2), httpx2.Response(200), Unavailable, False),
    "no beginning": (range(1, 2), httpx2.Response(502), Unavailable, False),
}


@pytest.mark.parametrize("case", FAILURES)
async def test_what_fails_is_called_off_and_leaves_nothing(case: str) -> None:
    when, answer, kind, cancels = FAILURES[case]
    drive = Drive(lambda number, _: answer if number in when else None)
    with pytest.raises(kind) as caught:
        await put(drive, 3 * CHUNK)
    assert not getattr(caught.value, "ambiguous", False)
    assert drive.cancelled == cancels
    assert not drive.done


async def test_too_much_is_called_off() -> None:
    drive = Drive()
    with pytest.raises(Rejected, match="TOO_LARGE"):
        await put(drive, MOST + 1, 9 * MIB)
    assert drive.cancelled


# Onto a draft

PART = b"Content-Type: application/zip\r\nContent-Disposition: attachment; filename=a.zip\r\n\r\nzip"

MIXED = b"To: a@b.example\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n"
MAILS = {
    "plain": b"To: a@b.example\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: text/plain;\r\n charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\xc3\xb6chen\r\n",
    "of bare line feeds": b"To: a@b.example\nContent-Type: text/html\n\n<p>Hi</p>\n",
    "without a type": b"To: a@b.example\r\n\r\nHi\r\n",
    "without a body": b"To: a@b.example\r\n",
    "alternative": b'To: a@b.example\r\nContent-Type: multipart/alternative; boundary="x"\r\n\r\n'
    b"--x\r\n\r\nHi\r\n--x\r\nContent-Type: text/html\r\n\r\n<p>Hi</p>\r\n--x--\r\n",
    "mixed": MIXED + b"preamble\r\n--x\r\n\r\nHi\r\n--x\r\nContent-Type: image/png\r\n\r\npng\r\n"
    b"--x--\r\nepilogue\r\n",
    "mixed without an end": MIXED + b"--x\r\n\r\nHi\r\n",
    "its end in a line": MIXED + b"--x\r\n\r\nHi --x--",
}


@pytest.mark.parametrize("case", MAILS)
def test_a_mail_keeps_what_it_is_and_gets_a_part(case: str) -> None:
    before = message_from_bytes(MAILS[case], policy=SMTP)
    made = drafting._with(MAILS[case], PART)
    after = message_from_bytes(made, policy=SMTP)
    assert after.get_content_type() == "multipart/mixed"
    assert (after["To"], after["Subject"]) == ("a@b.example", before["Subject"])
    assert len(after.get_all("MIME-Version", [])) <= 1
    kinds = [part.get_content_type() for part in after.walk()]
    assert kinds[-1] == "application/zip"
    was = [part.get_payload(decode=True) for part in before.walk() if not part.is_multipart()]
    held = [part.get_payload(decode=True) for part in after.walk() if not part.is_multipart()]
    if "end" not in case:
        assert [each.strip() for each in held[:-1]] == [each.strip() for each in was]
        assert not after.defects
    assert held[-1] == b"zip"
    twice = message_from_bytes(drafting._with(made, PART), policy=SMTP)
    assert [part.get_content_type() for part in twice.walk()].count("application/zip") == 2


async def test_a_mail_that_would_be_too_large_is_refused_unsent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drafting, "LARGEST_MAIL", 10_000)
    sent: list[str] = []

    def gmail(request: httpx2.Request) -> httpx2.Response:
        sent.append(request.method)
        raw = base64.urlsafe_b64encode(MAILS["plain"]).decode()
        return httpx2.Response(200, json={"message": {"raw": raw}, "id": "d1"})

    async def pieces() -> AsyncIterator[bytes]:
        yield bytes(9_000)

    incoming = Incoming("a.zip", "", pieces())
    http = Http(Transport(httpx2.MockTransport(gmail)))
    with pytest.raises(Rejected, match="TOO_LARGE"):
        await CARRIER.puts["draft_attachment"](http, source, draft_attachment("d1"), incoming)
    assert sent == ["GET"]


@pytest.mark.parametrize("changes", [1, 9])
async def test_a_draft_that_changed_meanwhile_is_read_again(changes: int) -> None:
    """By somebody else, between our reading and our writing: what they did must not be lost."""
    version, sent = 0, []

    def gmail(request: httpx2.Request) -> httpx2.Response:
        nonlocal version
        sent.append(request)
        raw = base64.urlsafe_b64encode(b"To: a@b.example\r\nSubject: %d\r\n\r\nHi\r\n" % version).decode()
        answer = httpx2.Response(200, json={"message": {"id": f"m{version}", "raw": raw}, "id": "d1"})
        version += "raw" in request.url.params["fields"] and version < changes
        return answer

    async def pieces() -> AsyncIterator[bytes]:
        yield b"zip"

    incoming, http = Incoming("a.zip", "", pieces()), Http(Transport(httpx2.MockTransport(gmail)))
    putting = CARRIER.puts["draft_attachment"](http, source, draft_attachment("d1"), incoming)
    if changes == 9:
        with pytest.raises(Conflict):
            await putting
        assert all(request.method == "GET" for request in sent)
    else:
        await putting
        assert b"Subject: 1" in sent[-1].content
