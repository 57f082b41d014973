"""The two roles: one owns the schema, the other works in it and can change neither that nor what audit says.

What the app's role gets is written out here, table by table where it is less than all, and given anew after
every migration: a new table is nobody's but its owner's until then.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import LiteralString

import psycopg
from psycopg import sql

_USUAL: LiteralString = "SELECT, INSERT, UPDATE, DELETE"
_LESS: dict[str, LiteralString] = {
    "audit": "SELECT, INSERT",
    # Without a person's key nobody can tell whose rows are theirs: it goes by the cascade alone.
    "audit_keys": "SELECT, INSERT",
    "schema_migrations": "SELECT",
}
"""Tables of which the app's role may do less than the usual."""
_LOCK = 0x76616C6574726F6C  # "valetrol" in ASCII
LIMITS = {"statement_timeout": 5000, "lock_timeout": 2000, "idle_in_transaction_session_timeout": 10000}
"""Milliseconds that the role which Valet works as has for a statement, a lock, idling in a transaction."""


@dataclass(frozen=True, slots=True)
class Rights:
    """What a role could do to the schema or to what is written for ever; `faults` are in words."""

    role: str
    database: str
    faults: tuple[str, ...]


def grant(link: psycopg.Connection, role: str) -> None:
    """Give the app's role what it needs, and take from it what it does not, in the caller's transaction.

    Called as the role that owns the schema. An owner is left what it has: `rights` tells of it.
    """
    if _owns(link, role):
        return
    name = sql.Identifier(role)
    # Who owns the schema itself may do this; for anybody else it changes nothing (GRANT, "Notes").
    link.execute(sql.SQL("REVOKE CREATE ON SCHEMA public FROM PUBLIC, {}").format(name))
    link.execute(sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(name))
    # Extensions put tables there too, and those are not ours.
    tables = link.execute(
        "SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace"
        " AND c.relkind IN ('r', 'p') AND pg_has_role(current_user, c.relowner, 'USAGE')"
        " AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass"
        "  AND d.objid = c.oid AND d.deptype = 'e') ORDER BY 1"
    ).fetchall()
    for (table,) in tables:
        target = sql.Identifier("public", table)
        given = sql.SQL(_LESS.get(table, _USUAL))
        link.execute(sql.SQL("REVOKE ALL ON {} FROM PUBLIC, {}").format(target, name))
        link.execute(sql.SQL("GRANT {} ON {} TO {}").format(given, target, name))


def limit(url: str) -> None:
    """Give the role of `url` the limits in that database that nobody has given it, there or everywhere.

    Of the role, not of a session: behind PgBouncer in transaction mode a session is anybody's. A role may set
    its own (ALTER ROLE).
    """
    with psycopg.connect(url, autocommit=True, connect_timeout=5) as link:
        if not _missing(link):
            return
        with link.transaction():
            # Of several that change a role at once, PostgreSQL lets one do it and fails the others.
            link.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            # A pooler may know the database by another name.
            here = sql.Identifier(link.execute("SELECT current_database()").fetchone()[0])  # type: ignore[index]
            for name in _missing(link):
                change = sql.SQL("ALTER ROLE CURRENT_USER IN DATABASE {} SET {} = {}")
                link.execute(change.format(here, sql.Identifier(name), sql.Literal(LIMITS[name])))
        with suppress(psycopg.OperationalError):
            # They count from the next login on: a pooler is to open another one, and not to go on with this.
            link.execute("SELECT pg_terminate_backend(pg_backend_pid())")


def _missing(link: psycopg.Connection) -> list[str]:
    held = _held(link)
    return [name for name in LIMITS if name not in held]


def limited(url: str) -> bool:
    """Whether the role of `url` has limits of its own there, be they ours or the administrator's."""
    with psycopg.connect(url, autocommit=True, prepare_threshold=None, connect_timeout=5) as link:
        return _held(link) == set(LIMITS)


def _held(link: psycopg.Connection) -> set[str]:
    rows = link.execute(
        "SELECT DISTINCT split_part(each, '=', 1)"
        " FROM pg_db_role_setting s, unnest(s.setconfig) each"
        " WHERE s.setrole = to_regrole(quote_ident(session_user))"
        " AND s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))"
    ).fetchall()
    return {name for (name,) in rows} & set(LIMITS)


def _owns(link: psycopg.Connection, role: str) -> bool:
    row = link.execute(
        "SELECT EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace"
        " AND c.relkind IN ('r', 'p') AND pg_has_role(%(role)s, c.relowner, 'MEMBER'))",
        {"role": role},
    ).fetchone()
    return bool(row and row[0])


def role_of(url: str) -> str:
    """The role that `url` logs in as, also where a password file or the environment says which."""
    with psycopg.connect(url, autocommit=True, connect_timeout=5) as link:
        return link.info.user


def rights(url: str) -> Rights:
    """What the role of `url` could do beyond working in the tables; no faults are as it should be.

    A member of a role counts as that role, whether it inherits its rights or has to ask for them.
    """
    with psycopg.connect(url, autocommit=True, connect_timeout=5) as link:
        return rights_on(link)


def rights_on(link: psycopg.Connection) -> Rights:
    """The same of whoever opened that connection."""
    row = link.execute(
        "SELECT session_user, current_database(), bool_or(r.rolsuper), bool_or(r.rolcreaterole),"
        " EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace"
        "  AND c.relkind IN ('r', 'p') AND pg_has_role(session_user, c.relowner, 'MEMBER')),"
        " bool_or(r.oid = n.nspowner),"
        " bool_or(has_schema_privilege(r.oid, 'public', 'CREATE')"
        "  OR has_database_privilege(r.oid, current_database(), 'CREATE')),"
        " coalesce(bool_or(has_table_privilege(r.oid, a.id, 'UPDATE, DELETE, TRUNCATE, TRIGGER')"
        "  OR has_any_column_privilege(r.oid, a.id, 'UPDATE')), false),"
        " bool_or(r.rolname IN ('pg_execute_server_program', 'pg_write_server_files'))"
        # Whatever it may become by SET ROLE: attributes of a role are never inherited, but are had then.
        " FROM pg_roles r, pg_namespace n, (SELECT to_regclass('public.audit') AS id) a"
        " WHERE pg_has_role(session_user, r.oid, 'MEMBER') AND n.nspname = 'public'"
    ).fetchone()
    assert row is not None
    said = (
        "is a superuser, or may become one",
        "may make roles, and so itself a member of the owner",
        "owns the tables, or is a member of the role that does",
        "owns the schema",
        "may create things in the database",
        "may change or delete what audit says",
        "may write the server's files or run programs there",
    )
    # A superuser is all the others too.
    faults = said[:1] if row[2] else tuple(word for word, found in zip(said, row[2:], strict=True) if found)
    return Rights(row[0], row[1], faults)
