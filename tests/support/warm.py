"""Commands of ours in processes of their own that need not import everything anew.

    process = start(["-m", "valet", "serve"], cwd=folder, env=environment, stdout=subprocess.PIPE)

A process of the tests' worker has imported what the commands need, has worked out what comes out alike in
each (`_PREPARED`), and has done nothing else: no thread, no loop, no setting read. Each command is a copy of
it (fork(2)) with its own arguments, environment, directory, session, streams, signals and end, so what it
does, says and leaves behind is what it does, says and leaves behind when it is typed; about two seconds of a
core are saved, each time. What the interpreter or the loader reads of the environment would come too late for
a copy: such a command, and one of another checkout, is started as ever. So are all where VALET_TEST_COLD is
set.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO

from tests.support.ending import ended

ROOT = Path(__file__).resolve().parents[2]
_MODULES = {
    "valet": (
        "valet.cli",
        "valet.serve",
        "valet.assembly",
        "valet.sidecar",
        "valet.resource",
        "valet.links",
        "valet.scenes",
        "valet.trial",
        "valet.doctor.visit",
        "valet.prepare",
        "valet.embedded.orphans",
        "anyio._backends._asyncio",
        "rich.logging",
        "uvicorn.protocols.http.h11_impl",
        "uvicorn.lifespan.on",
        "uvicorn.loops.asyncio",
    ),
    "providers.emulator": (
        "providers.emulator.clock",
        "providers.emulator.server",
        "providers.emulator.world",
    ),
}
"""What a copy may be asked to run, and what it would import first."""

_PREPARED: Mapping[str, Callable[[], object]] = {
    "valet": lambda: importlib.import_module("tests.support.thrift").beforehand(),
    "providers.emulator": lambda: importlib.import_module("providers.emulator.world").World(
        importlib.import_module("providers.emulator.clock").Clock()
    ),
}
"""The tools that a server has; what an emulator fills its world with."""

_EARLY = ("LD_", "DYLD_", "PYTHON", "MALLOC_", "TZ")
"""Names that are read before the first line of ours."""


class Copy:
    """A running command: what is used of subprocess.Popen, `stdout` being text."""

    def __init__(self, status: IO[bytes], stdin: IO[bytes] | None, stdout: IO[str] | None) -> None:
        self.stdin, self.stdout = stdin, stdout
        self.returncode: int | None = None
        self._status = status
        self.pid = int(self._line())

    def _line(self) -> str:
        line = self._status.readline()
        if not line:
            raise RuntimeError("The process that started this command has gone.")
        return line.decode()

    def poll(self) -> int | None:
        """The exit status, negative for a signal; None while it lives."""
        if self.returncode is None and select.select([self._status], [], [], 0)[0]:
            self.returncode = int(self._line())
            self._status.close()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit status, once there is one. Raises TimeoutExpired."""
        if self.returncode is None and not select.select([self._status], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
        status = self.poll()
        assert status is not None
        return status

    def send_signal(self, number: int) -> None:
        """Nothing where it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


def start(
    arguments: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    root: Path = ROOT,
    stdin: int | None = None,
    stdout: int | IO[str] | None = None,
    stderr: int | IO[str] | None = None,
) -> Copy | subprocess.Popen[str]:
    """`python -m MODULE ...` of the checkout `root`, in a session of its own.

    `stdin` and `stdout` may be subprocess.PIPE; a command has no stdin unless it is given one.
    """
    if not _may_be_copied(arguments, env, root):
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=cwd,
            env={**env, "PYTHONPATH": str(root)},
            stdin=subprocess.DEVNULL if stdin is None else stdin,
            stdout=stdout,
            stderr=stderr,
            text=True,
            start_new_session=True,
        )
    return _kept(arguments[1]).copy(arguments, cwd, env, stdin, stdout, stderr)


def run(
    arguments: Sequence[str], *, cwd: Path, env: Mapping[str, str], root: Path = ROOT, timeout: float = 60
) -> subprocess.CompletedProcess[str]:
    """The same, to its end, with what it said. Raises TimeoutExpired; then it has been killed."""
    with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as complained:
        process = start(arguments, cwd=cwd, env=env, root=root, stdout=said, stderr=complained)
        status = ended(process, timeout)
        said.seek(0)
        complained.seek(0)
        return subprocess.CompletedProcess(list(arguments), status, said.read(), complained.read())


def _may_be_copied(arguments: Sequence[str], env: Mapping[str, str], root: Path) -> bool:
    early = [name for name in env if name.startswith(_EARLY) and name != "PYTHONPATH"]
    known = len(arguments) > 1 and arguments[0] == "-m" and arguments[1] in _MODULES
    return (
        known and root == ROOT and not early and hasattr(os, "fork") and "VALET_TEST_COLD" not in os.environ
    )


class _Original:
    """The process that is copied. It ends with ours: its stdin is our end of a pair of sockets."""

    def __init__(self, module: str) -> None:
        ours, its = socket.socketpair()
        self._lock = threading.Lock()
        self._line = ours
        inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        with its:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.warm", module],
                cwd=ROOT,
                env={**inherited, "PYTHONPATH": str(ROOT)},
                stdin=its,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        if ours.recv(1) != b"+":
            raise RuntimeError(f"{module} can't be imported: see above.")
        atexit.register(self.close)

    def close(self) -> None:
        self._line.close()
        self._process.wait()

    def copy(
        self,
        arguments: Sequence[str],
        cwd: Path,
        env: Mapping[str, str],
        stdin: int | None,
        stdout: int | IO[str] | None,
        stderr: int | IO[str] | None,
    ) -> Copy:
        theirs: list[int] = []
        nothing = os.open(os.devnull, os.O_RDWR)
        theirs.append(nothing)
        read_status, write_status = os.pipe()
        theirs.append(write_status)
        ours_in: IO[bytes] | None = None
        ours_out: IO[str] | None = None
        streams = [nothing, nothing, nothing]
        if stdin == subprocess.PIPE:
            streams[0], kept = os.pipe()
            theirs.append(streams[0])
            ours_in = os.fdopen(kept, "wb", 0)
        if stdout == subprocess.PIPE:
            kept, streams[1] = os.pipe()
            theirs.append(streams[1])
            ours_out = os.fdopen(kept, encoding="utf-8")
        else:
            streams[1] = 1 if stdout is None else stdout if isinstance(stdout, int) else stdout.fileno()
        streams[2] = 2 if stderr is None else stderr if isinstance(stderr, int) else stderr.fileno()
        asked = json.dumps({"arguments": list(arguments[1:]), "cwd": str(cwd), "env": dict(env)}).encode()
        try:
            with self._lock:
                head = len(asked).to_bytes(4, "big")
                socket.send_fds(self._line, [head], [write_status, *streams])
                self._line.sendall(asked)
        finally:
            for each in theirs:
                os.close(each)
        return Copy(os.fdopen(read_status, "rb", 0), ours_in, ours_out)


@cache
def _kept(module: str) -> _Original:
    return _Original(module)


# From here on: the process that is copied, and the copies.


def _serve(line: socket.socket) -> tuple[str, list[str]]:
    """Copy this process as often as we are told, until nobody is there to tell. In a copy: what to run."""
    while True:
        head, given, _, _ = socket.recv_fds(line, 4, 4)
        if not head:
            _reap()
            sys.exit()
        asked = b""
        while len(asked) < int.from_bytes(head, "big"):
            asked += line.recv(1 << 20)
        _reap()
        if os.fork() == 0:
            break
        for each in given:
            os.close(each)
    # Between us and the copy: who waits for it, as only a parent can.
    status, *streams = given
    child = os.fork()
    if child:
        line.close()
        for each in {*streams, 0, 1}:
            os.close(each)
        os.write(status, f"{child}\n".encode())
        _, ended = os.waitpid(child, 0)
        os.write(status, f"{os.waitstatus_to_exitcode(ended)}\n".encode())
        os._exit(0)
    line.close()
    os.close(status)
    os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    for stream in {*streams} - {0, 1, 2}:
        os.close(stream)
    told = json.loads(asked)
    os.chdir(told["cwd"])
    os.environ.clear()
    os.environ.update(told["env"])
    module, *arguments = told["arguments"]
    return module, arguments


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def _main() -> None:
    for name in _MODULES[sys.argv[1]]:
        importlib.import_module(name)
    _PREPARED[sys.argv[1]]()
    assert threading.active_count() == 1, "a copy would have only one of these threads"
    line = socket.socket(fileno=os.dup(0))
    gc.collect()
    gc.freeze()
    line.send(b"+")
    module, arguments = _serve(line)
    sys.argv = [str(ROOT / module.replace(".", "/") / "__main__.py"), *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _main()
