"""What the Web API says when it refuses: one exception, one body."""

from __future__ import annotations

from typing import Any

from starlette.responses import JSONResponse


class Refusal(Exception):
    """A refusal of the Web API; `reason` is only there on the player and the quota."""

    def __init__(
        self, status: int, message: str, reason: str | None = None, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(f"{status} {message}")
        self.status = status
        self.message = message
        self.reason = reason
        self.headers = headers

    def answer(self) -> JSONResponse:
        """The response with the API's error object."""
        error: dict[str, Any] = {"status": self.status, "message": self.message}
        if self.reason is not None:
            error["reason"] = self.reason
        return JSONResponse({"error": error}, self.status, self.headers)
