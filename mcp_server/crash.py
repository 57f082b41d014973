"""Crashes: a reference for the person, frames for the operator, and nobody's data in either.

An exception's text may quote what it was given (a token, an e-mail), so it is never logged: only its
class and where it happened.
"""

from __future__ import annotations

import secrets
import traceback

import structlog

_log = structlog.get_logger(__name__)
_FRAMES = 30


def report(event: str, error: BaseException, *, tool: str) -> str:
    """Log a crash and return the reference under which the operator finds it: the request's id."""
    reference = structlog.contextvars.get_contextvars().get("request_id") or secrets.token_hex(8)
    _log.error(event, tool=tool, reference=reference, chain=_classes(error), frames=_frames(error))
    return reference


def _chain(error: BaseException) -> list[BaseException]:
    seen: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in seen and len(seen) < 8:
        seen.append(current)
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return seen


def _classes(error: BaseException) -> list[str]:
    return [f"{type(each).__module__}.{type(each).__qualname__}" for each in _chain(error)]


def _frames(error: BaseException) -> list[str]:
    """File, line and function, outermost first, of the whole chain."""
    return [
        f"{frame.filename}:{frame.lineno} {frame.name}"
        for each in reversed(_chain(error))
        for frame in traceback.extract_tb(each.__traceback__)[-_FRAMES:]
    ]
