"""All of Spotify's tools, whichever there are, against what may stand in their way: none is forgotten.

Limits and dead grants are met by every call of the tables that are put together here, in the files of those.
"""

from __future__ import annotations

from typing import Any

from providers.spotify.record import CONTROL
from tests.mcp_server.desk import ALL_UPSTREAM, code_of, text_of
from tests.mcp_server.hall import Hall
from tests.mcp_server.test_spotify_finding import CALLS
from tests.mcp_server.test_spotify_playing_refusals import COMMANDS, TOOLS
from tests.mcp_server.test_spotify_playlists_refused import calls
from tests.mcp_server.test_widest import told_to_models


def everything(hall: Hall) -> dict[str, dict[str, Any]]:
    """A call of each tool, as the three tables have it."""
    return {**CALLS, **TOOLS, **calls(hall)}


async def test_no_tool_is_left_out_of_the_tables(hall: Hall) -> None:
    entries = {entry.tool.name: entry.spec for entry in told_to_models()}
    assert everything(hall).keys() == entries.keys()
    assert COMMANDS.keys() == {name for name, spec in entries.items() if spec.needs >= CONTROL}
    assert len(entries) == 25


async def test_each_scope_that_a_tool_names_is_missed_before_anything_is_sent(hall: Hall) -> None:
    asked = everything(hall)
    needs = {entry.tool.name: entry.spec.needs for entry in told_to_models()}
    missed = set()
    for scope in sorted(frozenset().union(*needs.values())):
        async with hall.chat("ana", upstream=ALL_UPSTREAM - {scope}) as client:
            for name in [name for name in asked if scope in needs[name]]:
                result = await client.call_tool(name, asked[name])
                assert code_of(result) == "scope_missing", (name, scope)
                assert result.meta["valet/connect"]["provider"] == "spotify"
                missed.add(name)
    assert hall.judge.calls == []
    assert missed == {name for name in needs if needs[name]}


async def test_no_command_goes_anywhere_where_there_is_no_device(hall: Hall) -> None:
    async with hall.chat("dana") as client:
        for name, arguments in COMMANDS.items():
            result = await client.call_tool(name, arguments)
            assert code_of(result) == "no_active_device", (name, text_of(result))


async def test_every_list_refuses_a_cursor_that_it_did_not_give(hall: Hall) -> None:
    asked = everything(hall)
    async with hall.chat("ana") as client:
        listed = [tool for tool in (await client.list_tools()).tools if tool.name in asked]
        paged = [tool.name for tool in listed if "cursor" in tool.input_schema["properties"]]
        for name in paged:
            result = await client.call_tool(name, {**asked[name], "cursor": "z7"})
            assert code_of(result) == "invalid_argument", name
            assert "next_cursor" in text_of(result)
    assert len(paged) == 7
    assert hall.judge.calls == []
