"""`valet db`: the embedded database as a whole: to a newer PostgreSQL."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from providers.registry import PROVIDERS
from valet.banner import step
from valet.reach import mode_of
from valet.settings import Settings, environment, load
from valet.speech import Demo, refuse, spoken

app = typer.Typer(no_args_is_help=True, help="The embedded database as a whole: to a newer PostgreSQL.")

RemoveOld = Annotated[
    bool, typer.Option("--remove-old", help="Remove the older database that an upgrade has kept, for good.")
]


@app.command()
def upgrade(demo: Demo = False, remove_old: RemoveOld = False) -> None:
    """Bring a database that an older PostgreSQL made to ours, every record kept; while no Valet runs.

    The older one stays beside it until you remove it. Killed at any moment, run it again.
    """
    with spoken():
        settings, folder = _place(demo)
        if remove_old:
            _remove_old(folder)
            return
        from valet.embedded.upgrade import upgrade as upgraded

        done = upgraded(folder, step, db_user=settings.db_user)
        step("done", f"the database in {folder} is of PostgreSQL {done.major}")
        for path in done.kept:
            step("kept", f"the older one, {path}; once you are content: valet db upgrade --remove-old")


def _remove_old(folder: Path) -> None:
    from valet.embedded.upgrade import remove_old

    removed = remove_old(folder)
    for path in removed:
        step("removed", str(path))
    if not removed:
        step("nothing", "no older database is kept here")


def _place(demo: bool) -> tuple[Settings, Path]:
    """The settings, and the data folder that is meant. Ends the command where the database is elsewhere."""
    from valet.serve import folder

    for number in (signal.SIGTERM, signal.SIGHUP):  # unwind like Ctrl-C: no server stays behind
        signal.signal(number, lambda caught, _: sys.exit(128 + caught))
    settings = load(environment(), PROVIDERS)
    if settings.database_url is not None:
        refuse(
            "this is for the embedded database, and DATABASE_URL names one of your own: that server's own "
            "tools do it (docs/backup.md says how)"
        )
    return settings, folder(settings, mode_of(settings, demo))
