"""The diary: a note costs nobody anything, is written in the end, and lands nowhere else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from prometheus_client import CollectorRegistry

from vault.diary import Diary
from vault.errors import Busy
from vault.ids import new_id
from vault.store.activity import Activity, Note
from vault.store.database import Database

People = Callable[[], Awaitable[UUID]]


class Flaky(Activity):
    """A table that is away, or worse, for the first writes."""

    def __init__(self, database: Database, *errors: Exception) -> None:
        super().__init__(database)
        self.errors = list(errors)
        self.sizes: list[int] = []

    async def write(self, notes: Sequence[Note]) -> None:
        self.sizes.append(len(notes))
        if self.errors:
            raise self.errors.pop(0)
        await super().write(notes)


async def actions(activity: Activity, user: UUID) -> list[str]:
    return [entry.action async for entry in activity.all(user)]


def lost(metrics: CollectorRegistry) -> float | None:
    return metrics.get_sample_value("valet_activity_lost_total")


async def no_pause(_: float) -> None:
    await asyncio.sleep(0)


async def run(database: Database, query: str, *values: object) -> None:
    async with database.connection() as link:
        await link.execute(query.encode(), values)


class Held(Activity):
    """A table that takes nothing before it is let."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.let = asyncio.Event()
        self.asked = asyncio.Event()

    async def write(self, notes: Sequence[Note]) -> None:
        self.asked.set()
        await self.let.wait()
        await super().write(notes)


async def test_a_note_is_written_behind_the_back_of_the_call(database: Database, person: People) -> None:
    user, activity = await person(), Held(database)
    diary = Diary(activity)
    diary.note(user_id=user, action="signed_in")
    await activity.asked.wait()
    assert await actions(activity, user) == [], "who noted it went on before it was written"
    activity.let.set()
    await diary.flush()
    [entry] = await activity.page(user, 10)
    assert (entry.action, entry.outcome, entry.client_id, entry.milliseconds) == (
        "signed_in",
        "ok",
        None,
        None,
    )


async def test_many_notes_are_few_statements(database: Database, person: People) -> None:
    user, activity = await person(), Flaky(database)
    diary = Diary(activity)
    for number in range(450):
        diary.note(user_id=user, action=f"tool_{number}")
    await diary.flush()
    assert activity.sizes == [200, 200, 50]
    assert len(await actions(activity, user)) == 450


async def test_notes_of_calls_are_written_together(database: Database, person: People) -> None:
    user, activity = await person(), Flaky(database)
    diary = Diary(activity, gather=3600)
    for number in range(3):
        diary.note(user_id=user, action=f"tool_{number}", milliseconds=5)
        await asyncio.wait({asyncio.create_task(no_pause(0)) for _ in range(5)})
    assert activity.sizes == [], "more may come"
    await diary.flush()
    diary.note(user_id=user, action="later", milliseconds=5)
    await no_pause(0)
    await no_pause(0)
    assert activity.sizes == [3], "those who come later gather anew"
    await diary.close()
    assert activity.sizes == [3, 1]


@pytest.mark.parametrize("calls", [1, 199])
async def test_what_a_person_did_waits_for_nobody_nor_does_a_full_statement(
    database: Database, person: People, calls: int
) -> None:
    user, activity = await person(), Flaky(database)
    diary = Diary(activity, gather=3600)
    for _ in range(calls):
        diary.note(user_id=user, action="tool", milliseconds=5)
    diary.note(user_id=user, action="last", milliseconds=5 if calls > 1 else None)
    async with asyncio.timeout(20):
        while "last" not in await actions(activity, user):
            await no_pause(0)
    assert activity.sizes == [calls + 1]
    await diary.close()


async def test_notes_of_calls_are_written_by_themselves(database: Database, person: People) -> None:
    user, activity = await person(), Activity(database)
    diary = Diary(activity, gather=0.001)
    diary.note(user_id=user, action="tool", milliseconds=5)
    async with asyncio.timeout(20):
        while not await actions(activity, user):
            await no_pause(0)
    await diary.close()


async def test_a_database_that_is_away_is_waited_for(database: Database, person: People) -> None:
    user, metrics = await person(), CollectorRegistry()
    activity = Flaky(database, Busy("away", 2.5), Busy("away", 0.5))
    waits: list[float] = []

    async def pause(seconds: float) -> None:
        waits.append(seconds)

    diary = Diary(activity, metrics=metrics, sleep=pause)
    diary.note(user_id=user, action="spotify_play")
    await diary.flush()
    assert waits == [2.5, 0.5]
    assert await actions(activity, user) == ["spotify_play"]
    assert lost(metrics) == 0


async def test_what_cannot_be_written_is_counted_and_the_next_is_written(
    database: Database, person: People, capsys: pytest.CaptureFixture[str]
) -> None:
    user, metrics = await person(), CollectorRegistry()
    activity = Flaky(database, RuntimeError("secret words"))
    diary = Diary(activity, metrics=metrics)
    diary.note(user_id=user, action="first")
    await diary.flush()
    diary.note(user_id=user, action="second")
    await diary.flush()
    assert await actions(activity, user) == ["second"]
    assert lost(metrics) == 1
    said = capsys.readouterr().out
    assert "activity_lost" in said and "RuntimeError" in said and "secret words" not in said


async def test_no_more_wait_than_may(database: Database, person: People) -> None:
    user, metrics, gate = await person(), CollectorRegistry(), asyncio.Event()

    async def shut(_: float) -> None:
        await gate.wait()

    activity = Flaky(database, Busy("away"))
    diary = Diary(activity, metrics=metrics, most=3, sleep=shut)
    for number in range(5):
        diary.note(user_id=user, action=f"tool_{number}")
    assert lost(metrics) == 2
    gate.set()
    await diary.flush()
    assert sorted(await actions(activity, user)) == ["tool_0", "tool_1", "tool_2"]


async def test_the_end_waits_for_what_waits_but_not_for_ever(database: Database, person: People) -> None:
    user, metrics, activity = await person(), CollectorRegistry(), Activity(database)
    diary = Diary(activity, metrics=metrics)
    diary.note(user_id=user, action="last")
    await diary.close()
    assert await actions(activity, user) == ["last"]

    async def for_ever(_: float) -> None:
        await asyncio.Event().wait()

    stuck = Diary(Flaky(database, Busy("away")), metrics=(other := CollectorRegistry()), sleep=for_ever)
    stuck.note(user_id=user, action="never")
    await stuck.close(within=0.01)
    assert (lost(metrics), lost(other)) == (0, 1)
    assert await actions(activity, user) == ["last"]


async def test_a_note_written_twice_is_there_once(database: Database, person: People) -> None:
    """As after an answer that got lost on the way."""
    user, activity = await person(), Activity(database)
    note = Note(user_id=user, action="once", outcome="ok")
    await activity.write([note])
    await activity.write([note, Note(user_id=user, action="more", outcome="ok")])
    assert sorted(await actions(activity, user)) == ["more", "once"]


async def test_a_note_about_somebody_who_is_gone_is_no_trouble(database: Database, person: People) -> None:
    user, gone, activity = await person(), new_id(), Activity(database)
    await activity.write(
        [Note(user_id=gone, action="late", outcome="ok"), Note(user_id=user, action="here", outcome="ok")]
    )
    assert (await actions(activity, user), await actions(activity, gone)) == (["here"], [])


async def test_a_note_waits_for_a_deletion_under_way_and_then_is_dropped(
    database: Database, person: People
) -> None:
    user, other, activity = await person(), await person(), Activity(database)
    async with database.transaction() as link:
        await link.execute("DELETE FROM users WHERE id = %s", (user,))
        writing = asyncio.create_task(
            activity.write([Note(user_id=who, action="late", outcome="ok") for who in (user, other)])
        )
        while not await _waiting_for_a_lock(database):
            await asyncio.sleep(0.01)
    await writing
    assert (await actions(activity, user), await actions(activity, other)) == ([], ["late"])


async def _waiting_for_a_lock(database: Database) -> bool:
    async with database.connection() as link:
        rows = await link.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            " AND query LIKE 'INSERT INTO activity%' AND datname = current_database()"
        )
        row: Any = await rows.fetchone()
    return bool(row[0])


async def test_times_are_the_databases_less_the_wait(database: Database, person: People) -> None:
    user, activity = await person(), Activity(database)
    await activity.write(
        [
            Note(user_id=user, action="old", outcome="ok", moment=time.monotonic() - 3600),
            Note(user_id=user, action="new", outcome="ok"),
        ]
    )
    new, old = await activity.page(user, 10)
    assert (new.action, old.action) == ("new", "old")
    assert abs(new.at - old.at - timedelta(hours=1)) < timedelta(seconds=5)


async def test_only_the_persons_own_grant_and_account_name_a_note(database: Database, person: People) -> None:
    ana, ben, activity, connection, grant = (
        await person(),
        await person(),
        Activity(database),
        new_id(),
        new_id(),
    )
    await run(
        database,
        "INSERT INTO clients (id, kind, name, redirect_uris, auth_method)"
        " VALUES (%s, 'cimd', 'x', '{}', 'none')",
        str(grant),
    )
    await run(
        database,
        "INSERT INTO grants (id, user_id, client_id, redirect_uri, scopes)"
        " VALUES (%s, %s, %s, 'https://chat.example/cb', '{}')",
        grant, ana, str(grant),
    )  # fmt: skip
    await run(
        database,
        "INSERT INTO connections (id, owner, provider, account_index, account_label, app, label, scopes,"
        " status, access_expires_at)"
        " VALUES (%s, %s, 'spotify', '\\x00', 'ana@x', 'operator', 'private', '{}', 'active', now())",
        connection, ana,
    )  # fmt: skip
    for who in (ana, ben):
        await activity.write(
            [
                Note(
                    user_id=who, action="spotify_play", outcome="ok", grant_id=grant, client_id=str(grant),
                    client_name="Chat", connection=connection, milliseconds=12,
                )
            ]
        )  # fmt: skip
    [hers], [his] = await activity.page(ana, 5), await activity.page(ben, 5)
    assert (hers.client_kind, hers.redirect_uri, hers.provider, hers.account) == (
        "cimd", "https://chat.example/cb", "spotify", "private",
    )  # fmt: skip
    assert (his.redirect_uri, his.provider, his.account) == (None, None, None)


async def test_pages_follow_each_other_without_a_gap(database: Database, person: People) -> None:
    user, other, activity = await person(), await person(), Activity(database)
    await activity.write([Note(user_id=user, action=f"a{n}", outcome="ok", moment=0.0) for n in range(7)])
    await activity.write([Note(user_id=other, action="theirs", outcome="ok")])
    seen: list[str] = []
    before = None
    while entries := await activity.page(user, 3, before=before):
        assert len(entries) <= 3
        seen += [entry.action for entry in entries]
        before = (entries[-1].at, entries[-1].id)
    assert sorted(seen) == [f"a{n}" for n in range(7)], "one moment, and still each is seen once"


async def test_the_sweep_takes_what_is_older_than_ninety_days(
    empty_database: Database,
) -> None:
    activity, user = Activity(empty_database), new_id()
    await run(empty_database, "INSERT INTO users (id, display_name) VALUES (%s, 'Ana')", user)
    await activity.write([Note(user_id=user, action=name, outcome="ok") for name in ("young", "old")])
    await run(empty_database, "UPDATE activity SET at = now() - interval '89 days 23 hours'")
    await run(
        empty_database, "UPDATE activity SET at = now() - interval '90 days 1 hour' WHERE action = 'old'"
    )
    assert await activity.sweep() == 1
    assert await actions(activity, user) == ["young"]
