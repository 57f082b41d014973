"""The command line. One line per step; colours only on a terminal; `--json` where a script wants it."""

from __future__ import annotations

from valet import plain  # noqa: F401 - before whatever loads structlog

# isort: split

import asyncio
import json
import sys
from typing import Annotated

import typer

from providers.registry import PROVIDERS
from valet import audit, banner, db, keys, logging, running, start, tls, users
from valet.connections import connections
from valet.emulation import as_demo
from valet.hardening import harden
from valet.install.command import install
from valet.refusal import UNSERVED, refuse, spoken
from valet.settings import apps, environment, load
from valet.speech import Demo, Json

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Hand your chat client a valet key, not the house keys.",
)


app.add_typer(users.app, name="users")
app.add_typer(db.app, name="db")
app.add_typer(keys.app, name="keys")
app.add_typer(audit.app, name="audit")
app.add_typer(tls.app, name="tls")


app.command("install")(install)
app.command("connections")(connections)


@app.callback()
def prepare(context: typer.Context) -> None:
    """What every command does first: most of them hold the operator's key for a moment, for the audit."""
    # A key ring is guarded by modes and locks, and the database spoken to by calls, that Windows lacks.
    if sys.platform == "win32" and context.invoked_subcommand != "install" and "--help" not in sys.argv:
        refuse(UNSERVED)
    harden()


@app.command()
def demo() -> None:
    """Run everything on this machine: database, emulated providers, connect pages, MCP endpoint."""
    from valet.serve import Place, folder, serve

    with spoken():
        values = environment()
        chosen = values.get("VALET_EMULATOR_ORIGIN")
        values = as_demo(values)
        settings = load(values, PROVIDERS)
        logging.configure(settings.log_level, settings.log_format)
        at = Place(folder(settings, "demo"), "demo", settings, apps(values, PROVIDERS), chosen is None)
        serve(at, banner.show)


@app.command("serve")
def serve_command() -> None:
    """Run the real server: settings from the environment or .env (see .env.example)."""
    start.both()


@app.command("mcp-server")
def mcp_server_command() -> None:
    """Run the MCP server alone: exactly /mcp, beside other workers and the sidecar, on one DATABASE_URL."""
    start.door("mcp_server")


@app.command("connect")
def connect_command() -> None:
    """Run the sidecar alone: the pages and the authorization server, everything but /mcp."""
    start.door("connect")


@app.command("prepare")
def prepare_command() -> None:
    """Make ready what processes share: schema and rights in DATABASE_URL, and a key ring where there is none.

    Run it before `valet mcp-server` and `valet connect`, and again with each new release.
    """
    from valet.prepare import prepare as prepared

    with spoken():
        settings = load(environment(), PROVIDERS)
        logging.configure("WARNING", "console")
        prepared(settings, banner.step)
    banner.step("done", "start the processes")


@app.command()
def healthy() -> None:
    """Ask the Valet of this machine whether it is ready: exit status 0 or 1. Needs VALET_OPS_PORT."""
    from valet.healthy import main as asked

    sys.exit(asked())


@app.command()
def link(demo: Demo = False, as_json: Json = False) -> None:
    """Print a new one-time link that signs the owner in (loopback servers only).

    Without --demo it is for the real server, or for the demo if that is the only one that runs.
    """
    from valet.links import owner_link
    from valet.reach import mode_of

    with spoken():
        settings = load(environment(), PROVIDERS)
        logging.configure("WARNING", "console")
        url = asyncio.run(owner_link(settings, mode_of(settings, demo)))
    typer.echo(json.dumps({"owner_link": url}) if as_json else url)


@app.command()
def setup(demo: Demo = False, as_json: Json = False) -> None:
    """Print a new one-time link to the setup pages: apps at providers, guest list, the address for chats.

    It opens in one browser, once, within the hour; also where PUBLIC_URL is public.
    """
    from valet.links import setup_link
    from valet.reach import mode_of

    with spoken():
        settings = load(environment(), PROVIDERS)
        logging.configure("WARNING", "console")
        url = asyncio.run(setup_link(settings, mode_of(settings, demo)))
    typer.echo(json.dumps({"setup_link": url}) if as_json else url)


@app.command()
def doctor(demo: Demo = False, as_json: Json = False) -> None:
    """Look at everything that may stand in the way, and say what to do about it. It changes nothing.

    Exit status: 0 where nothing needs to be done, 1 for a warning, 2 for a fault.
    """
    from valet.doctor.finding import status
    from valet.doctor.report import document, lines
    from valet.doctor.visit import visit

    logging.configure("ERROR", "console")
    found = visit(demo)
    typer.echo(document(found) if as_json else "\n".join(lines(found)))
    raise typer.Exit(status(found))


@app.command("try")
def try_command(
    query: Annotated[
        str, typer.Argument(help="What to play, or what is on the calendar: today, tomorrow, this week.")
    ] = "Despacito",
) -> None:
    """In a second terminal beside `valet demo`: a real MCP client signs in, connects an account, and asks."""
    from valet.links import owner_link
    from valet.scenes import scene
    from valet.serve import folder
    from valet.trial import Trial

    with spoken():
        settings = load(environment(), PROVIDERS)
        logging.configure("WARNING", "console")
        note = running.read(folder(settings, "demo"))
        if note is None or note.emulator_origin is None:
            refuse("no demo is running here. Start one in another terminal: make run")
        url = asyncio.run(owner_link(settings, "demo"))
        trial = Trial(note.public_url, note.emulator_origin, url, banner.step)
        done = asyncio.run(trial.run(scene(query), query))
    banner.step("done", done)


def main() -> None:
    """Entry point of the `valet` command."""
    app()
