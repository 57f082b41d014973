"""Client-id documents: one fetch at a time, a rest after a failure, and no host is hammered."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from vault.ids import new_id
from vault.store.clients import Client, Clients
from vault.store.database import Database
from vault.store.documents import Documents, Turn


def client(host: str, name: str = "A chat") -> Client:
    return Client(f"https://{host}/{new_id()}", "cimd", name, ("http://localhost/cb",), "none")


def a_host() -> str:
    return f"{new_id().hex}.example"


async def run(database: Database, statement: Any, **names: object) -> None:
    async with database.connection() as link:
        await link.execute(statement, names)


async def age(database: Database, one: Client, *columns: str, hours: float) -> None:
    for column in columns:
        await run(
            database,
            f"UPDATE documents SET {column} = {column} - make_interval(secs => %(s)s)"
            " WHERE client_id = %(id)s",
            s=hours * 3600,
            id=one.id,
        )


async def test_one_of_many_fetches_and_the_others_wait(database: Database) -> None:
    documents, host = Documents(database), a_host()
    one = client(host)
    turns = await asyncio.gather(*(documents.turn(one.id, host) for _ in range(30)))
    assert Counter(turn.state for turn in turns) == {"fetch": 1, "wait": 29}
    await documents.keep(one, 300)
    assert await documents.turn(one.id, host) == Turn("fresh", True, None)
    assert await Clients(database).find(one.id) == one


async def test_a_fetcher_that_vanished_does_not_block_for_long(database: Database) -> None:
    documents, host = Documents(database), a_host()
    one = client(host)
    assert (await documents.turn(one.id, host)).state == "fetch"
    await age(database, one, "busy_until", hours=1)
    assert (await documents.turn(one.id, host)).state == "fetch"


async def test_an_old_copy_is_fetched_again_and_serves_meanwhile(database: Database) -> None:
    documents, host = Documents(database), a_host()
    one = client(host)
    await documents.turn(one.id, host)
    await documents.keep(one, 300)
    await age(database, one, "fresh_until", "fetched_at", hours=1)
    assert await documents.turn(one.id, host) == Turn("fetch", True, None)
    await documents.fail(one.id, "did not answer")
    assert await documents.turn(one.id, host) == Turn("resting", True, "did not answer")
    await age(database, one, "retry_at", "fetched_at", hours=23)
    assert await documents.turn(one.id, host) == Turn("fetch", False, None), "a day is the most"


async def test_a_failure_rests_for_a_minute(database: Database) -> None:
    documents, host = Documents(database), a_host()
    one = client(host)
    await documents.turn(one.id, host)
    await documents.fail(one.id, "did not answer")
    assert await documents.turn(one.id, host) == Turn("resting", False, "did not answer")
    await age(database, one, "retry_at", hours=58 / 3600)
    assert (await documents.turn(one.id, host)).state == "resting"
    await age(database, one, "retry_at", hours=3 / 3600)
    assert (await documents.turn(one.id, host)).state == "fetch"


async def test_one_host_is_asked_for_twenty_a_minute(database: Database) -> None:
    documents, host = Documents(database), a_host()
    crowd = [client(host) for _ in range(30)]
    turns = await asyncio.gather(*(documents.turn(each.id, host) for each in crowd))
    assert Counter(turn.state for turn in turns) == {"fetch": 20, "crowded": 10}
    other = a_host()
    assert (await documents.turn(client(other).id, other)).state == "fetch"
    await run(
        database, "UPDATE documents SET tried_at = now() - interval '61 seconds' WHERE host = %(h)s", h=host
    )
    assert (await documents.turn(client(host).id, host)).state == "fetch"


async def test_a_copy_whose_client_was_swept_is_fetched_anew(database: Database) -> None:
    documents, host = Documents(database), a_host()
    one = client(host)
    await documents.turn(one.id, host)
    await documents.keep(one, 86400)
    await run(database, "DELETE FROM clients WHERE id = %(id)s", id=one.id)
    assert await documents.turn(one.id, host) == Turn("fetch", False, None)


async def test_what_nobody_uses_is_swept(empty_database: Database) -> None:
    documents, clients = Documents(empty_database), Clients(empty_database)
    kept, failed, fresh = client("a.example"), client("a.example"), client("a.example")
    for each in (kept, failed, fresh):
        await documents.turn(each.id, "a.example")
    await documents.keep(kept, 300)
    await age(empty_database, kept, "tried_at", hours=25)
    await age(empty_database, failed, "tried_at", hours=25)
    assert await documents.sweep() == 1
    await run(empty_database, "UPDATE clients SET last_used_at = now() - interval '25 hours'")
    assert await clients.sweep() == 1
    assert await documents.sweep() == 1
    assert (await documents.turn(fresh.id, "a.example")).state == "wait"
