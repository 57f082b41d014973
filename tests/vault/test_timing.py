"""The shipped times stand in the relations that the protocol relies on."""

from __future__ import annotations

from vault.timing import Timing

GRACE = 30
"""Seconds for which providers that have a grace usually honour a spent refresh token again."""
DATABASE = 10
"""Seconds: a connection of the pool and a statement, at their longest (vault/store/database.py)."""


def test_a_slow_answer_never_meets_a_second_worker() -> None:
    timing = Timing()
    assert timing.lease >= timing.call + DATABASE


def test_whoever_takes_over_a_dead_workers_refresh_is_within_the_usual_grace() -> None:
    timing = Timing()
    assert timing.lease + timing.call < GRACE
    assert timing.lease + 1.5 * timing.poll < GRACE, "also where nobody but a caretaker asks"


def test_a_stopping_process_outlasts_its_calls() -> None:
    timing = Timing()
    assert timing.drain > timing.call and timing.wait > timing.call
