"""What is said of a video, a channel, a playlist."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from mcp_server.tools.google.youtube.refs import url
from mcp_server.tools.text import clip, plain, quoted, span
from providers.google.youtubeanswers import Result, Thing

Kind = Literal["video", "channel", "playlist"]


class ThingView(BaseModel):
    """Something on YouTube. `published` is RFC 3339 in UTC."""

    kind: Kind
    id: str
    title: str
    url: str
    channel: str | None = None
    duration: str | None = None
    published: str | None = None
    count: Annotated[int | None, Field(description="Videos in the playlist.")] = None
    privacy: Annotated[str | None, Field(description="Where it is not public.")] = None


def view(kind: Kind, thing: Thing) -> ThingView:
    """A thing as a list has it."""
    snippet = thing.snippet
    return ThingView(
        kind=kind,
        id=clip(thing.id, 100),
        title=clip(snippet.title) or "(no title)",
        url=url(kind, clip(thing.id, 100)),
        channel=clip(snippet.channel, 100) or None,
        duration=duration(thing) if kind == "video" else None,
        published=clip(snippet.published, 30) or None,
        count=thing.details.count,
        privacy=clip(thing.status.privacy, 20) if thing.status.privacy not in {"", "public"} else None,
    )


def result(found: Result) -> ThingView | None:
    """What a search found. Its texts are escaped for HTML."""
    kinds: dict[Kind, str] = {
        "video": found.id.video, "playlist": found.id.playlist, "channel": found.id.channel,
    }  # fmt: skip
    kind = next((kind for kind, id_ in kinds.items() if id_), None)
    if kind is None:
        return None
    snippet = found.snippet.model_copy(update={
        "title": plain_title(found.snippet.title), "channel": plain_title(found.snippet.channel),
    })  # fmt: skip
    return view(kind, Thing(id=kinds[kind], snippet=snippet))


def plain_title(text: str) -> str:
    """A title of a search, as people read it."""
    return plain(text.replace("<", "&lt;"))


def duration(thing: Thing) -> str | None:
    """`1:02:03`, or that it is live."""
    if thing.snippet.live in {"live", "upcoming"}:
        return thing.snippet.live
    return span(thing.milliseconds) if thing.milliseconds else None


def line(row: ThingView) -> str:
    """One thing on one line, for a reader."""
    parts = [quoted(row.title)]
    parts += [f"by {quoted(row.channel, 60)}"] if row.channel and row.kind != "channel" else []
    parts += [row.duration] if row.duration else []
    parts += [f"{row.count} videos"] if row.count is not None else []
    return f"{', '.join(parts)}, {row.kind} {row.id}"
