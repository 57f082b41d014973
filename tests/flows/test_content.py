"""What Spotify tells passes through and stays nowhere: not in the database, in logs or in metrics."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp.client import Client
from mcp_types import CallToolResult
from prometheus_client import generate_latest

from tests.flows.traces import dump, logged
from tests.support.emulator import EmulatorProcess
from tests.support.person import text
from tests.support.whole import Whole, whole

TRACK = "spotify:track:3al3v4DaGuRSSVoCv2UkOt"
# One word each, so that they look the same in a URL.
ASKED = "Canaryquery-Zyxomma"
LISTED = "Canarylist-Quellenweg"
RENAMED = "Canaryname-Ostwind"
LATEST = "the snapshot of the last answer"
DEVICE = "Canarydevice-Werkbank"
TOLD = "Canaryanswer-Brunnen"
NAMES = frozenset(
    {"name", "by", "album", "description", "title", "url", "uri", "playlist", "device", "owner", "data_uri"}
)
"""The fields of results in which Spotify's content stands."""


def calls() -> dict[str, list[dict[str, Any]]]:
    """How each tool of Spotify is called, in an order in which each finds what it needs."""
    library = [{"kind": kind} for kind in ("tracks", "albums", "shows", "episodes", "audiobooks", "artists")]
    return {
        "spotify_search": [{"query": "Despacito"}, {"query": ASKED}],
        "spotify_get_item": [{"item": TRACK}],
        "spotify_list_children": [{"item": "spotify:album:576fzU7FCOghai4YA6HN4j"}],
        "spotify_get_profile": [{}],
        "spotify_get_top_items": [{"kind": "tracks"}, {"kind": "artists"}],
        "spotify_get_recently_played": [{}],
        "spotify_list_library": library,
        "spotify_check_library": [{"items": [TRACK]}],
        "spotify_save_to_library": [{"items": [TRACK]}],
        "spotify_remove_from_library": [{"items": [TRACK]}],
        "spotify_create_playlist": [{"name": LISTED, "description": ASKED, "items": [TRACK, TRACK]}],
        "spotify_list_playlists": [{}],
        "spotify_get_playlist": [{"playlist": LISTED}],
        "spotify_add_to_playlist": [{"playlist": LISTED, "items": [TRACK]}],
        "spotify_reorder_playlist": [
            {"playlist": LISTED, "range_start": 0, "insert_before": 2, "snapshot_id": LATEST}
        ],
        "spotify_remove_from_playlist": [{"playlist": LISTED, "items": [TRACK]}],
        "spotify_update_playlist": [{"playlist": LISTED, "name": RENAMED}],
        "spotify_get_playback": [{}],
        "spotify_list_devices": [{}],
        "spotify_play": [{"query": "Despacito"}, {"query": ASKED}],
        "spotify_add_to_queue": [{"query": "Dreams"}],
        "spotify_get_queue": [{}],
        "spotify_set_playback_options": [{"volume": 30}],
        "spotify_transfer_playback": [{"device": DEVICE}, {"device": ASKED}],
        "spotify_control_playback": [{"action": "next"}],
        "spotify_player_state": [{"cover": None}],
        "spotify_player_command": [{"action": "pause"}],
    }


@pytest.fixture(scope="module")
def emulator() -> Iterator[EmulatorProcess]:
    with EmulatorProcess() as emulator:
        yield emulator


async def test_nothing_that_spotify_tells_is_stored_logged_or_counted(
    empty_database_url: str,
    tmp_path: Path,
    emulator: EmulatorProcess,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    async with whole(empty_database_url, tmp_path, emulator) as valet:
        token = await valet.sign_in_chat(spotify="write")
        await valet.connect("/connect/spotify")
        devices = emulator.player("ana")["devices"]
        renamed = [{**devices[0], "name": DEVICE}, *devices[1:]]
        emulator.set_player("ana", devices=renamed, active=DEVICE, playing=True)
        async with valet.chat(token, ui=True) as client:
            seen, failed = await _everything(valet, client)
            odd = await _odd_answers(valet, client)
        told = generate_latest(valet.house.metrics).decode()
    assert not failed, "each of these tools has to work, or its words are looked for in vain"
    for canary in (DEVICE, LISTED, "Despacito", "Luis Fonsi", TRACK, "data:image/"):
        assert any(canary in each for each in seen), canary
    haystacks = {
        "database": dump(empty_database_url),
        "logs": capsys.readouterr().out + logged(caplog),
        "metrics": told,
        "answers to what is no answer": "\n".join(odd),
    }
    # The search needs something to look through, too.
    assert "spotify_search" in haystacks["database"] and "upstream_call" in haystacks["logs"]
    assert "valet_refreshes" in haystacks["metrics"]
    for place, haystack in haystacks.items():
        found = {each for each in {*seen, ASKED, LISTED, RENAMED, TOLD} if each in haystack}
        assert not found, f"{sorted(found)} in the {place}"


async def _everything(valet: Whole, client: Client) -> tuple[set[str], list[str]]:
    """Call every Spotify tool there is; the content in the answers, and what did not work."""
    there = {tool.name for tool in (await client.list_tools()).tools if tool.name.startswith("spotify_")}
    table = calls()
    assert there == table.keys(), "say above how it is called"
    seen: set[str] = set()
    failed, snapshot = [], ""
    for name, examples in table.items():
        for example in examples:
            arguments = {key: snapshot if value is LATEST else value for key, value in example.items()}
            result = await client.call_tool(name, arguments)
            snapshot = (result.structured_content or {}).get("snapshot_id") or snapshot
            _require_no_picture(name, result)
            if result.is_error and ASKED not in str(arguments):
                failed.append(f"{name}{arguments}: {text(result)}")
            seen |= set(_content(result.structured_content))
    # The account's own name is its label, which is kept and shown.
    return {each for each in seen if len(each) > 5 and "Ana Duarte" not in each}, failed


def _require_no_picture(name: str, result: CallToolResult) -> None:
    """Covers are for the player card: in a field of its tools, and nowhere that a model reads."""
    seen = text(result) if name.startswith("spotify_player_") else result.model_dump_json(by_alias=True)
    assert "data:image" not in seen, name
    assert "i.scdn.co" not in seen, name


async def _odd_answers(valet: Whole, client: Client) -> list[str]:
    """Let Spotify answer in ways that can't be read, with content in them; what the model reads then."""
    said = []
    for status, body in (
        (200, {"tracks": {"items": [{"name": [TOLD], "type": TOLD}], "total": TOLD}}),
        (200, [TOLD]),
        (404, {"error": {"status": 404, "message": TOLD}}),
        (403, {"error": {"status": 403, "message": TOLD, "reason": TOLD}}),
        (429, {"error": {"status": 429, "message": TOLD}}),
        (500, {"error": {"status": 500, "message": TOLD}}),
    ):
        valet.emulator.fault(
            "GET api.spotify.com/v1/search*", kind="status", status=status, body=body, times=3
        )
        said.append(text(await client.call_tool("spotify_search", {"query": "Despacito"})))
        valet.emulator.clear_faults()
    return said


def _content(value: Any, name: str = "") -> Iterator[str]:
    """Every text in a field that holds content, however deep."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _content(each, key)
    elif isinstance(value, list):
        for each in value:
            yield from _content(each, name)
    elif isinstance(value, str) and name in NAMES:
        yield value
