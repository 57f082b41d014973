"""How long each step of a refresh and of a revocation may take."""

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
    revoke: Sequence[float] = (1, 5, 30, 120, 600)
