"""Real chat clients, unmodified, over real HTTP: log in, list, call, refresh, be cut off, log in again."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.async_api import Browser

from tests.proof.clients import chats
from tests.proof.clients.chats import Chat
from tests.proof.clients.line import Ended
from tests.proof.clients.stage import Stage, staged
from tests.proof.clients.venvs import python_with
from tests.proof.conftest import Say
from tests.support.chromium import launched
from valet.entries import claude_desktop

DESPACITO = {"query": "Despacito"}
CALLS = 7
"""How many tool calls are made in the story."""
Start = Callable[[str, Path, dict[str, str]], Chat]


@dataclass(frozen=True)
class Client:
    """A client and what it is known to send."""

    start: Start
    negotiates: str
    discovers: bool = True
    """It asks who issues tokens for us (RFC 9728), and does not guess."""
    redirect: str = r"http://127\.0\.0\.1:\d+/callback"
    resource: bool = True
    """It says what its tokens are for (RFC 8707)."""
    states: bool = True
    logs_out: Literal["", "revokes", "forgets"] = ""
    """What it does with its tokens where its person can log out."""
    doubles: bool = False
    """It sends a call twice."""
    clings: bool = False
    """It goes on with tokens that were refused until its program forgets them."""
    registers_anew: bool = True
    """It does so by itself once its registration is refused; else its person has to add the server again."""


CLIENTS = {
    "python-2.3.0": Client(
        lambda *at: chats.present(*at, mode="auto"), "2026-07-28", logs_out="revokes", registers_anew=False
    ),
    "python-2.3.0-legacy": Client(
        lambda *at: chats.present(*at, mode="legacy"), "2025-11-25", logs_out="revokes", registers_anew=False
    ),
    "python-1.30.0": Client(
        lambda *at: chats.earlier(*at, python=python_with("1.30.0")), "2025-11-25", registers_anew=False
    ),
    "python-1.12.4": Client(
        lambda *at: chats.earlier(*at, python=python_with("1.12.4")),
        "2025-06-18",
        doubles=True,
        registers_anew=False,
    ),
    "python-1.9.4": Client(
        lambda *at: chats.earlier(*at, python=python_with("1.9.4")),
        "2025-03-26",
        discovers=False,
        resource=False,
        clings=True,
        registers_anew=False,
    ),
    "typescript-2.4.0": Client(
        lambda *at: chats.typescript(*at, flavour="client", mode="auto"), "2026-07-28", logs_out="revokes"
    ),
    "typescript-2.4.0-legacy": Client(
        lambda *at: chats.typescript(*at, flavour="client", mode="legacy"), "2025-11-25", logs_out="revokes"
    ),
    "typescript-1.32.2": Client(
        lambda *at: chats.typescript(*at, flavour="sdk", mode=""),
        "2025-11-25",
        states=False,
        logs_out="revokes",
    ),
    "mcp-remote-0.15.1": Client(
        lambda url, *at: chats.Remote(claude_desktop(url), url, *at),
        "2025-11-25",
        redirect=r"http://localhost:\d+/oauth/callback",
    ),
    "inspector-2.12.0": Client(
        chats.Inspector, "2025-11-25", redirect=r"http://127\.0\.0\.1:6276/oauth/callback", logs_out="forgets"
    ),
}


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    async with launched() as browser:
        yield browser


@pytest.fixture
async def stage(chromium: Browser, empty_database_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    async with staged(chromium, empty_database_url, tmp_path) as stage:
        yield stage


def said(result: dict[str, Any]) -> str:
    return " ".join(part["text"] for part in result["content"] if part["type"] == "text")


async def plays(stage: Stage, chat: Chat) -> None:
    """The tool says so and the player agrees."""
    stage.emulator.set_player("ana", playing=False)
    result = await stage.during(chat.call("spotify_play", **DESPACITO))
    assert not result.get("isError"), said(result)
    assert result["structuredContent"]["confirmed"] is True
    player = stage.emulator.player("ana")
    assert player["is_playing"] and player["current_name"] == "Despacito"


class TurnedAway(Exception):
    """The person stands before a page that gives the client nothing."""


async def is_turned_away(stage: Stage, chat: Chat) -> None:
    """The person is told that the client is not known any more, and what to do."""

    async def visit(url: str) -> None:
        await stage.person.page.goto(url)
        assert await stage.person.see() == "Valet does not know this chat client"
        told = await stage.person.page.locator("main").inner_text()
        assert "Remove this server in your chat client and add it again" in told
        raise TurnedAway

    chat.forget("tokens")
    with pytest.raises(TurnedAway):
        await stage.opener.during(chat.tools(), visit)


def sends_what_is_known(client: Client, stage: Stage) -> None:
    """What it sent is of the shape that our other tests take for granted (tests/connect)."""
    door = stage.door
    assert len(door.to("/register")) == 2 + (client.logs_out == "forgets"), "as a client of its own"
    for seen in door.to("/register"):
        assert seen.status == 201 and seen.values["token_endpoint_auth_method"] == "none"
        assert all(re.fullmatch(client.redirect, uri) for uri in seen.values["redirect_uris"])
    asked, paid = door.to("/authorize"), door.to("/token")
    for seen in asked:
        assert re.fullmatch(client.redirect, seen.values["redirect_uri"])
        assert seen.values["code_challenge_method"] == "S256"
        assert ("state" in seen.names) == client.states
    for seen in (*asked, *paid):
        assert seen.values.get("resource") == (stage.mcp if client.resource else None)
        assert not seen.auth
    assert bool(door.to("/.well-known/oauth-protected-resource/mcp")) == client.discovers
    versions = {seen.version for seen in door.to("/mcp") if seen.rpc == "tools/call"}
    # The first revisions of the protocol had no header for it.
    assert versions == {client.negotiates if client.negotiates > "2025-03-26" else None}
    assert {seen.status for seen in door.to("/mcp") if seen.method != "POST"} <= {401, 405}
    made = [seen for seen in door.to("/mcp") if seen.rpc == "tools/call" and seen.status == 200]
    assert (len(made) > CALLS + bool(client.logs_out)) == client.doubles


@pytest.mark.parametrize("name", CLIENTS)
async def test_a_real_client_logs_in_calls_refreshes_is_cut_off_and_logs_in_again(
    name: str, stage: Stage, tmp_path: Path, say: Say
) -> None:
    client, began = CLIENTS[name], time.monotonic()
    folder = tmp_path / "client"
    folder.mkdir()
    chat = client.start(stage.mcp, folder, stage.environment)
    person, door = stage.person, stage.door
    try:
        assert {"connections_list", "spotify_play"} <= await stage.during(chat.tools())
        assert person.consents == 1
        listed = await stage.during(chat.call("connections_list"))
        assert not listed.get("isError"), said(listed)

        refused = await stage.during(chat.call("spotify_play", **DESPACITO))
        assert refused["isError"] is True
        url = refused["_meta"]["valet/connect"]["url"]
        assert await person.connect(url) == "Spotify is connected as Ana Duarte"
        await plays(stage, chat)

        await stage.an_hour_passes()
        await plays(stage, chat)
        assert door.refreshes() == 1 and person.consents == 1, "it refreshed by itself"

        await chat.close()
        await plays(stage, chat)
        assert person.consents == 1, "another day it goes on with what it kept"

        await person.cut_off()
        if client.clings:
            with pytest.raises(Ended, match="401"):
                await plays(stage, chat)
            assert person.consents == 1
            chat.forget("tokens")
        await plays(stage, chat)
        assert person.consents == 2, "it was sent away, and asked the person anew"

        if client.logs_out:
            before = await stage.logins()
            await stage.during(chat.log_out())
            assert [seen.status for seen in door.to("/revoke")] == [200] * (client.logs_out == "revokes")
            if client.logs_out == "revokes":
                assert await stage.logins() == before - 1
            await plays(stage, chat)
            assert person.consents == 3

        before = person.consents
        await stage.registrations_lapse()
        if not client.registers_anew:
            await is_turned_away(stage, chat)
            await chat.kill()
            chat.forget("client", "tokens")
        await plays(stage, chat)
        assert person.consents == before + 1
        assert len(stage.opener.urls) == person.consents + (not client.registers_anew), "no second window"
        sends_what_is_known(client, stage)
        say(f"{name}: {time.monotonic() - began:.1f} s, {len(door.seen)} requests")
    except BaseException:
        say("\n  ".join(map(str, door.seen)))
        raise
    finally:
        await chat.kill()


async def test_mcp_remote_registers_anew_where_a_login_was_never_finished(
    stage: Stage, tmp_path: Path
) -> None:
    """Then it has no token whose refusal would tell it, so it asks /authorize before it opens a browser.

    A page there would lead nowhere for ever: removing the entry from Claude Desktop leaves its registration.
    """

    async def look_away(url: str) -> None:
        raise TurnedAway

    remote = chats.Remote(claude_desktop(stage.mcp), stage.mcp, tmp_path, stage.environment)
    try:
        with pytest.raises(TurnedAway):
            await stage.opener.during(remote.tools(), look_away)
        await remote.kill()
        await stage.registrations_lapse()
        # It registers, and then takes its own first attempt for one under way; started again it goes on.
        stuck = asyncio.ensure_future(remote.tools())
        await stage.door.saw("/register", times=2)
        await remote.kill()
        await asyncio.wait({stuck})
        assert isinstance(stuck.exception(), Ended)
        assert "spotify_play" in await stage.during(remote.tools())
        assert {seen.status for seen in stage.door.to("/authorize")} == {400, 303}
    finally:
        await remote.kill()


async def test_inspector_named_by_the_operator_proves_itself_and_registers_nothing(
    chromium: Browser, empty_database_url: str, tmp_path: Path
) -> None:
    redirect, secret = "http://127.0.0.1:6276/oauth/callback", "Inspector's: 100% a secret + more /?&"
    named = {"client_id": "inspector", "client_name": "Inspector", "redirect_uris": [redirect]}
    clients = tmp_path / "clients.json"
    clients.write_text(json.dumps([{**named, "client_secret": secret}]))
    folder = tmp_path / "client"
    folder.mkdir()
    async with staged(chromium, empty_database_url, tmp_path, VALET_CLIENTS=str(clients)) as stage:
        options = ("--client-id", "inspector", "--client-secret", secret)
        inspector = chats.Inspector(stage.mcp, folder, stage.environment, *options)
        await stage.during(inspector.tools())
        await stage.an_hour_passes()
        await stage.during(inspector.tools())
        assert stage.person.consents == 1 and stage.door.refreshes() == 1
        assert stage.door.to("/register") == []
        # It does not encode its secret (RFC 6749 §2.3.1), though this one has characters that need it.
        assert [seen.auth for seen in stage.door.to("/token")] == ["Basic", "Basic"]
        assert all("client_id" not in seen.names for seen in stage.door.to("/token"))
