"""Editing a ring file: whole or not at all, one after another, and no number twice."""

from __future__ import annotations

import asyncio
import base64
import fcntl
import json
import os
import stat
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from vault.keyring import UnknownKey, Unreadable, Unsafe, wrap_context
from vault.rings import ringfile
from vault.rings.edit import NotEdited, RingFile
from vault.rings.file import FileKeyRing

DEK = bytes(range(32))
PLACE = wrap_context(UUID(int=1), "connection", UUID(int=2))
ONE, TWO, THREE = (f"file:main:{number}" for number in (1, 2, 3))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    FileKeyRing.create(tmp_path / "ring.json")
    return tmp_path / "ring.json"


@pytest.fixture
def ring(path: Path) -> RingFile:
    return RingFile(path)


def states(ring: RingFile) -> dict[str, str]:
    return {key.ref: key.state for key in ring.inventory()}


def material(path: Path) -> dict[str, str]:
    return {ref: entry["key"] for ref, entry in json.loads(path.read_bytes())["keys"].items()}


async def test_a_rotation_adds_a_key_that_wraps_and_keeps_what_was(ring: RingFile, path: Path) -> None:
    before, keys = FileKeyRing(path), material(path)
    old = await before.wrap(DEK, PLACE)
    assert ring.rotate(ONE) == TWO
    assert states(ring) == {TWO: "active", ONE: "decrypt_only"}
    assert material(path)[ONE] == keys[ONE] != material(path)[TWO]
    after = FileKeyRing(path)
    assert after.active == TWO
    assert await after.unwrap(*old, PLACE) == DEK
    assert (await after.wrap(DEK, PLACE))[0] == TWO
    assert os.listdir(path.parent) == [path.name]


def test_what_is_new_has_the_owner_and_mode_of_what_was(ring: RingFile, path: Path) -> None:
    path.chmod(0o400)
    if os.geteuid() == 0:
        os.chown(path, -1, 12345)
    was = path.stat()
    path.chmod(0o600)  # else only root could change it
    ring.rotate(ONE)
    now = path.stat()
    assert (now.st_uid, now.st_gid, stat.S_IMODE(now.st_mode)) == (was.st_uid, was.st_gid, 0o600)
    assert now.st_ino != was.st_ino


async def test_two_steps_for_rings_that_are_copied(ring: RingFile, path: Path, tmp_path: Path) -> None:
    """The second host has the copy of the first step only; no row names a key that it does not hold."""
    copy = tmp_path / "copy.json"
    assert ring.add() == TWO
    assert states(ring) == {TWO: "decrypt_only", ONE: "active"}
    copy.touch(0o600)
    copy.write_bytes(path.read_bytes())
    assert ring.activate(TWO) == ONE
    assert states(ring) == {TWO: "active", ONE: "decrypt_only"}
    wrapped = await FileKeyRing(path).wrap(DEK, PLACE)
    assert await FileKeyRing(copy).unwrap(*wrapped, PLACE) == DEK
    theirs = await FileKeyRing(copy).wrap(DEK, PLACE)
    assert theirs[0] == ONE
    assert await FileKeyRing(path).unwrap(*theirs, PLACE) == DEK


async def test_a_retired_key_opens_nothing_and_can_be_put_back(ring: RingFile, path: Path) -> None:
    old = await FileKeyRing(path).wrap(DEK, PLACE)
    ring.rotate(ONE)
    entry = ring.retire(ONE)
    assert states(ring) == {TWO: "active"}
    with pytest.raises(UnknownKey):
        await FileKeyRing(path).unwrap(*old, PLACE)
    assert base64.b64encode(entry.key).decode() not in repr(entry)
    ring.restore(ONE, entry)
    assert await FileKeyRing(path).unwrap(*old, PLACE) == DEK


def test_no_number_is_given_twice(ring: RingFile) -> None:
    """A backup may hold file:main:2 for ever: no other key must be called so."""
    seen = [ONE]
    for _ in range(3):
        seen.append(ring.rotate(seen[-1]))
        ring.retire(seen[-2])
    seen.append(ring.add())
    with pytest.raises(NotEdited, match="newer than the active key"):
        ring.retire(seen[-1])
    ring.activate(seen[-1])
    ring.activate(seen[-2])  # back: the newest may still be in use elsewhere
    with pytest.raises(NotEdited, match="newer than the active key"):
        ring.retire(seen[-1])
    seen.append(ring.add())
    assert seen == [f"file:main:{number}" for number in range(1, 7)]


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda ring: ring.rotate(TWO), "Somebody else made file:main:1 the active key"),
        (lambda ring: ring.activate(TWO), "holds no key file:main:2. It holds: file:main:1."),
        (lambda ring: ring.retire(TWO), "holds no key file:main:2"),
        (lambda ring: ring.retire(ONE), "is the active key. Rotate first: valet keys rotate"),
        (lambda ring: ring.retirable(ONE), "is the active key"),
    ],
)
def test_what_does_not_fit_is_refused_and_changes_nothing(
    ring: RingFile, path: Path, edit: Callable[[RingFile], Any], said: str
) -> None:
    before = path.read_bytes()
    with pytest.raises(NotEdited, match=said.replace(".", r"\.")):
        edit(ring)
    assert path.read_bytes() == before


def test_the_last_number_is_the_last(ring: RingFile, path: Path) -> None:
    document = ringfile.read(path)
    last = "file:main:999999999"
    path.write_bytes(ringfile.render(ringfile.Document(last, {last: document.keys[ONE]})))
    with pytest.raises(NotEdited, match="no number left"):
        ring.rotate(last)
    assert states(ring) == {last: "active"}


def test_an_edit_waits_for_the_one_under_way_and_sees_what_it_did(ring: RingFile, path: Path) -> None:
    came: list[object] = []

    def rotate() -> None:
        try:
            came.append(ring.rotate(ONE))
        except NotEdited as error:
            came.append(error)

    with path.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        other = threading.Thread(target=rotate)
        other.start()
        # It waits in flock for as long as the file is held; meanwhile another ring comes in its place.
        while not _waits_for(held.fileno()):
            assert other.is_alive(), came
        document = ringfile.read(path)
        rotated = {ONE: replace(document.keys[ONE], state="decrypt_only"), TWO: ringfile.fresh()}
        ringfile.replace(path, ringfile.render(ringfile.Document(TWO, rotated)), path.stat())
    other.join(30)
    assert isinstance(came[0], NotEdited), "it rotated what it had seen before it waited"
    assert states(ring) == {TWO: "active", ONE: "decrypt_only"}


def _waits_for(fd: int) -> bool:
    """Whether somebody waits for the lock of that file: `->` in /proc/locks."""
    inode = f":{os.fstat(fd).st_ino} "
    return any(" -> " in line and inode in line for line in Path("/proc/locks").read_text().splitlines())


def test_many_edits_at_once_lose_none(ring: RingFile) -> None:
    adders = [threading.Thread(target=ring.add) for _ in range(12)]
    for each in adders:
        each.start()
    for each in adders:
        each.join(30)
    assert states(ring) == {ONE: "active"} | {f"file:main:{n}": "decrypt_only" for n in range(2, 14)}
    assert len({key.check for key in ring.inventory()}) == 13


def test_nobody_reads_half_a_ring(ring: RingFile, path: Path) -> None:
    over = threading.Event()
    faults: list[Exception] = []

    def read() -> None:
        while not over.is_set():
            try:
                ringfile.read(path)
            except Exception as error:  # noqa: BLE001
                faults.append(error)
                return

    reader = threading.Thread(target=read)
    reader.start()
    active = ONE
    for _ in range(40):
        active = ring.rotate(active)
    over.set()
    reader.join(30)
    assert faults == []


@pytest.mark.parametrize(
    "fault", [OSError(30, "Read-only file system"), OSError(16, "Device or resource busy")]
)
def test_a_ring_that_can_not_be_changed_is_as_it_was(
    ring: RingFile, path: Path, monkeypatch: pytest.MonkeyPatch, fault: OSError
) -> None:
    """A mounted secret: its folder is read-only, or the file itself is the mount."""

    def refuse(*_: object) -> None:
        raise fault

    before = path.read_bytes()
    monkeypatch.setattr(os, "rename", refuse)
    with pytest.raises(NotEdited, match=f"{fault.strerror}. If it is a secret that is mounted"):
        ring.rotate(ONE)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name], "no half-made ring stays"


def test_what_a_killed_edit_left_is_removed_by_the_next(ring: RingFile, path: Path) -> None:
    """It holds every key. One that is seconds old may be somebody's who is at it."""
    kept = [f".{path.name}.0123456789abcdef", f".{path.name}.copy", ".other.json.0123456789abcdef"]
    for name in [*kept, f".{path.name}.fedcba9876543210"]:
        (path.parent / name).write_bytes(path.read_bytes())
        if name != kept[0]:
            os.utime(path.parent / name, (0, 0))
    ring.rotate(ONE)
    assert sorted(os.listdir(path.parent)) == sorted([path.name, *kept])


def test_a_link_is_followed_and_stays_a_link(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.json"
    link.symlink_to(path)
    RingFile(link).rotate(ONE)
    assert link.is_symlink()
    assert FileKeyRing(path).active == FileKeyRing(link).active == TWO


def test_what_is_wrong_with_a_ring_is_said_in_its_own_words(tmp_path: Path, path: Path) -> None:
    with pytest.raises(Unreadable, match="cannot be opened"):
        RingFile(tmp_path / "none.json").add()
    path.chmod(0o666)
    with pytest.raises(Unsafe, match="chmod"):
        RingFile(path).add()


# --- backups and check values ---------------------------------------------------------------------


async def test_a_backup_is_the_ring_and_says_its_keys(ring: RingFile, path: Path, tmp_path: Path) -> None:
    ring.rotate(ONE)
    wrapped = await FileKeyRing(path).wrap(DEK, PLACE)
    to = tmp_path / "backup.json"
    assert ring.backup(to) == ring.inventory()
    assert stat.S_IMODE(to.stat().st_mode) == 0o600
    assert await FileKeyRing(to).unwrap(*wrapped, PLACE) == DEK
    assert material(to) == material(path)


@pytest.mark.parametrize("kind", ["file", "link", "nowhere"])
def test_a_backup_overwrites_nothing(ring: RingFile, tmp_path: Path, kind: str) -> None:
    to = tmp_path / "taken.json"
    if kind == "file":
        to.write_text("kept")
    elif kind == "link":
        to.symlink_to(tmp_path / "elsewhere.json")
    else:
        to = tmp_path / "no" / "folder.json"
    with pytest.raises(NotEdited, match="overwrites nothing" if kind != "nowhere" else "could not be made"):
        ring.backup(to)
    assert not (tmp_path / "elsewhere.json").exists()
    assert kind != "file" or to.read_text() == "kept"


def test_a_check_value_is_of_the_key_alone(path: Path) -> None:
    """Frozen: operators write them down."""
    assert ringfile.check(bytes(range(32))) == "dce8a000"
    [key] = RingFile(path).inventory()
    assert key.check == ringfile.check(base64.b64decode(material(path)[ONE]))
    assert material(path)[ONE] not in repr(key)


@pytest.mark.parametrize(
    ("created", "tired"),
    [
        (lambda now: (now - timedelta(days=366)).isoformat(), True),
        (lambda now: (now - timedelta(days=364)).isoformat(), False),
        (lambda now: (now - timedelta(days=366)).replace(tzinfo=None).isoformat(), True),
        (lambda now: "last summer", False),
    ],
)
def test_a_key_is_tired_after_a_year(
    ring: RingFile, path: Path, created: Callable[[datetime], str], tired: bool
) -> None:
    document = json.loads(path.read_bytes())
    document["keys"][ONE]["created"] = created(datetime.now(UTC))
    path.write_text(json.dumps(document))
    [key] = ring.inventory()
    assert key.tired is tired


async def test_a_rotation_under_a_running_ring_is_met_by_it(ring: RingFile, path: Path) -> None:
    """Both at once: a worker wraps and unwraps while the file is rotated and a key retired."""
    worker = FileKeyRing(path)
    wrapped = [await worker.wrap(DEK, PLACE)]
    for active in (ONE, TWO):
        await asyncio.to_thread(ring.rotate, active)
        wrapped.append(await FileKeyRing(path).wrap(DEK, PLACE))
    for each in wrapped:
        assert await worker.unwrap(*each, PLACE) == DEK
    assert worker.active == THREE
