"""What is said where something is refused: letter by letter, for a person reads it and a log keeps it."""

from __future__ import annotations

import base64
import errno
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from vault import envelope
from vault.envelope import Context, EnvelopeError
from vault.keyring import KeyRingError, Unreadable
from vault.rings import file, ringfile
from vault.rings.file import FileKeyRing

DEK = bytes(range(32))
PLACE = Context(UUID(int=1), "connection", UUID(int=2), 3)
SEALED = envelope.seal(DEK, PLACE, b"secret")
CUT = "the envelope is cut short"
NONE = "these bytes are not an envelope"
LATER = "this version does not read the format or suite of this envelope"
ELSEWHERE = "the envelope was not sealed with this key for this place"
EDITED = "the envelope was edited after it was sealed"
RESTORE = "Restore it from its backup; without it nothing sealed so far can be opened."


@pytest.mark.parametrize(
    ("attempt", "sentence"),
    [
        (b"", NONE),
        (b"VLT\x01", NONE),
        (b"VLU" + SEALED[3:], NONE),
        (b"VLT\x02" + SEALED[4:], LATER),
        (b"VLT\x01\x02" + SEALED[5:], LATER),
        (SEALED[:84], CUT),
        (SEALED[:40] + bytes([SEALED[40] ^ 1]) + SEALED[41:], ELSEWHERE),
        (SEALED[:-1] + bytes([SEALED[-1] ^ 1]), EDITED),
    ],
    # Named, for the bytes are other ones in each process that collects the tests.
    ids=["nothing", "begun", "magic", "format", "suite", "cut", "commitment", "tag"],
)
def test_what_an_envelope_says(attempt: bytes, sentence: str) -> None:
    with pytest.raises(EnvelopeError) as caught:
        envelope.open_sealed(DEK, PLACE, attempt)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("attempt", "sentence"),
    [
        (lambda: Context(UUID(int=1), "", UUID(int=2), 3), "a context names a purpose"),
        (lambda: Context(UUID(int=1), "x", UUID(int=2), -1), "a secret version is between 0 and 2^63 - 1"),
        (lambda: envelope.derive(DEK, ""), "a derived key names a purpose"),
        (lambda: envelope.derive(DEK, "x", 0), "a derived key is between 1 and 16320 bytes long"),
        (lambda: envelope.derive(DEK[1:], "x"), "a key is 32 bytes"),
        (lambda: envelope.seal(DEK[1:], PLACE, b""), "a key is 32 bytes"),
    ],
)
def test_what_is_said_of_impossible_arguments(attempt: Callable[[], object], sentence: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as caught:
        attempt()
    assert str(caught.value) == sentence


def test_a_system_without_randomness_gives_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what it gives is read into the key alone: a buffer would keep a copy that nobody zeroes."""
    asked: list[tuple[Any, ...]] = []

    class Dry:
        def __enter__(self) -> Dry:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def readinto(self, into: bytearray) -> int:
            return len(into) - 1

    def dry(*given: Any, **options: Any) -> Dry:
        asked.append((*given, options))
        return Dry()

    monkeypatch.setattr(envelope, "open", dry, raising=False)
    with pytest.raises(OSError, match=r"^the system gave no 32 random bytes$"):
        envelope.new_dek()
    assert asked == [("/dev/urandom", "rb", {"buffering": 0})]


# --- the key ring file ----------------------------------------------------------------------------


def document() -> dict[str, Any]:
    keys = {
        f"file:main:{number}": {
            "key": base64.b64encode(bytes([number]) * 32).decode(),
            "created": "2026-11-01T00:00:00+00:00",
            "state": state,
        }
        for number, state in ((1, "decrypt_only"), (2, "active"))
    }
    return {"format": 1, "active": "file:main:2", "keys": keys}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "ring.json"
    path.touch(mode=0o600)
    return path


def at(name: str, value: object) -> Callable[[dict[str, Any]], object]:
    return lambda ring: ring["keys"]["file:main:1"].update({name: value})


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (
            lambda ring: ring.update(format=2),
            "The key ring {path} is not of format 1: use the version that wrote it.",
        ),
        (
            lambda ring: ring.pop("keys"),
            "The key ring {path} needs `keys` named like file:main:1. " + RESTORE,
        ),
        (
            at("state", "old"),
            "The key file:main:1 in {path} needs a `state`: active or decrypt_only. " + RESTORE,
        ),
        (at("key", "AA=="), "The key file:main:1 in {path} is not 32 bytes of base64. " + RESTORE),
        (at("key", None), "The key file:main:1 in {path} is not 32 bytes of base64. " + RESTORE),
        (
            lambda ring: ring.pop("active"),
            "The key ring {path} must have one active key, the one `active` names. " + RESTORE,
        ),
        (
            lambda ring: ring.clear(),
            "The key ring {path} is not of format 1: use the version that wrote it.",
        ),
    ],
)
def test_what_is_said_of_a_ring_file(
    path: Path, edit: Callable[[dict[str, Any]], object], sentence: str
) -> None:
    ring = document()
    edit(ring)
    path.write_text(json.dumps(ring))
    with pytest.raises(Unreadable) as caught:
        FileKeyRing(path)
    assert str(caught.value) == sentence.format(path=path)


@pytest.mark.parametrize("content", ["", "[]", '{"format": 1, "format": 1}'])
def test_what_is_said_of_a_file_that_is_no_ring(path: Path, content: str) -> None:
    path.write_text(content)
    with pytest.raises(Unreadable) as caught:
        FileKeyRing(path)
    assert str(caught.value) == f"The key ring {path} is not JSON, or names something twice. {RESTORE}"


Attempt = Callable[[FileKeyRing, str, bytes], Awaitable[object]]


@pytest.mark.parametrize(
    ("attempt", "sentence"),
    [
        (
            lambda ring, ref, blob: ring.unwrap("file:main:9", blob, b"here"),
            "The key ring {path} holds no key 'file:main:9'.",
        ),
        (
            lambda ring, ref, blob: ring.unwrap(ref, blob[1:], b"here"),
            "these bytes are not a wrapped data key",
        ),
        (
            lambda ring, ref, blob: ring.unwrap(ref, blob, b"there"),
            "the wrapped data key was edited, or belongs to another place",
        ),
    ],
)
async def test_what_a_ring_says(path: Path, attempt: Attempt, sentence: str) -> None:
    path.write_text(json.dumps(document()))
    ring = FileKeyRing(path)
    ref, blob = await ring.wrap(DEK, b"here")
    with pytest.raises(KeyRingError) as caught:
        await attempt(ring, ref, blob)
    assert str(caught.value) == sentence.format(path=path)


async def test_what_is_said_of_a_data_key_of_another_size(path: Path) -> None:
    path.write_text(json.dumps(document()))
    with pytest.raises(ValueError, match=r"^a data key is 32 bytes$"):
        await FileKeyRing(path).wrap(DEK[1:], b"here")


def test_what_is_said_where_no_ring_can_be_made(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    absent = path.parent / "absent" / "ring.json"
    mend = f"Make the folder {absent.parent} and let only the user Valet runs as write to it."
    with pytest.raises(Unreadable) as caught:
        FileKeyRing.create(absent)
    assert str(caught.value) == f"The key ring {absent} could not be made: No such file or directory. {mend}"

    def read_only(*_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(ringfile, "publish", read_only)
    with pytest.raises(Unreadable) as caught:
        FileKeyRing.create(absent)
    assert str(caught.value) == (
        f"The key ring {absent} could not be made: Read-only file system. Valet writes to no mounted secret: "
        "make the ring elsewhere (valet keys init), give it as the secret, and start again."
    )


async def test_what_is_logged_of_a_ring_that_changes(path: Path) -> None:
    """Once for each fault, and once it is mended."""
    path.write_text(json.dumps(document()))
    ring = FileKeyRing(path)
    with capture_logs() as logs:
        path.write_text("{}")
        for _ in range(2):
            await ring.wrap(DEK, b"here")
        changed = document()
        changed["keys"]["file:main:1"]["state"], changed["keys"]["file:main:2"]["state"] = (
            "active",
            "decrypt_only",
        )
        path.write_text(json.dumps(changed | {"active": "file:main:1"}))
        assert (await ring.wrap(DEK, b"here"))[0] == "file:main:1"
    fault = f"The key ring {path} is not of format 1: use the version that wrote it."
    assert logs == [
        {"event": "keyring_not_reloaded", "log_level": "error", "path": str(path), "reason": fault},
        {
            "event": "keyring_reloaded",
            "log_level": "info",
            "active": "file:main:1",
            "before": "file:main:2",
        },
    ]


async def test_what_was_decrypted_before_its_tag_was_found_wrong_is_zeroed(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[bytearray] = []

    def noted(size: int) -> bytearray:
        made.append(bytearray(size))
        return made[-1]

    path.write_text(json.dumps(document()))
    ring = FileKeyRing(path)
    wrapped = await ring.wrap(DEK, b"here")
    monkeypatch.setattr(file, "bytearray", noted, raising=False)
    with pytest.raises(KeyRingError):
        await ring.unwrap(*wrapped, b"there")
    assert made == [bytearray(32)]
