from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.town import Town


@pytest.fixture(scope="module")
def town() -> Iterator[Town]:
    """Two MCP workers and three sidecars, for all tests of a file."""
    with Town(sidecars=3) as town:
        yield town
