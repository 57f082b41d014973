"""The file key ring: made once, read only when safe, and a wrapped key fits one key and one place."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import errno
import json
import os
import pickle
import re
import stat
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from vault.keyring import (
    KeyRing,
    KeyRingError,
    Malformed,
    Tampered,
    UnknownKey,
    Unreadable,
    Unsafe,
    wrap_context,
)
from vault.rings import access, ringfile
from vault.rings.file import FileKeyRing

ROOT = Path(__file__).parents[2]
DEK = bytes(range(32))
PLACE = wrap_context(UUID(int=1), "connection", UUID(int=2))
KEK = bytes(range(100, 132))
TEXT = base64.b64encode(KEK).decode()


def entry(key: bytes = KEK, state: str = "active") -> dict[str, Any]:
    created = "2026-11-01T00:00:00+00:00"
    return {"key": base64.b64encode(key).decode(), "created": created, "state": state}


def document() -> dict[str, Any]:
    """A ring of two keys, file:main:2 active."""
    keys = {"file:main:1": entry(bytes(32), "decrypt_only"), "file:main:2": entry()}
    return {"format": 1, "active": "file:main:2", "keys": keys}


def write(path: Path, content: dict[str, Any] | bytes) -> Path:
    """Put a ring file in place as an operator should: written beside it, then renamed."""
    fresh = path.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return fresh.rename(path)


def rotate(path: Path) -> str:
    """Add a fresh active key to a ring file; gives its reference."""
    ring = json.loads(path.read_bytes())
    ref = f"file:main:{len(ring['keys']) + 1}"
    ring["keys"][ring["active"]]["state"] = "decrypt_only"
    ring["keys"][ref] = entry(os.urandom(32))
    write(path, ring | {"active": ref})
    return ref


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ring.json"


@pytest.fixture(scope="module")
def ring(tmp_path_factory: pytest.TempPathFactory) -> FileKeyRing:
    return FileKeyRing(write(tmp_path_factory.mktemp("ring") / "ring.json", document()))


# --- two verbs ------------------------------------------------------------------------------------


async def test_a_file_ring_is_a_key_ring(ring: FileKeyRing) -> None:
    either: KeyRing = ring
    ref, blob = await either.wrap(DEK, PLACE)
    assert (ref, len(blob)) == (either.active, 61) == ("file:main:2", 61)
    assert await either.unwrap(ref, blob, PLACE) == DEK


@given(dek=st.binary(min_size=32, max_size=32), place=st.binary(max_size=200))
def test_unwraps_what_was_wrapped(ring: FileKeyRing, dek: bytes, place: bytes) -> None:
    ref, blob = asyncio.run(ring.wrap(dek, place))
    assert asyncio.run(ring.unwrap(ref, blob, place)) == dek


async def test_every_bit_and_length_of_a_wrapped_key_counts(ring: FileKeyRing) -> None:
    ref, blob = await ring.wrap(DEK, PLACE)
    for offset in range(len(blob)):
        for bit in range(8):
            edited = bytearray(blob)
            edited[offset] ^= 1 << bit
            with pytest.raises(Tampered if offset else Malformed):
                await ring.unwrap(ref, bytes(edited), PLACE)
        with pytest.raises(Malformed):
            await ring.unwrap(ref, blob[:offset], PLACE)
    with pytest.raises(Malformed):
        await ring.unwrap(ref, blob + b"\x00", PLACE)


@given(place=st.binary(max_size=60), other=st.binary(max_size=60))
def test_a_wrapped_key_is_bound_to_its_place(ring: FileKeyRing, place: bytes, other: bytes) -> None:
    assume(place != other)
    ref, blob = asyncio.run(ring.wrap(DEK, place))
    with pytest.raises(Tampered):
        asyncio.run(ring.unwrap(ref, blob, other))


async def test_a_wrapped_key_is_bound_to_its_reference(path: Path) -> None:
    """The same key bytes under two names: only the reference in the associated data differs."""
    twins = {"file:main:1": entry(), "file:main:11": entry(state="decrypt_only")}
    ring = FileKeyRing(write(path, {"format": 1, "active": "file:main:1", "keys": twins}))
    ref, blob = await ring.wrap(DEK, PLACE)
    with pytest.raises(Tampered):
        await ring.unwrap("file:main:11", blob, PLACE)
    ref, blob = await ring.wrap(DEK, b"1" + PLACE)
    assert ref == "file:main:1"
    with pytest.raises(Tampered):  # "file:main:1" + "1…" is not "file:main:11" + "…"
        await ring.unwrap("file:main:11", blob, PLACE)


async def test_a_data_key_is_only_ever_in_memory_that_can_be_zeroed(path: Path) -> None:
    """`decrypt` would leave a copy as `bytes`, which nothing zeroes."""
    ring = FileKeyRing(write(path, document()))
    ref, blob = await ring.wrap(bytearray(DEK), PLACE)

    class Into:
        decrypt_into = ring._keys.ciphers[ref].decrypt_into

    ring._keys = dataclasses.replace(ring._keys, ciphers={ref: Into()})  # type: ignore[dict-item]
    dek = await ring.unwrap(ref, blob, PLACE)
    assert type(dek) is bytearray and dek == DEK
    assert await ring.unwrap(ref, blob, PLACE) is not dek, "each caller zeroes its own"


async def test_equal_keys_are_wrapped_unequal(ring: FileKeyRing) -> None:
    nonces = {(await ring.wrap(DEK, PLACE))[1][1:13] for _ in range(200)}
    assert len(nonces) == 200


@pytest.mark.parametrize("size", [0, 16, 31, 33])
async def test_a_data_key_of_another_size_is_refused(ring: FileKeyRing, size: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        await ring.wrap(bytes(size), PLACE)


parts = st.tuples(st.uuids(), st.text(max_size=30), st.uuids())


@given(parts, parts)
def test_no_two_places_encode_alike(one: tuple[UUID, str, UUID], two: tuple[UUID, str, UUID]) -> None:
    assert (wrap_context(*one) == wrap_context(*two)) == (one == two)


def test_owner_and_data_key_are_not_exchangeable() -> None:
    one, two = UUID(int=1), UUID(int=2)
    assert wrap_context(one, "connection", two) != wrap_context(two, "connection", one)


# --- reading again --------------------------------------------------------------------------------


async def test_an_unknown_reference_makes_the_ring_read_its_file_again(path: Path) -> None:
    old, rotating = FileKeyRing.create(path), FileKeyRing.create(path)
    first = await old.wrap(DEK, PLACE)
    ref = rotate(path)
    rotating.reload()
    assert rotating.active == ref
    assert old.active == "file:main:1"
    second = await rotating.wrap(DEK, PLACE)
    assert second[0] == ref
    assert await old.unwrap(*second, PLACE) == DEK
    assert old.active == ref
    assert await rotating.unwrap(*first, PLACE) == DEK


async def test_a_running_ring_wraps_under_the_new_active_key_at_once(path: Path) -> None:
    ring = FileKeyRing.create(path)
    first = await ring.wrap(DEK, PLACE)
    for _ in range(3):
        ref = rotate(path)
        with capture_logs() as logs:
            assert (await ring.wrap(DEK, PLACE))[0] == ring.active == ref
            assert (await ring.wrap(DEK, PLACE))[0] == ref
        assert [(entry["event"], entry["active"]) for entry in logs] == [("keyring_reloaded", ref)]
    assert await ring.unwrap(*first, PLACE) == DEK


async def test_a_kubernetes_secret_that_is_exchanged_is_followed(tmp_path: Path) -> None:
    """The file is a link through ..data, and a change is a new folder with the link moved over."""
    (tmp_path / "..1").mkdir()
    write(tmp_path / "..1" / "keyring.json", document())
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "keyring.json").symlink_to("..data/keyring.json")
    ring = FileKeyRing(tmp_path / "keyring.json")
    assert (await ring.wrap(DEK, PLACE))[0] == "file:main:2"
    (tmp_path / "..2").mkdir()
    write(tmp_path / "..2" / "keyring.json", document())
    ref = rotate(tmp_path / "..2" / "keyring.json")
    (tmp_path / "..next").symlink_to("..2")
    (tmp_path / "..next").rename(tmp_path / "..data")
    assert (await ring.wrap(DEK, PLACE))[0] == ref == "file:main:3"


async def test_an_unchanged_file_is_not_read_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ring = FileKeyRing.create(path)
    monkeypatch.setattr(ringfile, "read", None)
    for _ in range(3):
        await ring.wrap(DEK, PLACE)


def halve(path: Path) -> None:
    write(path, json.dumps(document()).encode()[:99])


def open_up(path: Path) -> None:
    write(path, document()).chmod(0o622)


def exchange(path: Path) -> None:
    write(path, {"format": 1, "active": "file:main:1", "keys": {"file:main:1": entry(b"x" * 32)}})


@pytest.mark.parametrize("damage", [halve, open_up, exchange, Path.unlink], ids=lambda each: each.__name__)
async def test_what_cannot_be_taken_over_leaves_the_keys_in_use_and_is_said_once(
    path: Path, damage: Callable[[Path], None]
) -> None:
    ring = FileKeyRing.create(path)
    before = path.read_bytes()
    damage(path)
    with capture_logs() as logs:
        for _ in range(3):
            wrapped = await ring.wrap(DEK, PLACE)
            assert wrapped[0] == "file:main:1" and await ring.unwrap(*wrapped, PLACE) == DEK
    assert [(entry["event"], entry["log_level"]) for entry in logs] == [("keyring_not_reloaded", "error")]
    assert str(path) in logs[0]["reason"]
    assert_no_key(repr(logs))
    write(path, before)
    ref = rotate(path)
    assert (await ring.wrap(DEK, PLACE))[0] == ref, "mended, it is followed again"
    assert FileKeyRing(path).active == ref


def test_another_key_under_a_known_name_is_not_taken_over(path: Path) -> None:
    """Somebody put the ring of another Valet there: what we wrap must open with what we sealed under."""
    ring = FileKeyRing.create(path)
    exchange(path)
    with pytest.raises(Unreadable, match="has another key file:main:1 than before"):
        ring.reload()


def test_a_check_tells_keys_apart_and_says_nothing_of_them(path: Path) -> None:
    keys = ringfile.read(write(path, document())).keys
    checks = [entry.check for entry in keys.values()]
    assert len({*checks, *(ringfile.fresh().check for _ in range(50))}) == 52
    assert all(re.fullmatch("[0-9a-f]{8}", check) for check in checks)
    assert checks == [entry.check for entry in ringfile.read(path).keys.values()]
    assert "key=" not in repr(keys["file:main:2"])
    assert_no_key(repr(keys))


async def test_a_known_reference_does_not_read_the_file(path: Path) -> None:
    ring = FileKeyRing.create(path)
    ref, blob = await ring.wrap(DEK, PLACE)
    path.unlink()
    assert await ring.unwrap(ref, blob, PLACE) == DEK


async def test_a_reference_nobody_knows_is_read_for_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ring = FileKeyRing.create(path)
    _, blob = await ring.wrap(DEK, PLACE)
    reads = []
    real = ringfile.read
    monkeypatch.setattr(ringfile, "read", lambda where: reads.append(where) or real(where))
    for ref in ("file:main:2", "awskms:alias/valet:1", "", "file:main:1 "):
        with pytest.raises(UnknownKey, match="holds no key"):
            await ring.unwrap(ref, blob, PLACE)
    assert reads == [path] * 4


async def test_a_key_taken_out_of_the_ring_no_longer_unwraps(path: Path) -> None:
    write(path, document())
    ring = FileKeyRing(path)
    wrapped = await ring.wrap(DEK, PLACE)
    rest = {"file:main:1": entry(bytes(32))}
    write(path, {"format": 1, "active": "file:main:1", "keys": rest})
    ring.reload()
    with pytest.raises(UnknownKey):
        await ring.unwrap(*wrapped, PLACE)


@pytest.mark.parametrize("damage", [b"", b"{", b'{"format": 1}'])
async def test_a_failed_reload_keeps_the_keys(path: Path, damage: bytes) -> None:
    ring = FileKeyRing.create(path)
    wrapped = await ring.wrap(DEK, PLACE)
    write(path, damage)
    with pytest.raises(Unreadable):
        ring.reload()
    with pytest.raises(Unreadable):
        await ring.unwrap("file:main:2", wrapped[1], PLACE)
    assert await ring.unwrap(*wrapped, PLACE) == DEK


async def test_a_reload_refuses_a_file_that_became_unsafe(path: Path) -> None:
    ring = FileKeyRing.create(path)
    path.chmod(0o644)
    with pytest.raises(Unsafe):
        ring.reload()


# --- making one -----------------------------------------------------------------------------------


@pytest.fixture(params=[0o000, 0o022, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.mark.usefixtures("umask")
def test_a_new_ring_is_for_its_owner_alone(path: Path) -> None:
    ring = FileKeyRing.create(path)
    status = path.stat()
    assert (stat.S_IMODE(status.st_mode), status.st_uid, status.st_nlink) == (0o600, os.geteuid(), 1)
    assert os.listdir(path.parent) == ["ring.json"]
    made = json.loads(path.read_bytes())
    assert (made["format"], made["active"], list(made["keys"])) == (1, ring.active, ["file:main:1"])
    assert made["keys"]["file:main:1"]["state"] == "active"
    assert len(base64.b64decode(made["keys"]["file:main:1"]["key"])) == 32


def test_no_two_new_rings_are_alike(tmp_path: Path) -> None:
    contents = set()
    for number in range(20):
        FileKeyRing.create(tmp_path / str(number))
        contents.add(json.loads((tmp_path / str(number)).read_bytes())["keys"]["file:main:1"]["key"])
    assert len(contents) == 20


def test_creating_again_gives_the_same_ring(path: Path) -> None:
    FileKeyRing.create(path)
    before = path.read_bytes()
    FileKeyRing.create(path)
    assert path.read_bytes() == before


def test_an_existing_ring_is_used_where_nothing_can_be_written(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mounted secret is read-only."""
    write(path, document())
    real = os.open

    def read_only(name: Path, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_CREAT:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return real(name, flags, mode)

    monkeypatch.setattr(os, "open", read_only)
    assert FileKeyRing.create(path).active == "file:main:2"
    with pytest.raises(Unreadable, match=r"Read-only file system\. Valet writes to no mounted secret"):
        FileKeyRing.create(path.with_name("another.json"))


def test_an_existing_ring_is_never_overwritten_even_if_it_cannot_be_used(path: Path) -> None:
    write(path, b"not a ring")
    with pytest.raises(Unreadable):
        FileKeyRing.create(path)
    assert path.read_bytes() == b"not a ring"


def test_a_dangling_link_is_not_filled(path: Path) -> None:
    path.symlink_to(path.parent / "elsewhere")
    with pytest.raises(Unreadable, match="cannot be opened"):
        FileKeyRing.create(path)
    assert os.listdir(path.parent) == ["ring.json"]


def test_a_missing_folder_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match=r"could not be made: No such file .* Make the folder"):
        FileKeyRing.create(tmp_path / "absent" / "ring.json")
    assert os.listdir(tmp_path) == []


CREATE = """
import asyncio, sys
from pathlib import Path
from vault.rings.file import FileKeyRing
print("ready", flush=True)
sys.stdin.readline()
ring = FileKeyRing.create(Path(sys.argv[1]))
ref, blob = asyncio.run(ring.wrap(bytes(range(32)), b"place"))
print(ref, blob.hex(), flush=True)
"""


async def test_processes_that_start_at_once_end_with_one_ring(path: Path) -> None:
    command = [sys.executable, "-c", CREATE, str(path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": ROOT}
    started = [subprocess.Popen(command, **pipes) for _ in range(3)]  # type: ignore[call-overload]
    try:
        assert [process.stdout.readline() for process in started] == ["ready\n"] * 3
        for process in started:
            process.stdin.write("go\n")
            process.stdin.flush()
        answers = [process.communicate(timeout=30)[0].split() for process in started]
    finally:
        for process in started:
            process.kill()
            process.wait()
    ring = FileKeyRing(path)
    for ref, blob in answers:
        assert await ring.unwrap(ref, bytes.fromhex(blob), b"place") == DEK
    assert os.listdir(path.parent) == ["ring.json"]


async def test_the_loser_of_a_race_returns_the_winners_ring(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process makes its ring after this one looked and before this one published."""
    real = os.fsync
    winner: list[FileKeyRing] = []

    def meanwhile(fd: int) -> None:
        monkeypatch.setattr(os, "fsync", real)
        winner.append(FileKeyRing.create(path))
        real(fd)

    monkeypatch.setattr(os, "fsync", meanwhile)
    loser = FileKeyRing.create(path)
    assert len(winner) == 1
    assert await FileKeyRing(path).unwrap(*await winner[0].wrap(DEK, PLACE), PLACE) == DEK
    assert await winner[0].unwrap(*await loser.wrap(DEK, PLACE), PLACE) == DEK
    assert os.listdir(path.parent) == ["ring.json"]


def test_file_and_folder_are_on_disk_before_the_ring_is_used(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = []
    real = os.fsync

    def record(fd: int) -> None:
        status = os.fstat(fd)
        kind = "folder" if stat.S_ISDIR(status.st_mode) else f"file of {status.st_size > 0} size"
        synced.append((kind, path.exists()))
        real(fd)

    monkeypatch.setattr(os, "fsync", record)
    FileKeyRing.create(path)
    assert synced == [("file of True size", False), ("folder", True)]


def test_a_full_disk_leaves_nothing_behind(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(fd: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Unreadable, match="No space left"):
        FileKeyRing.create(path)
    assert os.listdir(path.parent) == []


# --- who may read it ------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_a_file_of_its_owner_alone_is_read(path: Path, mode: int) -> None:
    write(path, document()).chmod(mode)
    assert FileKeyRing(path).active == "file:main:2"


@pytest.mark.parametrize(
    "extra", [0o040, 0o020, 0o010, 0o004, 0o002, 0o001, 0o044, 0o066, 0o077], ids=lambda mode: f"{mode:03o}"
)
@pytest.mark.parametrize("linked", [False, True], ids=["file", "symlink"])
def test_a_file_open_to_others_is_refused(
    path: Path, extra: int, linked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "_MOUNTS", path)  # as on a disk, wherever the tests' files are
    write(path, document()).chmod(0o600 | extra)
    named = path
    if linked:
        named = path.with_name("link to ring")
        named.symlink_to(path)
    with pytest.raises(Unsafe) as caught:
        FileKeyRing(named)
    quoted = f"'{named}'" if linked else str(named)
    assert str(caught.value).endswith(f"(mode {0o600 | extra:04o}). Run: chmod 600 {quoted}")


def test_a_link_to_a_safe_file_is_read(path: Path) -> None:
    """Kubernetes mounts each secret as a link."""
    write(path, document())
    link = path.with_name("link.json")
    link.symlink_to(path)
    assert FileKeyRing(link).active == "file:main:2"


@pytest.mark.parametrize(
    ("owner", "runs_as", "safe"),
    [(1000, 1000, True), (0, 1000, True), (0, 0, True), (1001, 1000, False), (1000, 0, False)],
)
def test_the_owner_is_the_user_valet_runs_as_or_root(
    path: Path, monkeypatch: pytest.MonkeyPatch, owner: int, runs_as: int, safe: bool
) -> None:
    write(path, document())
    real = os.fstat

    def owned(fd: int) -> os.stat_result:
        values = list(real(fd))[:10]
        values[4] = owner
        return os.stat_result(values)

    monkeypatch.setattr(os, "fstat", owned)
    monkeypatch.setattr(os, "geteuid", lambda: runs_as)
    if safe:
        assert FileKeyRing(path).active == "file:main:2"
        return
    with pytest.raises(Unsafe, match=f"belongs to user {owner}.* Run: chown {runs_as} {path}$"):
        FileKeyRing(path)


def test_what_is_not_a_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "folder").mkdir(0o700)
    for name in ("pipe", "folder"):
        with pytest.raises(Unreadable, match="is not a file"):
            FileKeyRing(tmp_path / name)


def test_a_ring_that_is_not_there(path: Path) -> None:
    with pytest.raises(Unreadable, match=r"No such file or directory\. Restore it from its backup"):
        FileKeyRing(path)


# --- what is not a ring ---------------------------------------------------------------------------


def at_key(name: str, value: object) -> Callable[[dict[str, Any]], None]:
    def edit(ring: dict[str, Any]) -> None:
        ring["keys"]["file:main:2"][name] = value

    return edit


def rename(name: str) -> Callable[[dict[str, Any]], None]:
    def edit(ring: dict[str, Any]) -> None:
        ring["keys"][name] = ring["keys"].pop("file:main:2")
        ring["active"] = name

    return edit


BROKEN: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "format 2": (lambda ring: ring.update(format=2), "not of format 1"),
    "no format": (lambda ring: ring.pop("format"), "not of format 1"),
    "no keys": (lambda ring: ring.pop("keys"), "needs `keys`"),
    "keys in a list": (lambda ring: ring.update(keys=[TEXT]), "needs `keys`"),
    "keys in nothing": (lambda ring: ring.update(keys={}), "one active key"),
    "the key as its own name": (rename(TEXT), "needs `keys`"),
    "name without a number": (rename("file:main"), "needs `keys`"),
    "name with more after it": (rename("file:main:2\n"), "needs `keys`"),
    "a key that is text": (lambda ring: ring["keys"].update({"file:main:2": TEXT}), "needs a `state`"),
    "no state": (lambda ring: ring["keys"]["file:main:2"].pop("state"), "needs a `state`"),
    "another state": (at_key("state", "retired"), "needs a `state`"),
    "a state that is a list": (at_key("state", ["active"]), "needs a `state`"),
    "no key": (lambda ring: ring["keys"]["file:main:2"].pop("key"), "not 32 bytes"),
    "31 bytes": (at_key("key", base64.b64encode(KEK[:31]).decode()), "not 32 bytes"),
    "33 bytes": (at_key("key", base64.b64encode(KEK + b"x").decode()), "not 32 bytes"),
    "16 bytes": (at_key("key", base64.b64encode(KEK[:16]).decode()), "not 32 bytes"),
    "not base64": (at_key("key", "*" + TEXT), "not 32 bytes"),
    "letters beyond ASCII": (at_key("key", "é" + TEXT), "not 32 bytes"),
    "a key that is a number": (at_key("key", 7), "not 32 bytes"),
    "no active": (lambda ring: ring.pop("active"), "one active key"),
    "active is absent": (lambda ring: ring.update(active="file:main:3"), "one active key"),
    "active is the key": (lambda ring: ring.update(active=TEXT), "one active key"),
    "active only decrypts": (lambda ring: ring.update(active="file:main:1"), "one active key"),
    "nothing active": (at_key("state", "decrypt_only"), "one active key"),
    "two active": (lambda ring: ring["keys"]["file:main:1"].update(state="active"), "one active key"),
}


def said_by(error: BaseException) -> str:
    """All that a log could print of an error and of what it came from."""
    text = "".join(traceback.format_exception(error))
    link: BaseException | None = error
    while link is not None:
        text += f"{link!s} {link!r} {link.args!r} {vars(link)!r}"
        link = link.__cause__ or link.__context__
    return text


def assert_no_key(text: str, key: bytes = KEK) -> None:
    for shown in (base64.b64encode(key).decode().rstrip("="), key.hex(), repr(key)[2:-1], repr(list(key))):
        assert shown not in text


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_not_a_ring_is_refused_with_a_sentence(path: Path, name: str) -> None:
    edit, sentence = BROKEN[name]
    ring = document()
    edit(ring)
    write(path, ring)
    with pytest.raises(Unreadable, match=sentence) as caught:
        FileKeyRing(path)
    assert str(path) in str(caught.value)
    assert_no_key(said_by(caught.value))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff" + TEXT.encode(),
        json.dumps(document()).encode()[:-1],
        json.dumps(document()).encode() + TEXT.encode(),
        json.dumps(document()).replace("file:main:1", "file:main:2").encode(),
        json.dumps([document()]).encode(),
        json.dumps(TEXT).encode(),
        b"[" * 100_000,
    ],
    ids=["empty", "not text", "cut", "more after it", "a name twice", "list", "string", "too deep"],
)
def test_what_is_not_json_of_one_meaning_is_refused(path: Path, content: bytes) -> None:
    write(path, content)
    with pytest.raises(Unreadable, match="not JSON, or names something twice") as caught:
        FileKeyRing(path)
    assert_no_key(said_by(caught.value))


# --- what must not be said ------------------------------------------------------------------------


async def test_a_ring_never_shows_a_key(path: Path) -> None:
    write(path, document())
    ring = FileKeyRing(path)
    assert repr(ring) == f"FileKeyRing({str(path)!r}, active='file:main:2', keys=2)"
    for text in (str(ring), f"{ring}", repr(vars(ring)), repr(ring._keys), repr(ring._keys.ciphers)):
        assert_no_key(text)
    with pytest.raises(TypeError):
        pickle.dumps(ring)


async def test_errors_of_a_ring_never_show_a_key(path: Path) -> None:
    write(path, document())
    ring = FileKeyRing(path)
    ref, blob = await ring.wrap(DEK, PLACE)
    cut = blob[:-1]
    attempts = [(ref, blob, b"elsewhere"), (ref, cut, PLACE), ("file:main:9", blob, PLACE), (ref, DEK, PLACE)]
    for attempt in attempts:
        with pytest.raises(KeyRingError) as caught:
            await ring.unwrap(*attempt)
        assert_no_key(said_by(caught.value))
        assert_no_key(said_by(caught.value), DEK)
