"""What holds of every envelope, derived key and wrapped key.

`EXAMPLES` says how many of each property `make proof` looks at: 20,000 and more of the envelope, other ones
each time. `make test` looks at a fifth of that, the same ones in every run, so that a failure there is of the
change and not of the day (tests/support/profiles.py). A property that came to less fails.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.support.profiles import MANY
from vault import envelope
from vault.envelope import Context, EnvelopeError, Malformed, Tampered
from vault.keyring import KeyRingError, UnknownKey, wrap_context
from vault.keyring import Malformed as NotWrapped
from vault.keyring import Tampered as NotItsPlace
from vault.rings.file import FileKeyRing

EXAMPLES = {
    "opens_to_what_was_sealed": 2500,
    "no_edit_opens": 3500,
    "nothing_shorter_opens": 2000,
    "nothing_longer_opens": 2000,
    "no_two_make_a_third": 2500,
    "no_other_place_opens": 3500,
    "no_other_key_opens": 2000,
    "no_noise_opens": 1500,
    "no_two_derived_keys_are_one": 1500,
}
WRAPPED = {
    "unwraps_to_what_was_wrapped": 1000,
    "no_edit_unwraps": 1500,
    "no_other_place_unwraps": 1500,
}

Property = Callable[..., None]


def holds(**strategies: st.SearchStrategy[Any]) -> Callable[[Property], Property]:
    """A property with its number of examples, all of which must have been looked at."""

    def of(body: Property) -> Property:
        asked = (EXAMPLES | WRAPPED)[body.__name__.removeprefix("test_")]
        count, seen = asked * settings.default.max_examples // MANY, [0]

        def looked(**drawn: Any) -> None:
            body(**drawn)
            seen[0] += 1

        run = settings(max_examples=count)(given(**strategies)(looked))

        def test() -> None:
            seen[0] = 0
            run()
            assert seen[0] >= count, f"only {seen[0]} of {count} examples"

        test.__name__, test.__doc__ = body.__name__, body.__doc__
        return test

    return of


def test_there_are_20_000_examples_of_the_envelope() -> None:
    assert sum(EXAMPLES.values()) >= 20_000
    assert {f"test_{name}" for name in EXAMPLES | WRAPPED} <= globals().keys()
    print(f"examples of the envelope: {sum(EXAMPLES.values()) * settings.default.max_examples // MANY}")


# --- envelopes ------------------------------------------------------------------------------------

keys = st.binary(min_size=32, max_size=32)
uuids = st.binary(min_size=16, max_size=16).map(lambda raw: UUID(bytes=raw))
purposes = st.text(min_size=1, max_size=20)
versions = st.integers(min_value=0, max_value=2**63 - 1)
contexts = st.builds(Context, uuids, purposes, uuids, versions)
# Of few values, so that two contexts often have something in common.
near = st.builds(
    Context,
    st.sampled_from([UUID(int=0), UUID(int=1), UUID(int=2)]),
    st.sampled_from(["a", "ab", "b", "A", "a\x00", "é"]),
    st.sampled_from([UUID(int=0), UUID(int=1), UUID(int=2)]),
    st.sampled_from([0, 1, 2, 256, 2**63 - 1]),
)
texts = st.binary(max_size=200)
DEK = bytes(range(32))
PLACE = Context(UUID(int=1), "connection", UUID(int=2), 3)


def refused(sealed: bytes, context: Context = PLACE, dek: bytes = DEK) -> type[EnvelopeError]:
    with pytest.raises(EnvelopeError) as caught:
        envelope.open_sealed(dek, context, sealed)
    return caught.type


@holds(dek=keys, context=contexts, plaintext=st.binary(max_size=3000))
def test_opens_to_what_was_sealed(dek: bytes, context: Context, plaintext: bytes) -> None:
    sealed = envelope.seal(dek, context, plaintext)
    assert envelope.open_sealed(dek, context, sealed) == plaintext
    assert len(sealed) == len(plaintext) + 85


@holds(
    context=contexts,
    plaintext=texts,
    edits=st.lists(st.tuples(st.integers(0, 284), st.integers(1, 255)), min_size=1, max_size=4),
)
def test_no_edit_opens(context: Context, plaintext: bytes, edits: list[tuple[int, int]]) -> None:
    sealed = envelope.seal(DEK, context, plaintext)
    edited = bytearray(sealed)
    for offset, mask in edits:
        edited[offset % len(edited)] ^= mask
    assume(edited != sealed)
    refused(bytes(edited), context)


@holds(plaintext=texts, cut=st.integers(0, 284), front=st.booleans())
def test_nothing_shorter_opens(plaintext: bytes, cut: int, front: bool) -> None:
    sealed = envelope.seal(DEK, PLACE, plaintext)
    cut %= len(sealed)
    found = refused(sealed[len(sealed) - cut :] if front else sealed[:cut])
    assert front or found is (Malformed if cut < 85 else Tampered)


@holds(plaintext=texts, more=st.binary(min_size=1, max_size=100), where=st.integers(0, 285))
def test_nothing_longer_opens(plaintext: bytes, more: bytes, where: int) -> None:
    sealed = envelope.seal(DEK, PLACE, plaintext)
    where %= len(sealed) + 1
    refused(sealed[:where] + more + sealed[where:])


@holds(one=texts, two=texts, cut=st.integers(5, 284), other=st.integers(0, 284), places=st.tuples(near, near))
def test_no_two_make_a_third(
    one: bytes, two: bytes, cut: int, other: int, places: tuple[Context, Context]
) -> None:
    """The beginning of one and the end of another, of the same place or not, cut wherever."""
    first, second = envelope.seal(DEK, places[0], one), envelope.seal(DEK, places[1], two)
    cut, other = 5 + (cut - 5) % (len(first) - 5), other % len(second)
    mixed = first[:cut] + second[other:]
    assume(mixed not in (first, second))
    for place in places:
        refused(mixed, place)


@holds(context=st.one_of(near, contexts), other=near)
def test_no_other_place_opens(context: Context, other: Context) -> None:
    assume(context != other)
    assert refused(envelope.seal(DEK, context, b"secret"), other) is Tampered


@holds(dek=keys, other=keys, context=near, plaintext=texts)
def test_no_other_key_opens(dek: bytes, other: bytes, context: Context, plaintext: bytes) -> None:
    assume(dek != other)
    assert refused(envelope.seal(dek, context, plaintext), context, other) is Tampered


@holds(start=st.sampled_from([b"", b"V", b"VLT", b"VLT\x01", b"VLT\x01\x01"]), noise=texts)
def test_no_noise_opens(start: bytes, noise: bytes) -> None:
    refused(start + noise)


asked = st.tuples(st.sampled_from([DEK, bytes(32), bytes(range(1, 33))]), purposes, st.integers(16, 200))


@holds(one=asked, two=asked, context=near)
def test_no_two_derived_keys_are_one(
    one: tuple[bytes, str, int], two: tuple[bytes, str, int], context: Context
) -> None:
    """Not even the first bytes of one: of a longer key, of another purpose, or of an envelope's."""
    assume(one != two)
    first, second = envelope.derive(*one), envelope.derive(*two)
    assert (len(first), len(second)) == (one[2], two[2])
    assert first[:16] != second[:16]
    assert first[:16] != envelope._keys(one[0], bytes(32), context.encode())[0][:16]


# --- wrapped keys ---------------------------------------------------------------------------------


def now(verb: Coroutine[Any, Any, Any]) -> Any:
    """What a verb of a file ring gives: it waits for nothing, so no loop is needed."""
    try:
        verb.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("a file ring waited")


@pytest.fixture(scope="module", autouse=True)
def ring(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Two keys, and the second's bytes once more under a third name."""
    path: Path = tmp_path_factory.mktemp("ring") / "ring.json"
    path.touch(mode=0o600)
    states = {"file:main:1": 1, "file:main:2": 2, "file:main:22": 2}
    entries = {
        ref: {
            "key": base64.b64encode(bytes([number]) * 32).decode(),
            "created": "2026-11-01T00:00:00+00:00",
            "state": "active" if ref == "file:main:2" else "decrypt_only",
        }
        for ref, number in states.items()
    }
    path.write_text(json.dumps({"format": 1, "active": "file:main:2", "keys": entries}))
    _RING.append(FileKeyRing(path))


_RING: list[FileKeyRing] = []
owners = st.one_of(uuids, st.just(UUID(int=0)))
places = st.builds(wrap_context, owners, st.sampled_from(["connection", "app", "operator"]), uuids)
refs = st.sampled_from(["file:main:1", "file:main:2", "file:main:22", "file:main:3", "file:mai:2", ""])


@holds(dek=keys, place=places)
def test_unwraps_to_what_was_wrapped(dek: bytes, place: bytes) -> None:
    ref, blob = now(_RING[-1].wrap(dek, place))
    assert (ref, len(blob)) == ("file:main:2", 61)
    assert now(_RING[-1].unwrap(ref, blob, place)) == dek


@holds(
    place=places,
    edits=st.lists(st.tuples(st.integers(0, 60), st.integers(1, 255)), max_size=3),
    size=st.integers(-61, 30),
)
def test_no_edit_unwraps(place: bytes, edits: list[tuple[int, int]], size: int) -> None:
    ref, blob = now(_RING[-1].wrap(DEK, place))
    edited = bytearray(blob[: 61 + size] if size < 0 else blob + bytes(size))
    for offset, mask in edits:
        if offset < len(edited):
            edited[offset] ^= mask
    assume(edited != blob)
    with pytest.raises(NotWrapped if len(edited) != 61 or edited[0] != 1 else NotItsPlace):
        now(_RING[-1].unwrap(ref, bytes(edited), place))


@holds(place=places, other=st.one_of(places, st.binary(max_size=60)), ref=refs)
def test_no_other_place_unwraps(place: bytes, other: bytes, ref: str) -> None:
    used, blob = now(_RING[-1].wrap(DEK, place))
    assume((ref, other) != (used, place))
    with pytest.raises(KeyRingError) as caught:
        now(_RING[-1].unwrap(ref, blob, other))
    assert caught.type is (UnknownKey if ref in {"file:main:3", "file:mai:2", ""} else NotItsPlace)
    if ref != used:
        with pytest.raises(KeyRingError):
            now(_RING[-1].unwrap(ref, blob, place))
