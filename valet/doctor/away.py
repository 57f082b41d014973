"""Why the database can't be opened as Valet opens it: what it, or what stands between, says to that."""

from __future__ import annotations

import re

import psycopg
from pydantic import SecretStr

from valet.doctor.finding import Finding, fault, warning

_PATIENCE = 5
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
STANDBY = (
    "DATABASE_URL names a standby: nothing can be written there",
    "name the primary in DATABASE_URL; of several hosts: target_session_attrs=read-write",
)


def why(url: SecretStr) -> Finding:
    """Ask once more, by the driver alone. Its text may hold the URL, and is told in words of ours."""
    try:
        _greet(url)
    except psycopg.Error as error:
        return reason(str(error))
    try:
        _greet(url, options="-c statement_timeout=5000")
    except psycopg.Error as error:
        if "startup parameter" in str(error):
            return fault(
                "something between Valet and PostgreSQL refuses the startup parameter `options`",
                "give the role time limits of its own, and none are asked for at the start: valet prepare",
            )
        return reason(str(error))
    return warning("the database did not answer, and a moment later it does", "run valet doctor again")


def reason(said: str) -> Finding:
    """What a refusal of PostgreSQL's, PgBouncer's or the driver's means, in English as it comes."""
    # Hosts, roles and databases have names, and those may be any word.
    plain = _QUOTED.sub('""', said.lower())
    for words, text, fix in _REASONS:
        if any(word in plain for word in words):
            return fault(text, fix)
    return fault("the database does not answer", "see that PostgreSQL runs and DATABASE_URL names it")


def _greet(url: SecretStr, **more: str) -> None:
    with psycopg.connect(url.get_secret_value(), connect_timeout=_PATIENCE, autocommit=True, **more):  # type: ignore[arg-type]
        pass


# The first that fits: what is said of one role or database names it, too.
_REASONS = (
    (
        ("too many", "remaining connection slots", "no more connections"),
        "the database has no connection left",
        "raise max_connections, or the role's or database's CONNECTION LIMIT; run fewer workers, or put "
        "PgBouncer between",
    ),
    (("hot standby",), *STANDBY),
    (
        ("starting up", "shutting down", "recovery", "not yet accepting"),
        "the database is starting or stopping",
        "run valet doctor again in a minute",
    ),
    (
        ("permission denied", "not permitted to log in"),
        "the role of DATABASE_URL may not log in to that database",
        "ALTER ROLE … LOGIN, and GRANT CONNECT ON DATABASE … TO it (docs/setup.md)",
    ),
    (
        ("authentication failed", "no password supplied", "sasl", "pg_hba"),
        "the database lets the role of DATABASE_URL not in",
        "give DATABASE_URL the role's password: ALTER ROLE … PASSWORD sets a new one, "
        "pg_hba.conf says from where",
    ),
    (
        ("ssl was required", "ssl required", "certificate"),
        "the line to the database is not encrypted as DATABASE_URL asks for",
        "let PostgreSQL have ssl = on and a certificate for that host, and name its authority in "
        "sslrootcert; or ask for less in sslmode",
    ),
    (
        ('role "" does not exist', "no such user"),
        "the database knows no such role as DATABASE_URL names",
        "name the one that docs/setup.md makes in DATABASE_URL",
    ),
    (
        ("does not exist", "no such database"),
        "there is no database of the name that DATABASE_URL says",
        "CREATE DATABASE it, or name the right one in DATABASE_URL; then: valet prepare",
    ),
    (
        ("could not translate", "resolve", "name or service"),
        "the host of DATABASE_URL has no address",
        "correct the host in DATABASE_URL",
    ),
    (
        ("refused", "no such file", "timeout", "timed out", "unreachable", "no route"),
        "nothing answers where DATABASE_URL says that PostgreSQL is",
        "start PostgreSQL there, let it be reached, or correct host and port in DATABASE_URL",
    ),
)
