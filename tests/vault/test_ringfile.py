"""The key ring file as bytes: what is written is what is read, and how it comes to its name."""

from __future__ import annotations

import hmac
import os
import stat
from datetime import datetime, timedelta
from pathlib import Path
from types import ModuleType

import pytest

from vault.keyring import Unreadable
from vault.rings import ringfile
from vault.rings.ringfile import Document, Entry

OLD = Entry(b"o" * 32, "2026-01-01T00:00:00+00:00", "decrypt_only")
NEW = Entry(b"n" * 32, None, "active")
BOTH = Document("file:main:2", {"file:main:1": OLD, "file:main:2": NEW})
TEXT = """{
  "format": 1,
  "active": "file:main:2",
  "keys": {
    "file:main:1": {
      "key": "b29vb29vb29vb29vb29vb29vb29vb29vb29vb29vb28=",
      "created": "2026-01-01T00:00:00+00:00",
      "state": "decrypt_only"
    },
    "file:main:2": {
      "key": "bm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm4=",
      "created": null,
      "state": "active"
    }
  }
}
"""


@pytest.mark.parametrize(
    ("where", "call", "fault", "said"),
    [
        (
            os,
            "open",
            PermissionError(13, "Permission denied"),
            r"\. Run this as the user Valet runs as\.$",
        ),
        (os, "open", OSError(5, "Input/output error"), "cannot be opened: Input/output error. Restore it"),
        (
            ringfile,
            "refuse_unsafe",
            OSError(116, "Stale file handle"),
            "cannot be read: Stale file handle. Restore it",
        ),
    ],
)
def test_a_disk_that_refuses_is_said_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: ModuleType, call: str, fault: OSError, said: str
) -> None:
    path = tmp_path / "ring.json"
    ringfile.publish(path, ringfile.render(BOTH))

    def refuse(*_: object) -> None:
        raise fault

    monkeypatch.setattr(where, call, refuse)
    with pytest.raises(Unreadable, match=said):
        ringfile.read(path)


def test_where_names_cannot_be_put_on_disk_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that may be written to and not read. What raises has changed nothing."""
    path = tmp_path / "ring.json"
    path.write_bytes(b"before")
    opened = os.open

    def refuse(name: Path, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_DIRECTORY:
            raise PermissionError(13, "Permission denied")
        return opened(name, flags, mode)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(PermissionError):
        ringfile.publish(tmp_path / "copy.json", b"new")
    with pytest.raises(PermissionError):
        ringfile.replace(path, b"new", path.stat())
    monkeypatch.undo()
    assert os.listdir(tmp_path) == ["ring.json"] and path.read_bytes() == b"before"


def test_it_is_written_for_people_to_read() -> None:
    assert ringfile.render(BOTH).decode() == TEXT


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    ringfile.publish(tmp_path / "ring.json", ringfile.render(BOTH))
    assert ringfile.read(tmp_path / "ring.json") == BOTH


def test_a_date_that_is_no_text_is_no_date(tmp_path: Path) -> None:
    text = TEXT.replace('"2026-01-01T00:00:00+00:00"', "20260101")
    ringfile.publish(tmp_path / "ring.json", text.encode())
    assert [entry.created for entry in ringfile.read(tmp_path / "ring.json").keys.values()] == [None, None]


def test_a_new_key_is_dated_to_the_second_in_universal_time() -> None:
    made = ringfile.fresh()
    assert made.state == "active"
    assert len(made.key) == 32
    assert made.created is not None
    when = datetime.fromisoformat(made.created)
    assert (when.utcoffset(), when.microsecond) == (timedelta(0), 0)
    assert repr(made.key) not in repr(made)


def test_nobody_can_slip_a_file_under_the_one_that_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name beside it that nobody else has, made and not found, for its owner alone; then the folder."""
    opened: list[tuple[Path, int, int]] = []
    real = os.open

    def spy(path: Path, flags: int, mode: int = 0o777) -> int:
        opened.append((Path(path), flags, mode))
        return real(path, flags, mode)

    monkeypatch.setattr(os, "open", spy)
    for number in range(20):
        ringfile.publish(tmp_path / f"ring-{number}.json", b"x")
    temporary = [entry for entry in opened if entry[1] & os.O_CREAT]
    assert all(flags & os.O_EXCL and flags & os.O_WRONLY for _, flags, _ in temporary)
    assert {mode for *_, mode in temporary} == {0o600}
    assert {path.parent for path, *_ in temporary} == {tmp_path}
    random = {path.name.rpartition(".")[2] for path, *_ in temporary}
    assert len(random) == 20
    assert min(map(len, random)) >= 16, "64 bits at least"
    folders = [entry for entry in opened if not entry[1] & os.O_CREAT]
    assert {path for path, *_ in folders} == {tmp_path}
    assert all(flags & os.O_DIRECTORY for _, flags, _ in folders)
    assert {stat.S_IMODE(made.stat().st_mode) for made in tmp_path.iterdir()} == {0o600}


def test_a_name_that_is_taken_is_not_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "ring.json"
    assert ringfile.publish(path, b"first") is True
    assert ringfile.publish(path, b"second") is False
    assert path.read_bytes() == b"first"
    assert os.listdir(tmp_path) == ["ring.json"]


def test_what_is_replaced_keeps_owner_and_mode_and_is_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ring.json"
    ringfile.publish(path, b"first")
    path.chmod(0o640)
    was, synced, real = path.stat(), [], os.fsync

    def record(fd: int) -> None:
        synced.append((stat.S_ISDIR(os.fstat(fd).st_mode), path.read_bytes()))
        real(fd)

    monkeypatch.setattr(os, "fsync", record)
    ringfile.replace(path, b"second", was)
    assert synced == [(False, b"first"), (True, b"second")]
    now = path.stat()
    assert (now.st_mode, now.st_uid, now.st_gid) == (was.st_mode, was.st_uid, was.st_gid)
    assert now.st_ino != was.st_ino, "who reads the old one reads it whole"
    assert os.listdir(tmp_path) == ["ring.json"]


def test_a_check_value_is_the_same_for_ever() -> None:
    """Backups and people's notes have it."""
    keyed = hmac.new(bytes(range(32)), b"valet.check.v1", "sha256")
    assert ringfile.check(bytes(range(32))) == keyed.hexdigest()[:8] == "dce8a000"


def test_only_what_an_edit_of_this_file_left_a_minute_ago_is_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, then = tmp_path / "a [ring].json", 1_700_000_000
    stay = [path, tmp_path / ".another.json.0123456789abcdef", tmp_path / f".{path.name}.0123456789abcde"]
    stay += [tmp_path / f".{path.name}.0123456789abcdef0", tmp_path / f".{path.name}.0123456789abcdeX"]
    left = [tmp_path / f".{path.name}.{name}" for name in ("0123456789abcdef", "fedcba9876543210")]
    folder = tmp_path / f".{path.name}.{'a' * 16}"
    folder.mkdir()
    for file in (*stay, *left):
        file.touch()
    for file in (*stay, *left, folder):
        os.utime(file, (then, then))
    monkeypatch.setattr(ringfile.time, "time", lambda: then + 60.0)
    ringfile.sweep(path)
    assert all(file.exists() for file in (*stay, *left, folder)), "somebody may be at it"
    monkeypatch.setattr(ringfile.time, "time", lambda: then + 60.5)
    ringfile.sweep(path)
    assert [file for file in left if file.exists()] == []
    assert all(file.exists() for file in (*stay, folder))
