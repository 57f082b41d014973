"""How a command in a second terminal reaches the database of the Valet that runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
from pydantic import SecretStr

from valet import running
from valet.embedded import connection_urls
from valet.settings import Settings
from vault.store.database import Database
from vault.store.meta import Mode


class NotReached(Exception):
    """There is no database to work on; the text says why and what to do."""


def mode_of(settings: Settings, demo: bool) -> Mode:
    """Which Valet is meant: the real one, or the demo where it is asked for or the only one that runs."""
    from valet.serve import folder

    alone = not running.read(folder(settings, "live")) and running.read(folder(settings, "demo"))
    return "demo" if demo or alone else "live"


@asynccontextmanager
async def reached(settings: Settings, mode: Mode) -> AsyncIterator[Database]:
    """Its database: DATABASE_URL, or the embedded one while it runs. Raises NotReached, Busy."""
    database = Database(_url(settings, mode).get_secret_value())
    await database.open()
    try:
        yield database
    except psycopg.errors.UndefinedTable:
        raise NotReached("this database has no Valet in it yet. Start one on it first: valet serve") from None
    finally:
        await database.close()


def _url(settings: Settings, mode: Mode) -> SecretStr:
    if settings.database_url is not None:
        return settings.database_url
    from valet.serve import folder

    urls = connection_urls(folder(settings, mode))
    if urls is None:
        command = "valet demo" if mode == "demo" else "valet serve"
        raise NotReached(f"no Valet runs here. Start one first: {command}")
    return urls.app
