"""How long each step of a refresh and of a revocation may take, and how much goes on at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds. `lease` is longer than `call` by enough that a slow answer never meets a second worker, and
    short enough that whoever takes over a dead worker's refresh is within a provider's usual grace of 30 s.

    `skew`: what an access token must still live to be handed out. `wait`: how long a caller waits for
    another worker. `backoff`: the longest pause after failures. `shut`: how long an app that the provider
    refuses is left alone. `faults` of a token endpoint `faults_within` so many seconds: then it is left alone
    for `open`. `drain`: what a stopping process gives its refreshes. `restart`: how long a lease
    from before a restart of the database still counts after it, so that its holder can store first. `revoke`:
    the pauses before a revocation that failed for now is tried again.

    Of the caretaker: `ahead` of an access token's end it is refreshed, give or take a fifth; `poll` is about
    how often it looks for what is due, soon enough for a dead worker's refresh to be taken over within that
    grace; `at_once` refreshes of a provider are under way in a process at most; and an app that the provider
    refuses is left alone for `refusal`.
    """

    skew: float = 30
    lease: float = 20
    call: float = 8
    wait: float = 15
    backoff: float = 300
    shut: float = 30
    faults: int = 5
    faults_within: float = 30
    open: float = 30
    drain: float = 12
    restart: float = 10
    ahead: float = 300
    poll: float = 4
    at_once: int = 8
    refusal: float = 3600
    revoke: Sequence[float] = (1, 5, 30, 120, 600)
