"""The audit of a process: what waits for what, what a database that is away costs, and who is named how."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest
import structlog
from prometheus_client import CollectorRegistry

from tests.vault.audit.keeper import Keys, People
from tests.vault.upstreams import FakeUpstream, connect
from vault.audit.audit import GATHER, Audit
from vault.audit.check import Check
from vault.audit.entry import ODD, Entry, Repeats
from vault.audit.names import Names
from vault.audit.row import Head, Row
from vault.errors import Busy
from vault.store.activity import Note
from vault.store.audit import AuditRows
from vault.store.connections import Connections
from vault.store.database import Database
from vault.vault import Vault

NEVER = 3600.0


class Gated(AuditRows):
    """A table that takes nothing until it is let, and does what it is told before or after that."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.let = asyncio.Event()
        self.asked = asyncio.Event()
        self.before: list[Exception] = []
        self.after: list[Exception] = []
        self.batches: list[list[Row]] = []

    async def append(self, rows: Sequence[Row]) -> None:
        self.asked.set()
        await self.let.wait()
        if self.before:
            raise self.before.pop(0)
        await super().append(rows)
        self.batches.append(list(rows))
        if self.after:
            raise self.after.pop(0)


async def no_pause(_: float) -> None:
    await asyncio.sleep(0)


@pytest.fixture
def table(database: Database) -> Gated:
    rows = Gated(database)
    rows.let.set()
    return rows


async def begun(table: AuditRows, **more: Any) -> Audit:
    audit = Audit(table, **{"sleep": no_pause, "gather": 0, **more})
    audit.begin(Keys())
    await audit.flush()
    return audit


async def written(database: Database, audit: Audit) -> list[Row]:
    """Everything that this worker wrote."""
    rows, after = AuditRows(database), None
    found: list[Row] = []
    while page := await rows.page(after, 500):
        found += [row for row in page if row.worker == audit.worker]
        after = page[-1].place
    return found


async def events(database: Database, audit: Audit) -> list[str]:
    return [row.event for row in await written(database, audit)]


async def run(database: Database, query: str, *values: object) -> list[Any]:
    async with database.connection() as link:
        done = await link.execute(query.encode(), values)
        return await done.fetchall() if done.description else []


def counted(metrics: CollectorRegistry, name: str) -> float | None:
    return metrics.get_sample_value(name)


# --- when -----------------------------------------------------------------------------------------


async def test_an_answer_waits_for_its_grant(database: Database, table: Gated, person: People) -> None:
    audit = await begun(table, gather=NEVER, patience=NEVER)
    table.let.clear()
    with audit.visit("192.0.2.1") as visit:
        audit.note("chat_allowed", user_id=await person(), client_id="c")
    answer = asyncio.create_task(audit.settled(visit))
    await asyncio.wait({answer}, timeout=0.05)
    assert not answer.done()
    table.let.set()
    await answer
    assert await events(database, audit) == ["worker_started", "chat_allowed"]
    await audit.close()


async def test_a_call_waits_for_nothing_and_its_row_for_others(
    database: Database, table: Gated, person: People
) -> None:
    user = await person()
    audit = await begun(table, gather=NEVER)
    for _ in range(20):
        with audit.visit("192.0.2.1") as visit:
            audit.noted(Note(user, "spotify_play", "ok", provider="spotify", milliseconds=3))
        await audit.settled(visit)
    assert len(table.batches) == 1, "the start; the calls wait for others"
    audit.note("signed_in", user_id=user)  # what is urgent takes along what waits
    await audit.flush()
    assert [len(batch) for batch in table.batches] == [1, 21]
    rows = await written(database, audit)
    assert [(row.batch, row.position, row.size) for row in rows[1:]] == [(2, n + 1, 21) for n in range(21)]
    assert {(r.tool, r.provider, r.outcome, r.event) for r in rows[1:-1]} == {
        ("spotify_play", "spotify", "ok", "tool_called")
    }
    await audit.close()


async def test_a_refused_call_is_written_before_its_answer(
    database: Database, table: Gated, person: People
) -> None:
    audit = await begun(table, gather=NEVER, patience=NEVER)
    with audit.visit(None) as visit:
        audit.noted(Note(await person(), "spotify_play", "not_allowed", milliseconds=1))
    await audit.settled(visit)
    assert await events(database, audit) == ["worker_started", "tool_called"]
    await audit.close()


def test_rows_of_calls_wait_less_than_the_second_that_is_promised() -> None:
    assert GATHER <= 0.5


async def test_what_was_noted_before_the_keys_were_there_is_written(database: Database, table: Gated) -> None:
    audit = Audit(table, gather=0)
    audit.note("link_made", detail="owner")
    audit.begin(Keys())
    await audit.close()
    assert await events(database, audit) == ["worker_started", "link_made", "worker_stopped"]


async def test_one_request_does_not_wait_for_anothers_rows(database: Database, table: Gated) -> None:
    audit = await begun(table, gather=NEVER)
    addresses = []

    async def request(address: str) -> None:
        with audit.visit(address) as visit:
            await asyncio.sleep(0)
            audit.note("link_made", detail="owner")
            await asyncio.create_task(_inner(audit))
            addresses.append((address, visit.address, len(visit.waits)))

    await asyncio.gather(*(request(f"192.0.2.{n}") for n in range(5)))
    assert all(own == seen and waits == 2 for own, seen, waits in addresses)
    await audit.close()


async def _inner(audit: Audit) -> None:
    """In a task of its own, as a tool runs."""
    audit.note("setup_opened")


async def test_a_refresh_is_nobodys_request(
    database: Database, table: Gated, vault: Vault, upstream: FakeUpstream, person: People
) -> None:
    user = await person()
    saved = await connect(vault, upstream, user, "ana")
    row = await Connections(database).read(user, saved.id)
    assert row is not None
    audit = await begun(table, gather=NEVER)
    with audit.visit("192.0.2.1") as visit:
        audit.refreshed(row, "revoked")
    assert visit.waits == [], "who asked waits for their token, and not for this"
    await audit.flush()
    [written_] = (await written(database, audit))[1:]
    assert (written_.event, written_.outcome, written_.provider) == ("refresh", "revoked", "spotify")
    assert written_.person is not None and written_.address is None
    await audit.close()


# --- a database that is away ----------------------------------------------------------------------


async def test_where_the_database_does_not_take_it_the_answer_goes_out_and_the_row_is_kept(
    database: Database, table: Gated, person: People
) -> None:
    metrics = CollectorRegistry()
    audit = await begun(table, metrics=metrics, patience=0)
    user = await person()
    table.let.clear()
    with audit.visit("192.0.2.1") as visit:
        audit.note("signed_in", user_id=user)
    await audit.settled(visit)
    assert counted(metrics, "valet_audit_late_total") == 1
    table.let.set()
    await audit.flush()
    assert await events(database, audit) == ["worker_started", "signed_in"]
    assert counted(metrics, "valet_audit_lost_total") == 0
    await audit.close()


async def test_in_an_outage_nobody_waits_at_all(database: Database, table: Gated) -> None:
    stopped = asyncio.Event()

    async def pause(_: float) -> None:
        stopped.set()
        await asyncio.Event().wait()

    audit = await begun(table, sleep=pause, patience=NEVER)
    table.before = [Busy("away")]
    audit.note("signed_in", user_id=uuid4())
    await stopped.wait()
    for _ in range(50):
        with audit.visit("192.0.2.1") as visit:
            audit.note("signin_refused", outcome="refused", detail="not_invited")
        async with asyncio.timeout(60):
            await audit.settled(visit)  # would wait for an hour
    await audit.close(within=0.01)


async def test_an_answer_that_got_lost_writes_nothing_twice(database: Database, table: Gated) -> None:
    audit = await begun(table)
    table.after = [Busy("the line went dead after the commit")]
    table.before = [Busy("and before")]
    for number in range(5):
        audit.note("link_made", detail=f"n{number}")
    await audit.close()
    rows = await written(database, audit)
    assert [row.detail for row in rows if row.detail] == [f"n{n}" for n in range(5)]
    assert len(table.batches) > len({row.batch for row in rows})
    assert await _sound(database, audit)


async def test_a_batch_that_was_begun_stays_as_it_is_while_more_is_noted(
    database: Database, table: Gated
) -> None:
    audit = await begun(table)
    table.let.clear()
    table.asked.clear()
    table.before = [Busy("away")]
    audit.note("link_made", detail="first")
    await table.asked.wait()
    audit.note("link_made", detail="second")
    table.let.set()
    await audit.close()
    rows = await written(database, audit)
    assert [(row.detail, row.size) for row in rows[1:3]] == [("first", 1), ("second", 2)]
    assert await _sound(database, audit)


async def test_what_can_not_be_kept_is_counted_and_said_in_the_next_row(
    database: Database, table: Gated
) -> None:
    metrics = CollectorRegistry()
    audit = await begun(table, metrics=metrics)
    table.before = [RuntimeError("a fault of ours")]
    audit.note("link_made", detail="lost")
    await audit.flush()
    assert counted(metrics, "valet_audit_lost_total") == 1
    audit.note("link_made", detail="kept")
    audit.note("link_made", detail="kept_too")
    await audit.close()
    rows = await written(database, audit)
    assert [(row.detail, row.lost) for row in rows[1:]] == [("kept", 1), ("kept_too", 0), (None, 0)]
    assert [row.batch for row in rows[:2]] == [1, 2], "the number of what was lost is used again"
    assert await _sound(database, audit)


async def test_what_was_lost_is_said_again_where_the_row_that_said_it_is_lost_too(
    database: Database, table: Gated
) -> None:
    audit = await begun(table)
    table.before = [RuntimeError("a fault of ours"), RuntimeError("and another")]
    for detail in ("lost", "lost_too", "kept"):
        audit.note("link_made", detail=detail)
        await audit.flush()
    await audit.close()
    rows = await written(database, audit)
    assert [(row.detail, row.lost) for row in rows[1:]] == [("kept", 2), (None, 0)]


async def test_the_memory_is_bounded(database: Database, table: Gated) -> None:
    metrics = CollectorRegistry()
    audit = await begun(table, metrics=metrics, most=10)
    table.let.clear()
    for _ in range(25):
        audit.note("tool_called", tool="spotify_play")
    table.let.set()
    await audit.close()
    assert counted(metrics, "valet_audit_lost_total") == 15
    assert sum(row.lost for row in await written(database, audit)) == 15


async def test_what_was_counted_in_an_outage_fills_no_more_memory_than_the_rest(
    database: Database, table: Gated
) -> None:
    now = [0.0]
    audit = await begun(table, most=10, clock=lambda: now[0])
    table.let.clear()
    for number in range(30):
        for _ in range(2):
            with audit.visit(f"192.0.2.{number}"):
                audit.note("bearer_refused", outcome="refused", detail="malformed")
    now[0] = 11
    table.let.set()
    table.before = [Busy("away")] * 3
    await audit.flush()
    assert max(len(batch) for batch in table.batches) <= 10
    rows = (await written(database, audit))[1:]
    await audit.close()
    assert sum(row.times for row in rows) + sum(row.lost for row in await written(database, audit)) == 60


async def test_the_end_writes_all_and_says_where_it_is(database: Database, table: Gated) -> None:
    audit = await begun(table, gather=NEVER)
    for _ in range(1200):
        audit.note("tool_called", tool="spotify_play")
    with structlog.testing.capture_logs() as lines:
        await audit.close()
    rows = await written(database, audit)
    assert len(rows) == 1202 and rows[-1].event == "worker_stopped"
    [line] = [line for line in lines if line["event"] == "audit_head"]
    assert line["head"] == f"{audit.worker}:{rows[-1].batch}:{rows[-1].mac.hex()}"


async def test_an_end_without_a_database_is_an_end(database: Database, table: Gated) -> None:
    metrics = CollectorRegistry()
    audit = await begun(table, metrics=metrics)
    table.let.clear()
    audit.note("link_made", detail="owner")
    await audit.close(within=0.01)
    assert counted(metrics, "valet_audit_lost_total") == 2, "that, and that it stopped"


async def test_where_it_ends_is_said_every_hour(database: Database, table: Gated) -> None:
    now = [0.0]
    audit = await begun(table, clock=lambda: now[0])
    with structlog.testing.capture_logs() as lines:
        for hour in range(4):
            now[0] = hour * 3601.0
            audit.note("link_made", detail="owner")
            await audit.flush()
    assert [line["why"] for line in lines if line["event"] == "audit_head"] == ["hourly"] * 3
    await audit.close()


async def _sound(database: Database, audit: Audit) -> bool:
    """Whether nothing is wrong with what this worker wrote. (Other tests write to the table as well.)"""
    verdict = await Check(AuditRows(database), Keys().derive("audit")).run()
    return audit.worker not in {fault.worker for fault in verdict.faults}


# --- many -----------------------------------------------------------------------------------------


async def test_several_workers_write_at_once_and_name_each_other(
    empty_database: Database, table: Gated
) -> None:
    user = uuid4()
    await run(empty_database, "INSERT INTO users (id, display_name) VALUES (%s, 'x')", user)
    audits = [await begun(AuditRows(empty_database), gather=0.001) for _ in range(4)]

    async def work(audit: Audit) -> None:
        for _ in range(40):
            audit.note("tool_called", tool="spotify_play", user_id=user)
            with audit.visit("192.0.2.1") as visit:
                audit.note("signed_in", user_id=user)
            await audit.settled(visit)

    await asyncio.gather(*(work(audit) for audit in audits))
    for audit in audits:
        await audit.close()
    rows = AuditRows(empty_database)
    verdict = await Check(rows, Keys().derive("audit")).run()
    assert verdict.sound and not verdict.open
    assert (verdict.rows, verdict.workers) == (4 * 82, 4)
    page = await rows.page(None, 9999)
    named = {(row.worker, row.seen.worker) for row in page if row.seen is not None}
    assert len(named) == 12, "each names the three others"
    assert await run(empty_database, "SELECT count(*) FROM audit_keys") == [(1,)]
    assert len({row.person for row in page} - {None}) == 1


async def test_who_starts_names_who_wrote_last(empty_database: Database) -> None:
    first = await begun(AuditRows(empty_database))
    await first.close()
    second = await begun(AuditRows(empty_database))
    rows = await written(empty_database, second)
    assert rows[0].seen == first.head
    await second.close()


async def test_who_was_idle_for_long_looks_through_no_more_than_who_begins(empty_database: Database) -> None:
    class Watched(AuditRows):
        asked: tuple[int, int] = (0, 0)

        async def others(self, worker: UUID, since: int) -> list[Head]:
            self.asked = (await self.latest(), since)
            return await super().others(worker, since)

    rows, other = Watched(empty_database), uuid4()
    idle = await begun(rows)
    await run(
        empty_database,
        "INSERT INTO audit (worker, batch, position, size, at, event, outcome, times, lost, mac)"
        " SELECT %s, n, 1, 1, now(), 'tool_called', 'ok', 1, 0, '' FROM generate_series(1, 20000) n",
        other,
    )
    idle.note("signed_in")
    await idle.flush()
    latest, since = rows.asked
    assert latest - since == 10_000
    last = (await written(empty_database, idle))[-1]
    assert last.seen is not None and (last.seen.worker, last.seen.batch) == (other, 20000)
    await idle.close()


# --- names ----------------------------------------------------------------------------------------


async def test_nothing_that_names_anybody_is_in_a_row(
    database: Database, table: Gated, person: People
) -> None:
    user, grant = await person(), uuid4()
    audit = await begun(table)
    with audit.visit("198.51.100.77"):
        audit.note("signed_in", user_id=user, client_id="client-canary-1")
        audit.note("tokens_refused", outcome="refused", client_id="client-canary-2", detail="unknown")
        audit.note("tool_called", tool="Play “Despacito”", user_id=user, grant_id=grant)
        audit.note("refresh", outcome="ana@example.org said no", provider="Google!", detail="a b")
        audit.note("chat_cut_off" if grant else "deleted", user_id=user, detail="vlt_pat_CANARY")
        audit.noted(Note(user, "an action nobody knows", "ok"))
    await audit.close()
    text = str(await run(database, "SELECT a::text FROM audit a WHERE worker = %s", audit.worker))
    for canary in (
        user,
        user.hex,
        grant,
        "198.51.100",
        "canary",
        "CANARY",
        "Despacito",
        "ana@",
        "Google",
        "nobody",
    ):
        assert str(canary) not in text
    rows = await written(database, audit)
    assert [row.tool for row in rows if row.tool] == [ODD]
    refreshed = next(row for row in rows if row.event == "refresh")
    assert (refreshed.outcome, refreshed.provider, refreshed.detail) == (ODD, ODD, ODD)
    assert "other" in {row.event for row in rows}


async def test_one_person_is_called_the_same_and_no_other_is(
    database: Database, table: Gated, person: People
) -> None:
    ana, ben = await person(), await person()
    first, second = await begun(table), await begun(table)
    for audit, user in ((first, ana), (second, ana), (first, ben)):
        with audit.visit("192.0.2.1"):
            audit.note("signed_in", user_id=user, client_id="c")
        await audit.flush()
    one, other = (await written(database, first))[1:]
    [same] = (await written(database, second))[1:]
    assert (one.person, one.client, one.address) == (same.person, same.client, same.address)
    assert not {one.person, one.client, one.address} & {other.person, other.client, other.address}
    assert all(len(name or b"") == 16 for name in (one.person, one.client, one.address))
    await first.close()
    await second.close()


async def test_after_the_account_is_gone_nothing_tells_whose_rows_are_whose(
    database: Database, table: Gated, person: People
) -> None:
    user = await person()
    audit = await begun(table)
    with audit.visit("192.0.2.1"):
        audit.note("signed_in", user_id=user, client_id="c")
        await audit.flush()
        [before] = (await written(database, audit))[1:]
        assert await _named(database, user) == before.person
        await run(database, "DELETE FROM users WHERE id = %s", user)
        assert await run(database, "SELECT 1 FROM audit_keys WHERE user_id = %s", user) == []
        assert await _named(database, user) is None
        # Also not by this worker, which has had the key in its hands.
        audit.note("tool_called", tool="spotify_play", user_id=user, client_id="c")
        audit.note("deleted", user_id=user)
        await audit.flush()
    after = (await written(database, audit))[2:]
    assert [(row.event, row.person, row.client, row.address) for row in after] == [
        ("tool_called", None, None, None),
        ("deleted", None, None, None),
    ]
    assert await run(database, "SELECT 1 FROM audit_keys WHERE user_id = %s", user) == []
    await audit.close()


async def _named(database: Database, user: UUID) -> bytes | None:
    """What the operator can find out of a person."""
    from vault.store.audit import Asked

    names = Names(AuditRows(database), Keys())
    known = await names.know([Asked(0, user, None, None)])
    return names.person(user, known[0][1]) if known else None


async def test_an_address_is_called_otherwise_in_another_month(table: Gated) -> None:
    from datetime import UTC, datetime

    names = Names(table, Keys())
    november, december = datetime(2026, 11, 30, 23, 59, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
    called = names.address("192.0.2.1", None, november)
    assert called == names.address("192.0.2.1", None, datetime(2026, 11, 1, tzinfo=UTC))
    assert called != names.address("192.0.2.1", None, december)
    assert called != names.address("192.0.2.2", None, november)
    assert called != names.address("192.0.2.1", b"k" * 32, november)
    assert names.address(None, None, november) is None


async def test_a_key_that_was_tampered_with_costs_its_person_the_name_and_nobody_a_row(
    database: Database, table: Gated, person: People
) -> None:
    from vault.errors import Tampered

    class Alarmed(Keys):
        def open(self, purpose: str, record: UUID, sealed: bytes) -> bytes:
            if record == ana:
                raise Tampered("does not open")
            return super().open(purpose, record, sealed)

    ana, ben = await person(), await person()
    audit = Audit(table, gather=0)
    audit.begin(Alarmed())
    audit.note("signed_in", user_id=ana)
    audit.note("signed_in", user_id=ben)
    await audit.close()
    rows = [row for row in await written(database, audit) if row.event == "signed_in"]
    assert [row.person is None for row in rows] == [True, False]


async def test_a_key_that_was_opened_for_one_person_opens_for_no_other(
    database: Database, table: Gated, person: People
) -> None:
    from vault.errors import Tampered
    from vault.store.audit import Asked

    class Bound(Keys):
        """As the operator's own key does it: what opens for one record is tampered with for another."""

        def open(self, purpose: str, record: UUID, sealed: bytes) -> bytes:
            if record != ana:
                raise Tampered("does not open")
            return super().open(purpose, record, sealed)

    ana, ben = await person(), await person()
    names = Names(table, Bound())
    assert await names.know([Asked(0, ana, None, None)])
    await run(
        database,
        "INSERT INTO audit_keys (user_id, sealed) SELECT %s, sealed FROM audit_keys WHERE user_id = %s",
        ben,
        ana,
    )
    assert await names.know([Asked(0, ben, None, None)]) == {}


async def test_workers_who_meet_new_people_at_once_call_them_alike(
    database: Database, table: Gated, person: People
) -> None:
    from vault.store.audit import Asked

    people = [await person() for _ in range(400)]
    await run(database, "DELETE FROM users WHERE id = %s", people[7])

    async with asyncio.timeout(60):
        # Each gives keys of its own, in an order of its own.
        one, *others = await asyncio.gather(
            *(table.keys({each: os.urandom(32) for each in order}) for order in (people, people[::-1]) * 4)
        )
    assert set(one) == {*people} - {people[7]} and len(set(one.values())) == len(people) - 1
    assert all(other == one for other in others)
    names = Names(table, Keys())
    assert await names.know([Asked(0, people[7], None, None)]) == {}


async def test_opened_keys_are_kept_in_a_bounded_number(
    database: Database, table: Gated, person: People
) -> None:
    from vault.store.audit import Asked

    names = Names(table, Keys(), size=3)
    for _ in range(5):
        await names.know([Asked(0, await person(), None, None)])
    assert repr(names) == "Names(3 keys)"


# --- floods ---------------------------------------------------------------------------------------


async def test_the_same_denial_again_is_counted_and_not_written_each_time(
    database: Database, table: Gated, person: People
) -> None:
    now = [0.0]
    audit = await begun(table, clock=lambda: now[0])
    for _ in range(500):
        with audit.visit("192.0.2.1") as visit:
            audit.note("bearer_refused", outcome="refused", detail="unknown")
        await audit.settled(visit)
    with audit.visit("192.0.2.2"):
        audit.note("bearer_refused", outcome="refused", detail="unknown")
    for user in (await person(), await person()):
        audit.note("tool_called", tool="spotify_play", outcome="not_allowed", user_id=user)
    now[0] = 11
    await audit.flush()
    rows = (await written(database, audit))[1:]
    assert sorted(row.times for row in rows) == [1, 1, 1, 1, 499]
    assert len({row.address for row in rows} - {None}) == 2
    await audit.close()


async def test_a_flood_from_everywhere_is_a_bounded_number_of_rows(database: Database, table: Gated) -> None:
    now = [0.0]
    audit = await begun(table, clock=lambda: now[0])
    for number in range(3000):
        with audit.visit(f"10.{number // 250}.{number % 250}.1"):
            audit.note("tokens_refused", outcome="refused", detail="unknown")
    await audit.close()
    rows = [row for row in await written(database, audit) if row.event == "tokens_refused"]
    assert sum(row.times for row in rows) == 3000, "none is forgotten"
    assert len(rows) == 201
    assert [row.address is None for row in rows] == [False] * 200 + [True]


def test_after_its_time_the_same_is_something_new_and_room_comes_back() -> None:
    now = [0.0]
    repeats = Repeats(lambda: now[0], window=10, burst=2, per_second=1)

    def denial(address: str) -> Entry:
        from datetime import UTC, datetime

        return Entry(datetime.now(UTC), "bearer_refused", "refused", address=address)

    assert repeats.take(denial("a")) and repeats.take(denial("b"))
    assert not repeats.take(denial("c")), "no room: counted without its address"
    assert not repeats.take(denial("a"))
    now[0] = 9.0
    assert repeats.due() == [] and repeats.counting
    now[0] = 10.0
    assert [(entry.address, entry.times) for entry in repeats.due()] == [("a", 1), (None, 1)]
    assert not repeats.counting and len(repeats) == 0
    assert repeats.take(denial("a"))


def test_a_refusal_long_after_the_same_one_is_written_at_once_again() -> None:
    from datetime import UTC, datetime

    now = [0.0]
    repeats = Repeats(lambda: now[0], window=10)
    assert repeats.take(Entry(datetime.now(UTC), "bearer_refused", "refused"))
    now[0] = 3600.0  # nothing was counted meanwhile, so nobody asked `due`
    assert repeats.take(Entry(datetime.now(UTC), "bearer_refused", "refused"))
    assert not repeats.take(Entry(datetime.now(UTC), "bearer_refused", "refused"))
