"""How this room says that a step of a trace begins; what comes of it is the caller's (providers/spans.py)."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol


class Spans(Protocol):
    """Gives a block that is one step, with words of ours about it."""

    def __call__(
        self,
        name: str,
        attributes: Mapping[Any, str | int] | None = None,
        *,
        client: bool = ...,
        within: bool = ...,
    ) -> AbstractContextManager[Any]:
        """`client`: somebody else is asked; `within`: only as a part of something."""


_NOTHING: AbstractContextManager[None] = nullcontext()


def off(
    name: str,
    attributes: Mapping[Any, str | int] | None = None,
    *,
    client: bool = False,
    within: bool = False,
) -> AbstractContextManager[None]:
    """Where nobody collects them."""
    return _NOTHING
