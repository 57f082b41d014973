"""What Gmail says when it refuses; its errors have `errors` and `status` both."""

from __future__ import annotations

from providers.emulator.google.errors import ApiError

LARGEST = 36_700_160
"""Bytes of a message that is sent or drafted (mediaUpload.maxSize of the discovery document)."""


def missing() -> ApiError:
    """404, whatever it is that is not there."""
    return ApiError(404, "Requested entity was not found.", "notFound")


def wrong(message: str) -> ApiError:
    """400 about what was asked for."""
    return ApiError(400, message, "invalidArgument")


def failed(message: str) -> ApiError:
    """400 about the state of things."""
    return ApiError(400, message, "failedPrecondition", more={"status": "FAILED_PRECONDITION"})


def conflict() -> ApiError:
    """409: there is a label of that name."""
    return ApiError(409, "Label name exists or conflicts", "aborted")


def forbidden(message: str) -> ApiError:
    """403 for more than a scope allows."""
    return ApiError(403, message, "forbidden")


def too_large() -> ApiError:
    """413 for a message beyond the limit."""
    return ApiError(413, f"Media is too large. Limit: {LARGEST}", "uploadTooLarge")
