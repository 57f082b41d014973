"""Ports of this machine, each for one test at a time: on whichever worker of a run, in whichever checkout.

A port that the system names as free is one that it may give to anybody's next outgoing line, before a server
has bound it or while that server is started again. These lie below the system's own, and are locked.
"""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

_FIRST = 20_000
_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_port() -> int:
    """A loopback port that no test is given but the one that asked, as long as its process lives."""
    return _ours().free()


@contextmanager
def reserved(port: int) -> Iterator[None]:
    """Hold this very port for the block, once no other process's test does."""
    ours = _ours()
    ours.lock(port)
    try:
        yield
    finally:
        ours.unlock(port)


class Ports:
    """The lock of port N is the byte N of one file: it goes with the process, however that ends.

    Locks of a process do not keep out itself (fcntl(2)), so it never takes a port twice. Closing any
    descriptor of the file ends them all, so there is one, which is kept.
    """

    def __init__(self, file: Path, ports: Sequence[int]) -> None:
        self._file = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        self._left = random.sample(ports, len(ports))

    def free(self) -> int:
        """The next that nobody holds."""
        while self._left:
            port = self._left.pop()
            if self._try(port) and _free(port):
                return port
        raise RuntimeError("This process has used up all its ports.")

    def lock(self, port: int) -> None:
        """Wait for it."""
        fcntl.lockf(self._file, fcntl.LOCK_EX, 1, port)

    def unlock(self, port: int) -> None:
        """Let others have it."""
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, port)

    def _try(self, port: int) -> bool:
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
        except OSError:
            return False
        return True


@cache
def _ours() -> Ports:
    name = f"valet-test-ports-{os.getuid()}"
    return Ports(Path(tempfile.gettempdir()) / name, range(_FIRST, _system()))


def _system() -> int:
    """The first port that the system gives to outgoing lines, where it leaves us some below."""
    first = int(_RANGE.read_text().split()[0]) if _RANGE.exists() else 0
    return first if first > _FIRST + 1000 else 32_768


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
