"""A file of another program's: read whole, backed up, and replaced in one step, or left as it is."""

from __future__ import annotations

import glob
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from connect.regular import NotRegular, regular
from valet.install.text import NotEdited

_LARGEST = 20_000_000
_ABANDONED = 60.0
_BOM = "\ufeff"


def edit(
    path: Path, change: Callable[[str], str], *, now: Callable[[], datetime] = datetime.now
) -> Path | None:
    """Change the file at `path`; the backup, or None where nothing changed or there was no file.

    A link is followed: what it names is changed, and stays what the link names. The mode stays, and the owner
    where that can be had. Raises NotEdited: then nothing was changed.
    """
    real = Path(os.path.realpath(path))
    try:
        raw, seen = _read(real)
        text = raw.decode("utf-8")
        mark = _BOM if text.startswith(_BOM) else ""
        changed = mark + change(text.removeprefix(_BOM))
        if changed == text:
            return None
        if seen is None:
            real.parent.mkdir(parents=True, exist_ok=True)
            _replace(real, changed.encode(), None)
            return None
        backup = _back_up(real, raw, seen, now())
        if _stamp(os.stat(real)) != _stamp(seen):
            raise NotEdited("it was changed by another program just now; run this again")
        _replace(real, changed.encode(), seen)
    except UnicodeDecodeError:
        raise NotEdited("it is not text in UTF-8") from None
    except OSError as error:
        raise NotEdited(f"{error.strerror or 'it can not be used'} ({error.filename or real})") from None
    return backup


def keep(path: Path, *, now: Callable[[], datetime] = datetime.now) -> Path | None:
    """A backup beside the file, for another program is about to change it; None where there is none."""
    real = Path(os.path.realpath(path))
    try:
        raw, seen = _read(real)
        return None if seen is None else _back_up(real, raw, seen, now())
    except OSError as error:
        raise NotEdited(f"no backup of it can be made ({error.strerror})") from None


def _read(real: Path) -> tuple[bytes, os.stat_result | None]:
    try:
        with regular(real) as file:
            seen = os.fstat(file.fileno())
            if seen.st_size > _LARGEST:
                raise NotEdited("it is too large for such a file")
            return file.read(), seen
    except NotRegular as error:
        raise NotEdited(f"it {error}") from None
    except FileNotFoundError:
        return b"", None
    except IsADirectoryError:
        raise NotEdited("it is a folder") from None


def _back_up(real: Path, raw: bytes, seen: os.stat_result, now: datetime) -> Path:
    """A copy beside it that never replaces an older one, and has its name once it is whole."""
    base = f"{real.name}.{now:%Y-%m-%d-%H%M%S}"
    with _drafted(real, raw, seen) as draft:
        for number in range(1, 1000):
            backup = real.with_name(f"{base}.bak" if number == 1 else f"{base}-{number}.bak")
            try:
                os.close(os.open(backup, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            except FileExistsError:
                continue
            draft.replace(backup)
            return backup
    raise NotEdited("there are too many backups beside it")


def _replace(real: Path, content: bytes, like: os.stat_result | None) -> None:
    with _drafted(real, content, like) as draft:
        draft.replace(real)


@contextmanager
def _drafted(real: Path, content: bytes, like: os.stat_result | None) -> Iterator[Path]:
    """`content` in a file beside `real`, on disk, until the end of the block."""
    _sweep(real)
    draft = real.with_name(f".{real.name}.{secrets.token_hex(8)}")
    try:
        _write(draft, content, like)
        yield draft
    finally:
        with suppress(FileNotFoundError):  # it has its name now
            draft.unlink()


def _sweep(real: Path) -> None:
    """Remove what was left by somebody who was killed: a draft that is at work is seconds old."""
    for draft in real.parent.glob(f".{glob.escape(real.name)}.{'[0-9a-f]' * 16}"):
        with suppress(OSError):
            if time.time() - draft.lstat().st_mtime > _ABANDONED:
                draft.unlink()


def _write(path: Path, content: bytes, like: os.stat_result | None) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(fd, "wb") as file:
        file.write(content)
        file.flush()
        if like is not None and hasattr(os, "fchown"):
            with suppress(PermissionError):
                os.fchown(fd, like.st_uid, like.st_gid)
            os.fchmod(fd, stat.S_IMODE(like.st_mode))
        os.fsync(fd)


def _stamp(seen: os.stat_result) -> tuple[int, ...]:
    return seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns
