"""Pictures of a provider's, small ones: without anybody's token, from the hosts that its record names.

The address of a picture stands in an upstream's answer, so it is taken for a stranger's: https, one of
`media_hosts` by its exact name, no port, no user name, no redirect. What comes back counts only where it is
the picture that it says it is, by its first bytes too. Nothing is kept.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

import httpx2
import structlog

from providers.base import Provider
from providers.transport import Road, reaches

log = structlog.get_logger(__name__)

_HEADERS = {
    "Accept": "image/png, image/jpeg, image/webp",
    "Accept-Encoding": "identity",
    "User-Agent": "valet",
}


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture and its media type. Its repr shows no content."""

    kind: str
    body: bytes = field(repr=False)

    @property
    def data_uri(self) -> str:
        """The picture as an address that holds it (RFC 2397)."""
        return f"data:{self.kind};base64,{base64.b64encode(self.body).decode()}"


class Media:
    """Fetches pictures over the shared transport. `deadline`: seconds for one of them."""

    def __init__(self, transport: Road, deadline: float = 5.0) -> None:
        self._transport = transport
        self._deadline = deadline

    async def picture(self, provider: Provider, url: str, most: int) -> Picture | None:
        """The picture at `url`, of `most` bytes or fewer; None, whatever was the matter with it."""
        if not reaches(url, provider.media_hosts):
            return None
        request = httpx2.Request("GET", url, headers=_HEADERS)
        try:
            answer = await self._transport.within(self._deadline, most).handle_async_request(request)
        except httpx2.HTTPError as error:
            log.debug("no_picture", provider=provider.name, why=type(error).__name__)
            return None
        kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        if answer.status_code != 200 or kind != _kind(answer.content):
            log.debug("no_picture", provider=provider.name, why=f"HTTP {answer.status_code}")
            return None
        return Picture(kind, answer.content)


def _kind(body: bytes) -> str | None:
    """The media type that a body begins as (WHATWG MIME Sniffing, "image type pattern matching")."""
    if body.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if body.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if body[:4] == b"RIFF" and body[8:14] == b"WEBPVP":
        return "image/webp"
    return None
