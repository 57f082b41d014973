"""A process that has imported everything a worker needs, and forks one whenever it is asked: a worker costs
milliseconds, so hundreds can be killed.

It forks before any event loop or thread exists in it. Over its stdin, a SOCK_SEQPACKET socket, each
message is answered by one: `fork` comes with the worker's end of its own socket and is answered with a pid,
`reap PID` with the wait status. It ends when our end closes.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).resolve().parents[2]


class Nursery:
    """The process, seen from the test."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            command = [sys.executable, "-m", "tests.proof.nursery"]
            self._process = subprocess.Popen(command, cwd=ROOT, stdin=theirs)
        self._control = ours

    def fork(self) -> tuple[int, socket.socket]:
        """A new worker's pid and our end of its socket."""
        ours, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(self._control, [b"fork"], [theirs.fileno()])
        return int(self._control.recv(64)), ours

    def reap(self, pid: int) -> int:
        """Wait for the end of a worker; its exit status, negative for the signal that ended it."""
        self._control.send(b"reap %d" % pid)
        return os.waitstatus_to_exitcode(int(self._control.recv(64)))

    def __enter__(self) -> Nursery:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._control.close()
        self._process.wait(30)


def _serve() -> None:
    from tests.proof.worker import main

    control = socket.socket(fileno=0)
    while True:
        message, fds, _, _ = socket.recv_fds(control, 64, 1)
        if not message:
            return
        if message.startswith(b"reap "):
            control.send(b"%d" % os.waitpid(int(message[5:]), 0)[1])
            continue
        pid = os.fork()
        if pid == 0:
            control.close()
            main(fds[0])
            os._exit(0)
        os.close(fds[0])
        control.send(b"%d" % pid)


if __name__ == "__main__":
    _serve()
