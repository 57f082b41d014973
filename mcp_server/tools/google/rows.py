"""A list of Google's as a model gets it: as much of a page as can be read at once, and where it goes on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar

from pydantic import BaseModel, Field

from mcp_server.tools.google.paging import LONGEST, onward
from mcp_server.tools.room import fitting
from mcp_server.tools.text import clip

V = TypeVar("V", bound=BaseModel)
_LINK = re.compile(r"https://[!-~]{1,500}")

Cursor = Annotated[str | None, Field(description="The last `next_cursor`.", max_length=LONGEST)]
"""The argument that goes on with a list."""

More = Annotated[str | None, Field(description="Pass as `cursor` to see more.")]
"""The field that says how."""


@dataclass(frozen=True, slots=True)
class Part(Generic[V]):
    """What of a page is shown, each with its line of text."""

    rows: list[V]
    lines: list[str]
    next_cursor: str | None


def part(made: Sequence[tuple[int, V, str]], page: tuple[str | None, int, str | None], limit: int) -> Part[V]:
    """As many rows as there is room for. `made`: number on the page, row, line; `page`: its token, how many
    rows it has, the next one's token.
    """
    count = min(fitting([(row, line) for _, row, line in made]), limit, len(made))
    token, rows, following = page
    cut = made[count][0] if count < len(made) else rows
    return Part([row for _, row, _ in made[:count]], [line for *_, line in made[:count]],
                onward(token, cut, rows, following))  # fmt: skip


def told(head: str, lines: Iterable[str], more: str | None, *, empty: str, resumed: str | None = None) -> str:
    """The text of a list: `head` says what it is of, `empty` is the sentence where there is nothing.

    `resumed`: the cursor that it goes on from, after which there may be no more of what there is.
    """
    rows = list(lines)
    empty = "There is nothing more." if resumed else empty
    tail = [f"More with cursor {more}."] if more else []
    return "\n".join([f"{len(rows)} {head}:", *rows, *tail] if rows else [empty, *tail])


def block(text: str, most: int) -> str:
    """Other people's text of several lines, each without control characters, `most` characters in all."""
    lines = "\n".join(clip(line, most) for line in text[: 2 * most].splitlines()).strip()
    return lines if len(lines) <= most else lines[: most - 1] + "…"


def link(text: str) -> str | None:
    """A whole link or none: half of one leads nowhere."""
    return text if _LINK.fullmatch(text) else None
