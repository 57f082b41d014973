"""A chat program on the Python SDK 2.x:  present.py URL STORE MODE  (MODE is auto or legacy)"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
from house import Ask, Callback, Kept, metadata, serve
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import (
    AuthorizationCodeResult,
    OAuthClientInformationFull,
    OAuthClientMetadata,
    OAuthToken,
)


async def main(url: str, store: Path, mode: Any) -> None:
    """Serve until the end of the input."""
    callback = Callback()
    await callback.listen()

    async def answer() -> AuthorizationCodeResult:
        came = await callback.answer()
        return AuthorizationCodeResult(code=came["code"], state=came.get("state"), iss=came.get("iss"))

    said = OAuthClientMetadata.model_validate(metadata("Python SDK 2.x", callback.url))
    kept = Kept(store, OAuthToken, OAuthClientInformationFull)
    auth = OAuthClientProvider(url, said, kept, callback.open, answer)

    async def log_out(http: httpx2.AsyncClient) -> dict[str, Any]:
        """RFC 7009, at the place that the metadata names, as the public client that it is."""
        tokens, client = await kept.get_tokens(), await kept.get_client_info()
        place = auth.context.oauth_metadata
        assert place is not None, "it logged in before"
        token = {"token": tokens.refresh_token, "client_id": client.client_id}
        (await http.post(str(place.revocation_endpoint), data=token, auth=None)).raise_for_status()
        kept.forget()
        auth.context.clear_tokens()
        return {}

    @asynccontextmanager
    async def connect() -> AsyncIterator[Ask]:
        async with (
            httpx2.AsyncClient(auth=auth, timeout=60, trust_env=False) as http,
            Client(streamable_http_client(url, http_client=http), mode=mode) as client,
        ):

            async def ask(method: str, params: dict[str, Any]) -> dict[str, Any]:
                if method == "logout":
                    return await log_out(http)
                if method == "tools/list":
                    answered: Any = await client.list_tools()
                else:
                    answered = await client.call_tool(params["name"], params["arguments"])
                return answered.model_dump(mode="json", by_alias=True, exclude_none=True)

            yield ask

    await serve(connect)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3]))
