"""A run that held nothing against Spotify's OpenAPI file says so where nobody overlooks it."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from tests.providers import spec


def skipped(reason: str) -> pytest.CollectReport:
    """As pytest notes a module that skips itself."""
    return pytest.CollectReport("tests/test_x.py", "skipped", (__file__, 1, f"Skipped: {reason}"), [])


@pytest.mark.parametrize("reasons", [(spec.ABSENT, spec.ABSENT, "no Chromium"), ("no Chromium",)])
def test_what_was_not_judged_is_said_once_above_the_summary(
    request: pytest.FixtureRequest, reasons: tuple[str, ...]
) -> None:
    config, written = request.config, io.StringIO()
    reporter = pytest.TerminalReporter(config, written)
    reporter.stats["skipped"] = [skipped(reason) for reason in reasons]
    [ours] = [
        plugin
        for plugin in config.pluginmanager.get_plugins()
        if getattr(plugin, "__file__", None) == str(Path(__file__).with_name("conftest.py"))
    ]
    ours.pytest_terminal_summary(reporter)
    assert written.getvalue().count(spec.ABSENT) == (spec.ABSENT in reasons)
    assert "no Chromium" not in written.getvalue()
