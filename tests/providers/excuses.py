"""What Spotify really answers although its own file says otherwise: the allow-list, a reason for each.

An entry names a place and recognizes exactly the odd thing there, as the real answers show it (`answers/`
beside the file), nothing near it. The judge sees what the file would have there, and all the rest as ever.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]
Look = Callable[[Any], bool]
Change = Callable[[Any], Any]
GONE = object()
"""Nothing stands there for the judge."""


@dataclass(frozen=True)
class Excuse:
    """`operations` is a pattern for `GET /v1/…`; `at` a dotted path, where `*` is every item of a list."""

    reason: str
    operations: str
    at: str
    odd: Look
    instead: Change = lambda odd: GONE


def excused(method: str, template: str, body: bytes) -> bytes:
    """`body` with what is excused put right. `template` is the path as the file writes it."""
    operation = f"{method} {template}"
    excuses = [excuse for excuse in EXCUSES if re.fullmatch(excuse.operations, operation)]
    if not excuses or not body:
        return body
    answer = json.loads(body)
    for excuse in excuses:
        _put_right(answer, excuse.at.split("."), excuse)
    return json.dumps(answer).encode()


def _put_right(node: Any, steps: list[str], excuse: Excuse) -> None:
    step, *rest = steps
    places: Iterable[Any] = ()
    if isinstance(node, list) and step == "*":
        places = range(len(node))
    elif isinstance(node, dict) and step in node:
        places = [step]
    for place in reversed(list(places)):
        if rest:
            _put_right(node[place], rest, excuse)
        elif excuse.odd(node[place]):
            node[place] = excuse.instead(node[place])
            if node[place] is GONE:
                del node[place]


# What is odd

LOCAL = {"id": None, "href": None, "external_urls": {}}
"""What a local file, its artist and its album have in common (answers/playlist_2, playback_4)."""


def _null(value: Any) -> bool:
    return value is None


def _local_file(entry: Any) -> bool:
    """An entry of a playlist that is a file on somebody's machine."""
    return bool(entry.get("is_local")) and _local(entry.get("item", entry.get("track")))


def _local(thing: Any) -> bool:
    """The file itself, in a playlist or in the player."""
    if not isinstance(thing, dict) or not thing.get("is_local"):
        return False
    parts = [thing, thing["album"], *thing["artists"]]
    return thing["uri"].startswith("spotify:local:") and all(part.items() >= LOCAL.items() for part in parts)


def _gone_episode(saved: Any) -> bool:
    episode = saved["episode"]
    nulls = ("id", "uri", "name", "description", "html_description", "duration_ms")
    return (
        all(episode[name] is None for name in nulls)
        and all(episode["show"][name] is None for name in ("id", "uri", "name", "total_episodes"))
        and episode["href"] == "https://api.spotify.com/v1/episodes/null"
    )


def _chapter(item: Any) -> bool:
    """An audiobook's chapter, told as an episode."""
    if not isinstance(item, dict) or item.get("type") != "episode":
        return False
    show = item["show"]
    return show["id"] is not None and show["total_episodes"] is None and show["is_externally_hosted"] is None


def _mute(kind: str) -> Look:
    """Something of that kind that does not say whether it plays."""
    return lambda item: isinstance(item, dict) and item.get("type") == kind and "is_playable" not in item


def _bare_audiobook(item: Any) -> bool:
    return isinstance(item, dict) and item.get("type") == "audiobook"


# What the file would have there


def _without_item(entry: Json) -> Json:
    return {name: value for name, value in entry.items() if name not in {"item", "track"}}


def _playable(item: Json) -> Json:
    return {**item, "is_playable": True}


def _nothing(item: Json) -> None:
    return None


def _episode_of_a_show(item: Json) -> Json:
    show = {**item["show"], "total_episodes": 1, "is_externally_hosted": False}
    return {**item, "is_playable": True, "show": show}


def _saved_audiobook(item: Json) -> Json:
    page: Json = {
        "href": "",
        "limit": 50,
        "next": None,
        "offset": 0,
        "previous": None,
        "total": 0,
        "items": [],
    }
    book = {name: value for name, value in item.items() if name != "is_externally_hosted"}
    return {"added_at": "2026-01-01T00:00:00Z", "audiobook": {**book, "chapters": page}}


def _at(reason: str, places: Iterable[str], odd: Look, *instead: Change) -> list[Excuse]:
    """One excuse for several places, each `operation at`."""
    split = (place.rpartition(" ") for place in places)
    return [Excuse(reason, operation, at, odd, *instead) for operation, _, at in split]


PLAYER, QUEUE = "GET /v1/me/player(/currently-playing)?", "GET /v1/me/player/queue"
PLAYLIST = r"GET /v1/playlists/\{playlist_id\}"
ENTRIES = (f"{PLAYLIST} items.items.*", f"{PLAYLIST} tracks.items.*", f"{PLAYLIST}/items items.*")

EXCUSES = (
    *_at("an empty playlist has no images, and says null (current_user_playlist_1)",
         ("GET /v1/me/playlists items.*.images", f"{PLAYLIST} images",
          "GET /v1/search playlists.items.*.images"), _null),
    *_at("the item of a track that is gone is null, says the description of `items`",
         [f"{place}.{name}" for place in ENTRIES for name in ("item", "track")], _null),
    *_at("nothing in a local file has an id (playlist_2)", ENTRIES, _local_file, _without_item),
    *_at("nor in one that plays (playback_4)",
         [f"{PLAYER} item", f"{QUEUE} currently_playing"], _local, _nothing),
    *_at("nor in one that is queued", [f"{QUEUE} queue.*"], _local),
    *_at("an episode in a playlist does not say whether it plays (playlist_3)",
         [f"{place}.{name}" for place in ENTRIES for name in ("item", "track")], _mute("episode"), _playable),
    *_at("nor does a chapter of an audiobook (audiobook_chapters)",
         [r"GET /v1/audiobooks/\{id\} chapters.items.*", r"GET /v1/audiobooks/\{id\}/chapters items.*"],
         _mute("chapter"), _playable),
    *_at("Spotify's own playlists are null in a search (changes of November 2024)",
         ["GET /v1/search playlists.items.*"], _null),
    *_at("a saved album that is gone is null (saved_albums)",
         ["GET /v1/me/(albums|tracks|shows) items.*"], _null),
    *_at("a saved episode that is gone has null fields (saved_episodes)",
         ["GET /v1/me/episodes items.*"], _gone_episode),
    *_at("saved audiobooks stand there themselves, without a date (saved_audiobooks)",
         ["GET /v1/me/audiobooks items.*"], _bare_audiobook, _saved_audiobook),
    *_at("an audiobook's chapter plays as an episode of a show with null flags (playback_audiobook_1)",
         [f"{PLAYER} item", f"{QUEUE} currently_playing", f"{QUEUE} queue.*"], _chapter, _episode_of_a_show),
)  # fmt: skip
