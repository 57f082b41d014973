"""A real headless Chromium, Debian's or any other on the PATH.

Debian's chromium-headless-shell comes first: the same engine of the same version without a browser's windows
and toolbars, which take two thirds of the work for a page.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, async_playwright

_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
_QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def chromium_path() -> str:
    """Where Chromium is; without it the test is skipped, or fails where VALET_REQUIRE_CHROMIUM is set."""
    found = next((path for name in _NAMES if (path := shutil.which(name))), None)
    if found is None:
        reason = "needs Chromium (Debian: apt-get install chromium-headless-shell)"
        if os.environ.get("VALET_REQUIRE_CHROMIUM"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@asynccontextmanager
async def launched(*more: str) -> AsyncIterator[Browser]:
    """Chromium for as long as the block runs; `more` are switches of its command line."""
    path = chromium_path()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=[*_QUIET, *more])
        try:
            yield browser
        finally:
            await browser.close()
