"""What a process that holds keys does first: it leaves no core file, and its user's others out."""

from __future__ import annotations

import ctypes
import sys

_PR_SET_DUMPABLE = 4


def harden() -> None:
    """Turn off core files, also for what this process starts; on Linux make it undumpable as well.

    Undumpable (prctl(2), PR_SET_DUMPABLE) closes its memory, environment and open files in /proc to every
    other process of the same user, and keeps debuggers off; root is kept off by nothing. What it starts is
    not affected by that: a new program is dumpable again. Where a step does not exist it is left out.
    """
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        # It fails for no value but an unknown one; an old libc without it must not keep Valet from starting.
        prctl = getattr(ctypes.CDLL(None), "prctl", None)
        if prctl is not None:
            prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
