"""What Google's APIs say when they refuse, in both shapes there are.

The older one has `errors[].domain` and `.reason`; APIs that speak google.rpc have `status` and `details[]`
(google.rpc.Status, google.rpc.ErrorInfo).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Json = dict[str, Any]
INFO = "type.googleapis.com/google.rpc.ErrorInfo"
REALM = 'Bearer realm="https://accounts.google.com/"'

REASONS = {
    400: "badRequest",
    401: "authError",
    403: "forbidden",
    404: "notFound",
    405: "httpMethodNotAllowed",
    429: "rateLimitExceeded",
    501: "notImplemented",
}
LIMITS = {
    "rateLimitExceeded": "Rate Limit Exceeded",
    "userRateLimitExceeded": "User Rate Limit Exceeded",
    "quotaExceeded": "Calendar usage limits exceeded.",
    "dailyLimitExceeded": "Daily Limit Exceeded",
}
STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "UNIMPLEMENTED",
    409: "ABORTED",
    412: "FAILED_PRECONDITION",
    413: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
}
"""google.rpc.Code by HTTP status (google/rpc/code.proto)."""

"""Reasons of the domain usageLimits, with their messages (developers.google.com, Calendar: handle errors)."""


class ApiError(Exception):
    """A refusal. `about` names the parameter it is about; `more` goes into the error beside `code`."""

    def __init__(
        self,
        code: int,
        message: str,
        reason: str,
        *,
        domain: str = "global",
        about: str | None = None,
        more: Json | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.body = classic(code, message, reason, domain=domain, about=about, more=more)
        self.headers = headers


def classic(
    code: int,
    message: str,
    reason: str | None = None,
    *,
    domain: str = "global",
    about: str | None = None,
    more: Json | None = None,
) -> Json:
    """The body of an error."""
    reason = reason or REASONS.get(code, "backendError")
    if reason in LIMITS and domain == "global":
        domain, message = "usageLimits", LIMITS[reason]
    error: Json = {"domain": domain, "reason": reason, "message": message}
    if about is not None:
        error |= {"locationType": "parameter", "location": about}
    return {"error": {"code": code, "message": message, "errors": [error], **(more or {})}}


def modern(body: Json) -> Json:
    """The same in the newer shape: `status`, and the reason of a limit as an ErrorInfo."""
    error = {name: value for name, value in body["error"].items() if name != "errors"}
    reason = body["error"]["errors"][0]["reason"]
    error.setdefault("status", STATUS.get(error["code"], "UNKNOWN"))
    if reason in LIMITS and "details" not in error:
        error |= {"code": 429, "status": "RESOURCE_EXHAUSTED"}
        error["details"] = [
            {"@type": INFO, "reason": "RATE_LIMIT_EXCEEDED", "domain": "googleapis.com", "metadata": {}}
        ]
    return {"error": error}


def both(body: Json) -> Json:
    """The older shape with the `status` of the newer one."""
    status = STATUS.get(body["error"]["code"], "UNKNOWN")
    return {"error": {**body["error"], "status": body["error"].get("status", status)}}


def unauthenticated(*, missing: bool) -> ApiError:
    """401: no token, or one that opens nothing."""
    more = {"status": "UNAUTHENTICATED"}
    if missing:
        return ApiError(401, "Login Required.", "required", more=more, headers={"www-authenticate": REALM})
    challenge = f'{REALM}, error="invalid_token"'
    return ApiError(
        401, "Invalid Credentials", "authError", more=more, headers={"www-authenticate": challenge}
    )


def insufficient(method: str, scopes: Iterable[str]) -> ApiError:
    """403: the token holds none of the scopes that `method` accepts."""
    info = {
        "@type": INFO,
        "reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
        "domain": "googleapis.com",
        "metadata": {"method": method, "service": f"{method.partition('.')[0]}-json.googleapis.com"},
    }
    return ApiError(
        403,
        "Request had insufficient authentication scopes.",
        "insufficientPermissions",
        more={"status": "PERMISSION_DENIED", "details": [info]},
        headers={"www-authenticate": f'{REALM}, error="insufficient_scope", scope="{" ".join(scopes)}"'},
    )


def invalid(message: str, about: str | None = None, reason: str = "invalid") -> ApiError:
    """400 about a parameter or a part of the body."""
    return ApiError(400, message, reason, about=about)
