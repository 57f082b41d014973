"""Data keys stay in the cache: bounded in time and number, and zeroed when they go."""

from __future__ import annotations

import asyncio
import inspect
from uuid import UUID

import pytest
from prometheus_client import CollectorRegistry

from vault import envelope
from vault.alarms import Alarms
from vault.cache import DekCache
from vault.datakey import DataKey
from vault.errors import KeysAway, Malformed, Tampered, UnknownKey
from vault.keyring import Away, KeyRingError, Unreadable, Unsafe
from vault.keyring import Malformed as NotWrapped
from vault.keyring import Tampered as Edited
from vault.keyring import UnknownKey as NotHeld

ANA = UUID(int=7)


class Ring:
    """Wraps by keeping; `deks` are the very bytearrays it gave or was given."""

    active = "test:key:1"

    def __init__(self) -> None:
        self.deks: list[bytearray] = []
        self.unwraps = 0
        self.fault: KeyRingError | None = None
        self.gate: asyncio.Event | None = None

    async def wrap(self, dek: bytes | bytearray, context: bytes) -> tuple[str, bytes]:
        if isinstance(dek, bytearray):
            self.deks.append(dek)
        if self.fault is not None:
            raise self.fault
        if self.gate is not None:
            await self.gate.wait()
        return self.active, bytes(dek)

    async def unwrap(self, ref: str, blob: bytes, context: bytes) -> bytearray:
        self.unwraps += 1
        if self.fault is not None:
            raise self.fault
        if self.gate is not None:
            await self.gate.wait()
        self.deks.append(bytearray(blob))
        return self.deks[-1]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def ring() -> Ring:
    return Ring()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def metrics() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def cache(ring: Ring, clock: Clock, metrics: CollectorRegistry) -> DekCache:
    return DekCache(ring, Alarms(metrics), seconds=300, size=3, clock=clock)


def place(version: int = 1) -> envelope.Context:
    return envelope.Context(ANA, "connection.tokens", UUID(int=9), version)


async def test_what_it_seals_it_opens(cache: DekCache, ring: Ring) -> None:
    wrapped = await cache.fresh(ANA, "connection")
    assert (wrapped.owner, wrapped.purpose, wrapped.kek_ref) == (ANA, "connection", ring.active)
    sealed = await cache.seal(wrapped, place(), b"tokens")
    assert envelope.open_sealed(wrapped.wrapped, place(), sealed) == b"tokens"
    assert await cache.open(wrapped, place(), sealed) == b"tokens"
    assert ring.unwraps == 0, "a fresh key is kept"


async def test_every_fresh_key_is_another(cache: DekCache) -> None:
    made = [await cache.fresh(ANA, "app") for _ in range(20)]
    assert len({wrapped.wrapped for wrapped in made}) == len({wrapped.id for wrapped in made}) == 20


async def test_a_kept_key_is_unwrapped_once_until_its_time_is_over(
    cache: DekCache, ring: Ring, clock: Clock
) -> None:
    wrapped = await cache.fresh(ANA, "connection")
    sealed = await cache.seal(wrapped, place(), b"tokens")
    clock.now = 299.9
    await cache.open(wrapped, place(), sealed)
    assert ring.unwraps == 0
    clock.now = 300
    assert await cache.open(wrapped, place(), sealed) == b"tokens"
    assert ring.unwraps == 1
    assert [any(dek) for dek in ring.deks] == [False, True], "the expired copy is zeroed"


async def test_of_too_many_the_one_not_used_longest_goes_and_is_zeroed(cache: DekCache, ring: Ring) -> None:
    rows = [await cache.fresh(ANA, "connection") for _ in range(3)]
    await cache.seal(rows[0], place(), b"x")
    await cache.fresh(ANA, "connection")
    assert [any(dek) for dek in ring.deks] == [True, False, True, True]
    assert repr(cache) == "DekCache(3 keys)"


async def test_a_row_that_differs_in_anything_is_another_entry(cache: DekCache, ring: Ring) -> None:
    wrapped = await cache.fresh(ANA, "connection")
    other = type(wrapped)(wrapped.id, UUID(int=8), wrapped.purpose, wrapped.kek_ref, wrapped.wrapped)
    await cache.seal(other, place(), b"x")
    assert ring.unwraps == 1


REFUSALS = {
    Edited: (Tampered, "tampered"),
    NotWrapped: (Tampered, "tampered"),
    NotHeld: (UnknownKey, "unknown_key"),
    Unreadable: (UnknownKey, "unknown_key"),
    Unsafe: (UnknownKey, "unknown_key"),
    Away: (KeysAway, None),
}


@pytest.mark.parametrize("fault", REFUSALS, ids=lambda fault: fault.__name__)
async def test_each_fault_of_a_ring_has_its_error_and_its_alarm(
    cache: DekCache, ring: Ring, metrics: CollectorRegistry, fault: type[KeyRingError]
) -> None:
    """A key service that is away is no alarm: nothing is wrong with what rests."""
    wrapped = await DekCache(ring, Alarms(CollectorRegistry())).fresh(ANA, "connection")
    expected, kind = REFUSALS[fault]
    ring.fault = fault("where")
    with pytest.raises(expected) as caught:
        await cache.open(wrapped, place(), b"")
    assert caught.type is expected
    with pytest.raises(expected):
        await cache.fresh(ANA, "connection")
    assert not any(ring.deks[-1]), "a key that could not be wrapped is zeroed"
    counted = {
        sample.labels["kind"]: sample.value
        for metric in metrics.collect()
        for sample in metric.samples
        if sample.name == "valet_sealed_refused_total"
    }
    assert counted == ({} if kind is None else {kind: 2})


async def test_a_key_that_nobody_waits_for_any_more_is_zeroed(cache: DekCache, ring: Ring) -> None:
    ring.gate = asyncio.Event()
    asked = asyncio.create_task(cache.fresh(ANA, "connection"))
    while not ring.deks:
        await asyncio.sleep(0)
    assert any(ring.deks[0])
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert not any(ring.deks[0]) and repr(cache) == "DekCache(0 keys)"


async def test_a_record_that_does_not_open_keeps_the_key(cache: DekCache, ring: Ring) -> None:
    wrapped = await cache.fresh(ANA, "connection")
    sealed = await cache.seal(wrapped, place(), b"tokens")
    with pytest.raises(Tampered):
        await cache.open(wrapped, place(2), sealed)
    with pytest.raises(Malformed):
        await cache.open(wrapped, place(), b"")
    assert await cache.open(wrapped, place(), sealed) == b"tokens"
    assert ring.unwraps == 0


async def test_a_key_at_hand_is_not_asked_for_again(
    cache: DekCache, ring: Ring, metrics: CollectorRegistry
) -> None:
    wrapped = await DekCache(ring, Alarms(CollectorRegistry())).fresh(ANA, "connection")
    assert await cache.ready(wrapped) and await cache.ready(wrapped)
    assert ring.unwraps == 1
    ring.fault = Away("where")
    assert await cache.ready(wrapped)
    await cache.seal(wrapped, place(), b"x")
    cache.wipe()
    with pytest.raises(KeysAway):
        await cache.ready(wrapped)
    ring.fault = NotHeld("where")
    assert not await cache.ready(wrapped) and not await cache.ready(None)
    # When a series began is a sample too, where nobody has switched that off for the process.
    samples = [sample for metric in metrics.collect() for sample in metric.samples]
    assert not [each for each in samples if each.value and not each.name.endswith("_created")]


async def test_a_lasting_key_is_its_holders(cache: DekCache, ring: Ring, clock: Clock) -> None:
    wrapped = await cache.fresh(ANA, "operator")
    key = await cache.lasting(wrapped)
    clock.now = 1000
    for _ in range(4):
        await cache.fresh(ANA, "connection")
    assert key.open(place(), key.seal(place(), b"small")) == b"small"
    assert [any(dek) for dek in ring.deks[:2]] == [False, True]
    key.wipe()
    assert not any(ring.deks[1])
    with pytest.raises(ValueError, match="wiped"):
        key.seal(place(), b"small")


async def test_a_key_that_nobody_asks_for_is_zeroed_when_its_time_is_over(ring: Ring) -> None:
    cache = DekCache(ring, Alarms(CollectorRegistry()), seconds=0.05)
    for _ in range(2):
        await cache.fresh(ANA, "connection")
    async with asyncio.timeout(60):
        while any(map(any, ring.deks)):
            await asyncio.sleep(0.01)
    assert repr(cache) == "DekCache(0 keys)"
    later = await cache.fresh(ANA, "connection")
    async with asyncio.timeout(60):
        while any(ring.deks[-1]):
            await asyncio.sleep(0.01)
    assert later.wrapped


async def test_two_who_unwrap_one_key_at_once_both_get_their_answer(cache: DekCache, ring: Ring) -> None:
    """The second copy takes the first one's place, which is zeroed, and no use of it is cut short."""
    wrapped = await DekCache(ring, Alarms(CollectorRegistry())).fresh(ANA, "connection")
    ring.gate = asyncio.Event()
    asked = [asyncio.create_task(cache.seal(wrapped, place(), b"%d" % number)) for number in range(4)]
    while ring.unwraps < 4:
        await asyncio.sleep(0)
    ring.gate.set()
    sealed = await asyncio.gather(*asked)
    assert [envelope.open_sealed(wrapped.wrapped, place(), each) for each in sealed] == [
        b"0",
        b"1",
        b"2",
        b"3",
    ]
    assert sum(map(any, ring.deks[1:])) == 1
    assert repr(cache) == "DekCache(1 keys)"


async def test_wiping_zeroes_all_and_the_next_call_unwraps_anew(cache: DekCache, ring: Ring) -> None:
    wrapped = await cache.fresh(ANA, "connection")
    sealed = await cache.seal(wrapped, place(), b"tokens")
    await cache.fresh(ANA, "connection")
    cache.wipe()
    assert not any(map(any, ring.deks)) and repr(cache) == "DekCache(0 keys)"
    assert await cache.open(wrapped, place(), sealed) == b"tokens"
    assert ring.unwraps == 1


@pytest.mark.parametrize("verb", ["seal", "ready", "fresh"])
async def test_what_is_fetched_during_a_wipe_is_used_and_not_kept(
    cache: DekCache, ring: Ring, verb: str
) -> None:
    wrapped = await cache.fresh(ANA, "connection")
    cache.wipe()
    ring.gate = asyncio.Event()
    asked = {
        "seal": lambda: cache.seal(wrapped, place(), b"tokens"),
        "ready": lambda: cache.ready(wrapped),
        "fresh": lambda: cache.fresh(ANA, "connection"),
    }[verb]()
    task = asyncio.ensure_future(asked)
    await asyncio.sleep(0)
    cache.wipe()
    ring.gate.set()
    assert await task
    del task
    assert not any(map(any, ring.deks)) and repr(cache) == "DekCache(0 keys)"


def test_no_verb_gives_a_key() -> None:
    """What a caller can ask of the cache or of a key answers with envelopes, plaintext or a wrapped row."""
    answers = {
        name: inspect.signature(verb).return_annotation
        for kind in (DekCache, DataKey)
        for name, verb in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_")
    }
    assert answers == {
        "seal": "bytes",
        "open": "bytes",
        "fresh": "WrappedDek",
        "ready": "bool",
        "lasting": "DataKey",
        "derive": "bytes",
        "wipe": "None",
    }
