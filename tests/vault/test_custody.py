"""Re-wrapping: every data key comes under the active key, whatever else happens to the rows meanwhile."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.support import databases
from tests.vault.upstreams import FakeUpstream, access, connect, run, scalar
from vault import keyring
from vault.custody import Custodian, Rewrapped
from vault.errors import Busy
from vault.ids import new_id
from vault.rings.edit import RingFile
from vault.rings.file import FileKeyRing
from vault.store.custody import Custody
from vault.store.database import Database
from vault.store.deks import WrappedDek
from vault.vault import Vault, open_vault

ONE, TWO, THREE = (f"file:main:{number}" for number in (1, 2, 3))
Person = Callable[[], Awaitable[UUID]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    FileKeyRing.create(tmp_path / "ring.json")
    return tmp_path / "ring.json"


@pytest.fixture(scope="module")
async def house(server_url: str, template: str) -> AsyncIterator[Database]:
    """A database of this module's own."""
    with databases.copied(server_url, template) as url:
        database = Database(url)
        await database.open()
        yield database
        await database.close()


@pytest.fixture
async def empty_database(house: Database) -> Database:
    """The same for every test, with nothing in it."""
    await run(house, "TRUNCATE users, deks, apps CASCADE")
    return house


@pytest.fixture
async def vault(empty_database: Database, path: Path, upstream: FakeUpstream) -> Any:
    vault = await open_vault(empty_database, FileKeyRing(path), upstream)
    yield vault
    await vault.drain()


class Clock:
    """Time that passes only where somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def custodian(database: Database, path: Path, clock: Clock | None = None) -> Custodian:
    clock = clock or Clock()
    return Custodian(database, FileKeyRing(path), clock=clock, sleep=clock.sleep)


async def people(database: Database, count: int) -> list[UUID]:
    owners = [new_id() for _ in range(count)]
    for owner in owners:
        await run(database, "INSERT INTO users (id, display_name) VALUES (%s, 'Somebody')", owner)
    return owners


async def refs(database: Database) -> Counter[str]:
    async with database.connection() as link:
        rows = await (await link.execute("SELECT kek_ref, count(*) FROM deks GROUP BY kek_ref")).fetchall()
    return Counter(dict(rows))


async def test_everything_comes_under_the_active_key_and_still_opens(
    empty_database: Database, vault: Vault, upstream: FakeUpstream, path: Path
) -> None:
    owners = await people(empty_database, 5)
    for owner in owners:
        await connect(vault, upstream, owner)
    await vault.apps.save(owners[0], "spotify", "id", None)
    bodies = await scalar(empty_database, "SELECT md5(string_agg(body, '' ORDER BY id)) FROM connections")
    before = await scalar(empty_database, "SELECT max(wrapped_at) FROM deks")
    RingFile(path).rotate(ONE)
    seen: list[tuple[int, int]] = []
    done = await custodian(empty_database, path).rewrap(batch=3, progress=lambda *at: seen.append(at))
    assert done == Rewrapped(active=TWO, moved=7)
    assert done.whole
    assert seen == [(3, 7), (6, 7), (7, 7)]
    assert await refs(empty_database) == {TWO: 7}
    assert await scalar(empty_database, "SELECT min(wrapped_at) FROM deks") > before
    # The bodies are untouched; the old key is needed no more.
    assert bodies == await scalar(
        empty_database, "SELECT md5(string_agg(body, '' ORDER BY id)) FROM connections"
    )
    RingFile(path).retire(ONE)
    fresh = await open_vault(empty_database, FileKeyRing(path), upstream)
    for owner in owners:
        assert access(await fresh.credential(owner, "spotify")) == access(
            await vault.credential(owner, "spotify")
        )
    # A second time there is nothing to do, and nothing is written.
    times = await scalar(empty_database, "SELECT array_agg(wrapped_at ORDER BY id) FROM deks")
    assert await custodian(empty_database, path).rewrap() == Rewrapped(active=TWO)
    assert times == await scalar(empty_database, "SELECT array_agg(wrapped_at ORDER BY id) FROM deks")


async def test_what_does_not_open_is_counted_stays_as_it_is_and_stops_nothing(
    empty_database: Database, vault: Vault, upstream: FakeUpstream, path: Path
) -> None:
    owners = await people(empty_database, 4)
    for owner in owners:
        await connect(vault, upstream, owner)
    broken = "WHERE id = (SELECT dek_id FROM connections WHERE owner = %s)"
    await run(
        empty_database,
        f"UPDATE deks SET wrapped = set_byte(wrapped, 20, get_byte(wrapped, 20) # 1) {broken}",
        owners[0],
    )
    await run(empty_database, f"UPDATE deks SET kek_ref = 'file:lost:1' {broken}", owners[1])
    await run(empty_database, f"UPDATE deks SET wrapped = '\\x01' {broken}", owners[2])
    query = "SELECT array_agg(wrapped || kek_ref::bytea ORDER BY id) FROM deks WHERE owner = ANY(%s)"
    before = await scalar(empty_database, query, owners[:3])
    RingFile(path).rotate(ONE)
    clock = Clock()
    done = await custodian(empty_database, path, clock).rewrap()
    assert done.refused == {"tampered": 2, "unknown_key": 1}
    assert (done.moved, done.left, done.whole) == (2, 0, False)
    assert clock.slept == [], "it knows that there is no more to do"
    assert before == await scalar(empty_database, query, owners[:3])
    assert await refs(empty_database) == {TWO: 2, ONE: 2, "file:lost:1": 1}


async def test_rows_that_others_hold_are_left_for_later_and_hold_up_nothing(
    empty_database: Database, vault: Vault, upstream: FakeUpstream, path: Path
) -> None:
    """Somebody is about to disconnect: neither waits for the other, and what they left is found again."""
    owners = await people(empty_database, 3)
    for owner in owners:
        await connect(vault, upstream, owner)
    RingFile(path).rotate(ONE)
    async with AsyncExitStack() as stack:
        link = await stack.enter_async_context(empty_database.transaction())
        await link.execute("SELECT FROM deks WHERE owner = %s FOR UPDATE", (owners[1],))

        async def let_go(_: float) -> None:
            assert await refs(empty_database) == {TWO: 3, ONE: 1}
            await stack.aclose()

        done = await Custodian(empty_database, FileKeyRing(path), sleep=let_go).rewrap()
    assert (done.moved, done.late, done.left) == (4, 1, 0)
    assert await refs(empty_database) == {TWO: 4}


class Meddled(FileKeyRing):
    """A ring that lets something happen when it is asked to wrap: between reading a page and storing it."""

    meddle: Callable[[], Awaitable[None]] | None = None

    async def wrap(self, dek: bytes | bytearray, context: bytes) -> tuple[str, bytes]:
        if self.meddle is not None:
            meddle, self.meddle = self.meddle, None
            await meddle()
        return await super().wrap(dek, context)


async def test_what_changed_meanwhile_is_never_overwritten(
    empty_database: Database, vault: Vault, upstream: FakeUpstream, path: Path
) -> None:
    """Between our look and our write one person disconnects, one connects anew, another re-wrap is faster."""
    owners = await people(empty_database, 5)
    ids = [(await connect(vault, upstream, owner)).id for owner in owners]
    RingFile(path).rotate(ONE)
    ring = Meddled(path)
    wrapped = await scalar(empty_database, "SELECT wrapped FROM deks WHERE owner = %s", owners[4])
    strange = ("file:lost:1", wrapped, owners[4])

    async def meddle() -> None:
        await vault.disconnect(owners[0], ids[0])
        # A key that does not open makes a consent come under a new one; the old row goes.
        await run(empty_database, "UPDATE deks SET wrapped = '' WHERE owner = %s", owners[1])
        await connect(vault, upstream, owners[1])
        await custodian(empty_database, path).rewrap()
        await run(empty_database, "UPDATE deks SET wrapped_at = '2000-01-01' WHERE owner = %s", owners[2])
        # Somebody else's key now, by whatever hand: the same bytes under another name.
        await run(empty_database, "UPDATE deks SET kek_ref = %s, wrapped = %s WHERE owner = %s", *strange)

    ring.meddle = meddle
    done = await Custodian(empty_database, ring, sleep=Clock().sleep).rewrap()
    assert (done.moved, done.left, done.refused) == (0, 0, {"unknown_key": 1})
    # The operator's, and three people's.
    assert await refs(empty_database) == {TWO: 4, "file:lost:1": 1}
    query = "SELECT extract(year FROM wrapped_at)::int FROM deks WHERE owner = %s"
    assert await scalar(empty_database, query, owners[2]) == 2000, "it was wrapped a second time"
    fresh = await open_vault(empty_database, FileKeyRing(path), upstream)
    for owner in owners[1:4]:
        await fresh.credential(owner, "spotify")


async def test_a_new_wrap_that_would_not_open_replaces_nothing(
    empty_database: Database, vault: Vault, upstream: FakeUpstream, path: Path
) -> None:
    """A ring that wraps wrongly must not destroy the only copy of a key."""

    class Wrong(FileKeyRing):
        async def wrap(self, dek: bytes | bytearray, context: bytes) -> tuple[str, bytes]:
            return await super().wrap(os.urandom(32), context)

    [owner] = await people(empty_database, 1)
    await connect(vault, upstream, owner)
    RingFile(path).rotate(ONE)
    with pytest.raises(keyring.KeyRingError, match="no row was changed"):
        await Custodian(empty_database, Wrong(path)).rewrap()
    assert await refs(empty_database) == {ONE: 2}
    assert (await custodian(empty_database, path).rewrap()).moved == 2


async def test_rows_of_a_worker_that_knows_the_old_key_only_are_met_too(
    empty_database: Database, vault: Vault, upstream: FakeUpstream, path: Path
) -> None:
    """Its host has an old copy of the ring; it stops when that is replaced, while a re-wrap is under way."""
    owners = await people(empty_database, 5)
    for owner in owners[:2]:
        await connect(vault, upstream, owner)
    copy = path.with_name("copy.json")
    RingFile(path).backup(copy)
    stale = await open_vault(empty_database, FileKeyRing(copy), upstream)
    RingFile(path).rotate(ONE)
    late = iter(owners[2:])

    class Chased(Custody):
        """Somebody connects each time before it is counted, while there is somebody left."""

        async def due(self, active: str, before: datetime | None) -> int:
            for owner in late:
                await connect(stale, upstream, owner)
                break
            return await super().due(active, before)

    one = custodian(empty_database, path)
    one._rows = Chased(empty_database)
    done = await one.rewrap()
    assert (done.moved, done.late, done.whole) == (6, 2, True)
    assert await refs(empty_database) == {TWO: 6}
    for owner in owners:
        await vault.credential(owner, "spotify")


async def test_a_worker_that_goes_on_under_the_old_key_is_told_of_in_the_end(
    empty_database: Database, vault: Vault, upstream: FakeUpstream, path: Path
) -> None:
    owners = await people(empty_database, 60)
    RingFile(path).rotate(ONE)
    left = iter(owners)

    class Chased(Custody):
        async def due(self, active: str, before: datetime | None) -> int:
            await add(empty_database, next(left), ONE)
            return await super().due(active, before)

    clock = Clock()
    one = custodian(empty_database, path, clock)
    one._rows = Chased(empty_database)
    done = await one.rewrap()
    assert not done.whole
    assert done.left == 1
    assert len(clock.slept) == 24, "it goes on for ever"


async def add(database: Database, owner: UUID, ref: str) -> None:
    """A data key whose wrap says that `ref` made it; it need not open."""
    query = (
        "INSERT INTO deks (id, owner, purpose, kek_ref, wrapped) VALUES (%s, %s, 'connection', %s, '\\x01')"
    )
    await run(database, query, new_id(), owner, ref)


async def test_a_rate_is_kept_from_the_first_page_on(
    empty_database: Database, vault: Vault, upstream: FakeUpstream, path: Path
) -> None:
    for owner in await people(empty_database, 9):
        await connect(vault, upstream, owner)
    RingFile(path).rotate(ONE)
    clock = Clock()
    assert (await custodian(empty_database, path, clock).rewrap(rate=2)).moved == 10
    assert clock.slept == [1.0] * 5, "five pages of two rows"
    RingFile(path).rotate(TWO)
    clock = Clock()
    assert (await custodian(empty_database, path, clock).rewrap(rate=0)).moved == 10
    assert clock.slept == []


async def test_a_key_that_a_service_rotates_under_one_name_is_done_by_its_time(
    empty_database: Database, vault: Vault, upstream: FakeUpstream, path: Path
) -> None:
    """AWS keeps the reference when it rotates: then what was wrapped before that day is due."""
    owners = await people(empty_database, 3)
    for owner in owners:
        await connect(vault, upstream, owner)
    query = "UPDATE deks SET wrapped_at = now() - interval '400 days' WHERE owner = ANY(%s)"
    await run(empty_database, query, owners[:2])
    wraps = "SELECT array_agg(wrapped ORDER BY id) FROM deks WHERE owner = ANY(%s)"
    old, young = (
        await scalar(empty_database, wraps, owners[:2]),
        await scalar(empty_database, wraps, owners[2:]),
    )
    before = datetime.now(UTC) - timedelta(days=100)
    done = await custodian(empty_database, path).rewrap(before=before)
    assert done == Rewrapped(active=ONE, moved=2)
    assert not set(old) & set(await scalar(empty_database, wraps, owners[:2]))
    assert young == await scalar(empty_database, wraps, owners[2:])
    assert (await custodian(empty_database, path).rewrap(before=before)).moved == 0
    # Of two at once, who comes second leaves what the first did: the same name, other bytes.
    await run(empty_database, query, owners)
    ring = Meddled(path)
    faster: list[Rewrapped] = []

    async def outrun() -> None:
        faster.append(await custodian(empty_database, path).rewrap(before=before))

    ring.meddle = outrun
    slower = await Custodian(empty_database, ring, sleep=Clock().sleep).rewrap(before=before)
    assert (faster[0].moved, slower.moved, slower.whole) == (3, 0, True)


async def test_a_key_service_that_goes_away_ends_it_and_it_goes_on_later(
    empty_database: Database, vault: Vault, upstream: FakeUpstream, path: Path
) -> None:
    for owner in await people(empty_database, 5):
        await connect(vault, upstream, owner)
    RingFile(path).rotate(ONE)
    ring = Meddled(path)

    async def go_away() -> None:
        raise keyring.Away("the key service does not answer")

    def halfway(done: int, total: int) -> None:
        ring.meddle = go_away

    with pytest.raises(keyring.Away):
        await Custodian(empty_database, ring).rewrap(batch=2, progress=halfway)
    assert await refs(empty_database) == {TWO: 2, ONE: 4}
    assert (await custodian(empty_database, path).rewrap()).moved == 4


async def test_a_stop_at_any_page_leaves_every_row_whole(
    empty_database: Database, vault: Vault, upstream: FakeUpstream, path: Path
) -> None:
    """As Ctrl-C does it: the task is cancelled, and the next run takes up what is left."""
    for owner in await people(empty_database, 6):
        await connect(vault, upstream, owner)
    RingFile(path).rotate(ONE)
    runs, stopped = 0, list[asyncio.Task[Rewrapped]]()

    def cancel(done: int, total: int) -> None:
        stopped[-1].cancel()

    while True:
        runs += 1
        task = asyncio.create_task(custodian(empty_database, path).rewrap(batch=2, progress=cancel))
        stopped.append(task)
        try:
            done = await task
        except asyncio.CancelledError:
            continue
        break
    # Cancelled at its next await: the page was stored.
    assert (runs, done.moved) == (5, 0)
    assert await refs(empty_database) == {TWO: 7}
    ring = FileKeyRing(path)
    for row in await Custody(empty_database).keys(UUID(int=0), 100):
        await unwrapped(ring, row)


async def unwrapped(ring: FileKeyRing, row: WrappedDek) -> bytes:
    return bytes(
        await ring.unwrap(row.kek_ref, row.wrapped, keyring.wrap_context(row.owner, row.purpose, row.id))
    )


async def test_two_at_once_do_everything_once_and_nothing_twice(
    empty_database: Database, vault: Vault, upstream: FakeUpstream, path: Path
) -> None:
    for owner in await people(empty_database, 40):
        await connect(vault, upstream, owner)

    async def nap(_: float) -> None:
        # In truth, for what the other one holds it holds until its disk is done.
        await asyncio.sleep(0.2)

    ring = FileKeyRing(path)
    rows = Custody(empty_database)
    before = {row.id: await unwrapped(ring, row) for row in await rows.keys(UUID(int=0), 100)}
    for active in (ONE, TWO):
        RingFile(path).rotate(active)
        both = await asyncio.gather(
            *(Custodian(empty_database, FileKeyRing(path), sleep=nap).rewrap(batch=7) for _ in range(2))
        )
        assert sum(done.moved for done in both) == 41
        assert all(done.whole for done in both)
    assert await refs(empty_database) == {THREE: 41}
    ring = FileKeyRing(path)
    assert before == {row.id: await unwrapped(ring, row) for row in await rows.keys(UUID(int=0), 100)}


@pytest.mark.parametrize("moment", ["infinity", "-infinity", "20000-01-01 UTC", "0044-03-15 BC"])
async def test_a_time_that_has_no_year_here_hides_no_key(
    empty_database: Database, vault: Vault, path: Path, moment: str
) -> None:
    """A row that somebody edited."""
    await run(empty_database, f"UPDATE deks SET wrapped_at = '{moment}'")
    [each] = await custodian(empty_database, path).standing()
    assert (each.kek_ref, each.count, each.oldest) == (ONE, 1, each.newest)


async def test_what_stands_is_told_by_key_and_purpose(
    empty_database: Database, vault: Vault, upstream: FakeUpstream, path: Path, tmp_path: Path
) -> None:
    owners = await people(empty_database, 2)
    await connect(vault, upstream, owners[0])
    RingFile(path).rotate(ONE)
    later = await open_vault(empty_database, FileKeyRing(path), upstream)
    await later.apps.save(owners[1], "spotify", "id", None)
    one = custodian(empty_database, path)
    told = {(each.kek_ref, each.purpose): each.count for each in await one.standing()}
    assert told == {(ONE, "connection"): 1, (ONE, "operator"): 1, (TWO, "app"): 1}
    assert all(each.oldest <= each.newest for each in await one.standing())
    assert await one.belongs() is True
    FileKeyRing.create(tmp_path / "other.json")
    assert await custodian(empty_database, tmp_path / "other.json").belongs() is False
    await run(empty_database, "DELETE FROM deks")
    assert await one.belongs() is None
    closed = Database("postgresql://127.0.0.1:1/none")
    with pytest.raises(Busy):
        await Custodian(closed, FileKeyRing(path)).standing()
