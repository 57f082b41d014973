"""What an earlier supervisor left behind when it was killed: a running server, initdb, pg_dump …

Called with the lock held, so whatever still works on this cluster has lost its supervisor. It is
stopped, not adopted: the new server is then our own child, with our settings, log and binaries.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

import psutil  # type: ignore[import-untyped]

from valet.embedded.errors import StartFailed
from valet.embedded.folder import Folder

_PROGRAMS = ("postgres", "initdb", "pg_dump", "pg_dumpall", "pg_restore", "psql")


def stop_orphans(folder: Folder) -> None:
    """Stop every process that works in this folder, and wait until none is left.

    A postmaster gets a fast shutdown (SIGINT), then an immediate one (SIGQUIT). What has lost its
    postmaster gets SIGKILL: its shared memory is of no use any more, and the log holds all commits.
    Raises StartFailed when a process survives even that.
    """
    for number, patience in ((signal.SIGINT, 20), (signal.SIGQUIT, 5)):
        postmasters = [process for process in _working(folder) if _is_postmaster(process)]
        _end(postmasters, number, patience)
    deadline = time.monotonic() + 10
    while left := _working(folder):
        if time.monotonic() > deadline:
            raise StartFailed(
                f"An earlier PostgreSQL (process {left[0].pid}) still works in {folder.cluster} and can't be "
                "stopped. End that process, then start Valet again."
            )
        _end(left, signal.SIGKILL, 1)


def _working(folder: Folder) -> list[psutil.Process]:
    """PostgreSQL's processes whose working directory is in this folder (a server changes to its PGDATA).

    A zombie has no working directory and does not count.
    """
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.name() in _PROGRAMS and _inside(process.cwd(), folder):
                found.append(process)
    return found


def _inside(directory: str | None, folder: Folder) -> bool:
    root = str(folder.root)
    return bool(directory) and (directory == root or str(directory).startswith(f"{root}/"))


def _is_postmaster(process: psutil.Process) -> bool:
    """A postmaster keeps its arguments; its children show a title ("postgres: checkpointer")."""
    with suppress(psutil.Error):
        arguments = process.cmdline()
        return "-D" in arguments and "--single" not in arguments and "--boot" not in arguments
    return False


def _end(processes: list[psutil.Process], number: signal.Signals, patience: float) -> None:
    """Send a signal and wait until the processes have gone, at most `patience` seconds.

    SIGKILL goes to the whole group of a group's leader: initdb is killed with the shell it is starting.
    """
    for process in processes:
        with suppress(psutil.NoSuchProcess, ProcessLookupError):
            if number == signal.SIGKILL and os.getpgid(process.pid) == process.pid:
                os.killpg(process.pid, number)
            else:
                process.send_signal(number)
    deadline = time.monotonic() + patience
    while any(_lives(process) for process in processes) and time.monotonic() < deadline:
        time.sleep(0.02)


def _lives(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False
