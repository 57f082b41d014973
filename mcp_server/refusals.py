"""Refusals at the HTTP level, all in one shape: a JSON-RPC error without an id, with a sentence.

MCP 2026-07-28 basic/transports/streamable-http allows that body for any of them, and clients built on
the SDKs show its message to the person.
"""

from __future__ import annotations

from collections.abc import Iterable

from mcp_types import INVALID_REQUEST
from starlette.responses import JSONResponse


def refuse(status: int, reason: str, sentence: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """A refusal: `reason` for programs, `sentence` for people."""
    error = {"code": INVALID_REQUEST, "message": sentence, "data": {"error": reason}}
    return JSONResponse(
        {"jsonrpc": "2.0", "id": None, "error": error},
        status_code=status,
        headers={"Cache-Control": "no-store", **(headers or {})},
    )


def challenge(metadata_url: str, scopes: Iterable[str], error: str | None = None) -> str:
    """A WWW-Authenticate value (RFC 6750 §3, RFC 9728 §5.1, MCP authorization).

    Without credentials in the request there is no `error` attribute (RFC 6750 §3.1).
    """
    scope = " ".join(scopes)
    parts = [f'error="{error}"'] if error else []
    parts += [f'scope="{scope}"'] if scope else []
    parts.append(f'resource_metadata="{metadata_url}"')
    return "Bearer " + ", ".join(parts)
