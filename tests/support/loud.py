"""What a run of the tests must not pass over in silence."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

MARK = "NOT VALIDATED"
"""How the reason of a skip begins where other tests went on without their judge."""


def unjudged(skipped: Iterable[pytest.TestReport | pytest.CollectReport]) -> list[str]:
    """The reasons of that kind, each once."""
    reasons = [report.longrepr[2] for report in skipped if isinstance(report.longrepr, tuple)]
    said = [reason.removeprefix("Skipped: ") for reason in reasons]
    return sorted({reason for reason in said if reason.startswith(MARK)})
