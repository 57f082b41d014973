"""The table of processes, and the mark by which their key rings are compared."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from tests.vault.upstreams import run
from vault.ids import new_id
from vault.rings.edit import RingFile
from vault.rings.file import FileKeyRing
from vault.rings.mark import mark
from vault.rings.several import SeveralRings
from vault.store.database import Database
from vault.store.workers import Pool, Sign, Workers

AHEAD = 90.0


POOL = Pool(most=10, asked=2**40, queued=3, waited=1.5, missed=1)


def a_sign() -> Sign:
    return Sign(new_id(), ["mcp_server"], "1.2.3", 18, "https://valet.example", "file:main:1", "abc", POOL)


async def test_a_process_is_listed_until_it_leaves(empty_database: Database) -> None:
    workers, sign = Workers(empty_database), a_sign()
    await workers.sign(sign)
    await workers.sign(sign)
    [found] = await workers.list()
    assert (found.id, found.doors, found.ring_mark, found.alive) == (sign.id, ["mcp_server"], "abc", True)
    assert abs(found.clock_ahead) < 5, "one machine, one clock"
    assert found.name == f"mcp_server {sign.id.hex[-8:]}"
    await workers.leave(sign.id)
    assert await workers.list() == []


async def test_what_a_process_says_of_its_pool_is_that_of_its_last_sign(empty_database: Database) -> None:
    workers, sign, older = Workers(empty_database), a_sign(), a_sign()
    await workers.sign(sign)
    assert await workers.pools() == {sign.id: POOL}
    now = Pool(most=20, asked=5, queued=4, waited=0.25, missed=0)
    await workers.sign(replace(sign, pool=now))
    # As the release before writes it, which knows no such columns.
    await run(
        empty_database,
        "INSERT INTO workers (id, doors, version, knows, origin, ring_active, ring_mark, clock_ahead)"
        " VALUES (%s, '{connect}', '1.2.2', 19, '', '', '', 0)",
        older.id,
    )
    assert await workers.pools() == {sign.id: now}
    assert {each.id for each in await workers.list()} == {sign.id, older.id}


async def test_the_clock_of_a_process_is_held_against_the_databases(empty_database: Database) -> None:
    workers = Workers(empty_database, clock=lambda: time.time() + AHEAD)
    await workers.sign(a_sign())
    [found] = await workers.list()
    assert abs(found.clock_ahead - AHEAD) < 5


async def test_one_that_was_killed_falls_silent_and_is_swept_after_a_day(empty_database: Database) -> None:
    workers, killed, lives = Workers(empty_database), a_sign(), a_sign()
    await workers.sign(killed)
    await workers.sign(lives)
    for ago, alive, swept in ((timedelta(minutes=3), False, 0), (timedelta(hours=25), False, 1)):
        query = "UPDATE workers SET seen_at = now() - %s WHERE id = %s"
        await run(empty_database, query, ago, killed.id)
        [found] = [each for each in await workers.list() if each.id == killed.id]
        assert found.alive is alive
        assert await workers.sweep() == swept
    assert [each.id for each in await workers.list()] == [lives.id]


def test_rings_with_the_same_keys_have_one_mark_and_others_another(tmp_path: Path) -> None:
    path, copy, other = (tmp_path / f"{name}.json" for name in ("ring", "copy", "other"))
    ring = FileKeyRing.create(path)
    copy.write_bytes(path.read_bytes())
    copy.chmod(0o600)
    assert mark(ring) == mark(FileKeyRing(copy))
    # The same reference, and another key behind it: what a restored wrong file looks like.
    stranger = FileKeyRing.create(other)
    assert stranger.active == ring.active and mark(stranger).word != mark(ring).word
    assert mark(SeveralRings({"file": ring})).active == ring.active


def test_a_mark_follows_the_file_and_says_nothing_of_its_keys(tmp_path: Path) -> None:
    path = tmp_path / "ring.json"
    ring = FileKeyRing.create(path)
    before = mark(ring)
    RingFile(path).rotate(before.active)
    after = mark(ring)
    assert after.word != before.word and after.active != before.active
    for entry in json.loads(path.read_text())["keys"].values():
        assert entry["key"] not in repr(after)
