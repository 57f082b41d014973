"""Each statement of a refresh, alone: what it writes, and that every guard of it is one.

Whatever a statement is given wrongly (somebody else's row, another version, a lease that is over), nothing of
any row changes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.vault.upstreams import FakeUpstream, connect, run
from vault.ids import new_id
from vault.store.connections import Connections
from vault.store.database import Database
from vault.store.leases import Lease, SealedConnection
from vault.vault import Vault

Person = Callable[[], Awaitable[UUID]]

SEEN = (
    "status", "reason", "body", "secret_version", "scopes", "fail_count", "next_attempt_at", "lease_owner",
    "lease_until", "lease_gen", "attempt_started_at", "updated_at", "access_expires_at",
    "refreshed_at", "tend_at",
)  # fmt: skip
BUSY = (
    "UPDATE connections SET lease_owner = %s, lease_until = now() + interval '1 minute', lease_gen = 7,"
    " attempt_started_at = now() - interval '1 minute', fail_count = 3,"
    " next_attempt_at = now() + interval '1 hour', reason = 'rate_limited', access_expires_at = now(),"
    " updated_at = now() - interval '1 day', refreshed_at = now() - interval '1 day',"
    " tend_at = now() - interval '1 day', secret_version = 5 WHERE id = %s"
)


@dataclass
class Bench:
    """Ana has two connections and Ben has one, each under a lease of its own; `mine` is Ana's first."""

    database: Database
    connections: Connections
    mine: SealedConnection
    worker: UUID
    others: list[tuple[UUID, UUID]]

    async def see(self) -> dict[UUID, dict[str, Any]]:
        ids = [self.mine.id, *(connection for _, connection in self.others)]
        async with self.database.connection() as link:
            found = await link.execute(
                f"SELECT id, {', '.join(SEEN)} FROM connections WHERE id = ANY(%s)", (ids,)
            )
            return {row[0]: dict(zip(SEEN, row[1:], strict=True)) for row in await found.fetchall()}

    async def changes(self, write: Awaitable[Any]) -> tuple[Any, dict[str, Any]]:
        """What it gave, and the columns of `mine` that are other ones now. No other row may change."""
        before = await self.see()
        given = await write
        after = await self.see()
        for _, other in self.others:
            assert after[other] == before[other]
        mine = self.mine.id
        return given, {n: v for n, v in after[mine].items() if v != before[mine][n]}

    async def now(self) -> Any:
        async with self.database.connection() as link:
            row = await (await link.execute("SELECT now()")).fetchone()
        assert row is not None
        return row[0]

    def wrongly(self) -> dict[str, SealedConnection]:
        """The row as somebody has it who may not write to it."""
        (ana, _), (ben, bens) = self.others
        assert ana == self.mine.owner
        return {
            "another owner": replace(self.mine, owner=ben),
            "nobody": replace(self.mine, owner=new_id()),
            "a row that is not there": replace(self.mine, id=new_id()),
            "a version before": replace(self.mine, secret_version=4),
            "a version after": replace(self.mine, secret_version=6),
            "another's row": replace(self.mine, id=bens),
        }


@pytest.fixture
async def bench(vault: Vault, upstream: FakeUpstream, person: Person, database: Database) -> Bench:
    ana, ben, worker = await person(), await person(), new_id()
    first = await connect(vault, upstream, ana, "first")
    second = await connect(vault, upstream, ana, "second")
    bens = await connect(vault, upstream, ben, "bens")
    for connection in (first, second, bens):
        await run(database, BUSY, worker, connection.id)
    connections = Connections(database)
    row = await connections.read(ana, first.id)
    assert row is not None
    return Bench(database, connections, row, worker, [(ana, second.id), (ben, bens.id)])


async def test_the_row_that_is_picked_is_the_row_that_is_read(bench: Bench) -> None:
    """One is made of columns by their order, for each call needs it, and the other one by their names."""
    await run(bench.database, BUSY, new_id(), bench.mine.id)
    async with bench.database.connection() as link:
        await link.execute("UPDATE connections SET lease_until = NULL, lease_owner = NULL")
    picked = await bench.connections.pick(bench.mine.owner, bench.mine.provider, bench.mine.label)
    read = await bench.connections.read(bench.mine.owner, bench.mine.id)
    assert picked is not None and read is not None

    def still(row: SealedConnection) -> SealedConnection:
        return replace(row, expires_in=round(row.expires_in, -2), retry_in=round(row.retry_in, -2))

    assert still(picked) == still(read)


Write = Callable[[Connections, SealedConnection], Awaitable[bool]]
WRITES: dict[str, Write] = {
    "commit": lambda there, row: there.commit(row, b"new", expires_in=60.0, scopes=["b", "a"], ahead=300),
    "succeed": lambda there, row: there.succeed(row, b"new"),
    "condemn": lambda there, row: there.condemn(row, "revoked"),
}
GONE = {"lease_owner": None, "lease_until": None, "attempt_started_at": None}
WELL = {"fail_count": 0, "next_attempt_at": None, "reason": None}


@pytest.mark.parametrize("write", WRITES)
async def test_what_is_not_ours_or_moved_on_is_left_alone(bench: Bench, write: str) -> None:
    for guard, row in bench.wrongly().items():
        done, changed = await bench.changes(WRITES[write](bench.connections, row))
        assert (done, changed) == (False, {}), guard
    await run(bench.database, "UPDATE connections SET status = 'disconnected' WHERE id = %s", bench.mine.id)
    done, changed = await bench.changes(WRITES[write](bench.connections, bench.mine))
    assert (done, changed) == (False, {})


async def stamped(bench: Bench, changed: dict[str, Any], before: Any) -> dict[str, Any]:
    """`changed` without the moment of the change, which is of just now."""
    assert before <= changed.pop("updated_at") <= await bench.now()
    return changed


async def test_a_commit_stores_what_was_bought_and_ends_all_that_was_of_the_attempt(bench: Bench) -> None:
    before = await bench.now()
    done, changed = await bench.changes(WRITES["commit"](bench.connections, bench.mine))
    after = await bench.now()
    until = changed.pop("access_expires_at")
    assert before + timedelta(seconds=60) <= until <= after + timedelta(seconds=60)
    assert before <= changed.pop("refreshed_at") <= after
    del changed["tend_at"]  # below
    assert done
    assert await stamped(bench, changed, before) == {
        "body": b"new", "secret_version": 6, "scopes": ["b", "a"], **GONE, **WELL
    }  # fmt: skip


def jitter(row: UUID) -> float:
    """Between 0.8 and 1.2, always the same of one row."""
    return 0.8 + 0.4 * (row.bytes[14] * 256 + row.bytes[15]) / 65536


async def test_a_refresh_is_due_so_much_ahead_of_the_end_give_or_take_a_fifth(bench: Bench) -> None:
    for owner, connection in [(bench.mine.owner, bench.mine.id), *bench.others]:
        row = await bench.connections.read(owner, connection)
        assert row is not None
        await bench.connections.commit(row, b"new", expires_in=60_000, scopes=[], ahead=30_000)
        seen = (await bench.see())[connection]
        ahead = (seen["access_expires_at"] - seen["tend_at"]).total_seconds()
        assert ahead == pytest.approx(30_000 * jitter(connection), abs=0.001)


async def test_what_lives_for_long_is_looked_at_after_eighty_days(bench: Bench) -> None:
    days, before = 86400.0, await bench.now()
    await bench.connections.commit(bench.mine, b"new", expires_in=200 * days, scopes=[], ahead=60)
    look = (await bench.see())[bench.mine.id]["tend_at"] - timedelta(days=80)
    assert before <= look <= await bench.now()


async def test_a_commit_takes_back_that_its_version_was_condemned(bench: Bench) -> None:
    await run(bench.database, "UPDATE connections SET status = 'needs_reauth' WHERE id = %s", bench.mine.id)
    done, changed = await bench.changes(WRITES["commit"](bench.connections, bench.mine))
    assert done and changed["status"] == "active"


async def test_a_successor_is_put_in_and_all_else_stays(bench: Bench) -> None:
    before = await bench.now()
    done, changed = await bench.changes(WRITES["succeed"](bench.connections, bench.mine))
    assert done
    assert await stamped(bench, changed, before) == {"body": b"new", "secret_version": 6, **GONE, **WELL}
    await run(bench.database, "UPDATE connections SET status = 'needs_reauth' WHERE id = %s", bench.mine.id)
    done, changed = await bench.changes(
        WRITES["succeed"](bench.connections, replace(bench.mine, secret_version=6))
    )
    assert done and changed["status"] == "active"


async def test_a_condemnation_keeps_body_and_version(bench: Bench) -> None:
    before = await bench.now()
    done, changed = await bench.changes(WRITES["condemn"](bench.connections, bench.mine))
    assert done
    assert await stamped(bench, changed, before) == {"status": "needs_reauth", "reason": "revoked", **GONE}
    done, changed = await bench.changes(WRITES["condemn"](bench.connections, bench.mine))
    assert (done, changed) == (False, {}), "once is enough"


# --- giving a lease back --------------------------------------------------------------------------


def lease(row: SealedConnection, generation: int = 7) -> Lease:
    return Lease(row, generation, ambiguous=False, failures=3)


async def test_only_ones_own_lease_is_given_back_and_only_while_it_is_that_one(bench: Bench) -> None:
    elsewhere = ("another owner", "nobody", "a row that is not there", "another's row")
    wrong = [(bench.wrongly()[guard], 7) for guard in elsewhere]
    for row, generation in [*wrong, (bench.mine, 6), (bench.mine, 8)]:
        release = bench.connections.release(lease(row, generation), answered=True, retry_after=5.0)
        assert await bench.changes(release) == (None, {})
        abandon = bench.connections.abandon(row.owner, row.id, generation)
        assert await bench.changes(abandon) == (None, {})


@pytest.mark.parametrize(
    "ended", ["lease_owner = NULL", "status = 'needs_reauth'", "status = 'disconnected'"]
)
async def test_a_lease_that_has_ended_is_not_given_back(bench: Bench, ended: str) -> None:
    await run(bench.database, f"UPDATE connections SET {ended} WHERE id = %s", bench.mine.id)
    release = bench.connections.release(lease(bench.mine), answered=True, retry_after=5.0)
    assert await bench.changes(release) == (None, {})


@pytest.mark.parametrize("answered", [True, False])
async def test_an_attempt_without_an_answer_leaves_its_mark(bench: Bench, answered: bool) -> None:
    before = await bench.now()
    release = bench.connections.release(lease(bench.mine), answered=answered, retry_after=None)
    _, changed = await bench.changes(release)
    assert await stamped(bench, changed, before) == {
        "lease_owner": None, "lease_until": None, "next_attempt_at": None, "reason": None,
        **({"attempt_started_at": None} if answered else {}),
    }  # fmt: skip


@pytest.mark.parametrize("limited", [True, False])
async def test_a_pause_is_counted_timed_and_named(bench: Bench, limited: bool) -> None:
    before = await bench.now()
    release = bench.connections.release(lease(bench.mine), answered=False, retry_after=90.0, limited=limited)
    _, changed = await bench.changes(release)
    until = changed.pop("next_attempt_at")
    assert before + timedelta(seconds=90) <= until <= await bench.now() + timedelta(seconds=90)
    assert await stamped(bench, changed, before) == {
        "lease_owner": None, "lease_until": None, "fail_count": 4, **({} if limited else {"reason": None})
    }  # fmt: skip


async def test_what_is_abandoned_keeps_everything_but_the_lease(bench: Bench) -> None:
    before = await bench.now()
    _, changed = await bench.changes(bench.connections.abandon(bench.mine.owner, bench.mine.id, 7))
    assert await stamped(bench, changed, before) == {"lease_owner": None, "lease_until": None}


async def test_who_holds_a_lease_is_told_which(bench: Bench) -> None:
    mine, held = bench.mine, bench.connections.held
    assert await held(mine.owner, mine.id, bench.worker) == 7
    assert await held(mine.owner, mine.id, new_id()) is None
    assert await held(mine.owner, new_id(), bench.worker) is None
    for wrong in (new_id(), bench.others[1][0]):
        assert await held(wrong, mine.id, bench.worker) is None


# --- taking one -----------------------------------------------------------------------------------

FREE = (
    "UPDATE connections SET lease_owner = NULL, lease_until = NULL, next_attempt_at = NULL,"
    " attempt_started_at = NULL, access_expires_at = now() + interval '1 hour' WHERE id = %s"
)


class Taking:
    """Leases of Ana's first connection, and of it alone: nothing due, nothing held, unless it is said."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench

    async def row(self, edit: str = "") -> None:
        await run(self.bench.database, FREE, self.bench.mine.id)
        if edit:
            await run(self.bench.database, f"UPDATE connections SET {edit} WHERE id = %s", self.bench.mine.id)

    async def take(self, **given: Any) -> tuple[Lease | None, dict[str, Any]]:
        asked = {"skew": 30.0, "seconds": 20.0, "restart": 0.0, "refused": None} | given
        owner = asked.pop("owner", self.bench.mine.owner)
        connection = asked.pop("connection", self.bench.mine.id)
        worker = asked.pop("worker", self.bench.worker)
        write = self.bench.connections.lease(owner, connection, worker, **asked)
        return await self.bench.changes(write)

    async def taken(self, **given: Any) -> bool:
        got, changed = await self.take(**given)
        assert (got is None) == (changed == {})
        return got is not None


@pytest.fixture
def taking(bench: Bench) -> Taking:
    return Taking(bench)


async def test_a_lease_is_taken_with_all_that_a_refresh_needs(taking: Taking) -> None:
    await taking.row("access_expires_at = now() + interval '25 s', attempt_started_at = NULL")
    mine, before = taking.bench.mine, await taking.bench.now()
    got, changed = await taking.take()
    assert got is not None
    assert (got.generation, got.ambiguous, got.failures) == (8, False, 3)
    assert changed.pop("lease_owner") == taking.bench.worker
    until = changed.pop("lease_until")
    after = await taking.bench.now()
    assert before + timedelta(seconds=20) <= until <= after + timedelta(seconds=20)
    assert before <= changed.pop("attempt_started_at") <= after
    assert changed.pop("tend_at") == until
    assert changed == {"lease_gen": 8}
    assert 0 < got.row.expires_in <= 25
    expected = replace(mine, expires_in=got.row.expires_in, retry_in=0.0, used_lately=True, grant_over=False)
    assert got.row == expected


async def test_an_attempt_that_nobody_saw_end_is_ambiguous_and_stays_as_old(taking: Taking) -> None:
    await taking.row("access_expires_at = now(), attempt_started_at = now() - interval '1 minute'")
    got, changed = await taking.take()
    assert got is not None and got.ambiguous
    assert "attempt_started_at" not in changed


@pytest.mark.parametrize(
    ("ends", "over"), [("NULL", False), ("now() + interval '1 minute'", False), ("now()", True)]
)
async def test_a_lease_knows_whether_the_grant_is_over(taking: Taking, ends: str, over: bool) -> None:
    await taking.row(f"access_expires_at = now(), grant_expires_at = {ends}")
    got, _ = await taking.take()
    assert got is not None and got.row.grant_over is over


@pytest.mark.parametrize(
    ("left", "skew", "due"), [("29 s", 30.0, True), ("5 minutes", 30.0, False), ("5 minutes", 600.0, True)]
)
async def test_a_refresh_is_due_shortly_before_the_end(
    taking: Taking, left: str, skew: float, due: bool
) -> None:
    await taking.row(f"access_expires_at = now() + interval '{left}'")
    assert await taking.taken(skew=skew) is due


async def test_a_refresh_is_due_for_the_very_version_that_was_refused(taking: Taking) -> None:
    await taking.row()
    for refused, due in ((4, False), (6, False), (None, False), (5, True)):
        assert await taking.taken(refused=refused) is due


@pytest.mark.parametrize("wrong", ["owner", "connection"])
async def test_nobody_takes_a_lease_of_anothers_or_of_nothing(taking: Taking, wrong: str) -> None:
    await taking.row("access_expires_at = now()")
    for value in (new_id(), taking.bench.others[1][wrong == "connection"]):
        assert not await taking.taken(**{wrong: value})
    assert await taking.taken()


@pytest.mark.parametrize("status", ["needs_reauth", "disconnected"])
async def test_what_is_not_active_is_not_refreshed(taking: Taking, status: str) -> None:
    await taking.row(f"access_expires_at = now(), status = '{status}'")
    assert not await taking.taken()
    assert not await taking.taken(refused=5)


@pytest.mark.parametrize("edit", ["owner = %s", "purpose = 'app'"])
async def test_a_key_that_is_not_this_connections_gives_no_lease(taking: Taking, edit: str) -> None:
    await taking.row("access_expires_at = now()")
    values = (taking.bench.others[1][0],) if "%s" in edit else ()
    await run(
        taking.bench.database, f"UPDATE deks SET {edit} WHERE id = %s", *values, taking.bench.mine.dek_id
    )
    assert not await taking.taken()


@pytest.mark.parametrize(
    ("until", "due"),
    [("NULL", True), ("now() - interval '1 ms'", True), ("now() + interval '1 minute'", False)],
)
async def test_a_pause_is_kept_to_its_end(taking: Taking, until: str, due: bool) -> None:
    await taking.row(f"access_expires_at = now(), next_attempt_at = {until}")
    assert await taking.taken() is due


@pytest.mark.parametrize(
    ("until", "mine", "free"),
    [
        ("now() + interval '1 minute'", False, False),
        ("now() + interval '1 minute'", True, True),
        ("now() - interval '1 ms'", False, True),
    ],
)
async def test_a_lease_that_another_holds_is_waited_for(
    taking: Taking, until: str, mine: bool, free: bool
) -> None:
    holder = "" if mine else ", lease_owner = id"
    await taking.row(
        f"access_expires_at = now(), lease_until = {until}, lease_owner = '{taking.bench.worker}'"
    )
    if holder:
        await run(
            taking.bench.database,
            "UPDATE connections SET lease_owner = id WHERE id = %s",
            taking.bench.mine.id,
        )
    assert await taking.taken(seconds=0.0) is free


RESET = "SELECT pg_stat_reset_shared('bgwriter')"


@pytest.mark.parametrize(
    ("until", "seconds", "restart", "free"),
    [
        ("now()", 0.0, 1e6, False),
        ("now()", 0.0, 0.0, True),
        ("pg_stat_get_bgwriter_stat_reset_time() + interval '1 us'", 0.0, 1e6, True),
        # A lease begins `seconds` before it lapses.
        ("pg_stat_get_bgwriter_stat_reset_time() + interval '1 us'", 1e7, 1e6, False),
    ],
)
async def test_a_lease_from_before_a_recovery_counts_for_a_while_after_it(
    taking: Taking, until: str, seconds: float, restart: float, free: bool
) -> None:
    """A recovery from a crash leaves the postmaster's start as it is, and resets the statistics."""
    lapses = f"access_expires_at = now(), lease_owner = id, lease_until = {until}"
    await taking.row(lapses)
    await run(taking.bench.database, RESET)
    if until != "now()":
        await taking.row(lapses)
    assert await taking.taken(seconds=seconds, restart=restart) is free


async def test_a_commit_moves_the_end_of_the_grant_where_it_is_said(bench: Bench) -> None:
    before = await bench.now()
    row, commit = bench.mine, bench.connections.commit
    assert await commit(row, b"new", expires_in=60.0, scopes=[], ahead=300, grant_expires_in=1000.0)
    [(ends,)] = await _ends(bench)
    assert before + timedelta(seconds=1000) <= ends <= await bench.now() + timedelta(seconds=1000)
    assert await commit(replace(row, secret_version=6), b"new", expires_in=60.0, scopes=[], ahead=300)
    assert await _ends(bench) == [(ends,)]


async def _ends(bench: Bench) -> list[Any]:
    async with bench.database.connection() as link:
        query = "SELECT grant_expires_at FROM connections WHERE id = %s"
        return await (await link.execute(query, (bench.mine.id,))).fetchall()


@pytest.mark.parametrize("lost", ["dek_id", "kek_ref", "wrapped"])
async def test_a_row_without_any_part_of_its_key_has_none(bench: Bench, lost: str) -> None:
    key = bench.mine.dek()
    assert key is not None
    assert (key.owner, key.purpose, key.id) == (bench.mine.owner, "connection", bench.mine.dek_id)
    assert replace(bench.mine, **{lost: None}).dek() is None
