"""Databases on the tests' server, copied from the migrated and empty one."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

GIVEN = "VALET_TEST_DATABASE_URL"
"""A server that is there already, instead of one of the run's own."""


@contextmanager
def copied(server_url: str, template: str, *, lasting: bool = False) -> Iterator[str]:
    """The URL of a copy, which goes when the block ends; one that is `lasting`, with the run's own server."""
    name = f"valet_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as link:
        copy = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        link.execute(copy.format(sql.Identifier(name), sql.Identifier(template)))
    yield make_conninfo(server_url, dbname=name)
    if not lasting or GIVEN in os.environ:
        drop(server_url, name)


def drop(server_url: str, name: str) -> None:
    """Drop a database and end who is connected to it."""
    with psycopg.connect(server_url, autocommit=True) as link:
        link.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
