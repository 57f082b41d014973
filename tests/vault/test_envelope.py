"""An envelope opens with its key, in its place, unedited; in every other case it does not."""

from __future__ import annotations

import ast
import base64
import dataclasses
import inspect
import os
import sys
import traceback
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from vault import envelope, keyring, rings
from vault.envelope import Context, EnvelopeError, Malformed, Tampered, UnknownFormat

OVERHEAD = 85
OURS = {"valet", "mcp_server", "connect", "vault", "providers", "tests"}
DEK = bytes(range(32))
PLACE = Context(UUID(int=1), "connection", UUID(int=2), 3)
SECRET = b'{"refresh_token":"rt-1"}'

purposes = st.text(min_size=1, max_size=40)
versions = st.integers(min_value=0, max_value=2**63 - 1)
contexts = st.builds(Context, st.uuids(), purposes, st.uuids(), versions)
keys = st.binary(min_size=32, max_size=32)


def refused(sealed: bytes, context: Context = PLACE, dek: bytes = DEK) -> type[EnvelopeError]:
    """The class of the error, exactly. An envelope that opens fails the test."""
    with pytest.raises(EnvelopeError) as caught:
        envelope.open_sealed(dek, context, sealed)
    return caught.type


@given(keys, contexts, st.binary(max_size=3000))
def test_opens_to_what_was_sealed(dek: bytes, context: Context, plaintext: bytes) -> None:
    sealed = envelope.seal(dek, context, plaintext)
    assert envelope.open_sealed(dek, context, sealed) == plaintext
    assert len(sealed) == len(plaintext) + OVERHEAD


def test_every_bit_counts() -> None:
    sealed = envelope.seal(DEK, PLACE, SECRET)
    for offset in range(len(sealed)):
        expected = Malformed if offset < 3 else UnknownFormat if offset < 5 else Tampered
        for bit in range(8):
            edited = bytearray(sealed)
            edited[offset] ^= 1 << bit
            assert refused(bytes(edited)) is expected, (offset, bit)


def test_every_length_counts() -> None:
    sealed = envelope.seal(DEK, PLACE, SECRET)
    for size in range(len(sealed)):
        assert refused(sealed[:size]) is (Malformed if size < OVERHEAD else Tampered), size


@given(keys, contexts, st.binary(max_size=300), st.data())
def test_an_edited_byte_does_not_open(
    dek: bytes, context: Context, plaintext: bytes, data: st.DataObject
) -> None:
    sealed = bytearray(envelope.seal(dek, context, plaintext))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= data.draw(st.integers(1, 255))
    refused(bytes(sealed), context, dek)


@given(st.binary(max_size=300), st.binary(min_size=1, max_size=100), st.booleans())
def test_an_extended_envelope_does_not_open(plaintext: bytes, more: bytes, before: bool) -> None:
    sealed = envelope.seal(DEK, PLACE, plaintext)
    refused(more + sealed if before else sealed + more)


@given(contexts, st.data())
def test_opens_in_its_place_only(context: Context, data: st.DataObject) -> None:
    others = {"owner": st.uuids(), "purpose": purposes, "record": st.uuids(), "version": versions}
    field = data.draw(st.sampled_from(sorted(others)))
    value = data.draw(others[field])
    assume(value != getattr(context, field))
    sealed = envelope.seal(DEK, context, SECRET)
    assert refused(sealed, dataclasses.replace(context, **{field: value})) is Tampered


@given(keys, keys)
def test_opens_with_its_key_only(dek: bytes, other: bytes) -> None:
    assume(dek != other)
    assert refused(envelope.seal(dek, PLACE, SECRET), dek=other) is Tampered


@given(st.binary(max_size=300), st.sampled_from([b"", b"VLT", b"VLT\x01", b"VLT\x01\x01"]))
def test_bytes_that_were_never_sealed_do_not_open(noise: bytes, start: bytes) -> None:
    refused(start + noise)


def test_parts_of_two_envelopes_do_not_mix() -> None:
    one, two = envelope.seal(DEK, PLACE, SECRET), envelope.seal(DEK, PLACE, SECRET)
    for cut in (37, 69, len(one) - 16):
        assert refused(one[:cut] + two[cut:]) is Tampered, cut


def test_equal_secrets_rest_unequal() -> None:
    salts = {envelope.seal(DEK, PLACE, SECRET)[5:37] for _ in range(200)}
    assert len(salts) == 200
    bodies = {envelope.seal(DEK, PLACE, SECRET)[69:] for _ in range(200)}
    assert len(bodies) == 200


def test_a_caller_cannot_choose_the_salt() -> None:
    assert list(inspect.signature(envelope.seal).parameters) == ["dek", "context", "plaintext"]


def test_the_commitment_is_compared_before_anything_is_decrypted(monkeypatch: pytest.MonkeyPatch) -> None:
    sealed = bytearray(envelope.seal(DEK, PLACE, SECRET))
    sealed[50] ^= 1
    compared = []
    real = envelope.bytes_eq

    def spy(left: bytes, right: bytes) -> bool:
        compared.append((left, right))
        return real(left, right)

    def never(key: bytes) -> None:
        raise AssertionError("decrypted before the commitment was checked")

    monkeypatch.setattr(envelope, "bytes_eq", spy)
    monkeypatch.setattr(envelope, "AESGCM", never)
    assert refused(bytes(sealed)) is Tampered
    assert [right for _, right in compared] == [bytes(sealed[37:69])]


# --- the context's bytes --------------------------------------------------------------------------


def fields(encoded: bytes) -> list[bytes]:
    """Read length-prefixed fields to the last byte; raises where the lengths do not add up."""
    found = []
    while encoded:
        size = int.from_bytes(encoded[:4], "big")
        assert len(encoded) >= 4 + size
        found.append(encoded[4 : 4 + size])
        encoded = encoded[4 + size :]
    return found


@given(contexts)
def test_a_context_reads_back_from_its_bytes(context: Context) -> None:
    form, suite, owner, purpose, record, version = fields(context.encode())
    assert (form, suite) == (b"VLT\x01", b"\x01")
    assert (owner, record) == (context.owner.bytes, context.record.bytes)
    assert purpose.decode() == context.purpose
    assert (int.from_bytes(version, "big"), len(version)) == (context.version, 8)


@given(contexts, contexts)
def test_no_two_contexts_encode_alike(one: Context, two: Context) -> None:
    assert (one == two) == (one.encode() == two.encode())


@pytest.mark.parametrize(("purpose", "version"), [("", 1), ("connection", -1), ("connection", 2**63)])
def test_a_context_without_meaning_is_refused(purpose: str, version: int) -> None:
    with pytest.raises(ValueError, match=r"purpose|version"):
        Context(UUID(int=1), purpose, UUID(int=2), version)


def test_a_context_does_not_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        PLACE.version = 4  # type: ignore[misc]


# --- keys -----------------------------------------------------------------------------------------


def test_data_keys_are_fresh() -> None:
    made = {bytes(envelope.new_dek()) for _ in range(100)}
    assert len(made) == 100
    assert {len(key) for key in made} == {32}


def test_a_data_key_is_never_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `os.urandom` gives could not be zeroed."""
    monkeypatch.setattr(os, "urandom", lambda size: bytes(size))
    one, two = envelope.new_dek(), envelope.new_dek()
    assert type(one) is bytearray and one != two and any(one) and any(two)


@pytest.mark.parametrize("size", [0, 16, 24, 31, 33, 64])
def test_a_key_of_another_size_is_refused(size: int) -> None:
    sealed = envelope.seal(DEK, PLACE, SECRET)
    with pytest.raises(ValueError, match="32 bytes"):
        envelope.seal(bytes(size), PLACE, SECRET)
    with pytest.raises(ValueError, match="32 bytes"):
        envelope.open_sealed(bytes(size), PLACE, sealed)
    with pytest.raises(ValueError, match="32 bytes"):
        envelope.derive(bytes(size), "sessions")


@given(keys, purposes, purposes)
def test_derived_keys_differ_by_purpose(key: bytes, one: str, two: str) -> None:
    assert (envelope.derive(key, one) == envelope.derive(key, two)) == (one == two)
    assert envelope.derive(key, one) == envelope.derive(key, one, 32)


def test_derived_keys_of_two_lengths_share_no_bytes() -> None:
    long = envelope.derive(DEK, "sessions", 64)
    assert len(long) == 64
    assert envelope.derive(DEK, "sessions", 32) not in (long[:32], long[32:])


@pytest.mark.parametrize("length", [-1, 0, 16321])
def test_a_derived_key_of_an_impossible_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="bytes long"):
        envelope.derive(DEK, "sessions", length)


def test_a_derived_key_needs_a_purpose() -> None:
    with pytest.raises(ValueError, match="purpose"):
        envelope.derive(DEK, "")


# --- what must not be said ------------------------------------------------------------------------


@settings(max_examples=20)
@given(keys)
def test_errors_never_show_keys_plaintext_or_ids(dek: bytes) -> None:
    assume(len(set(dek)) > 16)
    sealed = envelope.seal(dek, PLACE, SECRET)
    elsewhere = dataclasses.replace(PLACE, owner=UUID("6f1c2c52-6f0f-7b7e-9a55-0d2f5f4a1b11"))
    edited = sealed[:-1] + bytes([sealed[-1] ^ 1])
    for context, attempt in [(elsewhere, sealed), (PLACE, edited), (PLACE, sealed[:50]), (PLACE, SECRET)]:
        with pytest.raises(EnvelopeError) as caught:
            envelope.open_sealed(dek, context, attempt)
        error = caught.value
        said = "".join(traceback.format_exception(error)) + repr(error) + repr(error.args)
        for secret in (dek.hex(), base64.b64encode(dek).decode(), repr(dek), "rt-1", str(elsewhere.owner)):
            assert secret not in said


def imported(file: Path) -> set[str]:
    """Every module that a file imports, but for Python's own."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            found |= {str(node.module)} | {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.split(".")[0] not in sys.stdlib_module_names}


@pytest.mark.parametrize("module", [envelope, keyring], ids=["envelope", "keyring"])
def test_imports_nothing_of_ours(module: object) -> None:
    assert not [name for name in imported(Path(str(module.__file__))) if not name.startswith("cryptography.")]


def test_a_ring_knows_only_what_a_ring_is() -> None:
    ours = {"vault.keyring", "vault.rings"}
    for file in Path(str(rings.__file__)).parent.glob("*.py"):
        names = [name for name in imported(file) if name.split(".")[0] in OURS]
        assert not [name for name in names if ".".join(name.split(".")[:2]) not in ours], file
