"""What this room raises itself, beside the errors of `providers.base` and `vault.errors`.

Refusal(code, sentence)      a tool's own no, spoken as it stands
Unconfigured(provider)       the operator has not set this provider up
Wanted(...)                  `connections_connect` needs the person's browser
Asked(...)                   the person wants to say yes to this call first
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from mcp_types import CallToolResult

from providers.base import Code, Provider
from vault.store.approvals import Deed


class Refusal(Exception):
    """A tool's own no: `sentence` says what happened and what to do next."""

    def __init__(self, code: Code, sentence: str) -> None:
        super().__init__(code)
        self.code = code
        self.sentence = sentence


class Unconfigured(Exception):
    """The operator has no app at this provider, so nobody can connect it; `settings` are what to set."""

    def __init__(self, provider: str, unset: Iterable[Provider]) -> None:
        super().__init__(provider)
        self.provider = provider
        found = next((each for each in unset if each.name == provider), None)
        self.title = found.title if found else "That provider"
        self.settings = (found.client_id_setting, found.client_secret_setting) if found else ()


class Wanted(Exception):
    """The person must go through the connect page; `answer` builds the result where only a link helps."""

    def __init__(
        self,
        provider: str,
        ours: frozenset[str],
        upstream: frozenset[str],
        answer: Callable[[str], CallToolResult],
        label: str | None = None,
    ) -> None:
        super().__init__(provider)
        self.provider = provider
        self.ours = ours
        self.upstream = upstream
        self.answer = answer
        self.label = label


class Asked(Exception):
    """The person must say yes to `deed` first. `title` is ours; `lines`, which they are shown, are theirs."""

    def __init__(self, deed: Deed, title: str, lines: tuple[tuple[str, str], ...]) -> None:
        super().__init__(deed.tool)
        self.deed = deed
        self.title = title
        self.lines = lines
