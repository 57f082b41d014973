"""Whether the role that Valet works as may do only that: another owns the schema."""

from __future__ import annotations

from urllib.parse import urlsplit

import structlog

from valet.settings import Settings, is_loopback
from vault.store.roles import Rights

_log = structlog.get_logger(__name__)


def too_much(settings: Settings, held: Rights, *, quiet: bool = False) -> str | None:
    """Why Valet does not start on these rights, with the SQL that mends it; None where it may.

    Where only this machine can reach it, a role that may do too much is worth one warning in the log, which
    `quiet` spares.
    """
    if not held.faults:
        return None
    if is_loopback(urlsplit(settings.public_url).hostname or ""):
        if not quiet:
            _log.warning(
                "role_may_too_much",
                role=held.role,
                because=held.faults[0],
                hint="fine for one machine; docs/setup.md shows how to make two roles",
            )
        return None
    settings_then = (
        "DATABASE_URL to the new role's; MIGRATION_DATABASE_URL stays"
        if settings.migration_database_url is not None
        else "MIGRATION_DATABASE_URL to what DATABASE_URL is now, and DATABASE_URL to the new role's"
    )
    return (
        f"the database role {held.role} of DATABASE_URL {', and '.join(held.faults)}. On a public server "
        "(PUBLIC_URL) the role that Valet works as may change neither the schema nor what audit says. Make "
        "one that can do neither:\n"
        "  CREATE ROLE valet_app LOGIN PASSWORD 'a new one';\n"
        f"  GRANT CONNECT ON DATABASE {_quoted(held.database)} TO valet_app;\n"
        f"Then set {settings_then}. Valet gives it what it needs in the tables by itself. More: docs/setup.md"
    )


def _quoted(name: str) -> str:
    """An identifier as SQL spells it."""
    return name if name.isidentifier() and name.islower() else '"' + name.replace('"', '""') + '"'
