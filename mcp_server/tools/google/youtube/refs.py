"""What an id or a link of YouTube's means."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qs, urlsplit

from mcp_server.errors import Refusal

_HOSTS = frozenset({"youtube.com", "www.youtube.com", "m.youtube.com", "music.youtube.com", "youtu.be"})
_VIDEO = re.compile(r"[A-Za-z0-9_-]{11}")
_CHANNEL = re.compile(r"UC[A-Za-z0-9_-]{22}")
_HANDLE = re.compile(r"@[\w.·-]{1,60}")
_PLAYLIST = re.compile(r"(?:PL|UU|FL|OL|RD|LL)[A-Za-z0-9_-]{0,80}")
_NO_WORD = re.compile(r"[A-Z0-9_-]")  # what no word of a search has inside, or few


@dataclass(frozen=True, slots=True)
class Ref:
    """One thing at YouTube; `sure`: it was a link, and no word that looks like an id."""

    kind: Literal["video", "channel", "handle", "playlist"]
    id: str
    sure: bool = True


def ref(text: str) -> Ref | None:
    """What a text means, or None where it is only words. Its links are YouTube's own."""
    text = text.strip()
    if "/" in text or "youtu" in text:
        return _link(text if "://" in text else f"https://{text}")
    if _CHANNEL.fullmatch(text):
        return Ref("channel", text)
    if _HANDLE.fullmatch(text):
        return Ref("handle", text)
    if _VIDEO.fullmatch(text) and _NO_WORD.search(text[1:]):
        return Ref("video", text, sure=False)
    if _PLAYLIST.fullmatch(text) and len(text) > 12:
        return Ref("playlist", text)
    return None


def _link(text: str) -> Ref | None:
    try:
        parts = urlsplit(text)
        host = parts.hostname
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or host not in _HOSTS:
        return None
    first, _, rest = parts.path.strip("/").partition("/")
    query = parse_qs(parts.query)
    video = first if host == "youtu.be" else query.get("v", [""])[0]
    if first in {"shorts", "live", "embed", "v"}:
        video = rest.partition("/")[0]
    if _VIDEO.fullmatch(video):
        return Ref("video", video)
    playlist = query.get("list", [""])[0]
    if _PLAYLIST.fullmatch(playlist):
        return Ref("playlist", playlist)
    if first == "channel" and _CHANNEL.fullmatch(rest.partition("/")[0]):
        return Ref("channel", rest.partition("/")[0])
    return Ref("handle", first) if _HANDLE.fullmatch(first) else None


def video_id(text: str) -> str:
    """The id of a video given by id or link. Raises Refusal."""
    text = text.strip()
    if _VIDEO.fullmatch(text):
        return text
    found = ref(text)
    if found is None or found.kind != "video":
        raise Refusal("invalid_argument", "Each of `video_ids` must be the id or link of one video.")
    return found.id


def playlist_id(text: str) -> str:
    """The id of a playlist given by id or link. Raises Refusal."""
    found = ref(text)
    if found is not None and found.kind == "playlist":
        return found.id
    if re.fullmatch(r"[A-Za-z0-9_-]{2,100}", text.strip()):
        return text.strip()
    raise Refusal("invalid_argument", "`playlist_id` must be the id or link of one playlist.")


def url(kind: str, id_: str) -> str:
    """The page of a thing."""
    path = {"video": "watch?v=", "playlist": "playlist?list=", "channel": "channel/"}[kind]
    return f"https://www.youtube.com/{path}{id_}"
