"""Ask me first, from the switch to the sent mail: all of Valet, the emulated Gmail behind it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp.client import Client

from providers.google.services import GMAIL_READ
from tests.support.emulator import EmulatorProcess
from tests.support.person import link, text
from tests.support.whole import ORIGIN, Whole, whole

MAIL = {"to": ["ben@example.com"], "subject": "Monday", "body": "See you at nine."}


@pytest.fixture(scope="module")
def process() -> Iterator[EmulatorProcess]:
    with EmulatorProcess() as process:
        yield process


@pytest.fixture
def emulator(process: EmulatorProcess) -> EmulatorProcess:
    process.reset()
    return process


async def switch(valet: Whole, **services: str | None) -> None:
    page = await valet.browser.get("/account")
    fields: dict[str, Any] = {f"ask-{name}": value for name, value in services.items()}
    await valet.browser.submit(page.form("/account/asks"), **fields)


async def send(client: Client, **changes: Any) -> Any:
    return await client.call_tool("gmail_send_message", {**MAIL, **changes})


def question(result: Any) -> str:
    assert result.meta["valet/error"] == {"code": "approval_needed"}, text(result)
    url: str = result.meta["valet/approve"]["url"]
    return url.removeprefix(ORIGIN)


async def decide(valet: Whole, path: str, decision: str) -> None:
    page = await valet.browser.get(path)
    assert page.status == 200
    await valet.browser.submit(page.forms[0], decision=decision)


def sent(emulator: EmulatorProcess) -> int:
    """How many mails went out."""
    return len(emulator.read("gmail/sent"))


async def test_a_mail_goes_out_once_after_a_yes_to_just_that_mail(
    empty_database_url: str, tmp_path: Path, emulator: EmulatorProcess
) -> None:
    async with whole(empty_database_url, tmp_path, emulator, google=True) as valet:
        token = await valet.sign_in_chat(gmail="write")
        await valet.connect("/connect/google")
        async with valet.chat(token) as client:
            assert not (await send(client, subject="Unasked")).is_error
            await switch(valet, gmail="yes")
            first = await send(client)
            path = question(first)
            said = dict(json.loads(first.content[1].text)["lines"])
            assert "ben@example.com" in said["To"] and said["Subject"] == "Monday"
            page = await valet.browser.get(path)
            assert "Send this mail?" in page.text and "ana.duarte@gmail.com" in page.text
            assert "ben@example.com" in page.text and "See you at nine." in page.text
            before = sent(emulator)
            await decide(valet, path, "yes")
            assert question(await send(client, to=["eve@example.com"])) != path
            assert question(await send(client, body="See you at ten.")) != path
            assert sent(emulator) == before
            done = await asyncio.gather(*(send(client) for _ in range(3)))
            assert sorted(each.is_error for each in done) == [False, True, True]
            assert sent(emulator) == before + 1
            path = question(await send(client))
            await decide(valet, path, "no")
            assert (await send(client)).meta["valet/error"] == {"code": "declined"}
            assert sent(emulator) == before + 1
        page = await valet.browser.get("/account/activity")
        for words in ("You said yes to a chat", "You said no to a chat", "Asked you first", "You said no"):
            assert words in page.text, words
        text_ = (await valet.browser.get("/account/data")).text
        assert "ben@example.com" not in page.text + text_


async def test_reading_mail_is_asked_for_when_a_tool_needs_it_and_nothing_is_lost(
    empty_database_url: str, tmp_path: Path, emulator: EmulatorProcess
) -> None:
    async with whole(empty_database_url, tmp_path, emulator, google=True) as valet:
        token = await valet.sign_in_chat(gmail="write", calendar="read")
        await valet.connect("/connect/google")
        assert GMAIL_READ not in valet.asked[-1]
        async with valet.chat(token) as client:
            listed = (await client.call_tool("connections_list", {})).structured_content["services"]
            gmail = next(each for each in listed if each["service"] == "gmail")
            assert (gmail["state"], "Read all of your mail." in gmail["asked_later"]) == ("connected", True)
            refused = await client.call_tool("gmail_search_threads", {"query": "in:inbox"})
            assert refused.meta["valet/error"] == {"code": "scope_missing"}
            assert "Valet may not read all of your mail" in text(refused)
            page = await valet.connect(link(refused))
            assert "Google is connected as ana.duarte@gmail.com" in page.text
            assert valet.asked[-1] - {"openid", "email"} == {GMAIL_READ}, "just that"
            assert not (await client.call_tool("gmail_search_threads", {"query": "in:inbox"})).is_error
            assert not (await client.call_tool("calendar_list_calendars", {})).is_error
            listed = (await client.call_tool("connections_list", {})).structured_content["services"]
            gmail = next(each for each in listed if each["service"] == "gmail")
            assert "Read all of your mail." not in gmail["asked_later"]
