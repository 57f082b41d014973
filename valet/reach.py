"""How a command in a second terminal reaches the database of the Valet that runs, or that could."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import psycopg
from pydantic import SecretStr

from valet import running
from valet.embedded import Supervisor, connection_urls, made
from valet.settings import Settings
from vault.store.database import LONGEST, Database
from vault.store.meta import Mode


class NotReached(Exception):
    """There is no database to work on; the text says why and what to do."""


def mode_of(settings: Settings, demo: bool) -> Mode:
    """Which Valet is meant: the real one, or the demo where it is asked for or the only one that runs."""
    from valet.serve import folder

    alone = not running.read(folder(settings, "live")) and running.read(folder(settings, "demo"))
    return "demo" if demo or alone else "live"


@asynccontextmanager
async def reached(
    settings: Settings,
    mode: Mode,
    *,
    asleep: bool = False,
    owner: bool = False,
    longest: float = LONGEST,
) -> AsyncIterator[Database]:
    """Its database: DATABASE_URL, or the embedded one while it runs.

    `asleep`: an embedded one that does not run is started for as long as this takes. `owner`: as the role
    that owns the schema, where one is named. `longest`: seconds for one use of a connection. Raises
    NotReached, Busy, EmbeddedError.
    """
    with served(settings, mode, asleep, owner) as url:
        database = Database(url.get_secret_value(), longest=longest)
        await database.open()
        try:
            yield database
        except psycopg.errors.UndefinedTable:
            raise NotReached(
                "this database has no Valet in it yet. Start one on it first: valet serve"
            ) from None
        finally:
            await database.close()


@contextmanager
def served(settings: Settings, mode: Mode, asleep: bool, owner: bool) -> Iterator[SecretStr]:
    """The connection string of what `reached` opens. Raises NotReached, EmbeddedError."""
    if settings.database_url is not None:
        yield (settings.migration_database_url if owner else None) or settings.database_url
        return
    from valet.serve import folder

    place = folder(settings, mode)
    urls = connection_urls(place)
    if urls is not None:
        yield urls.owner if owner else urls.app
    elif asleep and made(place):
        with Supervisor(place, db_user=settings.db_user) as started:
            yield started.owner if owner else started.app
    else:
        command = "valet demo" if mode == "demo" else "valet serve"
        raise NotReached(f"no Valet runs here. Start one first: {command}")
