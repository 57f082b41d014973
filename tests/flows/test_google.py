"""One person with Spotify and two Google accounts; and two people who never meet. In a real browser."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from mcp import Client
from playwright.async_api import Browser

from tests.support.emulator import EmulatorProcess
from tests.support.person import Person, link, text
from tests.support.valet import ValetProcess

LISBON, BERLIN = ZoneInfo("Europe/Lisbon"), ZoneInfo("Europe/Berlin")
PLAY = {"query": "Despacito"}


def tomorrow(zone: ZoneInfo = LISBON) -> dict[str, str]:
    """Ana's private calendar is in Lisbon, the one at work in Berlin, where days begin earlier."""
    day = (datetime.now(zone).date() + timedelta(days=1)).isoformat()
    return {"start": day, "end": day}


async def titles(client: Client, zone: ZoneInfo = LISBON, **more: Any) -> list[str]:
    found = await client.call_tool("calendar_search_events", {**tomorrow(zone), **more})
    assert not found.is_error, text(found)
    return [event["title"] for event in (found.structured_content or {})["events"]]


async def connections(client: Client) -> list[dict[str, Any]]:
    listed = await client.call_tool("connections_list", {})
    rows: list[dict[str, Any]] = (listed.structured_content or {})["connections"]
    return rows


async def test_spotify_and_two_google_accounts_of_one_person(
    person: Person, valet: ValetProcess, emulator: EmulatorProcess
) -> None:
    async with person.chat() as client:
        refused = await client.call_tool("spotify_play", PLAY)
        await person.connect(link(refused))
        refused = await client.call_tool("calendar_search_events", tomorrow())
        assert await person.connect(link(refused)) == "Google is connected as ana.duarte@gmail.com"
        assert "Dentist" in await titles(client)

        asked = await client.call_tool("connections_connect", {"service": "calendar", "another": True})
        url = (asked.structured_content or {})["url"]
        heading = await person.connect(url, "ana-work")
        assert heading == "Google is connected as ana@duarte-atelier.example"
        rows = await connections(client)
        assert [(row["provider"], row["label"], row["is_default"]) for row in rows] == [
            ("spotify", "Ana Duarte", True),
            ("google", "personal", True),
            ("google", "duarte-atelier.example", False),
        ]
        assert "Team tea" in await titles(client, BERLIN, account="duarte-atelier.example")
        assert "Team tea" not in await titles(client, BERLIN)

        # On the account page the other one becomes the default, under a name of its own.
        await person.page.goto(f"{valet.url}/account")
        card = person.page.locator("section", has_text="ana@duarte-atelier.example")
        await card.get_by_label("Chats call it").fill("work")
        await card.get_by_role("button", name="Rename").click()
        await person.page.get_by_text("Chats call ana@duarte-atelier.example “work” now").wait_for()
        await (
            person.page.locator("section", has_text="ana@duarte-atelier.example")
            .get_by_role("button", name="Make it the default")
            .click()
        )
        await person.page.get_by_text("and use it when they name no other account").wait_for()
        assert "Team tea" in await titles(client, BERLIN)
        assert "Dentist" in await titles(client, account="personal")

    # The access tokens expire and everything restarts: both still work, and so does Spotify.
    emulator.expire("access")
    valet.restart()
    async with person.chat() as client:
        assert "Team tea" in await titles(client, BERLIN, account="work")
        assert "Dentist" in await titles(client, account="personal")
        assert not (await client.call_tool("spotify_play", PLAY)).is_error
        assert person.consents == 1

        # Ending one ends that one only, at Google too.
        ended = await client.call_tool("connections_disconnect", {"connection": "work"})
        assert not ended.is_error, text(ended)
        assert "Google has ended it too" in text(ended)
        assert {g["account"] for g in living(emulator, "google")} == {"ana"}
        assert "Dentist" in await titles(client)


def living(emulator: EmulatorProcess, upstream: str) -> list[dict[str, Any]]:
    return [g for g in emulator.read("tokens", upstream=upstream)["grants"] if g["ended"] is None]


async def test_an_event_is_added_once_the_person_allows_writing(
    person: Person, emulator: EmulatorProcess
) -> None:
    async with person.chat() as client:
        refused = await client.call_tool("calendar_search_events", tomorrow())
        await person.connect(link(refused), untick="calendar.events")
        event = {
            "summary": "Tea",
            "start": f"{tomorrow()['start']}T16:00",
            "end": f"{tomorrow()['end']}T17:00",
        }
        refused = await client.call_tool("calendar_create_event", event)
        assert "has not allowed this yet: Valet may not add, change and cancel events" in text(refused)
        assert "see your calendars" not in text(refused), "only what is missing"
        assert await person.connect(link(refused)) == "Google is connected as ana.duarte@gmail.com"
        added = await client.call_tool("calendar_create_event", event)
        assert not added.is_error, text(added)
        assert "Tea" in emulator.read(
            "calendar/agenda",
            **{"email": "ana.duarte@gmail.com", "from": tomorrow()["start"], "to": tomorrow()["end"]},
        )


@asynccontextmanager
async def somebody(chromium: Browser, valet: ValetProcess, account: str) -> AsyncIterator[Person]:
    """A person with a browser of their own, signed in with that Google account and connected by it."""
    context = await chromium.new_context()
    page = await context.new_page()
    await page.goto(f"{valet.url}/signin")
    form = page.locator("form", has=page.get_by_role("button", name="Continue with Google"))
    await form.get_by_label("Also connect this account").check()
    await form.get_by_role("button", name="Continue with Google").click()
    await page.wait_for_url("http://localhost:*/**")
    await page.locator(f'input[type="radio"][value="{account}"]').check()
    await page.get_by_role("button", name="Continue").click()
    await page.wait_for_url(f"{valet.url}/account*")
    yield Person(page, valet.url)
    await context.close()


async def test_two_people_never_see_each_others_accounts(
    chromium: Browser, valet: ValetProcess, emulator: EmulatorProcess
) -> None:
    async with (
        somebody(chromium, valet, "ana") as ana,
        somebody(chromium, valet, "ben") as ben,
        ana.chat() as hers,
        ben.chat() as his,
    ):
        assert "Dentist" in await titles(hers)
        # She has two pages of results, and a second account with a name.
        page = await hers.call_tool("calendar_search_events", {**tomorrow(), "limit": 1})
        cursor = (page.structured_content or {})["next_cursor"]
        asked = await hers.call_tool("connections_connect", {"service": "calendar", "another": True})
        await ana.connect((asked.structured_content or {})["url"], "ana-work")
        calendars = await hers.call_tool("calendar_list_calendars", {})
        ids = [row["id"] for row in (calendars.structured_content or {})["calendars"]]
        rows = await connections(hers)

        # Whatever of hers he passes, he gets nothing of hers.
        secrets = {"Dentist", "Recycling day", "Team tea", "Tomás", "duarte-atelier"}
        tries: list[tuple[str, dict[str, Any]]] = [
            ("calendar_search_events", {**tomorrow(), "cursor": cursor, "limit": 1}),
            *(("calendar_search_events", {**tomorrow(), "calendar_ids": [id_]}) for id_ in ids),
            *(("calendar_search_events", {**tomorrow(), "account": row["label"]}) for row in rows[1:]),
            *(("calendar_search_events", {**tomorrow(), "account": row["id"]}) for row in rows),
            *(("connections_disconnect", {"connection": row["id"]}) for row in rows),
            *(("connections_disconnect", {"connection": row["label"]}) for row in rows[1:]),
            ("calendar_create_event", {"summary": "x", **tomorrow(), "calendar_id": ids[0]}),
            ("connections_list", {}),
        ]
        for tool, arguments in tries:
            answer = await his.call_tool(tool, arguments)
            said = text(answer) + json.dumps(answer.structured_content or {}, ensure_ascii=False)
            assert not {word for word in secrets if word in said}, (tool, arguments)
        assert len(await connections(his)) == 1
        assert len(await connections(hers)) == 2
        assert "Dentist" in await titles(hers)
        assert "Lunch with Ana and Cleo" in await titles(his)

        # A link of his chat, opened in her browser: nobody gets an account, and the page says why.
        asked = await his.call_tool("connections_connect", {"service": "spotify"})
        url = (asked.structured_content or {})["url"]
        await ana.page.goto(url)
        assert await ana.see() == "This link is for someone else"
        assert "Nothing was connected, for either of you." in await ana.page.locator("main").inner_text()
        assert await ana.page.get_by_role("button", name="Continue").count() == 0
        assert len(await connections(hers)) == 2
        assert len(await connections(his)) == 1

        # Nor does a way back from a provider that was begun in the other's browser.
        await ben.page.goto(url)
        await ben.page.get_by_role("button", name="Continue").click()
        await ben.page.wait_for_url("http://localhost:*/**")
        callback = emulator.agree(ben.page.url, "emil")
        await ana.page.goto(callback)
        assert await ana.see() == "This was started somewhere else"
        assert len(await connections(hers)) == 2
        assert len(await connections(his)) == 1
        # It was not used up by her: it still is his.
        await ben.page.goto(callback)
        assert await ben.see() == "Connect Emil Nowak (Spotify) to Valet as ben.okafor@gmail.com?"
        assert len(await connections(his)) == 1
        assert await ben.confirm() == "Spotify is connected as Emil Nowak"
        assert len(await connections(his)) == 2


async def test_the_pages_of_one_name_the_other_nowhere(chromium: Browser, valet: ValetProcess) -> None:
    async with somebody(chromium, valet, "ana") as ana, somebody(chromium, valet, "ben") as ben:
        async with ana.chat() as hers:
            [row] = await connections(hers)
        for path in (f"/disconnect/{row['id']}", f"/connect/google?reconnect={row['id']}",
                     f"/connected/{row['id']}", f"/account?changed={row['id']}"):  # fmt: skip
            await ben.page.goto(f"{valet.url}{path}")
            assert "ana.duarte" not in await ben.page.content()
        await ana.page.goto(f"{valet.url}/account")
        assert "ana.duarte@gmail.com" in await ana.page.content()
