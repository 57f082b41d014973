"""The page of activity: what was done, in a person's words, and only their own."""

from __future__ import annotations

import re
from pathlib import Path
from uuid import UUID

import pytest

import connect
from connect import words
from tests.connect.inn import ALL, Browser, Inn
from tests.connect.test_link import ask, chat
from tests.connect.test_link import connect as connect_
from vault.ids import new_id
from vault.store.activity import Note
from vault.store.clients import Client
from vault.store.users import User

HERE = "/account/activity"


async def done(inn: Inn, user: User, client: Client | None = None, **more: object) -> None:
    """A note as the MCP server would take it."""
    grant: UUID | None = None
    if client is not None:
        await inn.grant(user, client, ALL)
        grant = (await inn.stores.grants.list(user.id))[0].id
        more = {"client_id": client.id, "client_name": client.name, "grant_id": grant, **more}
    fields = {"action": "spotify_play", "outcome": "ok", **more}
    await inn.stores.activity.write([Note(user_id=user.id, **fields)])  # type: ignore[arg-type]


async def read(inn: Inn, browser: Browser, query: str = "") -> str:
    await inn.diary.flush()
    page = await browser.get(HERE + query)
    assert page.status == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page.text))


async def test_nothing_yet(inn: Inn) -> None:
    browser, user = await inn.guest()
    await inn.diary.flush()
    await inn.run("DELETE FROM activity WHERE user_id = %s", user.id)
    assert "Nothing was done yet" in await read(inn, browser)


async def test_a_call_in_plain_words(inn: Inn) -> None:
    browser, user = await inn.guest()
    client = await inn.client("Claude", "cimd")
    await done(inn, user, client, provider="spotify", account="private", milliseconds=1234)
    text = await read(inn, browser)
    assert "Play on Spotify Spotify “private”" in text
    assert "Done · 1.2 s · Claude " in text
    assert "spotify_play" not in text
    assert "unverified" not in text


async def test_a_self_given_name_is_marked_as_elsewhere(inn: Inn) -> None:
    browser, user = await inn.guest()
    await done(inn, user, await inn.client("Cursor <b>", redirect="http://127.0.0.1:1/cb"))
    await done(inn, user, client_id="gone", client_name="Nobody knows")
    text = await read(inn, browser)
    assert "Cursor &lt;b&gt; unverified name" in text
    assert "Nobody knows unverified name" in text


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        ("not_connected", "No account was connected"),
        ("input_required", "Asked you to open a link"),
        ("not_allowed", "You have not allowed this chat to do that"),
        ("something_new", "It did not work"),
    ],
)
async def test_an_outcome_is_said_in_words(inn: Inn, outcome: str, words: str) -> None:
    browser, user = await inn.guest()
    await done(inn, user, outcome=outcome)
    text = await read(inn, browser)
    assert words in text
    assert outcome not in text


async def test_a_tool_that_is_gone_and_a_provider_that_is_gone_still_read_well(inn: Inn) -> None:
    browser, user = await inn.guest()
    await done(inn, user, action="myspace_poke_friend", provider="myspace", account="old")
    assert "Myspace poke friend Myspace “old”" in await read(inn, browser)


async def test_what_people_do_on_the_pages_is_there(inn: Inn) -> None:
    browser, user = await inn.guest()
    page = await browser.get("/connect/spotify")
    await browser.arrive(inn.spotify.consent((await browser.submit(page.forms[0])).refresh, "ana"))
    client = await inn.client("Cursor")
    page = await browser.get(f"/consent?h={await inn.asks(client)}")
    await browser.submit(page.form("/consent"), decision="allow")
    page = await browser.get("/account/chats")
    await browser.submit(next(form for form in page.forms if form.action.endswith("/cut")))
    [connection] = await inn.vault.list(user.id)
    await browser.submit((await browser.get(f"/disconnect/{connection.id}")).forms[0])
    text = await read(inn, browser)
    positions = [
        text.index(words)
        for words in (
            "Account disconnected Spotify “Ana”",
            "Chat cut off Cursor unverified name Done · you, on these pages",
            "Chat allowed Cursor unverified name Done · you, on these pages",
            "Account connected Spotify “Ana”",
            "Signed in",
        )
    ]
    assert positions == sorted(positions), "newest first"
    assert "you, on these pages" in text


async def test_a_chat_that_is_allowed_more_on_the_way_is_noted_once(inn: Inn) -> None:
    browser, user = await inn.guest()
    grant, handle = await chat(inn, user, granted=frozenset({"spotify:read"}))
    await connect_(inn, browser, f"/connect/spotify?h={handle}")
    assert "Chat allowed more" in await read(inn, browser)
    # The same once more allows nothing new.
    await connect_(inn, browser, f"/connect/spotify?h={await ask(inn, user, grant, ALL)}")
    assert (await read(inn, browser)).count("Chat allowed more") == 1


def test_everything_noted_on_the_pages_has_its_words() -> None:
    room = Path(connect.__file__).parent
    calls = re.findall(
        r"(?<!witness\.)(?<!def )note\((?:[^()]|\([^()]*\))*\)",
        "".join(path.read_text() for path in room.glob("*.py")),
    )
    noted = {word for call in calls for word in re.findall(r'"([a-z_]+)"', call)}
    assert {"signed_in", "connected", "chat_allowed", "app_changed", "exported"} <= noted
    assert noted <= words.DEEDS.keys()


async def test_times_say_which_day_and_that_they_are_utc(inn: Inn) -> None:
    browser, user = await inn.guest()
    await done(inn, user)
    await inn.run("UPDATE activity SET at = '2026-11-27 23:30:05+00' WHERE action = 'spotify_play'")
    page = await browser.get(HERE)
    assert '<time datetime="2026-11-27">27 November 2026</time>' in page.text
    assert '<time datetime="2026-11-27T23:30:05+00:00">23:30</time>' in page.text
    assert "Times are in UTC" in page.text


async def test_older_entries_are_a_link_away_and_none_is_missed(inn: Inn) -> None:
    browser, user = await inn.guest()
    await inn.diary.flush()
    await inn.run("DELETE FROM activity WHERE user_id = %s", user.id)
    for number in range(101):
        await done(inn, user, action=f"spotify_n{number:03}n")
    seen: list[str] = []
    at, pages = HERE, 0
    while at:
        page = await browser.get(at)
        pages += 1
        seen += re.findall(r"Spotify (n\d{3}n)", page.text)
        assert ("Back to the newest" in page.text) == (pages > 1)
        at = next((link for link in page.links if "before=" in link), "")
    assert pages == 3
    assert seen == [f"n{number:03}n" for number in reversed(range(101))]


async def test_one_chat_or_one_account_can_be_looked_at_alone(inn: Inn) -> None:
    browser, user = await inn.guest()
    claude, cursor = await inn.client("Claude"), await inn.client("Cursor")
    await done(inn, user, claude, provider="spotify", account="private", action="one_two")
    await done(inn, user, cursor, provider="spotify", account="work & play", action="three_four")
    page = await browser.get(HERE)
    of_chat = next(link for link in page.links if f"chat={claude.id}" in link)
    of_account = next(link for link in page.links if "account=work" in link)
    text = await read(inn, browser, of_chat.removeprefix(HERE))
    assert "One two" in text and "Three four" not in text and "Show everything" in text
    text = await read(inn, browser, of_account.removeprefix(HERE))
    assert "Three four" in text and "One two" not in text


@pytest.mark.parametrize(
    "query",
    ["?before=x", "?before=1.2", f"?before={10**40}.{'0' * 32}", "?before=-1." + "f" * 32, "?chat=%00",
     "?account=%0a", "?before=", "?chat=" + "x" * 3000],
)  # fmt: skip
async def test_an_odd_address_is_no_error(inn: Inn, query: str) -> None:
    browser, user = await inn.guest()
    await done(inn, user)
    assert (await browser.get(HERE + query)).status == 200


async def test_nobody_sees_what_others_did(inn: Inn) -> None:
    ana, user = await inn.guest()
    client = await inn.client("Claude")
    await done(inn, user, client, provider="spotify", account="private", action="secret_deed")
    ben, _ = await inn.guest("ben")
    for query in (
        "",
        f"?chat={client.id}",
        "?provider=spotify&account=private",
        f"?before={10**17}.{new_id().hex}",
    ):
        assert "Secret deed" not in await read(inn, ben, query)
    assert "Secret deed" in await read(inn, ana)
