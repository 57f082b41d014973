"""Authlib's OAuth client, as `oauth.py` uses it."""

from __future__ import annotations

import httpx2
from authlib.integrations.httpx_client import AsyncOAuth2Client


class Client(AsyncOAuth2Client):  # type: ignore[misc]  # Authlib ships no types
    """Hands an answer over unread, status and headers included."""

    def parse_response_token(self, resp: httpx2.Response) -> httpx2.Response:
        """The answer itself."""
        return resp
