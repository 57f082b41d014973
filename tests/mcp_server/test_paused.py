"""What a person hears when Spotify limits the app they are connected by, or refuses it, over the wire."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from mcp.client import Client
from pydantic import SecretStr

from providers.base import Account, TokenSet
from providers.spotify.reasons import PLAYER_REASONS
from tests.mcp_server.desk import ALL_UPSTREAM, Resident, code_of, text_of
from tests.mcp_server.hall import Hall

OWN_ID = "0123456789abcdef0123456789abcdef"


async def ask(client: Client) -> Any:
    """Any call that goes to Spotify."""
    return await client.call_tool("spotify_search", {"query": "Dreams"})


async def with_own_app(hall: Hall, account: str) -> Resident:
    """Somebody who is connected by an app of their own."""
    who = await hall.desk.resident(resource=hall.url)
    app = await hall.desk.vault.apps.save(who.user_id, "spotify", OWN_ID, SecretStr("own-secret"))
    token = await asyncio.to_thread(hall.emulator.access_token, *sorted(ALL_UPSTREAM), account=account)
    await hall.desk.vault.save(
        who.user_id,
        "spotify",
        app.ref,
        Account("https://accounts.spotify.com", f"own-{account}", account),
        TokenSet(SecretStr(token), 3600.0, SecretStr("refresh"), ALL_UPSTREAM),
        ALL_UPSTREAM,
        None,
    )
    return who


def until(text: str) -> datetime:
    """The time that a sentence names, in the year that makes it soonest after now."""
    found = re.search(r"until (\d\d:\d\d) UTC on (\d+ \w+)", text)
    assert found, text
    now = datetime.now(UTC)
    for year in (now.year, now.year + 1):
        named = datetime.strptime(f"{found[1]} {found[2]} {year} +0000", "%H:%M %d %B %Y %z")
        if named > now - timedelta(days=1):
            return named
    raise AssertionError(text)


async def test_a_spent_quota_stops_everybody_of_the_app_and_nobody_with_one_of_their_own(hall: Hall) -> None:
    hall.fault("* api.spotify.com/*", status=429, retry_after=40_000, reason="QUOTA_EXCEEDED", times=1)
    own = await with_own_app(hall, "ben")
    begun = datetime.now(UTC)
    async with hall.chat("ana") as client:
        first = await ask(client)
        sent = len(hall.judge.calls)
        command = await client.call_tool("spotify_control_playback", {"action": "pause"})
    async with hall.chat("ben") as client:
        other = await ask(client)
    assert len(hall.judge.calls) == sent == 1, "nothing is sent for that app any more"
    for result in (first, command, other):
        assert result.is_error and code_of(result) == "rate_limited"
        text = text_of(result)
        assert "The quota of this server's Spotify app is used up, for everybody who is connected by" in text
        assert "Try again in about 11 hours; trying sooner does not help." in text
        assert 39_900 < result.meta["valet/error"]["retry_after"] <= 40_000
        wait = timedelta(seconds=40_000)
        assert begun + wait <= until(text) <= datetime.now(UTC) + wait + timedelta(minutes=1)
    async with hall.chat(own) as client:
        assert not (await ask(client)).is_error
    assert len(hall.judge.calls) == 2


async def test_the_quota_of_an_own_app_is_called_theirs_and_the_operators_goes_on(hall: Hall) -> None:
    hall.fault("* api.spotify.com/*", status=429, retry_after=900, reason="QUOTA_EXCEEDED", times=1)
    async with hall.chat(await with_own_app(hall, "ben")) as client:
        for _ in range(2):
            result = await ask(client)
            assert code_of(result) == "rate_limited"
            assert "The quota of the Spotify app that this person brought is used up" in text_of(result)
            assert "this server's" not in text_of(result)
    assert len(hall.judge.calls) == 1
    async with hall.chat("ana") as client:
        assert not (await ask(client)).is_error


async def test_a_long_pause_without_a_quota_is_told_with_its_time(hall: Hall) -> None:
    hall.fault("* api.spotify.com/*", status=429, retry_after=47, times=1)
    async with hall.chat("ana") as client:
        for _ in range(2):
            result = await ask(client)
            assert "too many requests from this server's Spotify app and serves nobody" in text_of(result)
            assert re.search(r"Try again in \d\d seconds", text_of(result))
    assert len(hall.judge.calls) == 1
    assert hall.desk.pauses == []


async def test_a_short_pause_is_waited_for_once_in_reading_and_in_writing(hall: Hall) -> None:
    for match in ("GET api.spotify.com/v1/search*", "PUT api.spotify.com/v1/me/player/pause*"):
        hall.fault(match, status=429, retry_after=3, times=1)
    async with hall.chat("ana") as client:
        assert not (await ask(client)).is_error
        paused = await client.call_tool("spotify_control_playback", {"action": "pause"})
    assert not paused.is_error, text_of(paused)
    assert hall.desk.pauses.count(3.0) == 2
    assert sum(line.startswith("PUT /me/player/pause") for line, _ in hall.judge.calls) == 2
    hall.fault("GET api.spotify.com/v1/search*", status=429, retry_after=3, times=2)
    async with hall.chat("ana") as client:
        limited = await ask(client)
    assert (code_of(limited), limited.meta["valet/error"]["retry_after"]) == ("rate_limited", 3.0)
    async with hall.chat("ben") as client:
        assert not (await ask(client)).is_error, "a short pause stops nobody else"


@pytest.mark.parametrize(
    ("settings", "theirs", "own"),
    [
        ({"unregistered": ["ana"]}, "The operator of this server must add it", "They can add it them"),
        (
            {"owner_premium": False},
            "Only the operator of this server can mend",
            "Only they can mend",
        ),
    ],
    ids=["not on the list", "owner without Premium"],
)
async def test_what_is_wrong_with_the_app_is_said_to_whom_it_concerns(
    hall: Hall, settings: dict[str, Any], theirs: str, own: str
) -> None:
    mine = await with_own_app(hall, "ana")
    await hall.resident("ana")
    hall.emulator.settings(**settings)
    for who, words, others in (("ana", theirs, own), (mine, own, theirs)):
        async with hall.chat(who) as client:
            result = await ask(client)
        assert code_of(result) == "provider_error"
        assert words in text_of(result) and others not in text_of(result)
        assert "connecting again does not help" in text_of(result).lower()
        assert "valet/connect" not in result.meta, "no link would mend it"


async def test_a_route_that_is_closed_has_a_sentence_of_its_own(hall: Hall) -> None:
    body = {"error": {"status": 403, "message": "Forbidden"}}
    hall.fault("* api.spotify.com/*", status=403, body=body)
    async with hall.chat("ana") as client:
        result = await ask(client)
    assert code_of(result) == "provider_error"
    assert "is of a kind that Spotify no longer lets do this" in text_of(result)


async def test_each_word_of_the_player_comes_to_its_own_sentence(hall: Hall) -> None:
    said: dict[str, str] = {}
    async with hall.chat("ana") as client:
        for word in sorted(PLAYER_REASONS):
            status = 404 if word == "NO_ACTIVE_DEVICE" else 403
            hall.fault("GET api.spotify.com/v1/search*", status=status, reason=word, times=1)
            result = await ask(client)
            assert result.is_error, word
            assert word not in text_of(result)
            said[word] = text_of(result)
            expected = {"PREMIUM_REQUIRED": "premium_required", "NO_ACTIVE_DEVICE": "no_active_device"}
            expected["RATE_LIMITED"] = "rate_limited"
            assert code_of(result) == expected.get(word, "conflict"), word
    assert len(set(said.values())) == len(PLAYER_REASONS) == 18
