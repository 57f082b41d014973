"""A call about many URIs is done or refused as a whole: how to find out which of them are the bad ones."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeGuard

from mcp_server.tools.ends import BREAKS
from providers.base import NotFound, ProviderError, Rejected, Unavailable

MOST_CALLS = 16
"""One bad URI among forty costs thirteen."""

_ABOUT_ONE = frozenset({"HTTP_400", "HTTP_403", "FORBIDDEN"})
"""Refusals that one URI can be the cause of: it is unknown, or of a kind that is not taken."""


@dataclass(slots=True)
class Outcome:
    """What became of each URI: it was `done`, it was `refused`, or it was `left` untried, in their order.

    Those are `unsure` to which the answer was lost. `stopped` is the error that ended it early, if one did.
    """

    done: list[str] = field(default_factory=list)
    refused: dict[str, ProviderError] = field(default_factory=dict)
    unsure: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    stopped: Exception | None = None


async def piecewise(call: Callable[[Sequence[str]], Awaitable[object]], uris: Sequence[str]) -> Outcome:
    """Make `call` for all the URIs at once, and where that is refused for ever smaller groups of them.

    A kind that Spotify does not take is told from the others first, then halves are tried; at most MOST_CALLS
    calls are made. Raises what stopped it, an error of the provider or the vault, where nothing was done.
    """
    outcome = Outcome()
    waiting = deque([list(uris)] if uris else [])
    for _ in range(MOST_CALLS):
        if not waiting:
            break
        group = waiting.popleft()
        try:
            await call(group)
        except BREAKS as error:
            if not _about_one(error):
                outcome.stopped = error
                if isinstance(error, Unavailable) and error.ambiguous:
                    outcome.unsure = group
                else:
                    waiting.appendleft(group)
                break
            if len(group) == 1:
                outcome.refused[group[0]] = error
            else:
                waiting.extendleft(reversed(_smaller(group)))
        else:
            outcome.done += group
    outcome.left = [uri for group in waiting for uri in group]
    if outcome.stopped is not None and not outcome.done:
        raise outcome.stopped
    return outcome


def _about_one(error: Exception) -> TypeGuard[ProviderError]:
    return isinstance(error, NotFound) or (isinstance(error, Rejected) and error.reason in _ABOUT_ONE)


def _smaller(group: list[str]) -> list[list[str]]:
    """The group by kinds; one of a single kind in two halves. The order within a kind is kept."""
    kinds: dict[str, list[str]] = {}
    for uri in group:
        kinds.setdefault(uri.split(":")[1], []).append(uri)
    half = len(group) // 2
    return list(kinds.values()) if len(kinds) > 1 else [group[:half], group[half:]]
