"""The command line. One line per step; colours only on a terminal; `--json` where a script wants it."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, NoReturn

import typer

from providers.registry import PROVIDERS
from valet import banner, logging, running
from valet.emulation import DEMO_CLIENT_SECRET, DEMO_ORIGIN, EmulatorFailed, demo_client_id
from valet.settings import SettingsError, apps, environment, load
from vault.store.meta import Mode

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Hand your chat client a valet key, not the house keys.",
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]
Demo = Annotated[bool, typer.Option("--demo", help="Of the demo instead of the real server.")]


@app.command()
def demo() -> None:
    """Run everything on this machine: database, emulated providers, connect pages, MCP endpoint."""
    from valet.serve import Place, folder, serve

    values = environment()
    chosen = values.get("VALET_EMULATOR_ORIGIN")
    for provider in PROVIDERS:
        values[provider.client_id_setting] = demo_client_id(provider.name)
        values[provider.client_secret_setting] = DEMO_CLIENT_SECRET
    with _spoken():
        settings = load(values, PROVIDERS, emulator_origin=chosen or DEMO_ORIGIN)
        logging.configure(settings.log_level, settings.log_format)
        at = Place(folder(settings, "demo"), "demo", settings, apps(values, PROVIDERS), chosen is None)
        serve(at, banner.show)


@app.command("serve")
def serve_command() -> None:
    """Run the real server: settings from the environment or .env (see .env.example)."""
    from valet.serve import Place, folder, serve

    values = environment()
    with _spoken():
        settings = load(values, PROVIDERS)
        logging.configure(settings.log_level, settings.log_format)
        at = Place(folder(settings, "live"), "live", settings, apps(values, PROVIDERS))
        serve(at, banner.show)


@app.command()
def link(demo: Demo = False, as_json: Json = False) -> None:
    """Print a new one-time link that signs the owner in (loopback servers only).

    Without --demo it is for the real server, or for the demo if that is the only one that runs.
    """
    from valet.links import owner_link
    from valet.serve import folder

    with _spoken():
        settings = load(environment(), PROVIDERS)
        alone = not running.read(folder(settings, "live")) and running.read(folder(settings, "demo"))
        mode: Mode = "demo" if demo or alone else "live"
        url = asyncio.run(owner_link(settings, mode))
    typer.echo(json.dumps({"owner_link": url}) if as_json else url)


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

    with _spoken():
        settings = load(environment(), PROVIDERS)
        logging.configure("WARNING", "console")
        note = running.read(folder(settings, "demo"))
        if note is None or note.emulator_origin is None:
            _refuse("no demo is running here. Start one in another terminal: make run")
        url = asyncio.run(owner_link(settings, "demo"))
        trial = Trial(note.public_url, note.emulator_origin, url, banner.step)
        done = asyncio.run(trial.run(scene(query), query))
    banner.step("done", done)


@contextmanager
def _spoken() -> Iterator[None]:
    """Errors of the kinds below become one sentence on stderr and exit status 2 (1 for a failed trial)."""
    from valet.assembly import CannotOpen
    from valet.embedded import EmbeddedError
    from valet.links import NoLink
    from valet.scenes import TrialFailed
    from valet.serve import CannotServe
    from vault.errors import Busy
    from vault.keyring import KeyRingError
    from vault.store.migrate import SchemaError

    known = (CannotServe, CannotOpen, EmbeddedError, EmulatorFailed, KeyRingError, NoLink, SchemaError)
    try:
        yield
    except SettingsError as error:
        _refuse("the settings need a change:\n  " + "\n  ".join(error.faults))
    except TrialFailed as error:
        _refuse(str(error), status=1)
    except Busy as error:
        _refuse(f"{error}. Check that PostgreSQL runs and that DATABASE_URL names it.")
    except known as error:
        _refuse(str(error))


def _refuse(sentence: str, status: int = 2) -> NoReturn:
    typer.echo(f"valet: {sentence}", err=True)
    sys.exit(status)


def main() -> None:
    """Entry point of the `valet` command."""
    app()
