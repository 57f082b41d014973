"""The error a protocol endpoint answers: a code of the specifications and one sentence of ours.

The sentence says what to do next and never repeats what was sent. RFC 6749 §5.2 allows it printable
ASCII without quotes and backslashes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from starlette.responses import JSONResponse


class OAuthError(Exception):
    """Ends a request with `{"error", "error_description"}` (RFC 6749 §5.2, RFC 7591 §3.2.2).

    `missed`: something was presented that we do not know, which is counted by address.
    """

    def __init__(
        self,
        error: str,
        description: str,
        *,
        status: int = 400,
        headers: Mapping[str, str] | None = None,
        missed: bool = False,
    ) -> None:
        super().__init__(error)
        self.error = error
        self.description = description
        self.status = status
        self.missed = missed
        self.headers = {"Cache-Control": "no-store", **(headers or {})}

    def answer(self) -> JSONResponse:
        """The JSON answer of this error."""
        body = {"error": self.error, "error_description": self.description}
        return JSONResponse(body, self.status, self.headers)


def invalid_request(description: str, *, status: int = 400) -> OAuthError:
    """The request is malformed: something is missing, repeated, or of the wrong kind."""
    return OAuthError("invalid_request", description, status=status)


def invalid_grant(description: str, *, missed: bool = False) -> OAuthError:
    """The code or refresh token is no use any more: the person must sign in again."""
    return OAuthError("invalid_grant", description, missed=missed)


def busy() -> OAuthError:
    """The database is away for a moment; the same request may succeed later."""
    return OAuthError(
        "temporarily_unavailable",
        "The server is busy. Nothing was changed; send the same request again in a few seconds.",
        status=503,
        headers={"Retry-After": "2"},
    )


def too_many(wait: float) -> OAuthError:
    """A limit is reached for `wait` seconds.

    429 with Retry-After (RFC 6585 §4). RFC 6749 §5.2 has no code for it; `temporarily_unavailable` is the one
    of its family, and clients keep their tokens and registrations when they hear it.
    """
    return OAuthError(
        "temporarily_unavailable",
        "Too many requests. Nothing was changed; send the same request again after the time in Retry-After.",
        status=429,
        headers={"Retry-After": str(math.ceil(wait))},
    )


def server_error() -> OAuthError:
    """An alarm on our side, logged there."""
    return OAuthError(
        "server_error", "Something went wrong on our side. Try again; if it stays, sign in anew.", status=500
    )
