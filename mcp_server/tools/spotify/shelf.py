"""Saving to the library and removing from it: what was so before, what could be changed, how to undo it."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Annotated, Literal

from mcp_types import CallToolResult
from pydantic import BaseModel, Field

from mcp_server.answers import answer
from mcp_server.sentences import in_words
from mcp_server.tools.ends import BREAKS, GRANT_ENDED
from mcp_server.tools.spotify.lookup import fetch, first, meanings
from mcp_server.tools.spotify.shelving import Outcome, piecewise
from mcp_server.tools.spotify.views import item
from mcp_server.tools.text import clip, listed, quoted
from mcp_server.tools.undo import Undo
from providers.base import RateLimited
from providers.spotify import Reference, ReferenceKind, Spotify

KINDS: tuple[ReferenceKind, ...] = (
    "track", "album", "artist", "playlist", "show", "episode", "audiobook",
)  # fmt: skip
"""What can be saved or followed. Artists stand in the migration guide of February 2026 only."""

_NAMED = 5
"""Up to that many things are called by their names: Spotify has no call for the names of several."""

Became = Literal["changed", "was_so", "refused", "unsure", "not_tried"]


class Named(BaseModel):
    """One thing that was asked about."""

    uri: str
    name: Annotated[str | None, Field(description="Only where five things or fewer are asked for.")] = None
    by: list[str] | None = None
    url: Annotated[str, Field(description="The page on Spotify.")]


class Result(Named):
    """What became of one thing."""

    outcome: Annotated[
        Became,
        Field(
            description="`was_so`: nothing to change; `refused`: Spotify doesn't take it; `unsure`: its "
            "answer was lost."
        ),
    ]


class Changed(BaseModel):
    """What became of each thing, in the order asked for."""

    items: list[Result]
    undo: Annotated[Undo | None, Field(description="Puts back just what was changed.")] = None


def unique(wanted: Iterable[Reference]) -> list[Reference]:
    """Each once, in order."""
    return list(dict.fromkeys(wanted))


async def names(spotify: Spotify, wanted: Sequence[Reference]) -> list[Named]:
    """What they are called, where they are few; where a name can't be had there is none."""
    if len(wanted) > _NAMED:
        return [_nameless(each) for each in wanted]
    return list(await asyncio.gather(*(_named(spotify, each) for each in wanted)))


async def standing(spotify: Spotify, wanted: Sequence[Reference]) -> tuple[dict[str, bool], Outcome]:
    """By URI, whether it is in the library; and which of them Spotify would not tell of.

    Raises ProviderError where it tells of none.
    """
    flags: dict[str, bool] = {}

    async def look(uris: Sequence[str]) -> None:
        flags.update(zip(uris, await spotify.contains(uris), strict=True))

    looked = await piecewise(look, [each.uri for each in wanted])
    if looked.stopped is not None:
        raise looked.stopped
    if not flags:
        raise next(iter(looked.refused.values()))
    return flags, looked


async def changed(
    spotify: Spotify, wanted: Sequence[Reference], *, save: bool, account: str | None
) -> CallToolResult:
    """Save or remove what is not so yet. Raises ProviderError where nothing came of it."""
    before, looked = await standing(spotify, wanted)
    todo = [each.uri for each in wanted if before.get(each.uri) is (not save)]
    made = await piecewise(spotify.save if save else spotify.remove, todo)
    refused = {**looked.refused, **made.refused}
    if refused and len(refused) == len(wanted):
        raise refused[wanted[0].uri]
    became: dict[str, Became] = {
        **dict.fromkeys(before, "was_so"),
        **dict.fromkeys(made.done, "changed"),
        **dict.fromkeys(refused, "refused"),
        **dict.fromkeys(made.unsure, "unsure"),
        **dict.fromkeys([*looked.left, *made.left], "not_tried"),
    }
    called = await names(spotify, wanted)
    result = Changed(
        items=[Result(**dict(each), outcome=became[each.uri]) for each in called],
        undo=_undo(made.done, save, account),
    )
    return answer(result, _text(result, made, save))


def lines_of(items: Iterable[Named], words: Iterable[str]) -> list[str]:
    """A line for each: what is to be said of it, its name where it is known, and its link."""
    return [f"{word}: {_line(each)}" for each, word in zip(items, words, strict=True)]


def _undo(done: list[str], save: bool, account: str | None) -> Undo | None:
    if not done:
        return None
    back = "spotify_remove_from_library" if save else "spotify_save_to_library"
    return Undo(tool=back, arguments={"items": done}).at(account)


async def _named(spotify: Spotify, wanted: Reference) -> Named:
    try:
        view = item((await first(meanings(wanted), partial(fetch, spotify)))[1])
    except BREAKS:  # the change is made or the look is had: a name is only a help
        return _nameless(wanted)
    return Named(uri=wanted.uri, name=view.name or None, by=view.by or None, url=view.url)


def _nameless(wanted: Reference) -> Named:
    page = "show" if wanted.kind == "audiobook" else wanted.kind
    return Named(uri=wanted.uri, url=f"https://open.spotify.com/{page}/{wanted.id}")


def _line(each: Named) -> str:
    if each.name is None:
        return f"{each.uri} {each.url}"
    by = f" by {listed(clip(name, 40) for name in (each.by or [])[:3])}" if each.by else ""
    return f"{quoted(each.name, 100)}{by} {each.url}"


def _text(result: Changed, made: Outcome, save: bool) -> str:
    words: dict[Became, str] = {
        "changed": "saved" if save else "removed",
        "was_so": "saved already" if save else "not in the library anyway",
        "refused": "refused by Spotify",
        "unsure": "perhaps saved" if save else "perhaps removed",
        "not_tried": "not tried",
    }
    counts = Counter(each.outcome for each in result.items)
    head = listed(f"{counts[outcome]} {word}" for outcome, word in words.items() if counts[outcome])
    rows = lines_of(result.items, [words[each.outcome] for each in result.items])
    tail = [f"Undo: {result.undo.tool} with what was {words['changed']}."] if result.undo else []
    if open_ := [words[each] for each in ("unsure", "not_tried") if counts[each]]:
        tail.append(f"{_why(made)} Repeat the call for what was {' or '.join(open_)}.")
    return "\n".join([f"{head}.", *rows, *tail])


def _why(made: Outcome) -> str:
    if isinstance(made.stopped, RateLimited):
        return f"Spotify asks to wait {in_words(max(1, math.ceil(made.stopped.retry_after)))}."
    if isinstance(made.stopped, GRANT_ENDED):
        return "Spotify must be connected again first."
    return "Spotify refused too many of them." if made.stopped is None else "Spotify gave no usable answer."
