"""A process that holds keys leaves no core file, and others of its user cannot look into it."""

from __future__ import annotations

import os
import pwd
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

COMMANDS = {
    "serve": ["serve"],
    "demo": ["demo"],
    "keys": ["keys", "verify"],
    "audit": ["audit", "verify"],
    "users": ["users", "list"],
    "link": ["link"],
}


@pytest.fixture(scope="module")
def ordinary() -> dict[str, Any]:
    """How a process of an ordinary user is started: ours, or as root nobody's by the system's Python."""
    packages = str(Path(psycopg.__file__).parents[1])
    nobody = pwd.getpwnam("nobody")
    options: dict[str, Any] = {"cwd": "/", "env": {"PYTHONPATH": f"{packages}:{ROOT}", "PATH": os.defpath}}
    if os.geteuid() == 0:
        options |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": ()}
    for python in (sys.executable, "/usr/bin/python3"):
        try:
            subprocess.run([python, "-c", "import valet.cli"], check=True, capture_output=True, **options)
        except (OSError, subprocess.CalledProcessError):
            continue
        return options | {"executable": python}
    pytest.skip("no interpreter that another user can run with our packages")


@contextmanager
def running(
    ordinary: dict[str, Any], *arguments: str, **environment: str
) -> Iterator[subprocess.Popen[bytes]]:
    options = {**ordinary, "env": {**ordinary["env"], **environment}}
    process = subprocess.Popen(
        ["python", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        **options,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


READS = """
import sys
for path in sys.argv[1:]:
    try:
        print(bool(open(path, "rb").read(1)))
    except PermissionError:
        print(False)
"""


def told(ordinary: dict[str, Any], script: str, *arguments: str) -> list[str]:
    """What a script prints that runs as that user, line by line."""
    command = ["python", "-c", script, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, **ordinary).stdout.splitlines()


def read(ordinary: dict[str, Any], *paths: str) -> list[bool]:
    """Whether another process of that user can read each of them."""
    return [line == "True" for line in told(ordinary, READS, *paths)]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_holds_keys_is_closed_to_others_of_its_user(
    ordinary: dict[str, Any], command: str
) -> None:
    """The real command, stopped where it waits for a database that does not answer."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = free_port()
        environment = {
            "DATABASE_URL": f"postgresql://u:canary@127.0.0.1:{mute.getsockname()[1]}/x",
            "PUBLIC_URL": f"http://127.0.0.1:{port}",
            "VALET_PORT": str(port),
            "VALET_DATA_DIR": "/nonexistent",
        }
        if command == "demo":
            environment["VALET_EMULATOR_ORIGIN"] = "http://localhost:9009"
        with running(ordinary, "-m", "valet", *COMMANDS[command], **environment) as valet:
            mute.settimeout(120)
            with mute.accept()[0]:
                folder = f"/proc/{valet.pid}"
                limits = Path(folder, "limits").read_text().splitlines()
                [core] = [line.split()[4:6] for line in limits if line.startswith("Max core file size")]
                assert core == ["0", "0"]
                assert read(ordinary, f"{folder}/environ", f"{folder}/maps") == [False, False]
                assert read(ordinary, f"{folder}/stat") == [True], "that it runs is no secret"


def test_what_is_not_hardened_can_be_read(ordinary: dict[str, Any]) -> None:
    """Or the test above would pass where nobody could read anything anyway."""
    with running(ordinary, "-c", "print(flush=True); input()") as plain:
        assert plain.stdout is not None
        plain.stdout.readline()
        folder = f"/proc/{plain.pid}"
        assert read(ordinary, f"{folder}/environ", f"{folder}/maps", f"{folder}/stat") == [True, True, True]


STARTED = """
import os, subprocess, sys
from valet.hardening import harden
harden()
child = "from resource import *; print(getrlimit(RLIMIT_CORE), open('/proc/self/environ').read(1) != '')"
print(subprocess.run([sys.argv[1], "-c", child], capture_output=True, text=True).stdout.strip())
print(len(os.listdir("/proc/self/fd")) > 2, open("/proc/self/mountinfo").read(1) != "")
"""


def test_what_it_starts_dumps_no_core_and_is_otherwise_as_ever(ordinary: dict[str, Any]) -> None:
    assert told(ordinary, STARTED, ordinary["executable"]) == ["(0, 0) True", "True True"]


ELSEWHERE = """
import ctypes, resource, sys
from valet.hardening import harden
sys.platform, ctypes.CDLL = "darwin", None
harden()
print(resource.getrlimit(resource.RLIMIT_CORE))
"""


def test_where_there_is_no_prctl_the_rest_is_done(ordinary: dict[str, Any]) -> None:
    assert told(ordinary, ELSEWHERE) == ["(0, 0)"]
