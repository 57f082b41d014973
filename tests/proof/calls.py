"""Tool calls over HTTP as a chat client of protocol 2026-07-28 makes them."""

from __future__ import annotations

import json
from typing import Any, Literal

import httpx2

TOOL = "spotify_get_playback"
Outcome = Literal["ok", "retry", "wrong"]

_META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}
_BODY = json.dumps(
    {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": TOOL, "arguments": {}, "_meta": _META},
    }
).encode()
_HEADERS = {
    "Content-Type": "application/json",
    "Accept": "application/json, text/event-stream",
    "MCP-Protocol-Version": "2026-07-28",
    "Mcp-Method": "tools/call",
    "Mcp-Name": TOOL,
}


def client(url: str, host: str) -> httpx2.AsyncClient:
    """A client of the server at `url`, called `host`; each call has its own connection, as in a crowd."""
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=0)
    return httpx2.AsyncClient(
        base_url=url, headers={"Host": host}, timeout=90, limits=limits, trust_env=False
    )


async def call(http: httpx2.AsyncClient, token: str) -> httpx2.Response:
    return await http.post("/mcp", headers={**_HEADERS, "Authorization": f"Bearer {token}"}, content=_BODY)


def outcome(answer: httpx2.Response) -> Outcome:
    """`retry`: a 503 with Retry-After, or an error result that says when to try again."""
    if answer.status_code == 503:
        return "retry" if answer.headers.get("retry-after", "").isdigit() else "wrong"
    if answer.status_code != 200 or "result" not in answer.json():
        return "wrong"
    result: dict[str, Any] = answer.json()["result"]
    if not result.get("isError"):
        return "ok"
    error = result.get("_meta", {}).get("valet/error", {})
    later = error.get("code") in {"provider_error", "rate_limited"}
    return "retry" if later and "ry again in " in result["content"][0]["text"] else "wrong"
