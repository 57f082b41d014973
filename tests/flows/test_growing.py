"""A connection of before Valet knew the whole Web API goes on, and grows by one consent. No Chromium here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from providers.spotify.record import READ, WRITE
from tests.support.emulator import EmulatorProcess
from tests.support.person import link, text
from tests.support.whole import whole
from vault.store.database import Database

OLD = frozenset({"user-read-playback-state", "user-read-currently-playing", "user-modify-playback-state"})
OLD_READ = OLD - {"user-modify-playback-state"}


@pytest.fixture(scope="module")
def process() -> Iterator[EmulatorProcess]:
    with EmulatorProcess() as process:
        yield process


@pytest.fixture
def emulator(process: EmulatorProcess) -> EmulatorProcess:
    process.reset()
    return process


async def test_an_old_connection_works_says_what_it_lacks_and_grows_without_losing_anything(
    empty_database: Database, empty_database_url: str, tmp_path: Path, emulator: EmulatorProcess
) -> None:
    async with whole(empty_database_url, tmp_path, emulator) as valet:
        token = await valet.sign_in_chat(spotify="write")
        await valet.connect("/connect/spotify", scopes=OLD)
        async with valet.chat(token) as client:
            assert not (await client.call_tool("spotify_get_playback", {})).is_error, "what worked goes on"
            [row] = await _rows(empty_database)
            assert row == (1, sorted(OLD), "active")
            [service] = [
                each
                for each in (await client.call_tool("connections_list", {})).structured_content["services"]
                if each["service"] == "spotify"
            ]
            assert service["state"] == "connected_in_part"

            refused = await client.call_tool("spotify_list_playlists", {})
            assert refused.meta["valet/error"] == {"code": "scope_missing"}
            assert "Valet may do only a part of this so far: search Spotify, and see" in text(refused)
            page = await valet.connect(link(refused))
            assert "Spotify is connected as Ana Duarte" in page.text
            assert valet.asked[-1] == READ | OLD, "what reading needs, and what was allowed before"
            assert not (await client.call_tool("spotify_list_playlists", {})).is_error
            assert not (await client.call_tool("spotify_control_playback", {"action": "pause"})).is_error
            [row] = await _rows(empty_database)
            assert row == (2, sorted(READ | OLD), "active"), "the same connection, with other secrets"

            emulator.expire("access")
            assert not (await client.call_tool("spotify_get_playback", {})).is_error
            [row] = await _rows(empty_database)
            # By the old refresh token it would have been what was allowed before.
            assert row == (3, sorted(READ | OLD), "active")
        first, second = emulator.tokens("spotify")["grants"]
        assert emulator.refreshes() == 1
        assert set(second["scopes"]) == READ | OLD and first["id"] != second["id"]


async def test_who_allows_reading_only_is_never_asked_for_writing(
    empty_database_url: str, tmp_path: Path, emulator: EmulatorProcess
) -> None:
    async with whole(empty_database_url, tmp_path, emulator) as valet:
        token = await valet.sign_in_chat(spotify="read")
        async with valet.chat(token) as client:
            names = {tool.name for tool in (await client.list_tools()).tools}
            assert "spotify_get_playback" in names and "spotify_play" not in names
            refused = await client.call_tool("spotify_get_playback", {})
            await valet.connect(link(refused))
            assert valet.asked == [READ]
            emulator.revoke("ana")
            refused = await client.call_tool("spotify_get_playback", {})
            await valet.connect(link(refused))
            assert not (await client.call_tool("spotify_get_playback", {})).is_error
            asked = await client.call_tool("connections_list", {})
            [row] = asked.structured_content["connections"]
        await valet.connect(f"/connect/spotify?reconnect={row['id']}")
        assert valet.asked == [READ, READ, READ]
        assert not READ & WRITE


async def test_an_old_connection_for_reading_grows_for_reading(
    empty_database_url: str, tmp_path: Path, emulator: EmulatorProcess
) -> None:
    async with whole(empty_database_url, tmp_path, emulator) as valet:
        token = await valet.sign_in_chat(spotify="read")
        await valet.connect("/connect/spotify", scopes=OLD_READ)
        async with valet.chat(token) as client:
            asked = await client.call_tool("connections_list", {})
            [row] = asked.structured_content["connections"]
            refused = await client.call_tool("spotify_list_playlists", {})
            page = await valet.browser.get(link(refused).removeprefix("http://127.0.0.1:8420"))
            assert "Allow more at Spotify" in page.text
        await valet.connect(f"/connect/spotify?reconnect={row['id']}")
        assert valet.asked[-1] == READ


async def _rows(database: Database) -> list[tuple[int, list[str], str]]:
    async with database.connection() as on:
        cursor = await on.execute("SELECT secret_version, scopes, status FROM connections")
        return [(row[0], sorted(row[1]), row[2]) for row in await cursor.fetchall()]
