"""What the player card is told: the state of the player, what comes next, and the cover."""

from __future__ import annotations

import asyncio
import re
from typing import Annotated

from pydantic import Field

from mcp_server.tools.spotify.cover import Cover, cover_of
from mcp_server.tools.spotify.views import Item, Now, item, now
from mcp_server.tools.text import clip
from providers.base import ProviderError
from providers.media import Media
from providers.spotify import Playable, Playback, Spotify

_NEXT = 10
_WORD = re.compile(r"[a-z_]{1,40}")


class Panel(Now):
    """The player for its page. `cover` without `data_uri`: the page has it by that key."""

    disallows: Annotated[
        list[str], Field(default_factory=list, description="Spotify's names of what it refuses now.")
    ]
    can_control: Annotated[bool, Field(description="Whether this chat may send commands.")] = False
    queue: Annotated[list[Item], Field(default_factory=list)]
    cover: Cover | None = None


class Pressed(Panel):
    """The player after a command."""

    confirmed: Annotated[bool, Field(description="Whether the player already shows it.")]


async def panel(
    spotify: Spotify, playback: Playback | None, media: Media, *, known: str | None, can_control: bool
) -> Panel:
    """The panel of that state. A queue or a cover that can't be had is left out: the state is worth more."""
    if playback is None:
        return Panel(is_active=False, can_control=can_control, disallows=[], queue=[])
    queue, cover = await asyncio.gather(_next(spotify), cover_of(playback.item, media, known))
    view = now(playback)
    return Panel(
        is_active=view.is_active,
        is_playing=view.is_playing,
        item=_short(view.item, 120, 60) if view.item else None,
        progress_ms=view.progress_ms,
        device=view.device,
        context_uri=clip(view.context_uri, 100) if view.context_uri else None,
        shuffle=view.shuffle,
        repeat=view.repeat,
        disallows=sorted(name for name in playback.disallows if _WORD.fullmatch(name))[:20],
        can_control=can_control,
        queue=queue,
        cover=cover,
    )


def summary(view: Now) -> str:
    """The state in a word or two, without a name: nobody reads it, and the page has the fields."""
    if not view.is_active:
        return "Nothing is playing."
    return "Playing." if view.is_playing else "Paused."


async def _next(spotify: Spotify) -> list[Item]:
    try:
        queue = await spotify.queue()
    except ProviderError:
        return []
    return [_listed(each) for each in queue.queue[:_NEXT]]


def _listed(thing: Playable) -> Item:
    short = _short(item(thing), 60, 30)
    less = {"album": None, "duration_ms": None, "released": None}
    return short.model_copy(update={"by": short.by[:2], "uri": clip(short.uri, 100), **less})


def _short(view: Item, name: int, by: int) -> Item:
    """So that an answer stays below 30 KB with any names in it."""
    return view.model_copy(
        update={
            "name": clip(view.name, name),
            "by": [clip(each, by) for each in view.by],
            "album": clip(view.album, by) if view.album else None,
        }
    )
