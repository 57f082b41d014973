"""Embedded servers on folders of their own, and proof that none of their processes stays behind."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support import cluster, room
from valet.embedded import Supervisor

ROOT = Path(__file__).parents[2]

# Starts a server when told to, says how that went, and stops it when its input ends.
HOLDER = """
import json, os, signal, sys
from pathlib import Path
from valet.embedded import AlreadyRunning, EmbeddedError, Supervisor

# A shell's background job hands down an ignored SIGINT.
signal.signal(signal.SIGINT, signal.default_int_handler)

def say(**what):
    print(json.dumps(what), flush=True)

supervisor = Supervisor(Path(sys.argv[1]), programs=Path(sys.argv[2]))
say(ready=True)
sys.stdin.readline()
try:
    urls = supervisor.start()
except AlreadyRunning as error:
    say(refused=error.pid, text=str(error))
    sys.exit()
except EmbeddedError as error:
    say(failed=str(error))
    sys.exit()
told = False
while True:
    try:
        if not told:
            told = True
            say(postmaster=supervisor.pid, owner=urls.owner.get_secret_value())
        sys.stdin.read()
        break
    except KeyboardInterrupt:
        say(interrupted=True, alive=supervisor.alive())
supervisor.stop()
say(stopped=True)
"""


@dataclass
class Holder:
    """Another process that supervises a server."""

    process: subprocess.Popen[str]

    @property
    def pid(self) -> int:
        return self.process.pid

    def hear(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the holder ended without a word"
        return dict(json.loads(line))

    def go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def start(self) -> dict[str, Any]:
        self.go()
        return self.hear()

    def finish(self) -> None:
        with suppress(BrokenPipeError):
            assert self.process.stdin is not None
            self.process.stdin.close()
        self.process.wait(60)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(60)

    def close(self) -> None:
        self.finish()
        assert self.process.stdout is not None
        self.process.stdout.close()


def working_in(folder: Path) -> list[psutil.Process]:
    """Every process of PostgreSQL whose working directory is below `folder`."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            inside = process.cwd().startswith(f"{folder.resolve()}/")
            if inside and process.name() in ("postgres", "initdb"):
                found.append(process)
    return found


def until(condition: Callable[[], Any], seconds: float = 30) -> None:
    """Wait for a condition; fail when it does not come."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come"
        time.sleep(0.002)


@pytest.fixture(scope="session")
def ground() -> Iterator[Path]:
    """A folder any user may pass through (pytest's own is closed to the database user when we are root)."""
    folder = room.folder()
    yield folder
    left = working_in(folder)
    for process in left:
        process.kill()
    shutil.rmtree(folder)
    assert not left, f"processes were left behind: {left}"


@pytest.fixture(scope="session")
def programs(ground: Path) -> Path:
    """Where root keeps its copy of the server's programs."""
    return ground / "programs"


@pytest.fixture
def data_dir(ground: Path) -> Iterator[Path]:
    """The path of a data folder that does not exist yet."""
    place = ground / uuid.uuid4().hex[:8]
    place.mkdir()
    place.chmod(0o711)
    yield place / "data"
    left = working_in(place)
    for process in left:
        process.kill()
    shutil.rmtree(place)
    assert not left, f"processes were left behind: {left}"


@pytest.fixture(scope="session")
def first_made() -> Path:
    """A data folder with a fresh cluster, to be copied."""
    return cluster.made()


@pytest.fixture
def made(first_made: Path, data_dir: Path) -> Path:
    """A data folder with a cluster of its own, stopped in order."""
    cluster.copy_folder(first_made, data_dir)
    return data_dir


@pytest.fixture(scope="module")
def running(ground: Path, first_made: Path, programs: Path) -> Iterator[tuple[Supervisor, Path]]:
    """A server shared by the tests of a module that change nothing in it, and its data folder."""
    folder = ground / uuid.uuid4().hex[:8]
    cluster.copy_folder(first_made, folder)
    supervisor = Supervisor(folder, programs=programs)
    supervisor.start()
    yield supervisor, folder
    supervisor.stop()


@pytest.fixture
def supervise(programs: Path, data_dir: Path) -> Iterator[Callable[..., Supervisor]]:
    """Makes supervisors (of `data_dir` unless told otherwise) and stops them at the end."""
    supervisors: list[Supervisor] = []

    def make(folder: Path = data_dir, **options: Any) -> Supervisor:
        supervisors.append(Supervisor(folder, **({"programs": programs} | options)))
        return supervisors[-1]

    yield make
    for supervisor in supervisors:
        supervisor.stop()


@pytest.fixture
def hold(programs: Path, data_dir: Path) -> Iterator[Callable[..., Holder]]:
    """Makes other processes that supervise (`data_dir` unless told otherwise)."""
    holders: list[Holder] = []

    def make(folder: Path = data_dir) -> Holder:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, folder, programs],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            start_new_session=True,
        )
        holders.append(Holder(process))
        assert holders[-1].hear() == {"ready": True}
        return holders[-1]

    yield make
    for holder in holders:
        holder.close()


@pytest.fixture
def bystander() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts processes that have nothing to do with us, as the user PostgreSQL runs as."""
    started: list[subprocess.Popen[bytes]] = []
    nobody = pwd.getpwnam("nobody")
    user: dict[str, Any] = {"user": nobody.pw_uid, "group": nobody.pw_gid} if os.geteuid() == 0 else {}

    def start(*command: str) -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen(command, cwd="/", **user))
        return started[-1]

    yield start
    for process in started:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
        process.wait(30)


@pytest.fixture
def servers() -> Callable[[Path], list[int]]:
    """The postmasters that work below a folder: processes of PostgreSQL whose parent is none."""

    def find(folder: Path) -> list[int]:
        found = {process.pid: process for process in working_in(folder)}
        parents: list[int] = []
        for pid, process in found.items():
            with suppress(psutil.Error):
                if process.ppid() not in found and process.status() != psutil.STATUS_ZOMBIE:
                    parents.append(pid)
        return parents

    return find


@pytest.fixture
def wait_until() -> Callable[..., None]:
    """Wait for a condition instead of for a time."""
    return until
