"""A chat program on the Python SDK 1.x:  earlier.py URL STORE"""

from __future__ import annotations

import asyncio
import sys
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from house import Ask, Callback, Kept, metadata, serve
from mcp import ClientSession
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamablehttp_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken

warnings.simplefilter("ignore")  # 1.30 would rather be called another way, which 1.9 does not know


async def main(url: str, store: Path) -> None:
    """Serve until the end of the input."""
    callback = Callback()
    await callback.listen()

    async def answer() -> tuple[str, str | None]:
        came = await callback.answer()
        return came["code"], came.get("state")

    said = OAuthClientMetadata.model_validate(metadata("Python SDK 1.x", callback.url))
    auth = OAuthClientProvider(
        url, said, Kept(store, OAuthToken, OAuthClientInformationFull), callback.open, answer
    )

    @asynccontextmanager
    async def connect() -> AsyncIterator[Ask]:
        async with (
            streamablehttp_client(url, auth=auth) as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()

            async def ask(method: str, params: dict[str, Any]) -> dict[str, Any]:
                if method == "tools/list":
                    answered: Any = await session.list_tools()
                else:
                    answered = await session.call_tool(params["name"], params["arguments"])
                return answered.model_dump(mode="json", by_alias=True, exclude_none=True)

            yield ask

    await serve(connect)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
