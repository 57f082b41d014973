"""Edits in batches, one after the other: what became of each item where Spotify refuses one, or breaks off.

Spotify takes or refuses a request whole: one URI that it does not know refuses a hundred. So a refused batch
is halved until the bad ones stand alone, within a bounded number of requests.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BaseModel, Field

from mcp_server.errors import Refusal
from mcp_server.sentences import in_words
from mcp_server.tools.ends import BREAKS, GRANT_ENDED
from providers.base import RateLimited, Rejected, Unavailable
from providers.spotify import MOST_ITEMS

MOST_REQUESTS = 40


class Partly(BaseModel):
    """What did not go through; absent where all did."""

    refused: Annotated[list[str] | None, Field(description="Unknown to Spotify, or not licensed.")] = None
    unsure: list[str] | None = None
    not_tried: list[str] | None = None
    stopped: Annotated[str | None, Field(description="Why not all was tried.")] = None


Send = Callable[[Sequence[str], int], Awaitable[str]]
"""Sends a batch, told how many items were done before it, and returns the new `snapshot_id`."""


@dataclass
class Outcome:
    """What became of the items, each list in their order. `unsure`: the answer to them was lost.

    `trouble` is what broke it off. `snapshot_id` is empty where nothing was done.
    """

    done: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    unsure: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    snapshot_id: str = ""
    trouble: Exception | None = None

    def require_some(self) -> None:
        """Raise what broke it off, or Refusal, where nothing was done at all."""
        if self.done:
            return
        if self.trouble is not None:
            raise self.trouble
        if not self.left:
            raise Refusal(
                "invalid_argument",
                "Spotify refuses every one of these items: they do not exist, or it has no licence for them "
                "where the person lives. Nothing was changed. Find others with spotify_search.",
            )

    def fields(self) -> dict[str, Any]:
        """The fields of `Partly`."""
        return {
            "refused": self.refused or None,
            "unsure": self.unsure or None,
            "not_tried": self.left or None,
            "stopped": self.stopped(),
        }

    def stopped(self) -> str | None:
        """Why not all was tried, in a sentence; None where it was."""
        if isinstance(self.trouble, RateLimited):
            seconds = max(1, math.ceil(self.trouble.retry_after))
            return f"Spotify takes no more requests for {in_words(seconds)}."
        if self.unsure:
            return "Spotify's answer was lost: look whether `unsure` is there before repeating it."
        if isinstance(self.trouble, GRANT_ENDED):
            return "Spotify must be connected again first."
        if self.trouble is not None:
            return "Spotify did not go on."
        return "Too many were refused to find each." if self.left else None


async def in_batches(uris: Sequence[str], send: Send) -> Outcome:
    """Send them all, in order, at most 100 at a time. What breaks it off is in the outcome."""
    outcome = Outcome()
    waiting = [list(uris[at : at + MOST_ITEMS]) for at in range(0, len(uris), MOST_ITEMS)][::-1]
    for _ in range(MOST_REQUESTS):
        if not waiting:
            break
        batch = waiting.pop()
        try:
            outcome.snapshot_id = await send(batch, len(outcome.done)) or outcome.snapshot_id
        except Rejected as error:
            if error.reason != "HTTP_400":
                outcome.trouble = error
                waiting.append(batch)
                break
            if len(batch) == 1:
                outcome.refused += batch
            else:
                half = len(batch) // 2
                waiting += [batch[half:], batch[:half]]
        except BREAKS as error:
            outcome.trouble = error
            if isinstance(error, Unavailable) and error.ambiguous:
                outcome.unsure = batch
            else:
                waiting.append(batch)
            break
        else:
            outcome.done += batch
    outcome.left = [uri for batch in reversed(waiting) for uri in batch]
    return outcome


def unread(snapshot_id: str | None) -> str:
    """What an edit says whose answer names no version: it was taken, and whether it was made is not known."""
    if snapshot_id:
        return ""
    return " Spotify's answer could not be read: look with spotify_get_playlist whether it is so."


def some(uris: Sequence[str], room: int = 4_000) -> str:
    """URIs for a reader, as many as fit `room`, and how many more there are. All of them are in a field."""
    shown: list[str] = []
    for uri in uris:
        room -= len(uri) + 2
        if room < 0:
            return f"{', '.join(shown)} and {len(uris) - len(shown)} more"
        shown.append(uri)
    return ", ".join(shown)


def rest_text(part: Partly) -> str:
    """What did not go through, in sentences that begin with a space; empty where all did."""
    said = [
        f" {words}: {some(uris)}." for words, uris in (
            ("Refused by Spotify, as unknown or not licensed", part.refused),
            ("Perhaps done", part.unsure),
            ("Not tried", part.not_tried),
        ) if uris
    ]  # fmt: skip
    return "".join([*said, f" {part.stopped}" if part.stopped else ""])
