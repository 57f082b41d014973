"""Serving as one role: refused in public, with a way out that works; and a worker without the owner's URL."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import structlog
from psycopg import sql
from psycopg.conninfo import make_conninfo

from providers.registry import PROVIDERS
from valet.roles import too_much
from valet.serve import CannotServe, Place, _database
from valet.settings import load
from vault.store.roles import Rights

PUBLIC = {"PUBLIC_URL": "https://valet.example.org", "VALET_ALLOW": "*"}


@pytest.fixture
def single(server_url: str) -> Iterator[str]:
    """A database, with the one role that owns it: how many begin on a managed server."""
    name = f"valet_one_{uuid.uuid4().hex[:10]}"
    role = sql.Identifier(name)
    with psycopg.connect(server_url, autocommit=True) as link:
        link.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'canary'").format(role))
        link.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(role, role))
    yield make_conninfo(server_url, dbname=name, user=name, password="canary")
    with psycopg.connect(server_url, autocommit=True) as link:
        link.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(role))
        link.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(f"{name}_app")))
        link.execute(sql.SQL("DROP ROLE {}").format(role))


def tables(url: str) -> int:
    with psycopg.connect(url) as link:
        row = link.execute(
            "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        ).fetchone()
    assert row is not None
    return int(row[0])


def starts(folder: Path, **values: str) -> None:
    settings = load(values, PROVIDERS)
    with _database(Place(folder, "live", settings, {})) as served:
        assert served.url == settings.database_url


def test_in_public_an_owner_is_refused_before_it_makes_anything(single: str, tmp_path: Path) -> None:
    with pytest.raises(CannotServe) as caught:
        starts(tmp_path, DATABASE_URL=single, **PUBLIC)
    assert tables(single) == 0
    sentence = str(caught.value)
    assert "owns the schema" in sentence and "MIGRATION_DATABASE_URL" in sentence
    assert "docs/setup.md" in sentence
    assert "canary" not in sentence


def test_on_a_machine_of_ones_own_it_is_one_line(single: str, tmp_path: Path) -> None:
    with structlog.testing.capture_logs() as lines:
        starts(tmp_path, DATABASE_URL=single)
        starts(tmp_path, DATABASE_URL=single)
    told = [line for line in lines if line["event"] == "role_may_too_much"]
    assert len(told) == 2 and told[1]["because"].startswith("owns the tables")
    assert {line["log_level"] for line in told} == {"warning"}


def test_the_sentence_leads_out(single: str, server_url: str, tmp_path: Path) -> None:
    """Its SQL, run by an administrator, and its settings: then it starts, and workers need no owner."""
    starts(tmp_path, DATABASE_URL=single)
    with pytest.raises(CannotServe) as caught:
        starts(tmp_path, DATABASE_URL=single, **PUBLIC)
    parts = psycopg.conninfo.conninfo_to_dict(single)
    app = f"{parts['dbname']}_app"
    statements = re.findall(r"^  (.*;)$", str(caught.value), re.M)
    assert len(statements) == 2
    for statement in statements:
        with psycopg.connect(server_url, autocommit=True) as link:
            link.execute(statement.replace("valet_app", app))
    url = make_conninfo(single, user=app, password="a new one")
    with pytest.raises(CannotServe, match="MIGRATION_DATABASE_URL a role that owns the schema"):
        starts(tmp_path, DATABASE_URL=url, **PUBLIC)
    starts(tmp_path, DATABASE_URL=url, MIGRATION_DATABASE_URL=single, **PUBLIC)
    starts(tmp_path, DATABASE_URL=url, **PUBLIC)
    with pytest.raises(CannotServe, match="MIGRATION_DATABASE_URL stays"):
        starts(tmp_path, DATABASE_URL=single, MIGRATION_DATABASE_URL=single, **PUBLIC)


@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.1"])
def test_what_counts_is_the_public_url(host: str) -> None:
    held = Rights("one", "Valet's", ("owns the schema",))
    assert too_much(load({"VALET_HOST": host, "VALET_ALLOW": "*"}, PROVIDERS), held) is None
    refusal = too_much(load({"VALET_HOST": host, **PUBLIC}, PROVIDERS), held)
    assert refusal is not None and 'DATABASE "Valet\'s" TO' in refusal
    assert too_much(load(PUBLIC, PROVIDERS), Rights("one", "valet", ())) is None
