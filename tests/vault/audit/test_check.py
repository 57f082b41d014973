"""Every edit that a superuser can make to the audit is found, and named by its place."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.types.json import Jsonb

from tests.vault.audit.keeper import Intruder, Keys
from vault.audit.audit import Audit
from vault.audit.check import Check, Fault, Verdict
from vault.audit.prune import prune
from vault.audit.row import Head, Row
from vault.store.audit import AuditRows
from vault.store.database import Database

KEY = Keys().derive("audit")
COLUMNS = [
    "worker", "batch", "position", "size", "at", "event", "outcome", "person", "client", "address", "tool",
    "provider", "detail", "times", "lost", "seen_worker", "seen_batch", "seen_mac", "mac",
]  # fmt: skip


@dataclass
class Written:
    """Three workers: the first and the second stopped, the third is at work. Two batches and more of each."""

    rows: AuditRows
    intruder: Intruder
    first: UUID
    second: UUID
    third: UUID
    heads: list[Head]
    database: Database

    async def verdict(self, *heads: Head) -> Verdict:
        return await Check(self.rows, KEY, heads).run()


async def _work(rows: AuditRows, users: list[UUID], *, stops: bool) -> Audit:
    audit = Audit(rows, gather=0)
    audit.begin(Keys())
    await audit.flush()
    for turn in range(3):
        with audit.visit("192.0.2.7"):
            for user in users:
                audit.note(
                    "tool_called", tool="spotify_play", provider="spotify", user_id=user, client_id="c"
                )
                audit.note("signed_in", user_id=user)
            audit.note("bearer_refused", outcome="refused", detail=f"reason_{turn}")
        await audit.flush()
    if stops:
        await audit.close()
    return audit


@pytest.fixture(scope="module")
async def written(server_url: str, template: str) -> AsyncIterator[Written]:
    name = f"valet_audit_{uuid4().hex[:10]}"
    with psycopg.connect(server_url, autocommit=True) as link:
        link.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        )
    url = make_conninfo(server_url, dbname=name)
    database = Database(url)
    await database.open()
    users = [uuid4(), uuid4()]
    async with database.connection() as link:
        for user in users:
            await link.execute("INSERT INTO users (id, display_name) VALUES (%s, 'x')", (user,))
    rows = AuditRows(database)
    first = await _work(rows, users, stops=True)
    second = await _work(rows, users, stops=True)
    third = await _work(rows, users, stops=False)
    heads = [each.head for each in (first, second, third) if each.head is not None]
    intruder = Intruder(url)
    intruder.keep()
    yield Written(rows, intruder, first.worker, second.worker, third.worker, heads, database)
    await third.close()
    await database.close()
    with psycopg.connect(server_url, autocommit=True) as link:
        link.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(autouse=True)
def _as_it_was(written: Written) -> Any:
    yield
    written.intruder.restore()


async def test_what_was_written_is_sound(written: Written) -> None:
    verdict = await written.verdict(*written.heads)
    assert verdict.sound and verdict.faults == []
    assert (verdict.rows, verdict.workers, verdict.lost) == (3 * 16 + 2, 3, 0)
    assert verdict.open == [written.heads[2]], "the one at work has an open end"


async def test_another_key_finds_fault_with_every_row(written: Written) -> None:
    verdict = await Check(written.rows, Keys(b"e" * 32).derive("audit")).run()
    assert len(verdict.faults) == verdict.rows


async def test_a_table_full_of_faults_is_checked_as_one_without(
    written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = 0

    def equal(one: Fault, other: object) -> bool:
        nonlocal compared
        compared += 1
        return isinstance(other, Fault) and str(one) == str(other)

    monkeypatch.setattr(Fault, "__eq__", equal)
    verdict = await Check(written.rows, Keys(b"e" * 32).derive("audit")).run()
    assert len(verdict.faults) == verdict.rows
    assert compared <= verdict.rows, "each with all the others would take hours"


OTHER = {
    "worker": "gen_random_uuid()", "batch": "batch + 100", "position": "position + 100", "size": "size + 1",
    "at": "at + interval '1 microsecond'", "event": "'signed_out_everywhere'", "outcome": "'maybe'",
    "person": "coalesce(person, '') || '\\x00'", "client": "decode(md5('x'), 'hex')",
    "address": "coalesce(address, '') || '\\x00'", "tool": "'spotify_search'", "provider": "'google'",
    "detail": "''", "times": "2",
    "lost": "1", "seen_worker": "gen_random_uuid()", "seen_batch": "coalesce(seen_batch, 0) + 1",
    "seen_mac": "'\\x00'", "mac": "set_byte(mac, 31, get_byte(mac, 31) # 1)",
}  # fmt: skip


def test_every_column_under_the_mac_is_edited_here(written: Written) -> None:
    with psycopg.connect(written.intruder.url) as link:
        there = link.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = 'audit'"
        ).fetchall()
    assert {name for (name,) in there} == {*COLUMNS, "seq"}
    assert list(OTHER) == COLUMNS


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize(("whose", "place"), [("first", (1, 1)), ("first", (3, 3)), ("third", (4, 5))])
async def test_an_edited_column_is_found(
    written: Written, column: str, whose: str, place: tuple[int, int]
) -> None:
    worker = getattr(written, whose)
    written.intruder.run(
        f"UPDATE audit SET {column} = {OTHER[column]} WHERE worker = %s AND batch = %s AND position = %s",
        worker, *place,
    )  # fmt: skip
    verdict = await written.verdict()
    assert not verdict.sound
    assert {fault.batch for fault in verdict.faults} & {place[0], place[0] + 100}
    if column not in {"worker", "batch", "position"}:
        first = verdict.faults[0]
        assert (first.kind, first.worker, first.batch, first.position) == ("edited", worker, *place)
        # Nothing else is named, but where what comes next can't go with it.
        assert len(verdict.faults) == 1 or column in {"mac", "size"}


@pytest.mark.parametrize("at", ["infinity", "-infinity", "9999-12-31", "200000-01-01", "4000-01-01 BC"])
async def test_a_time_that_can_not_be_is_no_way_to_stop_the_check(written: Written, at: str) -> None:
    written.intruder.run("UPDATE audit SET at = %s WHERE worker = %s AND batch = 2", at, written.first)
    assert {fault.kind for fault in (await written.verdict()).faults} == {"edited"}


W = "worker = '{first}'"


@pytest.mark.parametrize(
    ("statement", "kinds", "places"),
    [
        # Removed: one row, the first and the last of a batch, a whole batch, several, the beginning.
        (f"DELETE FROM audit WHERE {W} AND batch = 2 AND position = 3", {"removed"}, {(2, 3)}),
        (f"DELETE FROM audit WHERE {W} AND batch = 2 AND position = 1", {"removed"}, {(2, 1)}),
        (f"DELETE FROM audit WHERE {W} AND batch = 2 AND position = size", {"removed"}, {(2, 5)}),
        (f"DELETE FROM audit WHERE {W} AND batch = 2", {"removed"}, {(2, None)}),
        (f"DELETE FROM audit WHERE {W} AND batch IN (2, 3)", {"removed"}, {(2, None)}),
        (f"DELETE FROM audit WHERE {W} AND batch = 1", {"removed"}, {(1, None)}),
        (
            f"DELETE FROM audit WHERE {W} AND (batch = 1 OR batch = 2 AND position < 3)",
            {"removed"},
            {(1, None), (2, 1)},
        ),
        # A worker's end: its last row, its last batch, all of it. Others have written after it.
        (f"DELETE FROM audit WHERE {W} AND event = 'worker_stopped'", {"removed"}, {(5, None)}),
        (f"DELETE FROM audit WHERE {W} AND batch >= 4", {"removed"}, {(5, None)}),
        (f"DELETE FROM audit WHERE {W}", {"removed"}, {(5, None)}),
        # A batch cut short.
        ("DELETE FROM audit WHERE worker = '{third}' AND batch = 4 AND position > 3", {"removed"}, {(4, 4)}),
        # Two rows in each other's place.
        (
            f"UPDATE audit SET position = CASE position WHEN 2 THEN 1003 ELSE 1002 END WHERE {W}"
            " AND batch = 2 AND position IN (2, 3);"
            f"UPDATE audit SET position = position - 1000 WHERE {W} AND position > 1000",
            {"edited"},
            {(2, 2), (2, 3), (2, 4)},
        ),
    ],
)
async def test_what_is_removed_or_moved_is_found(
    written: Written, statement: str, kinds: set[str], places: set[tuple[int, int | None]]
) -> None:
    for each in statement.format(first=written.first, third=written.third).split(";"):
        written.intruder.run(each)
    verdict = await written.verdict()
    assert {fault.kind for fault in verdict.faults} == kinds
    assert {(fault.batch, fault.position) for fault in verdict.faults} == places


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ({"position": 99}, "inserted"),
        ({"position": 6}, "inserted"),
        ({"position": 0}, "inserted"),
        ({"position": -1}, "inserted"),
        ({"batch": 77, "position": 1}, "removed"),
        ({"worker": str(uuid4()), "batch": 1, "position": 1}, "edited"),
        ({"batch": 0, "position": 1}, "inserted"),
    ],
)
async def test_a_row_that_was_put_in_is_found(written: Written, place: dict[str, Any], kind: str) -> None:
    written.intruder.run(
        "INSERT INTO audit OVERRIDING SYSTEM VALUE SELECT r.* FROM audit a,"
        " jsonb_populate_record(a, %s || jsonb_build_object('seq', -1)) r"
        " WHERE a.worker = %s AND a.batch = 3 AND a.position = 2",
        Jsonb(place), written.first,
    )  # fmt: skip
    verdict = await written.verdict()
    assert not verdict.sound
    assert kind in {fault.kind for fault in verdict.faults}
    if kind == "inserted":
        assert [(fault.kind, fault.position) for fault in verdict.faults] == [("inserted", place["position"])]


async def test_the_end_that_nobody_has_named_yet_needs_its_head(written: Written) -> None:
    """What can't be seen without: docs/audit.md says so."""
    last = written.heads[2]
    assert last.worker == written.third
    written.intruder.run("DELETE FROM audit WHERE worker = %s AND batch = %s", written.third, last.batch)
    assert (await written.verdict()).sound
    faults = (await written.verdict(last)).faults
    assert [(fault.kind, fault.batch) for fault in faults] == [("removed", last.batch)]
    assert (await written.verdict(written.heads[0])).sound
    forged = Head(written.heads[0].worker, written.heads[0].batch, bytes(32))
    assert [fault.kind for fault in (await written.verdict(forged)).faults] == ["edited"]


def test_a_head_is_read_as_it_is_said(written: Written) -> None:
    for head in written.heads:
        assert Head.read(f" {head}\n") == head
    for bad in ("", "a:b:c", f"{written.first}:1:00", f"{written.first}:0:{'0' * 64}", f"{written.first}:1"):
        with pytest.raises(ValueError, match=r".*"):
            Head.read(bad)


# --- pruning --------------------------------------------------------------------------------------


async def _age(written: Written, worker: UUID, batches: int, days: int = 366) -> None:
    """Make a worker's first batches a year older, as if they had been written then."""
    from vault.audit.row import FIRST, mac_of

    rows = [row for row in await written.rows.page(None, 999) if row.worker == worker]
    before = FIRST
    for row in rows:
        at = row.at - timedelta(days=days) if row.batch <= batches else row.at
        moved = _moved(row, at)
        before = mac_of(KEY, moved, before)
        written.intruder.run(
            "UPDATE audit SET at = %s, mac = %s WHERE worker = %s AND batch = %s AND position = %s",
            at, before, *row.place,
        )  # fmt: skip
        written.intruder.run(
            "UPDATE audit SET seen_mac = %s WHERE seen_worker = %s AND seen_batch = %s AND %s = size",
            before, row.worker, row.batch, row.position,
        )  # fmt: skip


def _moved(row: Row, at: datetime) -> Row:
    from dataclasses import replace

    return replace(row, at=at)


async def test_what_is_pruned_is_recorded_and_no_fault(written: Written) -> None:
    await _age(written, written.third, 2)  # nobody has named it: its MACs may be made anew
    assert (await written.verdict()).sound
    year = datetime.now(UTC) - timedelta(days=365)
    assert await prune(written.rows, Keys(), year) == 6
    verdict = await written.verdict()
    assert verdict.sound and verdict.pruned == 1
    assert await prune(written.rows, Keys(), year) == 0
    # One batch more than was pruned is one too many; and one that was pruned does not come back.
    written.intruder.run("DELETE FROM audit WHERE worker = %s AND batch = 3", written.third)
    assert [fault.kind for fault in (await written.verdict()).faults] == ["removed"]
    written.intruder.run(
        "INSERT INTO audit OVERRIDING SYSTEM VALUE SELECT * FROM kept WHERE worker = %s AND batch < 3",
        written.third,
    )
    assert {fault.kind for fault in (await written.verdict()).faults} == {"inserted", "removed"}


async def test_what_is_pruned_while_it_is_checked_is_no_fault(written: Written) -> None:
    class Pruned(AuditRows):
        pages = 0

        async def page(self, after: tuple[UUID, int, int] | None, most: int) -> list[Row]:
            self.pages += 1
            if self.pages == 1:
                await prune(written.rows, Keys(), datetime.now(UTC) + timedelta(days=1))
            return await super().page(after, most)

    rows = Pruned(written.database)
    verdict = await Check(rows, KEY).run()
    assert verdict.sound and verdict.pruned == 3
    assert rows.pages > 2


async def test_of_several_words_about_pruning_the_furthest_counts(written: Written) -> None:
    """Also where somebody has changed the order of arrival, which is under no MAC."""
    await _age(written, written.third, 3)
    await _age(written, written.third, 1)
    for days in (700, 365):
        assert await prune(written.rows, Keys(), datetime.now(UTC) - timedelta(days=days))
    written.intruder.run("ALTER TABLE audit ALTER seq SET GENERATED BY DEFAULT")
    written.intruder.run("UPDATE audit SET seq = -seq WHERE event = 'pruned'")
    verdict = await written.verdict()
    assert verdict.sound and verdict.pruned == 1


async def test_all_of_some_workers_may_go_and_more_later(written: Written) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=1)
    before = (await written.verdict()).rows
    assert await prune(written.rows, Keys(), soon) == before
    verdict = await written.verdict(*written.heads)
    assert verdict.sound and verdict.pruned == 3 and verdict.workers == 1
    # The row that says so can be pruned too: it is said again.
    assert await prune(written.rows, Keys(), datetime.now(UTC) + timedelta(seconds=1)) == 4
    verdict = await written.verdict(*written.heads)
    assert verdict.sound and verdict.pruned == 4


async def test_a_false_word_about_pruning_is_a_fault(written: Written) -> None:
    """Somebody removes a beginning and says that it was pruned, without the key."""
    written.intruder.run("DELETE FROM audit WHERE worker = %s AND batch = 1", written.first)
    written.intruder.run(
        "INSERT INTO audit (worker, batch, position, size, at, event, outcome, times, lost, seen_worker,"
        " seen_batch, seen_mac, mac) SELECT gen_random_uuid(), 1, 1, 1, now(), 'pruned', 'ok', 1, 0, worker,"
        " batch, mac, mac FROM kept WHERE worker = %s AND batch = 1",
        written.first,
    )
    assert [fault.kind for fault in (await written.verdict()).faults] == ["edited"]


async def test_a_prune_that_fails_removes_nothing(written: Written) -> None:
    class Broken(AuditRows):
        async def prune(self, up_to: Any, rows: Any) -> int:
            return await super().prune(up_to, [*rows, rows[0].__class__(**{"worker": None, **_BARE})])

    with pytest.raises(psycopg.errors.InvalidTextRepresentation):
        await prune(Broken(written.database), Keys(), datetime.now(UTC) + timedelta(seconds=1))
    assert (await written.verdict(*written.heads)).sound


_BARE: dict[str, Any] = {
    "batch": 1, "position": 9, "size": 9, "at": datetime(2026, 1, 1, tzinfo=UTC), "event": "x",
    "outcome": "x",
}  # fmt: skip
