"""youtube_add_to_playlist: one after the other, and what became of each."""

from __future__ import annotations

from typing import Any

from tests.mcp_server.desk import code_of, text_of
from tests.mcp_server.hall import Hall
from tests.mcp_server.test_youtube import playlist, video

TOOL = "youtube_add_to_playlist"


def inside(hall: Hall, title: str) -> list[str]:
    """What is truly in a playlist."""
    rows = hall.emulator.read("youtube/library")["playlists"]
    return [id_ for _, id_ in next(row for row in rows if row["title"] == title)["items"]]


def recipes(hall: Hall, *numbers: int) -> list[str]:
    return [video(hall, f"Recipe {n}: bacalhau") for n in numbers]


def outcomes(result: Any) -> list[str]:
    assert not result.is_error, text_of(result)
    return [item["outcome"] for item in result.structured_content["items"]]


async def test_videos_are_added_in_order_once_and_missing_ones_told(hall: Hall) -> None:
    ids = recipes(hall, 5, 2, 9)
    where = playlist(hall, "Empty")
    async with hall.chat("ana", provider="google") as client:
        asked = {"video_ids": [ids[0], "x" * 11, ids[1], ids[0], ids[2]], "playlist_id": where}
        result = await client.call_tool(TOOL, asked)
        assert outcomes(result) == ["added", "not_found", "added", "added"]
        assert inside(hall, "Empty") == ids
        assert "3 of 4 added to “Empty”" in text_of(result)
        link = f"https://www.youtube.com/playlist?list={where}"
        assert f"Only the person can take this back: {link}" in text_of(result)
        again = await client.call_tool(TOOL, {**asked, "playlist_id": link})
        assert outcomes(again) == ["was_there", "not_found", "was_there", "was_there"]
        assert inside(hall, "Empty") == ids
        assert "take this back" not in text_of(again)


async def test_a_new_playlist_is_private(hall: Hall) -> None:
    ids = recipes(hall, 3, 1)
    async with hall.chat("ana", provider="google") as client:
        result = await client.call_tool(TOOL, {"video_ids": ids, "new_title": "Sunday 🐟"})
        assert outcomes(result) == ["added", "added"]
        assert result.structured_content["created"] is True
        assert inside(hall, "Sunday 🐟") == ids
        made = playlist(hall, "Sunday 🐟")
        assert result.structured_content["playlist_id"] == made
        rows = hall.emulator.read("youtube/library")["playlists"]
        assert rows[-1]["privacy"] == "private"
        missing = await client.call_tool(TOOL, {"video_ids": ["x" * 11], "new_title": "Nothing"})
        assert code_of(missing) == "not_found"
        assert hall.emulator.read("youtube/library")["playlists"] == rows
    async with hall.chat("cleo", provider="google") as client:
        none = await client.call_tool(TOOL, {"video_ids": ids, "new_title": "Mine"})
        assert code_of(none) == "conflict"
        assert "has no YouTube channel yet" in text_of(none)


async def test_what_breaks_off_says_what_was_done_by_then(hall: Hall) -> None:
    ids, where = recipes(hall, 1, 2, 3), playlist(hall, "Empty")
    async with hall.chat("ana", provider="google") as client:
        hall.emulator.control(
            "google/quota", youtube=hall.emulator.read("google/quota").get("youtube", 0) + 75
        )
        result = await client.call_tool(TOOL, {"video_ids": ids, "playlist_id": where})
        assert outcomes(result) == ["added", "not_tried", "not_tried"]
        assert "used up until 20" in result.structured_content["stopped"]
        spent = await client.call_tool(TOOL, {"video_ids": ids, "playlist_id": where})
        assert code_of(spent) == "rate_limited"
        assert "calls of YouTube" in text_of(spent)
        hall.emulator.control("google/quota", youtube=10_000)
        hall.fault("POST youtube.googleapis.com/youtube/v3/playlistItems*", status=502)
        lost = await client.call_tool(TOOL, {"video_ids": ids[1:], "playlist_id": where})
        assert outcomes(lost) == ["unsure", "not_tried"]
        assert "look into the playlist" in text_of(lost)
        hall.fault("POST youtube.googleapis.com/youtube/v3/playlistItems*", status=403, reason="forbidden")
        none = await client.call_tool(TOOL, {"video_ids": ids[1:], "playlist_id": where})
        assert code_of(none) == "conflict"
        hall.fault("POST youtube.googleapis.com/youtube/v3/playlistItems*", status=403, reason="forbidden")
        made = await client.call_tool(TOOL, {"video_ids": ids, "new_title": "Half"})
        assert outcomes(made) == ["refused", "added", "added"]
        assert inside(hall, "Half") == ids[1:]


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({}, "invalid_argument"),
    ({"playlist_id": "a", "new_title": "b"}, "invalid_argument"),
    ({"new_title": " "}, "invalid_argument"),
    ({"new_title": "<b>"}, "invalid_argument"),
    ({"playlist_id": "PLnothing"}, "not_found"),
    ({"playlist_id": "../x"}, "invalid_argument"),
]


async def test_what_is_not_added(hall: Hall) -> None:
    async with hall.chat("ana", provider="google") as client:
        for arguments, code in REFUSED:
            result = await client.call_tool(TOOL, {"video_ids": recipes(hall, 1), **arguments})
            assert code_of(result) == code, arguments
        many = await client.call_tool(TOOL, {"video_ids": recipes(hall, *range(1, 22)), "new_title": "Many"})
        assert code_of(many) == "invalid_argument"
    assert not [line for line in hall.sent() if line.startswith("POST")]


async def test_the_longest_titles_fit_an_answer(hall: Hall) -> None:
    ids = recipes(hall, *range(1, 21))
    for id_ in ids:
        hall.emulator.control("youtube/video", id=id_, title="窯\\" * 300)
    async with hall.chat("ana", provider="google") as client:
        result = await client.call_tool(TOOL, {"video_ids": ids, "new_title": "窯" * 150})
    assert outcomes(result) == ["added"] * 20
    assert len(result.model_dump_json(by_alias=True, exclude_none=True).encode()) <= 30_000


async def test_the_playlist_of_somebody_else_stays_as_it_is(hall: Hall) -> None:
    before = inside(hall, "Best of the kiln")
    async with hall.chat("ana", provider="google") as client:
        asked = {"video_ids": recipes(hall, 1), "playlist_id": playlist(hall, "Best of the kiln")}
        result = await client.call_tool(TOOL, asked)
    assert code_of(result) == "conflict"
    assert "not the person's own" in text_of(result)
    assert inside(hall, "Best of the kiln") == before
