"""The golden vectors: format 1 gives these bytes, opens them, and refuses the forged ones by class.

The file is frozen. If one of these tests fails, the format changed: give the change a new format number
and a vector file of its own, and leave this one alone.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from vault import envelope, keyring
from vault.rings.file import FileKeyRing

FOLDER = Path(__file__).parents[1] / "vectors"
FILE = FOLDER / "envelope-v1.json"
FROZEN = "6f649a269219bbbc997a1bcf028e492d73ca6a4685b9c6d5356f9a2ecfb148c6"
VECTORS = json.loads(FILE.read_text(encoding="utf-8"))


def each(section: str, name: str = "name") -> pytest.MarkDecorator:
    rows = VECTORS[section]
    return pytest.mark.parametrize("row", rows, ids=[str(row[name]) for row in rows])


def context(row: dict[str, Any]) -> envelope.Context:
    place = row["context"]
    return envelope.Context(UUID(place["owner"]), place["purpose"], UUID(place["record"]), place["version"])


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_vectors", FOLDER / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def ring(tmp_path: Path) -> FileKeyRing:
    path = tmp_path / "ring.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps(VECTORS["ring"]), encoding="utf-8")
    return FileKeyRing(path)


def test_the_file_is_the_frozen_one() -> None:
    assert hashlib.sha256(FILE.read_bytes()).hexdigest() == FROZEN


def test_the_generator_still_writes_the_file() -> None:
    assert generator().document() == FILE.read_text(encoding="utf-8")


@each("seal")
def test_seals_to_these_bytes(row: dict[str, Any]) -> None:
    place = context(row)
    assert place.encode().hex() == row["encoded_context"]
    dek, salt, plaintext = (bytes.fromhex(row[name]) for name in ("dek", "salt", "plaintext"))
    assert envelope._seal(dek, place, plaintext, salt).hex() == row["sealed"]


@each("seal")
def test_opens_these_bytes(row: dict[str, Any]) -> None:
    opened = envelope.open_sealed(bytes.fromhex(row["dek"]), context(row), bytes.fromhex(row["sealed"]))
    assert opened.hex() == row["plaintext"]


@each("refuse")
def test_refuses_these_bytes(row: dict[str, Any]) -> None:
    with pytest.raises(envelope.EnvelopeError) as caught:
        envelope.open_sealed(bytes.fromhex(row["dek"]), context(row), bytes.fromhex(row["sealed"]))
    assert caught.type.__name__ == row["error"]


def test_the_two_key_vector_is_one_that_plain_gcm_would_open() -> None:
    """Without this the vector could rot into one that any cipher refuses."""
    generate = generator()
    _, second, place, plaintext, sealed = generate.salamander()
    row = next(row for row in VECTORS["refuse"] if row["sealed"] == sealed.hex())
    assert (row["dek"], row["error"]) == (second.hex(), "Tampered")
    associated = context({"context": place}).encode()
    key, _ = envelope._keys(second, sealed[5:37], associated)
    other = AESGCM(key).decrypt(bytes(12), sealed[69:], associated)
    assert len(other) == len(plaintext) == 16
    assert other != plaintext


# --- formats live for ever ------------------------------------------------------------------------


def test_every_format_that_opens_has_its_golden_vectors() -> None:
    formats = {header[3] for header in envelope._OPENERS}
    assert {path.name for path in FOLDER.glob("envelope-v*.json")} == {
        f"envelope-v{number}.json" for number in formats
    }


def test_only_the_newest_format_is_sealed() -> None:
    row = VECTORS["seal"][0]
    sealed = envelope.seal(bytes.fromhex(row["dek"]), context(row), b"")
    assert sealed[:5] == max(envelope._OPENERS)


def test_another_format_would_change_nothing_of_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is one more opener: the vectors of this one open as before, and each gets its own bytes only."""
    seen = []

    def later(dek: bytes, place: envelope.Context, sealed: bytes) -> bytes:
        seen.append(sealed)
        return b"later"

    row = VECTORS["seal"][0]
    dek, place = bytes.fromhex(row["dek"]), context(row)
    with pytest.raises(envelope.UnknownFormat):
        envelope.open_sealed(dek, place, b"VLT\x02\x07 anything")
    monkeypatch.setattr(envelope, "_OPENERS", {**envelope._OPENERS, b"VLT\x02\x07": later})
    assert envelope.open_sealed(dek, place, b"VLT\x02\x07 anything") == b"later"
    for row in VECTORS["seal"]:
        test_opens_these_bytes(row)
    for row in VECTORS["refuse"]:
        test_refuses_these_bytes(row)
    assert seen == [b"VLT\x02\x07 anything"]


def test_no_opener_can_be_taken_out_while_it_runs() -> None:
    with pytest.raises(TypeError):
        envelope._OPENERS[b"VLT\x01\x01"] = None  # type: ignore[index]


@each("derive", "purpose")
def test_derives_these_keys(row: dict[str, Any]) -> None:
    derived = envelope.derive(bytes.fromhex(row["key"]), row["purpose"], row["length"])
    assert derived.hex() == row["derived"]


@each("wrap", "ref")
async def test_unwraps_these_keys(row: dict[str, Any], ring: FileKeyRing) -> None:
    place = keyring.wrap_context(UUID(row["owner"]), row["purpose"], UUID(row["dek_id"]))
    assert place.hex() == row["context"]
    assert (await ring.unwrap(row["ref"], bytes.fromhex(row["blob"]), place)).hex() == row["dek"]


@each("reject")
async def test_rejects_these_wrapped_keys(row: dict[str, Any], ring: FileKeyRing) -> None:
    with pytest.raises(keyring.KeyRingError) as caught:
        await ring.unwrap(row["ref"], bytes.fromhex(row["blob"]), bytes.fromhex(row["context"]))
    assert caught.type.__name__ == row["error"]
