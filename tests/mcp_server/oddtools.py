"""Tools that fail in every way there is; which one is the argument."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated

from mcp_types import CallToolResult
from pydantic import BaseModel, SecretStr, TypeAdapter

from mcp_server.answers import answer
from mcp_server.errors import Refusal
from mcp_server.toolbox import tool
from mcp_server.tools.spotify.client import SpotifyClient
from providers import base
from vault import errors

CANARY = "canary-3f7a1c9e"


class Nothing(BaseModel):
    """An empty result."""

    said: str


def _invalid() -> None:
    TypeAdapter(int).validate_python(CANARY)


def _chained() -> None:
    try:
        int(CANARY)
    except ValueError as error:
        raise RuntimeError(f"while holding {CANARY}") from error


UNTIL = datetime(2026, 11, 28, 21, 39, 12, tzinfo=UTC)

FAILURES: dict[str, Callable[[], Exception]] = {
    "not_found": lambda: base.NotFound("spotify", "op"),
    "no_device": lambda: base.NotFound("spotify", "op", "NO_ACTIVE_DEVICE"),
    "conflict": lambda: base.Conflict("spotify", "op"),
    "premium": lambda: base.Rejected("spotify", "op", "PREMIUM_REQUIRED"),
    "restricted": lambda: base.Rejected("spotify", "op", "UNKNOWN"),
    "own_words": lambda: base.Rejected("spotify", "op", "ANY", "Our own sentence."),
    "unregistered": lambda: base.Rejected("spotify", "op", "USER_NOT_ALLOW_LISTED"),
    "own_unregistered": lambda: base.Rejected("spotify", "op", "USER_NOT_ALLOW_LISTED", own=True),
    "no_premium": lambda: base.Rejected("spotify", "op", "OWNER_NOT_PREMIUM"),
    "own_no_premium": lambda: base.Rejected("spotify", "op", "OWNER_NOT_PREMIUM", own=True),
    "own_premium": lambda: base.Rejected("spotify", "op", "PREMIUM_REQUIRED", own=True),
    "forbidden": lambda: base.Rejected("spotify", "op", "FORBIDDEN"),
    "bad_request": lambda: base.Rejected("spotify", "op", "HTTP_400"),
    "limited": lambda: base.RateLimited("spotify", "op", 48_925.2, "QUOTA_EXCEEDED"),
    "burst": lambda: base.RateLimited("spotify", "op", 7.2),
    "app_quota": lambda: base.RateLimited("spotify", "op", 29_000, "QUOTA_EXCEEDED", until=UNTIL),
    "own_quota": lambda: base.RateLimited("spotify", "op", 29_000, "QUOTA_EXCEEDED", until=UNTIL, own=True),
    "app_burst": lambda: base.RateLimited("spotify", "op", 48, until=UNTIL),
    "own_burst": lambda: base.RateLimited("spotify", "op", 48, until=UNTIL, own=True),
    "unavailable": lambda: base.Unavailable("spotify", "op"),
    "maintenance": lambda: base.Unavailable("spotify", "op", retry_after=29.3),
    "ambiguous": lambda: base.Unavailable("spotify", "op", ambiguous=True),
    "app": lambda: base.AppRejected("spotify", "op"),
    "own_app": lambda: base.AppRejected("spotify", "op", own=True),
    "busy": lambda: errors.Busy("lease", 2.0),
    "refusal": lambda: Refusal("invalid_argument", "Say it differently."),
    "sealed": lambda: errors.Tampered(CANARY),
    "vault": lambda: errors.VaultError(CANARY),
    "provider": lambda: base.ProviderError("spotify", CANARY),
    "crash": lambda: RuntimeError(f"Bearer {CANARY}"),
}


@tool(service=None, title="Fail", read_only=False, destructive=False, idempotent=True)
async def odd_fail(how: str) -> Annotated[CallToolResult, Nothing]:
    """Fail."""
    if how == "chained":
        _chained()
    if how == "invalid":
        _invalid()
    if how == "bad_result":
        return CallToolResult(content=[], structured_content={"said": {"no": CANARY}})
    raise FAILURES[how]()


@tool(service=None, title="Strict", read_only=True, destructive=False, idempotent=True)
async def odd_strict(count: int, password: SecretStr, note: str = "") -> Annotated[CallToolResult, Nothing]:
    """Take typed arguments."""
    return answer(Nothing(said="fine"), "fine")


@tool(
    service="spotify",
    access="write",
    needs=("user-modify-playback-state",),
    title="Act",
    read_only=False,
    destructive=True,
    idempotent=False,
)
async def odd_act(spotify: SpotifyClient, account: str | None = None) -> Annotated[CallToolResult, Nothing]:
    """Act with a client."""
    await spotify.playback()
    return answer(Nothing(said="done"), "done")
