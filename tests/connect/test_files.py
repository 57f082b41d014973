"""Files in and out by a link, over sockets: once, streamed, inert, and nothing half done."""

from __future__ import annotations

import asyncio
import hashlib
import re
import tracemalloc
from collections.abc import AsyncIterator
from dataclasses import replace
from email import message_from_bytes
from email.policy import SMTP
from pathlib import Path
from uuid import UUID

import httpx2
import pytest
from pydantic import SecretStr

from connect import files, intake
from providers.base import Account, TokenSet
from providers.google.transfer import draft_attachment, drive_file, new_file
from providers.parcel import MOST
from tests.connect.depot import fault, letters
from tests.connect.porch import SCOPES, Porch, flow, porch, until
from tests.support.chromium import launched
from vault.store.connections import Connection
from vault.store.database import Database

DOWN = ["drive_file", "exported", "attachment"]
UP = ["new_file", "new_content"]


@pytest.fixture(scope="module")
async def house(inn_pool: Database, inn_ring: Path) -> AsyncIterator[Porch]:
    async with porch(inn_pool, inn_ring) as opened:
        yield opened


@pytest.fixture
async def door(house: Porch) -> Porch:
    """The same for each test, with nothing left of the test before."""
    await house.settle()
    return house


# Out


@pytest.mark.parametrize("kind", DOWN)
async def test_a_file_comes_once_as_it_is_and_inert(door: Porch, kind: str) -> None:
    door.depot.files["f1"] = letters(100_000)
    url = await door.link(kind)
    for _ in range(2):  # a chat's preview, and then the person
        page = await door.http.get(url, headers={"accept": "text/html"})
        assert page.status_code == 200
        assert "Plan." in page.text
        assert "ana@" not in page.text
        assert (await door.http.head(url)).status_code == 200
    assert door.depot.calls == []
    answer = await door.http.post(url)
    assert answer.status_code == 200
    assert answer.content == letters(100_000)
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers.get_list("content-security-policy")[-1] == "sandbox"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["content-disposition"].startswith('attachment; filename="Plan.')
    assert answer.headers["content-length"] == "100000"
    assert len(door.depot.calls) == 1
    again = await door.http.post(url, headers={"accept": "text/html"})
    assert again.status_code == 410
    assert "This link was used" in again.text
    assert (await door.http.get(url)).status_code == 410
    assert len(door.depot.calls) == 1


@pytest.mark.parametrize("kind", DOWN)
@pytest.mark.parametrize("lengthless", [False, True], ids=["of known length", "chunked"])
async def test_an_empty_file_is_a_file(door: Porch, kind: str, lengthless: bool) -> None:
    door.depot.files["f1"], door.depot.lengthless = b"", lengthless
    answer = await door.http.post(await door.link(kind))
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize("kind", ["drive_file", "attachment"])
async def test_25_mb_come_through_a_little_memory_and_a_byte_more_does_not(door: Porch, kind: str) -> None:
    door.depot.files["f1"] = MOST
    wanted = hashlib.sha256()
    for start in range(0, MOST, 60_000):
        wanted.update(letters(min(60_000, MOST - start)))
    url = await door.link(kind)
    tracemalloc.start()
    try:
        assert await door.fetch(url) == (MOST, wanted.hexdigest())
        assert tracemalloc.get_traced_memory()[1] < 6_000_000
    finally:
        tracemalloc.stop()
    door.depot.files["f1"] = MOST + 1
    url = await door.link(kind)
    answer = await door.http.post(url, headers={"accept": "text/html"})
    assert answer.status_code == 413
    assert "25 MB" in answer.text


async def test_of_a_length_that_nobody_said_too_much_is_never_a_whole_file(door: Porch) -> None:
    door.depot.files["f1"], door.depot.lengthless = MOST + 1, True
    url = await door.link()
    with pytest.raises(httpx2.RemoteProtocolError):
        await door.fetch(url)
    assert (await door.http.post(url)).status_code == 410


@pytest.mark.parametrize("kind", ["drive_file", "attachment"])
@pytest.mark.parametrize("lengthless", [False, True], ids=["of known length", "chunked"])
async def test_what_breaks_off_is_never_a_whole_file(door: Porch, kind: str, lengthless: bool) -> None:
    door.depot.files["f1"], door.depot.breaks_at, door.depot.lengthless = 600_000, 300_000, lengthless
    url = await door.link(kind)
    with pytest.raises(httpx2.RemoteProtocolError):
        await door.fetch(url)
    assert (await door.http.post(url)).status_code == 410


async def test_who_hangs_up_ends_the_fetching_too(door: Porch) -> None:
    door.depot.files["f1"], door.depot.go_on = MOST, asyncio.Event()
    url = await door.link()
    async with door.http.stream("POST", url) as answer:
        await anext(answer.aiter_raw())
    await door.inn.diary.flush()
    while await door.inn.count("SELECT count(*) FROM activity WHERE action = 'file_downloaded'") == 0:
        await door.inn.diary.flush()
        await asyncio.sleep(0.01)
    assert await door.inn.count("SELECT count(*) FROM activity WHERE outcome = 'cancelled'") == 1
    door.depot.go_on.set()


async def test_of_two_at_once_one_wins(door: Porch) -> None:
    door.depot.files["f1"] = letters(1000)
    url = await door.link()
    answers = await asyncio.gather(*(door.http.post(url) for _ in range(4)))
    assert sorted(each.status_code for each in answers) == [200, 410, 410, 410]
    assert len(door.depot.calls) == 1


NAMES = {
    "hostile": ('a"\r\nSet-Cookie: x=1\r\n\r\n../<b>.html', "a_ Set-Cookie_ x=1 .."),
    "right to left": ("תקציב.pdf", "_____.pdf"),
    "turned round": ("bill\u202efdp.exe", "billfdp.exe"),
    "percent": ("100%25.txt", "100_25.txt"),
}


@pytest.mark.parametrize("case", NAMES)
async def test_a_name_is_a_name_and_nothing_else(door: Porch, case: str) -> None:
    name, plain = NAMES[case]
    door.depot.files["f1"] = b"x"
    url = await door.link(drive_file("f1", name))
    page = await door.http.get(url)
    assert "<b>" not in page.text.replace("<b><bdi>", "")
    assert "\u202e" not in page.text
    answer = await door.http.post(url)
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    found = re.fullmatch(r"attachment; filename=\"([ -~]*)\"; filename\*=UTF-8''([\w.%~-]+)",
                         answer.headers["content-disposition"])  # fmt: skip
    assert found is not None
    assert found[1].startswith(plain)
    assert "/" not in found[1]


REFUSALS = {
    "gone": (fault(404, "notFound"), 404, "is not there"),
    "a limit": (fault(429, "rateLimitExceeded", retry_after="600"), 503, "too busy"),
    "not allowed": (fault(403, "insufficientPermissions"), 403, "does not allow"),
    "no file of bytes": (fault(403, "fileNotDownloadable"), 409, "refused"),
    "down": (fault(500, "backendError"), 502, "not answering"),
}


@pytest.mark.parametrize("case", REFUSALS)
@pytest.mark.parametrize("kind", ["drive_file", "new_file"])
async def test_a_refusal_is_a_page_and_the_link_stands(door: Porch, case: str, kind: str) -> None:
    refusal, status, said = REFUSALS[case]
    door.depot.files["f1"] = b"x"
    door.depot.refuse = lambda _: refusal
    url = await door.link(kind)
    answer = await door.send(url, 10)
    assert (answer.status_code, said in answer.text) == (status, True), answer.text
    assert "canary" not in answer.text
    door.depot.refuse = lambda _: None
    assert (await door.send(url, 10)).status_code == 200


async def test_a_token_that_ended_is_renewed_once_and_a_dead_grant_is_a_page(
    door: Porch, monkeypatch: pytest.MonkeyPatch
) -> None:
    door.depot.files["f1"] = b"x"
    held = door.inn.vault.credential
    asked: list[int | None] = []

    async def credential(*args: object, refused: int | None = None) -> object:
        asked.append(refused)
        if refused is not None:
            door.depot.tokens = {"first"}
        return await held(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(door.inn.vault, "credential", credential)
    door.depot.tokens = {"second"}
    assert (await door.http.post(await door.link())).status_code == 200
    assert [each is None for each in asked] == [True, False]
    door.depot.tokens = set()
    monkeypatch.undo()
    await door.inn.run("UPDATE connections SET status = 'needs_reauth', reason = 'revoked'")
    url = await door.link()
    answer = await door.http.post(url, headers={"accept": "text/html"})
    assert answer.status_code == 409
    assert "must be connected again" in answer.text


async def test_a_link_is_for_its_account_whatever_that_is_called_now(
    door: Porch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two accounts swap their names between two reads: the other one's token is not used."""
    door.depot.files["f1"] = b"x"
    other = Account("https://accounts.google.com", "another", "work@example.test", "work")
    tokens = TokenSet(SecretStr("first"), 3600.0, SecretStr("refresh"), SCOPES)
    await door.inn.vault.save(door.user, "google", "operator", other, tokens, SCOPES, None)
    url = await door.link()
    rows = await door.inn.vault.list(door.user)

    async def swapped(owner: UUID) -> list[Connection]:
        return [replace(row, label="work") for row in rows if row.id == door.connection]

    with monkeypatch.context() as patch:
        patch.setattr(door.inn.vault, "list", swapped)
        assert (await door.http.post(url, headers={"accept": "text/html"})).status_code == 410
    assert door.depot.calls == []
    assert (await door.http.post(url)).status_code == 200


# What a link stands on

ENDS = {
    "expired": ("UPDATE transfers SET expires_at = now()", 410),
    "the chat was cut off": ("UPDATE grants SET revoked_at = now()", 410),
    "the chat may less": ("UPDATE grants SET scopes = '{spotify:write}'", 410),
    "blocked": ("UPDATE users SET blocked_at = now()", 410),
    "disconnected": ("UPDATE connections SET status = 'disconnected'", 410),
    "off the guest list": ("DELETE FROM identities", 410),
    "the person is gone": ("DELETE FROM users", 404),
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("kind", ["drive_file", "new_file"])
async def test_a_link_ends_with_what_it_stands_on(door: Porch, end: str, kind: str) -> None:
    statement, status = ENDS[end]
    door.depot.files["f1"] = b"x"
    url = await door.link(kind)
    assert (await door.http.get(url)).status_code == 200
    await door.inn.run(statement)
    assert (await door.http.get(url)).status_code == status
    assert (await door.send(url, 10)).status_code == status
    assert door.depot.calls == []


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_other_methods_do_nothing(door: Porch, method: str) -> None:
    url = await door.link()
    assert (await door.http.request(method, url)).status_code == 405
    assert (await door.http.get(url)).status_code == 200


@pytest.mark.parametrize("handle", ["x", "A" * 43, "A" * 500, "A" * 42 + "%0a"])
async def test_an_unknown_link_is_none_and_is_counted(door: Porch, handle: str) -> None:
    for method in ("GET", "POST"):
        answer = await door.http.request(method, f"{door.origin}/files/{handle}")
        assert answer.status_code == 404
    assert await door.inn.count("SELECT count(*) FROM limits") == 1


# In


@pytest.mark.parametrize("kind", UP)
@pytest.mark.parametrize("size", [0, 1, 2 * 1024 * 1024, 5_000_000])
async def test_a_file_from_a_form_is_stored_whole(door: Porch, kind: str, size: int) -> None:
    url = await door.link(kind)
    page = await door.http.get(url, headers={"accept": "text/html"})
    assert 'enctype="multipart/form-data"' in page.text
    answer = await door.send(url, size)
    assert answer.status_code == 200
    assert "It is there" in answer.text
    target, held, media_type, digest = door.depot.stored[0]
    wanted = hashlib.sha256()
    async for piece in flow(size):
        wanted.update(piece)
    assert (held, digest) == (size, wanted.hexdigest())
    assert media_type == "application/x-thing"
    if kind == "new_file":
        assert target == "POST upload/drive/v3/files"
        assert door.depot.sessions["s0"].about == {"name": "Plan.pdf", "parents": ["folder-1"]}
    else:
        assert target == "PATCH upload/drive/v3/files/f1"
        assert door.depot.sessions["s0"].about == {}
    assert (await door.send(url, 1)).status_code == 410
    assert len(door.depot.stored) == 1


async def test_a_program_sends_a_file_as_it_is(door: Porch) -> None:
    url = await door.link(new_file(""))
    kind = {"content-type": "text/plain; charset=x"}
    answer = await door.http.post(f"{url}?name=../r%C3%A9sum%C3%A9.txt", content=b"hello", headers=kind)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    assert "(5 bytes)" in answer.text
    assert door.depot.sessions["s0"].about == {"name": "_résumé.txt"}
    assert door.depot.sessions["s0"].kind == "text/plain"


@pytest.mark.parametrize("said", ["ü/x", "text/html\r\nX-Evil: 1", "multipart/mixed"])
@pytest.mark.parametrize("kind", ["new_file", "draft_attachment"])
async def test_a_type_that_a_chat_made_up_is_none(door: Porch, said: str, kind: str) -> None:
    door.depot.draft.set_content("Hello\n")
    parcel = new_file("x", None, said) if kind == "new_file" else draft_attachment("d1", "x", said)
    answer = await door.http.post(await door.link(parcel), content=b"x", headers={"content-type": 't/"x'})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("way", ["form", "raw", "raw, chunked"])
async def test_25_mb_go_through_a_little_memory_and_a_byte_more_does_not(door: Porch, way: str) -> None:
    async def send(url: str, size: int) -> httpx2.Response:
        if way == "form":
            return await door.send(url, size)
        length = {"content-length": str(size)} if way == "raw" else {}
        return await door.http.post(url, content=flow(size), headers={"accept": "text/html", **length})

    url = await door.link("new_file")
    over = await send(url, MOST + 1)
    assert over.status_code == 413
    assert "25 MB" in over.text
    assert door.depot.stored == []
    assert len(door.depot.cancelled) == len(door.depot.sessions)
    tracemalloc.start()
    try:
        assert (await send(url, MOST)).status_code == 200
        assert tracemalloc.get_traced_memory()[1] < 16_000_000
    finally:
        tracemalloc.stop()
    assert [held for _, held, *_ in door.depot.stored] == [MOST]


async def test_far_too_much_is_refused_before_it_is_read(door: Porch) -> None:
    url = await door.link("new_file")
    reader, writer = await door.dial(url, "Content-Length: 99999999999", "Expect: 100-continue")
    assert b" 413 " in await reader.readline()
    writer.close()
    assert door.depot.calls == []
    assert (await door.send(url, 1)).status_code == 200


@pytest.mark.parametrize("way", ["form", "raw"])
async def test_an_upload_that_breaks_off_leaves_nothing_and_the_link_stands(door: Porch, way: str) -> None:
    url = await door.link("new_file")
    kind = "multipart/form-data; boundary=b" if way == "form" else "text/plain"
    _, writer = await door.dial(url, "Content-Length: 9000000", f"Content-Type: {kind}")
    if way == "form":
        writer.write(b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n')
    writer.write(letters(6_000_000))
    await writer.drain()
    await until(lambda: door.depot.sessions and door.depot.sessions["s0"].held > 0)
    writer.transport.abort()
    await until(lambda: door.depot.cancelled)
    assert door.depot.stored == []
    while (answer := await door.send(url, 10)).status_code == 410:  # until the link is given back
        await asyncio.sleep(0.01)
    assert answer.status_code == 200
    assert len(door.depot.stored) == 1


async def test_an_end_that_nobody_saw_uses_the_link_up(door: Porch) -> None:
    """The last chunk's answer is lost, and so is what was asked after it."""
    door.depot.refuse = lambda line: fault(502, "backendError") if line.startswith("PUT") else None
    url = await door.link("new_file")
    answer = await door.send(url, 10)
    assert answer.status_code == 502
    assert "did not say whether" in answer.text
    door.depot.refuse = lambda _: None
    assert (await door.send(url, 10)).status_code == 410
    assert door.depot.cancelled == []


async def test_a_draft_gets_its_attachment_and_keeps_what_it_was(door: Porch) -> None:
    draft = door.depot.draft
    draft["To"], draft["Subject"] = "ben@example.test", "Grüße 🎉"
    draft.set_content("Hello there\n")
    answer = await door.send(await door.link("draft_attachment"), 300_000, name="b\u202eild.zip")
    assert answer.status_code == 200
    assert "build" in answer.text or "bild.zip" in answer.text
    raw = door.depot.drafts[0]
    assert b'{"message": {"threadId": "t1"}}' in raw
    whole = raw.partition(b"message/rfc822\r\n\r\n")[2].rpartition(b"\r\n--")[0]
    mail = message_from_bytes(whole, policy=SMTP)
    assert (mail["To"], mail["Subject"]) == ("ben@example.test", "Grüße 🎉")
    text, part = mail.iter_parts()
    assert text.get_content() == "Hello there\r\n"
    assert part.get_filename() == "bild.zip"
    wanted = b"".join([piece async for piece in flow(300_000)])
    assert part.get_content() == wanted


async def test_only_so_many_at_once_and_who_is_turned_away_keeps_the_link(door: Porch) -> None:
    door.depot.files["f1"], door.depot.go_on = MOST, asyncio.Event()
    urls = [await door.link() for _ in range(5)]
    streams = [door.http.stream("POST", url) for url in urls[:4]]
    for stream in streams:
        assert (await stream.__aenter__()).status_code == 200
    turned = await door.http.post(urls[4], headers={"accept": "text/html"})
    assert turned.status_code == 503
    door.depot.go_on.set()
    for stream in streams:
        await stream.__aexit__(None, None, None)
    while (answer := await door.http.post(urls[4])).status_code == 503:
        await asyncio.sleep(0.01)
    assert answer.status_code == 200


async def test_strangers_who_send_slowly_are_waited_for_by_a_few_only(
    door: Porch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each would hold one of the connections that everybody's sign-in needs, too."""
    monkeypatch.setattr(intake, "_DRAIN", 600.0)
    url = f"{door.origin}/files/{'A' * 43}"
    lines = [await door.dial(url, "Content-Length: 3") for _ in range(files.DRAINED + 8)]
    answers = [asyncio.create_task(reader.readline()) for reader, _ in lines]
    async with asyncio.timeout(30):
        while sum(answer.done() for answer in answers) < 8:
            await asyncio.wait([one for one in answers if not one.done()], return_when="FIRST_COMPLETED")
    for answer, (_, writer) in zip(answers, lines, strict=True):
        if not answer.done():
            writer.write(b"a=b")
    assert {line.split()[1] for line in await asyncio.gather(*answers)} == {b"404"}
    for _, writer in lines:
        writer.close()


async def test_a_form_that_comes_slowly_has_one_of_the_places(door: Porch) -> None:
    """Or one link would hold as many connections as somebody opens, for ten minutes each."""
    url = await door.link("new_file")
    lines = [await door.dial(url, "Content-Type: multipart/form-data; boundary=b", "Content-Length: 99")
             for _ in range(4)]  # fmt: skip
    another = await door.link("new_file")
    async with asyncio.timeout(30):
        await until(lambda: door.inn.courier._under_way.total() == 4)
    assert (await door.send(another, 10)).status_code == 503
    for _, writer in lines:
        writer.transport.abort()
    async with asyncio.timeout(30):
        while (await door.send(another, 10)).status_code != 200:
            await asyncio.sleep(0.01)


async def test_what_was_moved_stands_in_the_activity_and_nothing_of_what_it_was(
    door: Porch, capsys: pytest.CaptureFixture[str]
) -> None:
    door.depot.files["f1"] = b"x"
    tables = {"activity": "action", "audit": "event"}
    counts = [
        f"SELECT count(*) FROM {table} WHERE {word} LIKE 'file_%%' AND outcome = 'ok'"
        for table, word in tables.items()
    ]
    await door.inn.audit.flush()
    before = {count: await door.inn.count(count) for count in counts}
    url = await door.link(drive_file("f1", "secret-canary.txt"))
    await door.http.get(url)
    assert (await door.http.post(url)).status_code == 200
    up = await door.link("new_file")
    assert (await door.send(up, 10, "secret-canary.txt")).status_code == 200
    await door.inn.diary.flush()
    await door.inn.audit.flush()
    assert [await door.inn.count(count) - was for count, was in before.items()] == [2, 2]
    said = capsys.readouterr()
    for told in ("secret-canary", url.rpartition("/")[2], up.rpartition("/")[2]):
        assert told not in said.out + said.err
        assert await door.inn.count("SELECT count(*) FROM activity a WHERE a::text LIKE %s", f"%{told}%") == 0


async def test_a_page_in_a_file_stays_a_file(door: Porch, tmp_path: Path) -> None:
    """In Chromium, by the form of the page: it is saved, and nothing of it runs."""
    page_inside = b"<!doctype html><script>document.title='ran';fetch('/account')</script>"
    door.depot.files["f1"] = page_inside
    url = await door.link(drive_file("f1", "report.html", "text/html"))
    async with launched() as chromium:
        page = await chromium.new_page()
        await page.goto(url)
        async with page.expect_download() as saved:
            await page.get_by_role("button", name="Download").click()
        download = await saved.value
        assert download.suggested_filename == "report.html"
        await download.save_as(tmp_path / "saved")
        assert await page.title() == "Download a file · Valet"
        assert page.url == url
    assert (tmp_path / "saved").read_bytes() == page_inside
