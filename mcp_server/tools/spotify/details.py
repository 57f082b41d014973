"""What there is to say of one thing on Spotify beyond its name, and of each part of an album or a podcast."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from mcp_server.tools.spotify.views import Item, Thing, item, line
from mcp_server.tools.text import clip, listed, plain, quoted, span
from providers.spotify import Album, Audiobook, Chapter, Episode, Playlist, Show, Track

_LONGEST = 500


class Piece(Item):
    """A thing and its place in what it is part of."""

    disc: int | None = None
    number: Annotated[int | None, Field(description="Of the track on its disc, or of the chapter.")] = None
    explicit: Annotated[bool | None, Field(description="True where it is.")] = None
    resume_ms: Annotated[int | None, Field(description="How far the person has heard it.")] = None
    finished: Annotated[bool | None, Field(description="True where heard to its end.")] = None
    album_type: Annotated[str | None, Field(description="album, single or compilation.")] = None


class Details(Piece):
    """One thing on Spotify."""

    size: Annotated[
        int | None, Field(description="How many tracks, episodes, chapters or playlist items.")
    ] = None
    description: str | None = None
    narrators: list[str] | None = None
    public: bool | None = None
    collaborative: bool | None = None
    asked: Annotated[
        str | None, Field(description="The URI that was asked for, where Spotify has it under another.")
    ] = None


def piece(thing: Thing) -> Piece | None:
    """The view of one part; None where it is gone."""
    if not thing.name:
        return None
    view = Piece(**dict(item(thing)))
    if isinstance(thing, Track):
        view.disc, view.number = thing.disc_number or None, thing.track_number or None
        view.explicit = thing.explicit or None
    if isinstance(thing, Album):
        view.album_type = clip(thing.album_type, 20) or None
    if isinstance(thing, Episode | Chapter):
        view.resume_ms, view.finished = thing.resume_ms or None, thing.finished or None
        view.explicit = thing.explicit or None
        view.number = thing.chapter_number if isinstance(thing, Chapter) else None
    return view


def details(thing: Thing) -> Details:
    """The view of one thing with all there is to say."""
    view = Details(**dict(piece(thing) or item(thing)))
    about = "" if isinstance(thing, Track | Album) or thing.kind == "artist" else thing.description
    view.description = clip(plain(about), _LONGEST) or None
    match thing:
        case Album():
            view.size = thing.total_tracks
        case Show():
            view.size = thing.total_episodes
        case Audiobook():
            view.size = thing.total_chapters
            view.narrators = [clip(name, 60) for name in thing.narrators[:5]] or None
        case Playlist():
            view.size, view.public = thing.size, thing.public
            view.collaborative = thing.collaborative or None
        case _:
            pass
    return view


def numbered(view: Piece) -> str:
    """One part in one line, with its number and how far it was heard."""
    number = f"{view.number}. " if view.number is not None else ""
    return f"{number}{line(view)}{_heard(view)}"


def described(view: Details) -> str:
    """One thing in a few lines."""
    number = None if view.number is None else f"number {view.number}"
    shelf = {True: "public", False: "private"}.get(view.public) if view.public is not None else None
    facts = [
        f"on {quoted(view.album, 100)}" if view.album else None,
        view.album_type, f"released {view.released}" if view.released else None,
        number, f"disc {view.disc}" if (view.disc or 1) > 1 else None,
        f"{view.size} {_PARTS.get(view.kind, 'items')}" if view.size is not None else None,
        shelf, "collaborative" if view.collaborative else None, "explicit" if view.explicit else None,
        f"read by {listed(view.narrators[:3])}" if view.narrators else None,
    ]  # fmt: skip
    known = ", ".join(fact for fact in facts if fact)
    about = quoted(view.description, _LONGEST) if view.description else ""
    head = f"{view.kind}: {line(view)}{_heard(view)}"
    return "\n".join(part for part in (head, known, about) if part)


_PARTS = {"album": "tracks", "show": "episodes", "audiobook": "chapters"}


def _heard(view: Piece) -> str:
    if view.finished:
        return " – heard"
    return f" – heard up to {span(view.resume_ms)}" if view.resume_ms else ""
