"""Two tests never have one port, whichever process and checkout they run in."""

from __future__ import annotations

import fcntl
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.ports import Ports, free_port
from tests.support.valet import ROOT

LINE = "import sys; from tests.support.ports import Ports; ours = Ports({!r}, {}); "

Other = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def two() -> list[int]:
    """All the ports of the test's small world."""
    return [free_port(), free_port()]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ports"


@pytest.fixture
def other(file: Path, two: list[int]) -> Iterator[Other]:
    """Another worker: it does something with ports, says so, and lives until it is killed."""
    with ExitStack() as stack:

        def start(what: str) -> subprocess.Popen[str]:
            code = LINE.format(str(file), two) + f"print({what}, flush=True); sys.stdin.read()"
            pipe = subprocess.PIPE
            process = stack.enter_context(
                subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdin=pipe, stdout=pipe, text=True)
            )
            stack.callback(process.kill)
            return process

        yield start


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_each_gets_a_port_of_its_own_until_the_other_has_died(
    file: Path, two: list[int], other: Other
) -> None:
    theirs = other("ours.free()")
    port = int(said(theirs))
    ours = Ports(file, two)
    assert {port, ours.free()} == set(two)
    with pytest.raises(RuntimeError, match="all its ports"):
        ours.free()
    theirs.kill()
    theirs.wait()
    later = Ports(file, two)
    assert {later.free(), later.free()} == set(two)


def test_a_port_that_is_in_use_is_given_to_nobody(file: Path, two: list[int]) -> None:
    with socket.create_server(("127.0.0.1", two[0])):
        ours = Ports(file, two)
        assert ours.free() == two[1]
        with pytest.raises(RuntimeError, match="all its ports"):
            ours.free()


def test_who_wants_a_port_that_another_holds_waits_for_it(file: Path, other: Other) -> None:
    theirs = other("ours.lock(9009)")
    assert said(theirs) == "None"
    waits = other("ours.lock(9009) or 'it is mine'")
    with file.open("r+b") as held, pytest.raises(BlockingIOError):
        fcntl.lockf(held, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 9009)
    assert waits.poll() is None
    theirs.kill()
    assert said(waits) == "it is mine"
