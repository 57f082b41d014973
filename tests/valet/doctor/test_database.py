"""The database as the doctor finds it: too far, too narrow, of an odd kind, or without a word of welcome."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from pydantic import SecretStr

from tests.support.relay import Relay, aside, place
from tests.valet.doctor.conftest import Site, a_worker, founded, look, only
from valet.doctor.away import reason, why
from valet.doctor.database import _server
from valet.doctor.finding import Finding
from vault.store.database import POOL
from vault.store.vitals import Server

SPARE = 5


def database(site: Site, **changes: str) -> list[Finding]:
    return look(site, "database", **changes)["database"]


def changed(server_url: str, site: Site, statement: str, *values: object) -> None:
    """By the administrator; {database} and {role} are the site's."""
    name = str(conninfo_to_dict(site.app)["dbname"])
    names = {"database": sql.Identifier(name), "role": sql.Identifier(f"{name}_app")}
    with psycopg.connect(server_url, autocommit=True) as link:
        link.execute(sql.SQL(statement).format(*map(sql.Literal, values), **names))  # type: ignore[arg-type]


@contextmanager
def distant(url: str, seconds: float) -> Iterator[str]:
    """The same database, so many seconds away, one way."""
    with aside(Relay(*place(url), seconds=seconds)) as relay:
        yield make_conninfo(url, host="127.0.0.1", port=relay.port)


# --- how far, how much room -----------------------------------------------------------------------


def test_a_database_that_is_far_away_is_told_with_the_time_that_a_question_takes(site: Site) -> None:
    with distant(site.app, 0.015) as far:
        told = only(database(site, DATABASE_URL=far), "warning")
    assert float(told.text.split(" ms")[0]) >= 30
    assert "every request" in told.text and "near its database" in told.fix


@pytest.mark.parametrize(
    ("what", "text", "fix"),
    [
        ("ROLE {role}", "the role may have 14", "CONNECTION LIMIT -1"),
        ("DATABASE {database}", "the database takes 14", "ALTER DATABASE"),
    ],
    ids=["role", "database"],
)
def test_a_limit_below_what_the_processes_may_open_is_told(
    site: Site, server_url: str, what: str, text: str, fix: str
) -> None:
    bound = f"ALTER {what} CONNECTION LIMIT {{}}"
    try:
        changed(server_url, site, bound, POOL + SPARE)
        assert {each.level for each in database(site)} == {"ok"}
        changed(server_url, site, bound, POOL + SPARE - 1)
        told = only(database(site), "warning")
    finally:
        changed(server_url, site, bound, -1)
    assert told.text == f"1 process may open 10 connections, and {text}"
    assert fix in told.fix and "PgBouncer" in told.fix


def test_more_processes_than_the_server_has_connections_for_are_told(site: Site) -> None:
    with psycopg.connect(site.owner) as link:
        held = [
            link.execute("SELECT coalesce(current_setting(%s, true), '0')::integer", (name,)).fetchall()[0][0]
            for name in ("max_connections", "superuser_reserved_connections", "reserved_connections")
        ]
    most = held[0] - held[1] - held[2]
    fit = (most - SPARE) // POOL
    with ExitStack() as stack:
        for _ in range(fit - 1):
            stack.enter_context(a_worker(site))
        assert {each.level for each in database(site)} == {"ok"}
        stack.enter_context(a_worker(site))
        told = only(database(site), "warning")
    said = f"{fit + 1} processes may open {(fit + 1) * POOL} connections, and the server takes {most}"
    assert told.text == said and "raise max_connections" in told.fix


# --- of an odd kind -------------------------------------------------------------------------------


@contextmanager
def another(server_url: str, like: str) -> Iterator[str]:
    name = sql.Identifier("valet_odd")
    with psycopg.connect(server_url, autocommit=True) as link:
        link.execute(sql.SQL("CREATE DATABASE {} " + like).format(name))  # type: ignore[arg-type]
        try:
            yield make_conninfo(server_url, dbname="valet_odd")
        finally:
            link.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


def test_an_encoding_that_can_not_hold_every_name_is_told(site: Site, server_url: str) -> None:
    with another(server_url, "ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0") as odd:
        told = only(database(site, DATABASE_URL=odd), "fault")
    assert "its encoding is LATIN1" in told.text and "ENCODING 'UTF8' TEMPLATE template0" in told.fix


def test_a_release_that_is_too_old_is_told_and_one_that_is_new_to_us_noted() -> None:
    """By its number: there is one server here."""
    well = Server(180_000, "UTF8", False, 97, None, None, 8_000_000, 0.0, True)
    assert [each.level for each in _server(well)] == ["ok"]
    assert [each.level for each in _server(replace(well, number=150_000))] == ["ok"]
    old = only(_server(replace(well, number=140_099)), "fault")
    assert old.text == "this is PostgreSQL 14" and "15 or newer" in old.fix
    new = only(_server(replace(well, number=190_000)), "note")
    assert "PostgreSQL 19; Valet is tested on 15 to 18" in new.text


# --- nobody is let in -----------------------------------------------------------------------------

NONE_LEFT = "the database has no connection left"
NO_LOGIN = "the role of DATABASE_URL may not log in"
NO_SUCH_ROLE = "the database knows no such role"
NO_SUCH_DATABASE = "there is no database of the name"
UNENCRYPTED = "not encrypted as DATABASE_URL asks"


@pytest.mark.parametrize(
    ("change", "text", "fix"),
    [
        ("ALTER ROLE {role} CONNECTION LIMIT 0", NONE_LEFT, "CONNECTION LIMIT"),
        ("ALTER DATABASE {database} CONNECTION LIMIT 0", NONE_LEFT, "CONNECTION LIMIT"),
        ("ALTER ROLE {role} NOLOGIN", NO_LOGIN, "ALTER ROLE … LOGIN"),
        ("REVOKE CONNECT ON DATABASE {database} FROM PUBLIC", NO_LOGIN, "GRANT CONNECT"),
    ],
    ids=["role full", "database full", "no login", "no connect"],
)
def test_whoever_is_not_let_in_is_told_why(
    site: Site, server_url: str, tmp_path: Path, change: str, text: str, fix: str
) -> None:
    with founded(server_url, tmp_path) as other:
        changed(server_url, other, change)
        told = only(database(site, DATABASE_URL=other.app), "fault")
    assert text in told.text and fix in told.fix


def test_a_line_that_is_not_encrypted_as_it_should_be_is_told(site: Site) -> None:
    with psycopg.connect(site.owner) as link:
        if link.execute("SHOW ssl").fetchone() == ("on",):
            pytest.skip("this server encrypts")
    with distant(site.app, 0) as near:
        told = only(database(site, DATABASE_URL=make_conninfo(near, sslmode="require")), "fault")
    assert UNENCRYPTED in told.text and "sslmode" in told.fix


def test_names_that_are_words_of_other_reasons_mislead_nobody(site: Site) -> None:
    missing = make_conninfo(site.app, dbname="too many users in recovery")
    assert NO_SUCH_DATABASE in only(database(site, DATABASE_URL=missing), "fault").text


def test_what_answers_a_moment_later_is_not_called_a_pooler(site: Site) -> None:
    told = why(SecretStr(site.app))
    assert told.level == "warning" and "a moment later it does" in told.text


SOCKET = 'connection to server at "user-db.example", port 5432 failed: '


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ('FATAL:  role "valet" does not exist', NO_SUCH_ROLE),
        ('FATAL:  database "user" does not exist', NO_SUCH_DATABASE),
        ("FATAL:  sorry, too many clients already", NONE_LEFT),
        ("FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute", NONE_LEFT),
        (
            "FATAL:  remaining connection slots are reserved for non-replication superuser connections",
            NONE_LEFT,
        ),
        ("FATAL:  no more connections allowed (max_client_conn)", NONE_LEFT),
        ('FATAL:  Peer authentication failed for user "ana"', "lets the role of DATABASE_URL not in"),
        ('FATAL:  no pg_hba.conf entry for host "::1", user "a", database "b", SSL off', "lets the role"),
        ("fe_sendauth: no password supplied", "lets the role"),
        ("FATAL:  the database system is starting up", "is starting or stopping"),
        ("FATAL:  the database system is in recovery mode", "is starting or stopping"),
        ("FATAL:  the database system is not yet accepting connections", "is starting or stopping"),
        (
            "FATAL:  the database system is not accepting connections\nDETAIL: Hot standby mode is disabled.",
            "names a standby",
        ),
        ("FATAL:  SSL required", UNENCRYPTED),
        ('root certificate file "/x/root.crt" does not exist', UNENCRYPTED),
        ("SSL error: certificate verify failed", UNENCRYPTED),
        ("[Errno -2] Name or service not known", "has no address"),
        ("Connection refused", "nothing answers where"),
        ("connection timeout expired", "nothing answers where"),
        ("server closed the connection unexpectedly", "the database does not answer"),
    ],
)
def test_what_servers_poolers_and_the_driver_say_is_told_by_what_to_do(said: str, text: str) -> None:
    told = reason(SOCKET + said)
    assert told.level == "fault" and text in told.text
