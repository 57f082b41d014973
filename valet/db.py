"""`valet db`: the embedded database as a whole: into a file, from a file, to a newer PostgreSQL."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Annotated

import psycopg
import typer

from providers.registry import PROVIDERS
from valet.banner import step
from valet.embedded import CopyFailed, Urls
from valet.embedded.folder import ROLES
from valet.reach import mode_of
from valet.refusal import refuse, spoken
from valet.settings import Settings, environment, load
from valet.speech import Demo
from vault.store.meta import Mode
from vault.store.migrate import applied, migrate

app = typer.Typer(
    no_args_is_help=True,
    help="The embedded database as a whole: into a file, from a file, to a newer PostgreSQL.",
)

ToFile = Annotated[Path, typer.Argument(help="The file to write. One that is there is never overwritten.")]
FromFile = Annotated[
    Path, typer.Argument(help="What valet db dump, or pg_dump --format=custom, has written.")
]
RemoveOld = Annotated[
    bool, typer.Option("--remove-old", help="Remove the older database that an upgrade has kept, for good.")
]


@app.command()
def dump(path: ToFile, demo: Demo = False) -> None:
    """Write the database to a new file, beside a Valet that runs or while none does.

    The key ring is not in it, so by itself the file opens nothing: back that up too, and elsewhere.
    """
    from valet.embedded.dump import dump as dumped

    with spoken():
        settings, folder = _place(demo, running=True)
        size = dumped(folder, path, db_user=settings.db_user)
        step("dumped", f"{size / 1e6:.1f} MB in {path}, for you alone to read")
        step("not in it", "the key ring, without which it opens for nobody: valet keys backup PATH")


@app.command()
def restore(path: FromFile, demo: Demo = False) -> None:
    """Make the database from a dump, in a data folder that has none: all of it or nothing."""
    from valet.embedded.dump import restore as restored

    with spoken():
        settings, folder = _place(demo)
        restored(folder, path, _up_to_date, db_user=settings.db_user)
        step("restored", f"the database in {folder}")
        ring = settings.keyring or folder / "keyring.json"
        step("key ring", f"the one that belongs to it must be {ring}; then see: valet keys verify")


def _up_to_date(urls: Urls) -> None:
    """What was restored must be Valet's; then its schema is brought up to date and the app's role let in."""
    owner = urls.owner.get_secret_value()
    if not applied(owner):
        raise CopyFailed("There is no Valet in that dump. Name the file that valet db dump has written.")
    try:
        migrate(owner, app_role=ROLES["app"])
    except psycopg.Error as error:  # the driver's text may quote rows
        raise CopyFailed(
            f"Its schema can't be brought up to date ({type(error).__name__}). Restore it with the release "
            "of Valet that dumped it, then start this one."
        ) from None


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


def _place(demo: bool, *, running: bool = False) -> tuple[Settings, Path]:
    """The settings, and the data folder that is meant. Ends the command where the database is elsewhere.

    `running`: where only the demo runs, that one is meant, as with other commands beside a Valet.
    """
    from valet.serve import folder

    for number in (signal.SIGTERM, signal.SIGHUP):  # unwind like Ctrl-C: no server stays behind
        signal.signal(number, lambda caught, _: sys.exit(128 + caught))
    settings = load(environment(), PROVIDERS)
    if settings.database_url is not None:
        refuse(
            "this is for the embedded database, and DATABASE_URL names one of your own: that server's own "
            "tools do it (docs/backup.md says how)"
        )
    mode: Mode = mode_of(settings, demo) if running else "demo" if demo else "live"
    return settings, folder(settings, mode)
