from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.providers import spec
from tests.providers.wire import Wire
from tests.support.emulator import EmulatorProcess


@pytest.fixture(scope="session")
def process() -> Iterator[EmulatorProcess]:
    """One emulator for this room's tests; `emulator` gives each its world as at the beginning."""
    with EmulatorProcess() as process:
        yield process


@pytest.fixture
def emulator(process: EmulatorProcess) -> EmulatorProcess:
    process.reset()
    return process


@pytest.fixture
def as_(emulator: EmulatorProcess) -> Callable[[str], Wire]:
    """Spotify's API with the token of somebody."""
    return lambda account: Wire(emulator, spec.available(), account)


@pytest.fixture
def ana(as_: Callable[[str], Wire]) -> Wire:
    return as_("ana")
