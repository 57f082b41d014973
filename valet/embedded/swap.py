"""Which cluster is the database, and how another one takes its place, whenever we are killed.

Below the folder `postgres`:

    cluster         the database: no other directory is ever taken for it
    init-workshop   where a new cluster is being made; worth nothing after a kill
    cluster-new     a new cluster, whole and checked, that is not in force yet
    cluster-16-…    an older one that a newer has replaced, kept until the operator removes it

Two renames: `cluster` to `cluster-16-…`, then `cluster-new` to `cluster`. Between them there is no
`cluster`, so nobody can have written to one: whoever comes next does the second. All of this with the
lock held and no server running.
"""

from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

from valet.embedded.binaries import MAJOR
from valet.embedded.errors import StartFailed
from valet.embedded.folder import Folder

_KEPT = re.compile(r"cluster-\d+-\d{8}T\d{6}Z")


def version(cluster: Path) -> str:
    """The major version that made a cluster. Raises StartFailed where it is none."""
    try:
        return (cluster / "PG_VERSION").read_text(errors="replace").strip()[:10]
    except FileNotFoundError:
        raise StartFailed(
            f"{cluster} is not a PostgreSQL cluster (it has no PG_VERSION). "
            "Put the folder back from a backup, or move it away to begin with an empty database."
        ) from None


def kept(folder: Folder) -> list[Path]:
    """The older clusters that newer ones have replaced, oldest first."""
    return sorted(path for path in folder.root.glob("cluster-*") if _KEPT.fullmatch(path.name))


def tidy(folder: Folder) -> None:
    """Clear away what was being made when somebody was killed, and `settle`. Raises StartFailed."""
    for leftover in folder.root.glob("init-*"):
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)
    settle(folder)


def settle(folder: Folder) -> None:
    """Finish a change that was broken off between its two renames.

    Raises StartFailed where it can't be told which cluster is the database, instead of making an empty one.
    """
    if not folder.successor.exists():
        if not folder.cluster.exists() and (left := kept(folder)):
            raise StartFailed(
                f"There is no {folder.cluster}, but an older database: {left[-1]}. Give that its name back "
                "to go on with it, or move it out of this folder to begin with an empty one."
            )
    elif not folder.cluster.exists():
        _come(folder)
    elif version(folder.cluster) == MAJOR:
        raise StartFailed(
            f"Both {folder.cluster} and {folder.successor} could be the database: somebody has moved one of "
            "them. Move away the one that is not; nothing was changed."
        )


def replace(folder: Folder) -> Path:
    """The first rename, which takes the older `cluster` out of force: `settle` does the second.

    Returns where the older one is now. Raises OSError.
    """
    now = datetime.now(UTC)
    old = folder.root / f"cluster-{version(folder.cluster)}-{now:%Y%m%dT%H%M%SZ}"
    if old.exists():
        raise FileExistsError(old)
    folder.cluster.rename(old)
    folder.sync()
    return old


def discard(folder: Folder) -> None:
    """Throw away a `cluster-new` that is not in force: the `cluster` may have been used since it was made."""
    if folder.successor.exists():
        _remove(folder.successor)


def remove_kept(folder: Folder) -> list[Path]:
    """Remove the older clusters for good, and return where they were. Not while the newer one is missing."""
    if version(folder.cluster) != MAJOR:
        return []
    removed = []
    for path in kept(folder):
        _remove(path)
        removed.append(path)
    return removed


def _remove(cluster: Path) -> None:
    """At once by its name, which then is one that every start clears away."""
    leaving = cluster.with_name(f"init-{cluster.name}")
    cluster.rename(leaving)
    shutil.rmtree(leaving)


def _come(folder: Folder) -> None:
    folder.successor.rename(folder.cluster)
    folder.sync()
