"""Every rung from "not connected" to what the chat program can show, in both eras."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from mcp import UrlElicitationRequiredError
from mcp.shared.exceptions import MCPError
from mcp_types import ElicitResult, InputRequiredResult

from mcp_server.ladder import Patience
from providers.spotify.record import READ
from tests.mcp_server.conftest import Serve
from tests.mcp_server.desk import (
    ALL_UPSTREAM,
    MODERN,
    PUBLIC,
    Browser,
    Desk,
    Resident,
    chat,
    code_of,
    text_of,
)
from vault.errors import Busy
from vault.store.grants import Grants

LINK = re.compile(re.escape(PUBLIC) + r"/connect/spotify\?h=[A-Za-z0-9_-]{43}")
ERAS = pytest.mark.parametrize("mode", [MODERN, "legacy"])
CALL = ("spotify_get_playback", {})


def handle(url: str) -> str:
    assert LINK.fullmatch(url)
    return url.partition("?h=")[2]


async def finish(desk: Desk, who: Resident, url: str) -> None:
    """The person goes through the connect page in their browser."""
    flow = await desk.flows.find_connect(handle(url))
    assert flow is not None
    await desk.connect(who, scopes=flow.upstream | ALL_UPSTREAM)
    assert await desk.flows.finish_connect(flow.id, who.user_id)


# Rung 3: no url elicitation


@ERAS
async def test_without_elicitation_the_answer_is_a_link(serve: Serve, mode: str) -> None:
    async with serve() as desk:
        who = await desk.resident()
        async with chat(desk, who, mode) as client:
            result = await client.call_tool(*CALL)
            again = await client.call_tool(*CALL)
        flow = await desk.flows.find_connect(handle(result.meta["valet/connect"]["url"]))
    assert result.is_error
    assert code_of(result) == "not_connected"
    assert LINK.search(text_of(result))
    assert result.meta["valet/connect"]["provider"] == "spotify"
    assert result.meta["valet/connect"]["title"] == "Spotify"
    assert text_of(again) == text_of(result), "a pending flow is used again"
    assert flow is not None
    assert (flow.user_id, flow.client_id, flow.grant_id) == (who.user_id, who.client_id, who.grant_id)
    assert flow.ours == {"spotify:read"}
    assert flow.upstream == ALL_UPSTREAM, "what the grant covers, so that the next tool needs no new link"


@ERAS
async def test_a_form_only_client_gets_the_link(serve: Serve, mode: str) -> None:
    async with serve() as desk:
        who = await desk.resident()
        params: dict[str, Any] = {"name": "spotify_get_playback", "arguments": {}}
        headers = {}
        if mode == MODERN:
            params["_meta"] = {
                "io.modelcontextprotocol/protocolVersion": MODERN,
                "io.modelcontextprotocol/clientCapabilities": {"elicitation": {}},
            }
            headers = {"mcp-protocol-version": MODERN, "mcp-method": "tools/call", "mcp-name": params["name"]}
        body = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params}
        response = await desk.post(body, token=who.token, headers=headers)
    assert response.status_code == 200
    assert response.json()["result"]["isError"] is True
    assert LINK.search(response.json()["result"]["content"][0]["text"])


@ERAS
async def test_missing_scopes_ask_for_just_those(serve: Serve, mode: str) -> None:
    async with serve() as desk:
        who = await desk.resident()
        await desk.connect(who, scopes=READ)
        async with chat(desk, who, mode) as client:
            result = await client.call_tool("spotify_play", {"query": "x"})
        flow = await desk.flows.find_connect(handle(result.meta["valet/connect"]["url"]))
    assert code_of(result) == "scope_missing"
    assert "Valet may not control the music on your devices, change" in text_of(result)
    assert "see what is playing" not in text_of(result), "only what is missing"
    assert flow is not None
    assert flow.upstream == {"user-modify-playback-state"}
    assert flow.ours == {"spotify:write"}
    assert desk.spotify.calls == [], "refused before any call"


async def test_a_scope_that_the_provider_misses_climbs_too(serve: Serve) -> None:
    from tests.mcp_server.spotifydouble import error

    async with serve() as desk:
        desk.spotify.answers = [error(403, "Insufficient client scope")]
        async with chat(desk, await desk.ready()) as client:
            result = await client.call_tool(*CALL)
    assert code_of(result) == "scope_missing"
    assert LINK.search(text_of(result))


@ERAS
async def test_a_dead_grant_asks_to_reconnect(serve: Serve, mode: str) -> None:
    from tests.mcp_server.spotifydouble import error

    async with serve() as desk:
        # A 401 makes the vault refresh, and the provider refuses the refresh token.
        desk.spotify.answers = [error(401, "The access token expired")]
        async with chat(desk, await desk.ready(), mode) as client:
            first = await client.call_tool(*CALL)
            later = await client.call_tool(*CALL)
    for result in (first, later):
        assert code_of(result) == "reauth_required"
        assert LINK.search(text_of(result))
    assert len(desk.spotify.calls) == 1, "a dead connection is not tried again"


async def test_the_link_keeps_the_account_that_was_meant(serve: Serve) -> None:
    async with serve() as desk:
        who = await desk.resident()
        async with chat(desk, who) as client:
            result = await client.call_tool("spotify_get_playback", {"account": "work"})
        flow = await desk.flows.find_connect(handle(result.meta["valet/connect"]["url"]))
    assert flow is not None
    assert flow.label == "work"


@ERAS
async def test_a_provider_that_is_not_set_up_names_the_operator(serve: Serve, mode: str) -> None:
    async with serve(apps=False) as desk, chat(desk, await desk.resident(), mode, Browser()) as client:
        result = await client.call_tool(*CALL)
    assert result.is_error
    assert code_of(result) == "provider_error"
    assert "Spotify is not set up on this server. The operator must" in text_of(result)
    assert "valet/connect" not in result.meta


# Rung 2: legacy with url elicitation


async def test_legacy_url_elicitation_is_an_error_with_the_link(serve: Serve) -> None:
    browser = Browser()
    async with serve() as desk:
        who = await desk.resident()
        async with chat(desk, who, "legacy", browser) as client:
            with pytest.raises(MCPError) as caught:
                await client.call_tool(*CALL)
            asked = UrlElicitationRequiredError.from_error(caught.value.error).elicitations
            assert len(asked) == 1
            assert LINK.fullmatch(asked[0].url)
            assert asked[0].elicitation_id
            assert handle(asked[0].url) not in asked[0].elicitation_id
            assert "Spotify" in asked[0].message
            await finish(desk, who, asked[0].url)
            assert not (await client.call_tool(*CALL)).is_error
    assert caught.value.code == -32042


async def refused(desk: Desk, who: Resident, browser: Browser) -> str:
    """The link that a legacy client is told to open."""
    async with chat(desk, who, "legacy", browser) as client:
        with pytest.raises(MCPError) as caught:
            await client.call_tool(*CALL)
    [asked] = UrlElicitationRequiredError.from_error(caught.value.error).elicitations
    return asked.url


async def test_a_legacy_retry_waits_for_the_person_and_then_simply_runs(serve: Serve) -> None:
    """The client calls again at once; the person is still busy in the browser."""
    async with serve(looks=5) as desk, serve(looks=5) as worker:
        who = await desk.resident()
        url = await refused(desk, who, Browser())
        looks = 0
        connected = worker.flows.connected

        async def slowly(flow_handle: str, user_id: Any) -> bool:
            nonlocal looks
            looks += 1
            if looks == 3:
                await finish(desk, who, url)
            return await connected(flow_handle, user_id)

        worker.flows.connected = slowly  # type: ignore[method-assign]
        async with chat(worker, who, "legacy", Browser()) as client:
            result = await client.call_tool(*CALL)
    assert not result.is_error, text_of(result)
    assert worker.pauses == [0.5, 0.5]


async def test_a_legacy_retry_opens_no_second_window(serve: Serve) -> None:
    async with serve(looks=4) as desk, serve(looks=4) as worker:
        who = await desk.resident()
        url = await refused(desk, who, Browser())
        for each in (desk, worker):
            async with chat(each, who, "legacy", Browser()) as client:
                result = await client.call_tool(*CALL)
            assert result.is_error
            assert url in text_of(result), "the same link, to be opened by hand"
            assert each.pauses == [0.5] * 3
        # Another person, another question and a later day are no retry.
        await refused(worker, await desk.resident(), Browser())
        async with desk.database.connection() as link:
            await link.execute(
                "UPDATE flows SET shown_at = now() - interval '11 minutes' WHERE user_id = %s", (who.user_id,)
            )
        assert await refused(worker, who, Browser()) == url


async def test_of_many_legacy_calls_at_once_one_opens_the_link(serve: Serve) -> None:
    async with serve(looks=1) as desk:
        who = await desk.resident()
        async with chat(desk, who, "legacy", Browser()) as client:
            calls = (client.call_tool(*CALL) for _ in range(6))
            results = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(isinstance(each, MCPError) for each in results) == 1
    assert all(LINK.search(text_of(each)) for each in results if not isinstance(each, BaseException))


async def test_a_legacy_retry_after_a_cut_grant_is_refused(serve: Serve) -> None:
    async with serve(looks=2) as desk:
        who = await desk.resident()
        url = await refused(desk, who, Browser())

        async def cut() -> None:
            await finish(desk, who, url)
            async with desk.database.connection() as link:
                await link.execute("UPDATE grants SET scopes = '{}' WHERE id = %s", (who.grant_id,))

        while_waiting(desk, cut)
        async with chat(desk, who, "legacy", Browser()) as client:
            with pytest.raises(MCPError, match="needs the permission"):
                await client.call_tool(*CALL)
    assert desk.spotify.calls == []


async def test_a_legacy_retry_that_still_lacks_something_ends_in_a_link(serve: Serve) -> None:
    async with serve(looks=2) as desk:
        who = await desk.resident()
        url = await refused(desk, who, Browser())

        async def half() -> None:
            flow = await desk.flows.find_connect(handle(url))
            if flow is not None:
                await desk.flows.finish_connect(flow.id, who.user_id)

        while_waiting(desk, half)
        async with chat(desk, who, "legacy", Browser()) as client:
            result = await client.call_tool(*CALL)
    assert result.is_error
    assert LINK.search(text_of(result)), "no window opens a second time for one call"


# Rung 1: modern with url elicitation


async def test_modern_accept_waits_for_the_person_and_then_simply_runs(serve: Serve) -> None:
    async with serve() as desk:
        who = await desk.resident()
        browser = Browser(then=lambda url: finish(desk, who, url))
        async with chat(desk, who, MODERN, browser) as client:
            result = await client.call_tool(*CALL)
    assert not result.is_error
    assert len(browser.urls) == 1
    assert browser.messages == [
        "Connect your Spotify account in the browser. Valet keeps the access, not this chat."
    ]


async def test_modern_accept_polls_the_row(serve: Serve) -> None:
    """The client retries at once after `accept`; the person is still busy in the browser."""
    async with serve(looks=5) as desk:
        who = await desk.resident()
        looks = 0
        connected = desk.flows.connected

        async def slowly(flow_handle: str, user_id: Any) -> bool:
            nonlocal looks
            looks += 1
            if looks == 3:
                await finish(desk, who, browser.urls[0])
            return await connected(flow_handle, user_id)

        desk.flows.connected = slowly  # type: ignore[method-assign]
        browser = Browser()
        async with chat(desk, who, MODERN, browser) as client:
            result = await client.call_tool(*CALL)
    assert not result.is_error
    assert looks == 3
    assert desk.pauses == [0.5, 0.5]


async def test_modern_accept_without_connecting_ends_in_a_link(serve: Serve) -> None:
    browser = Browser()
    async with serve(looks=4) as desk, chat(desk, await desk.resident(), MODERN, browser) as client:
        result = await client.call_tool(*CALL)
    assert result.is_error
    assert LINK.search(text_of(result))
    assert len(browser.urls) == 1, "the browser is not opened twice"
    assert desk.pauses == [0.5] * 3


async def test_the_wait_is_about_ten_seconds() -> None:
    patience = Patience()
    assert 9 <= patience.looks * patience.gap <= 10


@pytest.mark.parametrize("action", ["decline", "cancel"])
async def test_modern_no_is_a_no(serve: Serve, action: str) -> None:
    browser = Browser(action)
    async with serve() as desk, chat(desk, await desk.resident(), MODERN, browser) as client:
        result = await client.call_tool(*CALL)
    assert result.is_error
    assert code_of(result) == "not_connected"
    assert "chose not to" in text_of(result)
    assert not LINK.search(text_of(result))
    assert desk.pauses == []


async def test_connected_but_still_without_the_scope_ends_in_a_link(serve: Serve) -> None:
    async with serve() as desk:
        who = await desk.resident()

        async def half(url: str) -> None:
            flow = await desk.flows.find_connect(handle(url))
            assert flow is not None
            await desk.connect(who, scopes=frozenset({"user-read-playback-state"}))
            await desk.flows.finish_connect(flow.id, who.user_id)

        browser = Browser(then=half)
        async with chat(desk, who, MODERN, browser) as client:
            result = await client.call_tool("spotify_play", {"query": "x"})
    assert code_of(result) == "scope_missing"
    assert len(browser.urls) == 1


async def test_the_state_is_sealed_and_belongs_to_one_person_and_one_call(serve: Serve) -> None:
    async with serve() as desk:
        who, other = await desk.resident(), await desk.resident()
        mine = {"connect": ElicitResult(action="accept")}
        async with chat(desk, who, MODERN, Browser()) as client:
            first = await client.session.call_tool(*CALL, allow_input_required=True)
            assert isinstance(first, InputRequiredResult)
            assert first.request_state is not None
            request = (first.input_requests or {})["connect"]
            url = request.params.url  # type: ignore[union-attr]
            assert handle(url) not in first.request_state
            flipped = ("B" if first.request_state[40] == "A" else "A").join(
                (first.request_state[:40], first.request_state[41:])
            )
            for changed in (flipped, handle(url), "v1."):
                with pytest.raises(MCPError) as caught:
                    await client.session.call_tool(*CALL, input_responses=mine, request_state=changed)
                assert caught.value.code == -32602
            with pytest.raises(MCPError):
                await client.session.call_tool(
                    "spotify_search", {"query": "x"}, input_responses=mine, request_state=first.request_state
                )
        async with chat(desk, other, MODERN, Browser()) as thief:
            with pytest.raises(MCPError):
                await thief.session.call_tool(*CALL, input_responses=mine, request_state=first.request_state)


async def test_an_answer_nobody_asked_for_changes_nothing(serve: Serve) -> None:
    async with serve() as desk, chat(desk, await desk.resident(), MODERN, Browser()) as client:
        answers = {"connect": ElicitResult(action="accept")}
        result = await client.session.call_tool(*CALL, input_responses=answers, allow_input_required=True)
    assert LINK.search(text_of(result))
    assert desk.pauses == [], "without our state there is nothing to wait for"


def while_waiting(desk: Desk, happen: Callable[[], Awaitable[object]]) -> None:
    """Let something happen between the bearer check of the retry and the first look at the flow."""
    connected = desk.flows.connected

    async def look(flow_handle: str, user_id: Any) -> bool:
        await happen()
        return await connected(flow_handle, user_id)

    desk.flows.connected = look  # type: ignore[method-assign]


async def test_a_grant_that_is_raised_while_waiting_counts_at_once(serve: Serve) -> None:
    async with serve() as desk:
        who = await desk.resident(())
        browser = Browser()

        async def through_consent() -> None:
            await Grants(desk.database).raise_(who.user_id, who.grant_id, frozenset({"spotify:read"}))
            await finish(desk, who, browser.urls[0])

        while_waiting(desk, through_consent)
        async with chat(desk, who, MODERN, browser) as client:
            result = await client.call_tool("connections_connect", {"service": "spotify"})
    assert result.structured_content["state"] == "connected"


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE grants SET revoked_at = now() WHERE id = %s", "Sign in again"),
        ("UPDATE grants SET scopes = '{}' WHERE id = %s", "needs the permission spotify:read"),
    ],
)
async def test_a_grant_that_is_cut_while_waiting_ends_the_call(
    serve: Serve, statement: Any, words: str
) -> None:
    async with serve() as desk:
        who = await desk.resident()
        browser = Browser()

        async def cut() -> None:
            await finish(desk, who, browser.urls[0])
            async with desk.database.connection() as link:
                await link.execute(statement, (who.grant_id,))

        while_waiting(desk, cut)
        async with chat(desk, who, MODERN, browser) as client:
            with pytest.raises(MCPError, match=words):
                await client.call_tool(*CALL)
    assert desk.spotify.calls == []


async def test_without_the_scope_a_retry_is_refused_like_a_call(serve: Serve) -> None:
    async with serve() as desk, chat(desk, await desk.resident(()), MODERN, Browser()) as client:
        answers = {"connect": ElicitResult(action="decline")}
        with pytest.raises(MCPError, match="needs the permission"):
            await client.session.call_tool(*CALL, input_responses=answers)


async def test_a_database_that_goes_away_on_the_ladder_is_spoken(serve: Serve) -> None:
    class NoLinks:
        async def ask_connect(self, **_: Any) -> str:
            raise Busy("the database does not answer", 1.0)

        async def connected(self, flow_handle: str, user_id: Any) -> bool:
            return False

    async with serve(links=NoLinks()) as desk, chat(desk, await desk.resident()) as client:
        result = await client.call_tool(*CALL)
    assert code_of(result) == "provider_error"
    assert "Try again in a moment" in text_of(result)


async def test_a_database_that_goes_away_while_waiting_is_spoken(serve: Serve) -> None:
    async with serve() as desk:

        async def away() -> None:
            raise Busy("the database does not answer", 1.0)

        while_waiting(desk, away)
        async with chat(desk, await desk.resident(), MODERN, Browser()) as client:
            result = await client.call_tool(*CALL)
    assert code_of(result) == "provider_error"
    assert "Try again in a moment" in text_of(result)


async def test_a_handle_is_never_logged(
    serve: Serve, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    for noisy in ("mcp.client", "client", "mcp.shared"):
        caplog.set_level("WARNING", noisy)  # the test's own client logs what it receives
    browser = Browser()
    async with serve() as desk, chat(desk, await desk.resident(), MODERN, browser) as client:
        await client.call_tool(*CALL)
    said = capsys.readouterr().out + caplog.text
    assert "tool_answered" in said
    assert handle(browser.urls[0]) not in said
