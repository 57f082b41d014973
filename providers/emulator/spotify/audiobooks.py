"""api.spotify.com/v1/audiobooks and /chapters: where there are audiobooks, and 404 everywhere else.

Beside the reference stand the real answers: a book's URI is that of a show, a chapter's that of an episode.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from providers.emulator.spotify import shapes
from providers.emulator.spotify.books import MARKETS
from providers.emulator.spotify.catalog import Audiobook, Chapter
from providers.emulator.spotify.guard import HOST, Caller, Handler, guarded, market, path_id
from providers.emulator.spotify.listing import found, paged

if TYPE_CHECKING:
    from providers.emulator.spotify.upstream import Spotify


class Audiobooks:
    """The routes; the books stand in the catalogue."""

    def __init__(self, spotify: Spotify) -> None:
        self._spotify = spotify
        self._catalog = spotify.catalog

    def routes(self) -> list[Route]:
        """What this file answers."""
        served: list[tuple[str, Handler]] = [
            ("/audiobooks/{id}", self._audiobook),
            ("/audiobooks/{id}/chapters", self._chapters),
            ("/chapters/{id}", self._chapter),
        ]
        return [
            Route(HOST + path, guarded(self._spotify, handler), methods=["GET"]) for path, handler in served
        ]

    async def _audiobook(self, request: Request, caller: Caller) -> Response:
        return JSONResponse(whole(self._book(request, caller)))

    async def _chapters(self, request: Request, caller: Caller) -> Response:
        book = self._book(request, caller)
        return paged(request, f"/audiobooks/{book.id}/chapters", book.chapters, chapter_brief)

    async def _chapter(self, request: Request, caller: Caller) -> Response:
        market(request)
        chapters = self._catalog.chapters if caller.person.country in MARKETS else {}
        chapter = found(chapters, path_id(request))
        alone = {"is_playable": True, "audiobook": brief(chapter.book)}
        return JSONResponse(chapter_brief(chapter) | alone)

    def _book(self, request: Request, caller: Caller) -> Audiobook:
        market(request)
        return found(self._catalog.audiobooks if caller.person.country in MARKETS else {}, path_id(request))


def brief(book: Audiobook) -> shapes.Json:
    """SimplifiedAudiobookObject."""
    told = f"Author(s): {', '.join(book.authors)}", f"Narrator(s): {', '.join(book.narrators)}", book.about
    return {
        "authors": [{"name": name} for name in book.authors],
        "copyrights": [{"text": f"{book.released[:4]} Emulated Voices", "type": "P"}],
        "description": "\n".join(told),
        "edition": "Unabridged",
        "explicit": False,
        "external_urls": {"spotify": f"https://open.spotify.com/show/{book.id}"},
        "href": f"{shapes.API}/audiobooks/{book.id}",
        "html_description": "<br/>".join(told),
        "id": book.id,
        "images": shapes.pictures("audiobook", book.id),
        "languages": [book.language],
        "media_type": "audio",
        "name": book.name,
        "narrators": [{"name": name} for name in book.narrators],
        "total_chapters": len(book.chapters),
        "type": "audiobook",
        "uri": f"spotify:show:{book.id}",
    }


def whole(book: Audiobook) -> shapes.Json:
    """AudiobookObject, with its first fifty chapters."""
    page = shapes.page(f"/audiobooks/{book.id}/chapters", book.chapters, 50, 0, chapter_brief)
    return {**brief(book), "chapters": page}


def chapter_brief(chapter: Chapter) -> shapes.Json:
    """SimplifiedChapterObject; whether it plays is only said of a chapter alone (real answers)."""
    return {
        "chapter_number": chapter.number,
        "description": chapter.about,
        "duration_ms": chapter.ms,
        "explicit": False,
        "external_urls": {"spotify": f"https://open.spotify.com/episode/{chapter.id}"},
        "href": f"{shapes.API}/chapters/{chapter.id}",
        "html_description": chapter.about,
        "id": chapter.id,
        "images": shapes.pictures("audiobook", chapter.book.id),
        "languages": [chapter.book.language],
        "name": chapter.name,
        "release_date": chapter.released,
        "release_date_precision": "day",
        "resume_point": {"fully_played": False, "resume_position_ms": 0},
        "type": "chapter",
        "uri": f"spotify:episode:{chapter.id}",
    }
