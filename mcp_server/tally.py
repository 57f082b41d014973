"""How often each tool was called, what came of it, and how long it took. Nobody's name is in it."""

from __future__ import annotations

from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Histogram

from providers.base import Code

SECONDS = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Borders of the histogram's buckets."""

OUTCOMES = frozenset(
    {"ok", "error", "cancelled", "not_allowed", "input_required", "approval_needed", *get_args(Code)}
)
"""Every outcome of a call."""


class Tally:
    """Counts into `registry`, which is the caller's."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        registry = registry or CollectorRegistry()
        self._calls = Counter(
            "valet_tool_calls", "Tool calls, by tool and outcome.", ("tool", "outcome"), registry=registry
        )
        self._seconds = Histogram(
            "valet_tool_call_duration_seconds",
            "How long a tool call took.",
            ("tool",),
            buckets=SECONDS,
            registry=registry,
        )

    def called(self, tool: str, outcome: str, seconds: float) -> None:
        """One call of one of our tools came to an end."""
        self._calls.labels(tool, outcome if outcome in OUTCOMES else "error").inc()
        self._seconds.labels(tool).observe(seconds)
