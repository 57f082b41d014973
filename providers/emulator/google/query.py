"""Reading a request as Google's APIs do: typed query parameters, JSON bodies, page tokens, `fields`."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from datetime import MAXYEAR, MINYEAR, UTC, datetime
from typing import Any

from starlette.requests import Request

from providers.emulator.google.errors import ApiError, invalid

Json = dict[str, Any]
NAME = re.compile(r"\s*([\w*@.$-]+)\s*")
INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
EARLIEST, LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
"""Ranges are cut to these: nothing happens outside."""

UNBOUND = frozenset(
    {"alt", "fields", "key", "maxResults", "pageSize", "pageToken", "prettyPrint", "quotaUser", "userIp"}
)
"""Parameters that may differ from page to page."""


def flag(request: Request, name: str) -> bool:
    """A boolean parameter, false by default. Raises ApiError."""
    text = request.query_params.get(name, "false").lower()
    if text not in {"true", "false"}:
        raise invalid(f"Invalid boolean value: '{text}'.", name, "invalidParameter")
    return text == "true"


def whole(request: Request, name: str, default: int, most: int, least: int = 1) -> int:
    """An integer parameter; above `most` it counts as `most`, as Google takes it. Raises ApiError."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if not re.fullmatch(r"-?\d{1,9}", text):
        raise invalid(f"Invalid integer value: '{text}'.", name, "invalidParameter")
    if int(text) < least:
        raise invalid(f"Invalid value '{text}'. Values must be within the range: [{least}, {most}]", name,
                      "invalidParameter")  # fmt: skip
    return min(int(text), most)


def choices(request: Request, name: str, allowed: tuple[str, ...]) -> list[str]:
    """The values of a repeated parameter of a fixed vocabulary. Raises ApiError."""
    values = request.query_params.getlist(name)
    for value in values:
        if value not in allowed:
            raise invalid(f"Invalid string value: '{value}'. Allowed values: {list(allowed)}", name,
                          "invalidParameter")  # fmt: skip
    return values


def choice(request: Request, name: str, allowed: tuple[str, ...]) -> str | None:
    """One value of a fixed vocabulary, or None."""
    return next(iter(choices(request, name, allowed)), None)


def instant(request: Request, name: str) -> datetime | None:
    """An RFC 3339 time with an offset; without one it is refused. Raises ApiError."""
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        return min(max(parse_instant(text), EARLIEST), LATEST)
    except ValueError:
        raise invalid("Bad Request", name, "badRequest") from None


def parse_instant(text: str) -> datetime:
    """RFC 3339 with a mandatory offset. Raises ValueError."""
    if not INSTANT.fullmatch(text):
        raise ValueError(text)
    moment = datetime.fromisoformat(text.upper().replace("Z", "+00:00"))
    if not MINYEAR < moment.year < MAXYEAR:  # room for any time zone
        raise ValueError(text)
    return moment


async def body(request: Request) -> Json:
    """The JSON object of a request. Raises ApiError."""
    try:
        value = json.loads(await request.body())
    except ValueError:
        raise ApiError(400, "Parse Error", "parseError") from None
    if not isinstance(value, dict):
        raise ApiError(400, "Parse Error", "parseError")
    return value


# Pages


def page(request: Request, rows: list[Any], size: int) -> tuple[list[Any], str | None]:
    """The page a request asks for, and the token of the next; a token fits its own query only."""
    token, mark = request.query_params.get("pageToken"), _mark(request)
    start = 0 if token is None else _start(token, mark)
    following = start + size
    left = following < len(rows)
    return rows[start:following], _b64(f"{following}.{mark}") if left else None


def _start(token: str, mark: str) -> int:
    try:
        text = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
    except (binascii.Error, ValueError):
        text = ""
    start, _, bound = text.partition(".")
    if not start.isdigit() or bound != mark:
        raise invalid("Invalid page token value.", "pageToken")
    return int(start)


def _mark(request: Request) -> str:
    pairs = sorted(pair for pair in request.query_params.multi_items() if pair[0] not in UNBOUND)
    whose = request.scope.get("emulator.account")
    text = json.dumps([whose, request.scope["path"], pairs])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _b64(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


# Partial answers


def selected(request: Request, answer: Json) -> Json:
    """`answer`, or what `fields` leaves of it. Raises ApiError for a selection that cannot be read."""
    text = request.query_params.get("fields")
    if text is None:
        return answer
    mask, rest = _mask(text)
    if rest:
        raise invalid(f"Invalid field selection {text}", "fields", "invalidParameter")
    kept: Json = _keep(answer, mask)
    return kept


def _mask(text: str) -> tuple[Json, str]:
    """`a,b/c,d(e,f)` as a tree, and what is left of the text; an empty tree keeps everything beneath."""
    mask: Json = {}
    while True:
        path = NAME.match(text)
        if path is None:
            raise invalid(f"Invalid field selection {text}", "fields", "invalidParameter")
        at, text = mask.setdefault(path[1], {}), text[path.end() :]
        while text.startswith("/"):
            path = NAME.match(text, 1)
            if path is None:
                raise invalid(f"Invalid field selection {text}", "fields", "invalidParameter")
            at, text = at.setdefault(path[1], {}), text[path.end() :]
        if text.startswith("("):
            inner, text = _mask(text[1:])
            if not text.startswith(")"):
                raise invalid("Invalid field selection", "fields", "invalidParameter")
            at.update(inner)
            text = text[1:].lstrip()
        if not text.startswith(","):
            return mask, text
        text = text[1:]


def _keep(value: Any, mask: Json) -> Any:
    if not mask:
        return value
    if isinstance(value, list):
        return [_keep(item, mask) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _keep(inner, mask[name] if name in mask else mask["*"])
        for name, inner in value.items()
        if name in mask or "*" in mask
    }
