"""The cover of what plays, small enough for an answer: for a page (MCP Apps), never for a model."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence

from pydantic import BaseModel

from providers.media import Media
from providers.spotify import SPOTIFY, Image, Playable, Track

LONGEST = 20_000
"""Characters of the address that holds a picture."""

_HEAD = len("data:image/jpeg;base64,")
_MOST = (LONGEST - _HEAD) // 4 * 3
"""Bytes of such a picture: base64 makes four characters of three."""

_PATIENCE = 3.0
"""Seconds for all pictures that are tried: the state of the player waits for the cover."""

_WIDEST = 400
"""Pixels. Spotify has 640, 300 and 64; the first is always too large in bytes, and more than a card shows."""


class Cover(BaseModel):
    """A cover. Without `data_uri` it is the one that the page has by that key."""

    key: str
    data_uri: str | None = None


async def cover_of(
    item: Playable | None, media: Media, known: str | None, patience: float = _PATIENCE
) -> Cover | None:
    """The cover of a track or an episode; None where it has none, or none that can be had within `patience`.

    `known` is the key of the cover that the page has, which then is not fetched again.
    """
    images = pictures(item)
    if not images:
        return None
    key = hashlib.sha256(images[0].url.encode()).hexdigest()[:16]
    if key == known:
        return Cover(key=key)
    try:
        async with asyncio.timeout(patience):
            for image in fitting(images):
                picture = await media.picture(SPOTIFY, image.url, _MOST)
                if picture is not None:
                    return Cover(key=key, data_uri=picture.data_uri)
    except TimeoutError:
        pass
    return None


def pictures(item: Playable | None) -> Sequence[Image]:
    """The pictures of what plays: a track has those of its album, an episode its own or its show's."""
    if item is None:
        return ()
    if isinstance(item, Track):
        return item.images or (item.album.images if item.album else ())
    return item.images or (item.show.images if item.show else ())


def fitting(images: Sequence[Image]) -> Sequence[Image]:
    """Those to try, larger first: the largest that is not too wide, then the smallest there is."""
    falling = sorted(images, key=lambda image: image.width or 0, reverse=True)
    fit = [image for image in falling if (image.width or 0) <= _WIDEST] or falling[-1:]
    return fit[:1] + fit[1:][-1:]
