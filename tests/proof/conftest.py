"""The long proofs: real processes, one PostgreSQL, one emulator that rotates and detects reuse."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.proof.nursery import Nursery
from tests.proof.postgres import Postgres
from tests.support.emulator import EmulatorProcess
from valet.logging import configure

Say = Callable[[str], None]


@pytest.fixture(scope="session", autouse=True)
def nobody_stays() -> Iterator[None]:
    """No process of ours outlives the proofs, the ones that were killed included.

    Each is started by itself: what copies are made of (tests/support/warm.py) stays until the interpreter
    ends.
    """
    os.environ["VALET_TEST_COLD"] = "1"
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    yield
    left = [child for child in psutil.Process().children(recursive=True) if child.pid not in before]
    assert left == []


@pytest.fixture(scope="session", autouse=True)
def quiet() -> None:
    """What goes wrong on purpose fills no screen."""
    configure("ERROR", "console")


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    """Print a proof's numbers past pytest's capturing."""

    def said(line: str) -> None:
        with capsys.disabled():
            print(f"\n  {line}")

    return said


@pytest.fixture
def emulator(nobody_stays: None) -> Iterator[EmulatorProcess]:
    with EmulatorProcess() as emulator:
        emulator.settings(rotate=True, reuse_detection=True, grace_seconds=0)
        yield emulator


@pytest.fixture
def ring_path(tmp_path: Path) -> Path:
    return tmp_path / "keyring.json"


@pytest.fixture
def nursery(nobody_stays: None) -> Iterator[Nursery]:
    with Nursery() as nursery:
        yield nursery


@pytest.fixture
def postgres(nobody_stays: None) -> Iterator[Postgres]:
    with Postgres() as postgres:
        yield postgres
