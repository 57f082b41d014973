"""What the terminal shows once Valet answers."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from valet import entries

if TYPE_CHECKING:
    from valet.assembly import House
    from valet.serve import Place


def show(house: House, at: Place) -> None:
    """Print where Valet is, the owner link, what is not set up, and the entries to paste."""
    origin = at.settings.origin
    url = f"{origin}/mcp"
    lines = ["", _bold("Valet is ready."), ""]
    lines += [f"  MCP URL        {url}", f"  Account page   {origin}/account"]
    if house.owner_link is not None:
        lines.append(f"  Owner link     {house.owner_link}")
        lines.append("                 signs you in once, within the hour; `valet link` prints a new one")
    if at.settings.emulator_origin is not None:
        lines.append(f"  Upstreams      emulated at {at.settings.emulator_origin}; nothing leaves here")
    if house.setup_link is not None:
        lines.append(f"  Setup          {house.setup_link}")
        lines.append(
            "                 sets providers up; opens once, within the hour; `valet setup` prints a new one"
        )
    for provider in house.unset:
        lines.append(
            f"  {provider.title:<14} not set up: run `valet setup`, or set {provider.client_id_setting} and "
            f"{provider.client_secret_setting}, see .env.example"
        )
    lines += ["", "Add it to a chat client:", ""]
    for name, entry in entries.shown(url):
        lines += [f"  {name}", f"    {entry}"]
    if at.mode == "demo":
        lines += ["", "Or watch it work: make try, in a second terminal."]
    lines += ["", "Ctrl-C stops everything and loses nothing.", ""]
    _say(lines)


def show_door(house: House, at: Place) -> None:
    """Say that a process with one door answers, and where; what the sidecar has for the operator, too."""
    door = "The MCP server" if "mcp_server" in at.doors else "The sidecar"
    lines = []
    if house.owner_link is not None:
        lines.append(f"  Owner link     {house.owner_link}")
    if house.setup_link is not None:
        lines.append(f"  Setup          {house.setup_link}")
    # Last, so that whoever waits for it has read the rest.
    lines.append(f"{door} is ready at {at.settings.host}:{at.settings.port} for {at.settings.origin}.")
    _say(lines)


def _say(lines: list[str]) -> None:
    """One write: a pipe's reader sees all of it or none. A disk that is full keeps nobody from serving."""
    try:
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()
    except OSError:
        # What it holds still would be tried again at the end, and make that a failure.
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - until the process ends


def step(what: str, came_back: str) -> None:
    """One step of a script's progress; further lines of what came back stand under the first."""
    import typer  # which a process that serves does without

    first, *more = came_back.splitlines() or [""]
    typer.echo(f"{typer.style(f'{what:>14}', dim=True)}  {first}")
    for line in more:
        typer.echo(f"{'':>14}  {line}")


def _bold(text: str) -> str:
    return f"\033[1m{text}\033[0m" if sys.stdout.isatty() else text
