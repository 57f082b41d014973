"""The image, put together once for all tests of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import image


@pytest.fixture(scope="session")
def opt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the image has in /opt/valet."""
    return image.prefix(tmp_path_factory.mktemp("image"))
