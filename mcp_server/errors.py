"""What this room raises itself, beside the errors of `providers.base` and `vault.errors`.

Refusal(code, sentence)      a tool's own no, spoken as it stands
Unconfigured(provider)       the operator has not set this provider up
Wanted(...)                  `connections_connect` needs the person's browser
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from mcp_types import CallToolResult

Code = Literal[
    "not_connected",
    "reauth_required",
    "scope_missing",
    "rate_limited",
    "premium_required",
    "no_active_device",
    "not_found",
    "conflict",
    "invalid_argument",
    "provider_error",
]


class Refusal(Exception):
    """A tool's own no: `sentence` says what happened and what to do next."""

    def __init__(self, code: Code, sentence: str) -> None:
        super().__init__(code)
        self.code = code
        self.sentence = sentence


class Unconfigured(Exception):
    """The operator has no app at this provider, so nobody can connect it."""

    def __init__(self, provider: str) -> None:
        super().__init__(provider)
        self.provider = provider


class Wanted(Exception):
    """The person must go through the connect page; `answer` builds the result where only a link helps."""

    def __init__(
        self,
        provider: str,
        ours: frozenset[str],
        upstream: frozenset[str],
        answer: Callable[[str], CallToolResult],
    ) -> None:
        super().__init__(provider)
        self.provider = provider
        self.ours = ours
        self.upstream = upstream
        self.answer = answer
