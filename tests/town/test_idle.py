"""Ten thousand people who do nothing cost rows, and nothing else: no statement, task, line or memory."""

from __future__ import annotations

import asyncio
import gc
import re
import shutil
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from prometheus_client import CollectorRegistry
from psycopg.conninfo import make_conninfo
from pydantic import SecretStr

from providers.registry import PROVIDERS
from tests.proof.people import CLIENT_ROW
from tests.support.doors import run
from tests.support.postgres import Postgres
from tests.support.valet import reachable_folder
from valet.assembly import assemble
from valet.settings import load
from valet.sidecar import sweeps
from vault.census import Census
from vault.store.due import Due
from vault.store.standings import Standings

PEOPLE = 10_000
# Each has a way in, a chat with a token, a session, and a connection that was last used two months ago.
SEED: tuple[LiteralString, ...] = (
    "INSERT INTO users (id, display_name) SELECT gen_random_uuid(), 'Idle' FROM generate_series(1, %s)",
    "INSERT INTO identities (issuer, subject_index, user_id, label)"
    " SELECT 'i', uuid_send(id), id, 'Idle' FROM users",
    "INSERT INTO grants (id, user_id, client_id, redirect_uri, scopes)"
    " SELECT id, id, 'proof', 'http://127.0.0.1/', '{spotify:read}' FROM users",
    "INSERT INTO families (id, grant_id, resource) SELECT id, id, 'r' FROM grants",
    "INSERT INTO refresh_tokens (hash, record_id, family_id, expires_at)"
    " SELECT uuid_send(id), id, id, now() + interval '9 days' FROM families",
    "INSERT INTO sessions (hash, user_id, expires_at)"
    " SELECT uuid_send(id), id, now() + interval '9 days' FROM users",
    "INSERT INTO deks (id, owner, purpose, kek_ref, wrapped)"
    " SELECT id, id, 'connection', 'k', '\\x00' FROM users",
    "INSERT INTO connections (id, owner, provider, account_index, account_label, app, label, scopes, status,"
    " dek_id, body, access_expires_at, last_used_at, refreshed_at, tend_at)"
    " SELECT id, id, 'spotify', uuid_send(id), 'Idle', 'operator', 'Idle', '{user-read-playback-state}',"
    " 'active', id, '\\x00', now() - interval '60 days', now() - interval '60 days',"
    " now() - interval '20 days', now() + interval '20 days' FROM users",
    "ANALYZE",
)


@dataclass(frozen=True)
class Cost:
    """Of one process from its start over a round of all that it does by itself."""

    statements: dict[str, int]
    audited: int
    tasks: int
    connections: int
    kept: int


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    folder = reachable_folder()
    server = Postgres(folder / "postgres")
    server.start()
    server.furnish()
    with psycopg.connect(make_conninfo(server.admin, dbname="valet"), autocommit=True) as link:
        link.execute("CREATE EXTENSION pg_stat_statements")
    yield server
    server.stop()
    shutil.rmtree(folder)


async def test_a_process_costs_the_same_with_ten_thousand_idle_people(
    postgres: Postgres, tmp_path: Path
) -> None:
    given = {
        "PUBLIC_URL": "http://127.0.0.1:8420",
        "DATABASE_URL": postgres.app,
        "MIGRATION_DATABASE_URL": postgres.owner,
        "VALET_KEYRING": str(tmp_path / "keyring.json"),
    }
    ran = await asyncio.to_thread(run, "prepare", given=given, folder=tmp_path)
    assert ran.returncode == 0, ran.stderr
    await one_round(postgres, tmp_path)  # what is made once, is made
    none = await one_round(postgres, tmp_path)
    with psycopg.connect(postgres.owner, autocommit=True) as link:
        link.execute(CLIENT_ROW)
        for statement in SEED:
            link.execute(statement, (PEOPLE,) if "%s" in statement else None)
    all_idle = await one_round(postgres, tmp_path)
    assert by_batch(all_idle) == by_batch(none) and sum(none.statements.values()) > 20
    assert all_idle.audited == none.audited
    assert (all_idle.tasks, all_idle.connections) == (none.tasks, none.connections)
    assert all_idle.kept < none.kept + 200_000, "bytes; twenty a person"
    with psycopg.connect(postgres.owner) as link:
        row = link.execute("SELECT count(*) FROM connections WHERE status = 'active'").fetchone()
    assert row == (PEOPLE,), "nobody was lost meanwhile"


def by_batch(cost: Cost) -> dict[str, int]:
    """The statements; of those for each batch of the audit one each, if all came equally often.

    Into how many batches the same rows fall is a matter of time.
    """
    audit = {
        text: count for text, count in cost.statements.items() if re.search(r"(INTO|FROM) audit\b", text)
    }
    assert len(audit) == 3 and len(set(audit.values())) == 1 and max(audit.values()) <= cost.audited
    return {**cost.statements, **dict.fromkeys(audit, 1)}


async def one_round(postgres: Postgres, folder: Path) -> Cost:
    """Both doors start, and do once what they do every few seconds or minutes, without anybody asking."""
    with psycopg.connect(make_conninfo(postgres.admin, dbname="valet"), autocommit=True) as link:
        link.execute("SELECT pg_stat_statements_reset()")
        written = link.execute("SELECT count(*) FROM audit").fetchone()
        gc.collect()
        tracemalloc.start()
        before, others = tracemalloc.get_traced_memory()[0], len(asyncio.all_tasks())
        settings = load({}, PROVIDERS)
        house = await assemble(settings, {}, SecretStr(postgres.app), folder / "keyring.json", "live")
        house.rest()  # what it does by itself is done below, once
        try:
            database = house.ground.database
            for sweep in sweeps(house.ground):
                await sweep()
            await Census(Standings(database), CollectorRegistry()).count()
            for provider in settings.known(PROVIDERS):
                assert (await Due(database).claim(provider.name, 8, ahead=300, seconds=20))[1] == []
            gc.collect()
            kept = tracemalloc.get_traced_memory()[0] - before
            tasks = len(asyncio.all_tasks()) - others
            held = link.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE usename = 'valet_app'"
            ).fetchone()
        finally:
            tracemalloc.stop()
            await house.close()
        rows = link.execute(
            "SELECT query, sum(calls) FROM pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid"
            " WHERE r.rolname = 'valet_app' GROUP BY 1"
        ).fetchall()
        now = link.execute("SELECT count(*) FROM audit").fetchone()
    assert held is not None and written is not None and now is not None
    return Cost({query: int(calls) for query, calls in rows}, now[0] - written[0], tasks, held[0], kept)
