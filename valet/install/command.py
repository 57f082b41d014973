"""`valet install`: put this server's entry into a chat program, or take it out."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from connect.regular import NotRegular, regular
from providers.registry import PROVIDERS
from valet import running
from valet.banner import step
from valet.emulation import as_demo
from valet.install.file import edit, keep
from valet.install.programs import NAME, PROGRAMS, Machine, Program
from valet.install.text import NotEdited, Taken, drop, put
from valet.reach import mode_of
from valet.refusal import NotDone, spoken
from valet.settings import environment, load
from valet.speech import Demo

_SECONDS = 30

_NAMES = ", ".join(each.name for each in PROGRAMS)
Which = Annotated[str, typer.Argument(metavar="CLIENT", help=f"The chat program: {_NAMES}.")]
Url = Annotated[
    str | None, typer.Option("--url", help="The server's address, with /mcp. Default: of this Valet.")
]
Print = Annotated[
    bool, typer.Option("--print", help="Print what would stand in the file, and change nothing.")
]
Remove = Annotated[bool, typer.Option("--remove", help="Take the entry out again; nobody else's is touched.")]
Replace = Annotated[
    bool, typer.Option("--replace", help="Also where another server has the name valet there.")
]
Project = Annotated[
    Path | None,
    typer.Option("--project", help="Into the file of the project in that folder, for all who use it."),
]


def install(
    client: Which,
    url: Url = None,
    show: Print = False,
    remove: Remove = False,
    replace: Replace = False,
    project: Project = None,
    demo: Demo = False,
) -> None:
    """Put this server's entry into a chat program's file. A backup with the date stays beside the file."""
    with spoken():
        program = next((each for each in PROGRAMS if each.name == client), None)
        if program is None:
            raise NotDone(f"there is no {client!a} here; possible: {_NAMES}. Others: docs/clients.md")
        address = _address(url, demo)
        if show:
            typer.echo(json.dumps({program.section: {NAME: program.entry(address)}}, indent=2))
            return
        if project is not None and not project.is_dir():
            raise NotDone(f"there is no folder {project}; --project names one that is there")
        machine = Machine(sys.platform, os.environ, Path.home())
        try:
            path = program.path(machine, project)
        except ValueError as error:
            raise NotDone(f"{error}; leave --project out") from None
        if remove:
            _remove(program, path)
        else:
            _put(program, path, address, replace, by_program=project is None)


def _address(url: str | None, demo: bool) -> str:
    if url is None:
        from valet.serve import folder

        values = environment()
        settings = load(values, PROVIDERS)
        if mode_of(settings, demo) == "demo":
            settings = load(as_demo(values), PROVIDERS)
            there = running.read(folder(settings, "demo"))
            return f"{there.public_url if there else settings.origin}/mcp"
        return f"{settings.origin}/mcp"
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path != "/mcp" or parts.query:
        raise NotDone("--url wants the whole address of the server, such as https://valet.example.org/mcp")
    if parts.username or parts.password or parts.fragment:
        raise NotDone("--url is an address and nothing more: no user, no password, no #")
    return url


def _put(program: Program, path: Path, url: str, replace: bool, *, by_program: bool) -> None:
    def change(text: str) -> str:
        return put(
            text, program.section, NAME, program.entry(url), comments=program.comments, replace=replace
        )

    before = _content(path)
    try:
        ours = by_program and program.name == "claude-code" and not replace and _wanted(change, before)
        claude = shutil.which("claude") if ours else None
        kept = keep(path) if claude is not None else None
        if claude is not None and _by_claude(claude, url):
            _tell(path, before, kept, "added", url)
        else:
            _tell(path, before, edit(path, change), "added", url)
    except Taken as error:
        raise NotDone(f"{path}: {error}. To put this one in its place: --replace") from None
    except NotEdited as error:
        shown = json.dumps({program.section: {NAME: program.entry(url)}}, indent=2)
        raise NotDone(
            f"{path} stays as it is: {error}. Mend that, or put this in by hand:\n{shown}"
        ) from None
    step("next", program.after)


def _remove(program: Program, path: Path) -> None:
    before = _content(path)
    try:
        backup = edit(
            path, lambda text: drop(text, program.section, NAME, program.ours, comments=program.comments)
        )
    except NotEdited as error:
        raise NotDone(f"{path} stays as it is: {error}.") from None
    _tell(path, before, backup, "removed", NAME)


def _tell(path: Path, before: bytes | None, backup: Path | None, what: str, name: str) -> None:
    if before == _content(path):
        step("unchanged", f"{path}: nothing had to be done")
        return
    step(what, f"{name} in {path}" if what == "added" else f"{name} from {path}")
    if backup is not None:
        step("kept", f"the file as it was, {backup}")


def _content(path: Path) -> bytes | None:
    try:
        with regular(path) as file:
            return file.read()
    except (OSError, NotRegular):
        return None


def _wanted(change: object, before: bytes | None) -> bool:
    """Whether there is something to do. Raises NotEdited where the file is broken or the name taken."""
    assert callable(change)
    try:
        text = (before or b"").decode().removeprefix("\ufeff")
    except UnicodeDecodeError:
        raise NotEdited("it is not text in UTF-8") from None
    return bool(change(text) != text)


def _by_claude(program: str, url: str) -> bool:
    """Let Claude Code write its own file, which it may be writing to just now. Whether it did."""
    command = [program, "mcp", "add", "--transport", "http", "--scope", "user", NAME, url]
    try:
        ran = subprocess.run(  # noqa: S603 - the program that is asked for, and an address that was checked
            command, capture_output=True, timeout=_SECONDS, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return ran.returncode == 0
