"""Who else may read a key ring file: the rule, asked of the open file.

A ring is read where its mode lets nobody but its owner do anything, and the owner is root or the user Valet
runs as. Beyond that, others may read (and only read) what root has put there:

- on a file system in memory (tmpfs, ramfs), for anybody: so Docker, Kubernetes and systemd mount secrets;
- on any, for a group that Valet runs in: `root:valet 0640`.

A file on a disk that anybody may read is refused whoever owns it: that is how a copy made by hand looks.
"""

from __future__ import annotations

import os
import shlex
import stat
from pathlib import Path

from vault.keyring import Unreadable, Unsafe

_MOUNTS = Path("/proc/self/mountinfo")


def refuse_unsafe(path: Path, status: os.stat_result) -> None:
    """Raises Unreadable for what is no file, Unsafe where others could read or change it."""
    if not stat.S_ISREG(status.st_mode):
        raise Unreadable(f"The key ring {path} is not a file.")
    quoted, mode, runs_as = shlex.quote(str(path)), stat.S_IMODE(status.st_mode), os.geteuid()
    if mode & 0o077 and not _given(status, mode):
        raise Unsafe(f"The key ring {path} is open to other users (mode {mode:04o}). Run: chmod 600 {quoted}")
    # Root's own files are accepted: root can read any key anyway, and secrets are mounted that way.
    if status.st_uid not in (0, runs_as):
        raise Unsafe(
            f"The key ring {path} belongs to user {status.st_uid}, and this runs as {runs_as}. "
            f"Start it as that user, or make the file its own. Run: chown {runs_as} {quoted}"
        )


def _given(status: os.stat_result, mode: int) -> bool:
    """Whether root made it readable on purpose."""
    if status.st_uid != 0 or mode & 0o033:
        return False
    ours = os.geteuid() != 0 and status.st_gid in {os.getegid(), *os.getgroups()}
    return (not mode & 0o004 and ours) or _in_memory(status.st_dev)


def _in_memory(device: int) -> bool:
    """Whether that device is a tmpfs or ramfs. False where the system does not say (only Linux does)."""
    wanted = f"{os.major(device)}:{os.minor(device)}"
    try:
        mounts = _MOUNTS.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    # proc(5): mount id, parent, major:minor, root, mount point, options, optional fields, "-", type, …
    for line in mounts.splitlines():
        left, _, right = line.partition(" - ")
        if left.split(" ", 3)[2:3] == [wanted] and right.split(" ", 1)[0] in {"tmpfs", "ramfs"}:
            return True
    return False
