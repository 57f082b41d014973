"""A fixture of the copy that is mutated: one of a few databases, emptied, for each mutant.

Each mutant is tried in a process of its own, and to make and drop a database takes longer than to find out
that it is wrong.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

LOCK = 0x6D7574616E74  # "mutant" in ASCII


@pytest.fixture(scope="session")
def database_url() -> Iterator[str]:
    """A migrated, empty database that no other process has now."""
    for url in os.environ["VALET_MUTANT_DATABASES"].splitlines():
        with psycopg.connect(url, autocommit=True) as link:
            row = link.execute("SELECT pg_try_advisory_lock(%s)", (LOCK,)).fetchone()
            if row is not None and row[0]:
                _empty(link)
                yield url
                return
    raise RuntimeError("more processes than databases")


def _empty(link: psycopg.Connection) -> None:
    names = link.execute(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'schema_migrations'"
    ).fetchall()
    link.execute("SET session_replication_role = replica")
    for (name,) in names:
        link.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(name)))
