"""connections_list, connections_connect, connections_disconnect."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from mcp.shared.exceptions import MCPError

from providers.spotify.record import READ
from tests.mcp_server.conftest import Serve
from tests.mcp_server.desk import MODERN, PUBLIC, Browser, Desk, Resident, chat, code_of, text_of
from vault.store.flows import ANOTHER
from vault.store.grants import Grants
from vault.vault import Vault

GOOGLE_UNSET = (
    "Google is not set up on this server. The operator must register an app there and run "
    "`valet setup`, or set GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET; until then nobody can connect it here."
)
ERAS = pytest.mark.parametrize("mode", [MODERN, "legacy"])


@ERAS
async def test_a_stranger_has_nothing_and_sees_what_there_is(serve: Serve, mode: str) -> None:
    async with serve() as desk, chat(desk, await desk.resident(()), mode) as client:
        result = await client.call_tool("connections_list", {})
    assert result.structured_content == {
        "connections": [],
        "services": [
            {
                "service": "spotify",
                "title": "Spotify",
                "provider": "spotify",
                "access": "off",
                "state": "not_connected",
            }
        ],
        "not_set_up": [unset := GOOGLE_UNSET],
    }
    assert text_of(result) == f"Accounts:\nnone connected\nServices:\nSpotify: off for this chat\n{unset}"


@pytest.mark.parametrize(
    ("ours", "upstream", "access", "state"),
    [
        (("spotify:read",), READ, "read", "connected"),
        (("spotify:write",), {"user-read-playback-state"}, "write", "connected_in_part"),
        (("spotify:write",), READ, "write", "connected_in_part"),
        (("spotify:write",), {"streaming"}, "write", "needs_reconnecting"),
    ],
)
async def test_a_connection_is_measured_by_what_the_chat_may_do(
    serve: Serve, ours: tuple[str, ...], upstream: Iterable[str], access: str, state: str
) -> None:
    async with serve() as desk:
        who = await desk.resident(ours)
        row = await desk.connect(who, scopes=frozenset(upstream))
        async with chat(desk, who) as client:
            seen = (await client.call_tool("connections_list", {})).structured_content
    assert (seen["services"][0]["access"], seen["services"][0]["state"]) == (access, state)
    assert seen["connections"] == [
        {
            "id": str(row.id),
            "provider": "spotify",
            "label": "private",
            "account": "private",
            "is_default": True,
            "state": "connected",
            "health": "healthy",
        }
    ]


async def test_nobody_sees_another_persons_connections(serve: Serve) -> None:
    async with serve() as desk:
        await desk.ready()
        async with chat(desk, await desk.resident()) as client:
            assert (await client.call_tool("connections_list", {})).structured_content["connections"] == []


async def test_a_server_without_providers_says_so(serve: Serve) -> None:
    async with serve(apps=False) as desk, chat(desk, await desk.resident()) as client:
        listed = await client.call_tool("connections_list", {})
        connect = await client.call_tool("connections_connect", {"service": "spotify"})
    assert "set SPOTIFY_CLIENT_ID and SPOTIFY_CLIENT_SECRET" in text_of(listed)
    assert code_of(connect) == "provider_error"
    assert "operator must" in text_of(connect)


@ERAS
async def test_connecting_without_elicitation_answers_with_the_link(serve: Serve, mode: str) -> None:
    async with serve() as desk:
        who = await desk.resident(("spotify:read",))
        async with chat(desk, who, mode) as client:
            result = await client.call_tool("connections_connect", {"service": "Spotify ", "access": "write"})
        url = result.structured_content["url"]
        flow = await desk.flows.find_connect(url.partition("?h=")[2])
    assert not result.is_error
    assert result.structured_content["state"] == "waiting"
    assert url.startswith(f"{PUBLIC}/connect/spotify?h=")
    assert url in text_of(result)
    assert flow is not None
    assert flow.ours == {"spotify:write"}
    assert "user-modify-playback-state" in flow.upstream


async def raise_grant(desk: Desk, who: Resident, url: str) -> None:
    flow = await desk.flows.find_connect(url.partition("?h=")[2])
    assert flow is not None
    await desk.connect(who, scopes=flow.upstream)
    await Grants(desk.database).raise_(who.user_id, who.grant_id, flow.ours)
    assert await desk.flows.finish_connect(flow.id, who.user_id)


async def test_connecting_raises_the_grant_within_the_same_call(serve: Serve) -> None:
    async with serve() as desk:
        who = await desk.resident(())
        browser = Browser(then=lambda url: raise_grant(desk, who, url))
        async with chat(desk, who, MODERN, browser) as client:
            result = await client.call_tool("connections_connect", {"service": "spotify", "access": "write"})
            names = [tool.name for tool in (await client.list_tools()).tools]
    assert result.structured_content == {"service": "spotify", "access": "write", "state": "connected"}
    assert len(browser.urls) == 1
    assert "spotify_play" in names


async def test_connecting_what_is_connected_asks_nobody(serve: Serve) -> None:
    browser = Browser()
    async with serve() as desk, chat(desk, await desk.ready(), MODERN, browser) as client:
        result = await client.call_tool("connections_connect", {"service": "spotify", "access": "write"})
    assert result.structured_content["state"] == "connected"
    assert browser.urls == []


async def add_account(desk: Desk, who: Resident, url: str) -> None:
    """The person connects one more account by that link."""
    flow = await desk.flows.find_connect(url.partition("?h=")[2])
    assert flow is not None
    assert flow.label == ANOTHER
    number = len(await desk.vault.list(who.user_id))
    await desk.connect(who, scopes=flow.upstream, label=f"number {number}")
    assert await desk.flows.finish_connect(flow.id, who.user_id)


ANOTHER_ONE = {"service": "spotify", "access": "write", "another": True}


@ERAS
async def test_one_more_account_is_asked_for_once_each_time(serve: Serve, mode: str) -> None:
    """Without elicitation the call comes back with nothing but itself: what was finished is told once."""
    async with serve() as desk:
        who = await desk.ready()
        async with chat(desk, who, mode) as client:
            for count in (2, 3):
                asked = await client.call_tool("connections_connect", ANOTHER_ONE)
                again = await client.call_tool("connections_connect", ANOTHER_ONE)
                assert asked.structured_content["state"] == "waiting"
                assert asked.structured_content["url"] == again.structured_content["url"]
                await add_account(desk, who, asked.structured_content["url"])
                done = await client.call_tool("connections_connect", ANOTHER_ONE)
                assert done.structured_content["state"] == "connected"
                assert len(await desk.vault.list(who.user_id)) == count


async def test_one_more_account_by_an_error_of_the_earlier_era(serve: Serve) -> None:
    async with serve() as desk:
        who = await desk.ready()
        async with chat(desk, who, "legacy", Browser()) as client:
            with pytest.raises(MCPError) as caught:
                await client.call_tool("connections_connect", ANOTHER_ONE)
            assert caught.value.error.code == -32042
            assert caught.value.error.data is not None
            await add_account(desk, who, caught.value.error.data["elicitations"][0]["url"])
            done = await client.call_tool("connections_connect", ANOTHER_ONE)
    assert done.structured_content["state"] == "connected"


async def test_one_more_account_within_the_same_call(serve: Serve) -> None:
    async with serve() as desk:
        who = await desk.ready()
        browser = Browser(then=lambda url: add_account(desk, who, url))
        async with chat(desk, who, MODERN, browser) as client:
            for count in (1, 2):
                result = await client.call_tool("connections_connect", ANOTHER_ONE)
                assert result.structured_content["state"] == "connected"
                assert len(browser.urls) == count
        assert len(await desk.vault.list(who.user_id)) == 3


async def test_what_another_chat_finished_is_not_told_here(serve: Serve) -> None:
    async with serve() as desk:
        who = await desk.ready()
        other = await desk.resident(user_id=who.user_id)
        async with chat(desk, who) as client:
            asked = await client.call_tool("connections_connect", ANOTHER_ONE)
            await add_account(desk, who, asked.structured_content["url"])
        async with chat(desk, other) as client:
            asked = await client.call_tool("connections_connect", ANOTHER_ONE)
    assert asked.structured_content["state"] == "waiting"


async def test_an_account_without_the_permission_still_asks(serve: Serve) -> None:
    """The account is connected, but this chat was never allowed to use it."""
    async with serve() as desk:
        who = await desk.resident(())
        await desk.connect(who)
        async with chat(desk, who) as client:
            result = await client.call_tool("connections_connect", {"service": "spotify"})
    assert result.structured_content["state"] == "waiting"


async def test_an_unknown_service_names_those_there_are(serve: Serve) -> None:
    async with serve() as desk, chat(desk, await desk.resident()) as client:
        result = await client.call_tool("connections_connect", {"service": "napster"})
    assert code_of(result) == "invalid_argument"
    assert "`service` must be one of: spotify." in text_of(result)


@ERAS
@pytest.mark.parametrize("by", ["id", "label"])
async def test_disconnecting(serve: Serve, mode: str, by: str) -> None:
    async with serve() as desk:
        who = await desk.resident(())
        row = await desk.connect(who, label="Private")
        key = str(row.id).upper() if by == "id" else "private"
        async with chat(desk, who, mode) as client:
            result = await client.call_tool("connections_disconnect", {"connection": key})
            again = await client.call_tool("connections_disconnect", {"connection": key})
        assert await desk.vault.list(who.user_id) == []
    assert result.structured_content == {
        "id": str(row.id),
        "provider": "spotify",
        "label": "Private",
        "manage_url": "https://www.spotify.com/account/apps/",
    }
    assert "https://www.spotify.com/account/apps/" in text_of(result)
    assert code_of(again) == "not_found"


async def test_what_is_over_is_not_taken_for_connected(serve: Serve) -> None:
    async with serve() as desk:
        who = await desk.ready()
        async with chat(desk, who) as client:
            before = await client.call_tool("connections_connect", {"service": "spotify"})
            async with desk.database.connection() as link:
                await link.execute(
                    "UPDATE connections SET grant_expires_at = now() WHERE owner = %s", (who.user_id,)
                )
            after = await client.call_tool("connections_connect", {"service": "spotify"})
    assert before.structured_content["state"] == "connected"
    assert after.structured_content["state"] == "waiting"


async def test_where_the_provider_has_ended_it_too_there_is_nothing_left_to_do(
    serve: Serve, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def revoke(*_: object) -> bool:
        return True

    monkeypatch.setattr(vault._revoker._upstream, "revoke", revoke)
    async with serve() as desk:
        who = await desk.resident(())
        await desk.connect(who, label="Private")
        async with chat(desk, who) as client:
            result = await client.call_tool("connections_disconnect", {"connection": "private"})
    assert result.structured_content is not None and "manage_url" not in result.structured_content
    assert text_of(result) == "Spotify account “Private” is disconnected. Spotify has ended it too."


async def test_nobody_disconnects_another_persons_account(serve: Serve) -> None:
    async with serve() as desk:
        who = await desk.resident()
        row = await desk.connect(who)
        async with chat(desk, await desk.resident()) as client:
            for key in (str(row.id), "private"):
                result: Any = await client.call_tool("connections_disconnect", {"connection": key})
                assert code_of(result) == "not_found"
        assert len(await desk.vault.list(who.user_id)) == 1


async def test_a_wrong_name_lists_the_right_ones(serve: Serve) -> None:
    async with serve() as desk:
        who = await desk.resident()
        await desk.connect(who, label="private")
        await desk.connect(who, label="work")
        async with chat(desk, who) as client:
            result = await client.call_tool("connections_disconnect", {"connection": "holiday"})
    assert code_of(result) == "not_found"
    assert "“private” and “work”" in text_of(result)


@ERAS
async def test_a_personal_token_asks_for_no_more_than_it_was_made_with(serve: Serve, mode: str) -> None:
    """Whoever holds it could ask, for a year: its person makes another one, after a proof of who they are."""
    async with serve() as desk:
        who = await desk.resident(("spotify:read",))
        async with desk.database.connection() as link:
            await link.execute("UPDATE clients SET kind = 'personal' WHERE id = %s", (who.client_id,))
        async with chat(desk, who, mode) as client:
            refused = await client.call_tool("connections_connect", {"service": "spotify", "access": "write"})
            allowed = await client.call_tool("connections_connect", {"service": "spotify"})
            with pytest.raises(MCPError, match=r"This personal token may not use .* can make another one"):
                await client.call_tool("spotify_play", {"query": "Despacito"})
        assert refused.is_error and code_of(refused) == "scope_missing"
        assert f"{PUBLIC}/account/tokens" in text_of(refused)
        assert await Grants(desk.database).raise_(who.user_id, who.grant_id, frozenset({"x:y"})) is None
    assert f"{PUBLIC}/connect/spotify?h=" in text_of(allowed), "an account may be connected within it"
