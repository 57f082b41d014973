"""`valet users`: who may sign in, who does, and shutting somebody out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, TypeVar

import typer

from providers.base import Provider
from providers.registry import PROVIDERS
from valet import logging
from valet.oidc import known_in_demo
from valet.people import Known, entry_of, known, whose
from valet.reach import mode_of, reached
from valet.refusal import spoken
from valet.settings import Settings, environment, load
from valet.speech import Demo, Json
from valet.witness import witnessed
from vault.audit.audit import Audit
from vault.store.database import Database
from vault.store.invitations import Invitations
from vault.store.people import People
from vault.store.users import Users

app = typer.Typer(
    no_args_is_help=True, help="Who may sign in, who does, and shutting somebody out; while Valet runs."
)

T = TypeVar("T")
Entry = Annotated[
    str, typer.Argument(help="An address, @DOMAIN, PROVIDER:ACCOUNT_ID or *, as in VALET_ALLOW.")
]
Who = Annotated[str, typer.Argument(help="The beginning of an id, or the label of a way in (an address).")]


@dataclass(frozen=True, slots=True)
class Desk:
    """What a command works with: the database, the settings as they are here, and the providers there are."""

    database: Database
    settings: Settings
    providers: tuple[Provider, ...]
    audit: Audit

    @property
    def issuers(self) -> dict[str, str]:
        """The providers' issuers by their names."""
        return {provider.name: provider.issuer for provider in self.providers}

    async def everybody(self) -> list[Known]:
        """All people, ready to show."""
        titles = {provider.issuer: provider.title for provider in self.providers}
        return known(await People(self.database).list(), titles)


@app.command()
def allow(entry: Entry, demo: Demo = False) -> None:
    """Put an entry on the guest list, beside VALET_ALLOW. It counts at once."""

    async def act(desk: Desk) -> str:
        kept = entry_of(entry, desk.issuers)
        added = await Invitations(desk.database).add(kept)
        if added:
            desk.audit.note("guest_added", detail="terminal")
        return f"{kept} may sign in now" if added else f"{kept} was on the list already"

    typer.echo(_work(act, demo))


@app.command()
def disallow(entry: Entry, demo: Demo = False) -> None:
    """Take an entry off. Who came in by it is out at their next page, their chats within the hour."""

    async def act(desk: Desk) -> str:
        kept = entry_of(entry, desk.issuers)
        if await Invitations(desk.database).remove(kept):
            desk.audit.note("guest_removed", detail="terminal")
            return f"{kept} is off the list; to have somebody out at once: valet users block"
        return f"{kept} was not on the list (what VALET_ALLOW says is changed there)"

    typer.echo(_work(act, demo))


@app.command()
def block(who: Who, demo: Demo = False) -> None:
    """Shut somebody out at once: their sessions, their chats' tokens, their personal tokens."""

    async def act(desk: Desk) -> str:
        one = whose(await desk.everybody(), who)
        await Users(desk.database).block(one.person.id)
        desk.audit.note("person_blocked", user_id=one.person.id)
        return f"blocked {one.line}\nsigned out everywhere; every chat and every token of theirs is cut off"

    typer.echo(_work(act, demo))


@app.command()
def unblock(who: Who, demo: Demo = False) -> None:
    """Let somebody sign in again. Their chats have to connect anew."""

    async def act(desk: Desk) -> str:
        one = whose(await desk.everybody(), who)
        if not one.person.blocked:
            return f"{one.line}\nwas not blocked"
        await Users(desk.database).unblock(one.person.id)
        desk.audit.note("person_unblocked", user_id=one.person.id)
        return f"unblocked {one.line}\nmay sign in again, if the guest list says so"

    typer.echo(_work(act, demo))


@app.command("list")
def list_(demo: Demo = False, as_json: Json = False) -> None:
    """Everybody who ever signed in, and the guest list."""

    async def act(desk: Desk) -> tuple[list[Known], list[str], list[str]]:
        entries = await Invitations(desk.database).entries()
        return await desk.everybody(), entries, sorted(desk.settings.allowed)

    people, entries, set_here = _work(act, demo)
    if as_json:
        listed = [{"entry": each, "from": "VALET_ALLOW"} for each in set_here]
        listed += [{"entry": each, "from": "valet users allow"} for each in entries]
        typer.echo(json.dumps({"people": [each.json() for each in people], "allowed": listed}))
        return
    for each in people:
        times = f"since {each.person.created_at:%Y-%m-%d}, last seen {each.person.last_seen:%Y-%m-%d %H:%M}"
        typer.echo(f"{each.line}  {times}" + ("  BLOCKED" if each.person.blocked else ""))
    if not people:
        typer.echo("Nobody has signed in yet.")
    typer.echo("\nMay sign in:")
    for entry in set_here:
        typer.echo(f"  {entry}  (VALET_ALLOW{'' if entry != '*' else ': everybody'})")
    for entry in entries:
        typer.echo(f"  {entry}")


def _work(act: Callable[[Desk], Awaitable[T]], demo: bool) -> T:
    """What `act` gives, on the database of the Valet that is meant; errors become a sentence."""

    async def run() -> T:
        settings = load(environment(), PROVIDERS)
        mode = mode_of(settings, demo)
        providers = known_in_demo(PROVIDERS) if mode == "demo" else settings.known(PROVIDERS)
        async with reached(settings, mode) as database, witnessed(settings, mode, database) as audit:
            return await act(Desk(database, settings, providers, audit))

    logging.configure("WARNING", "console")
    with spoken():
        return asyncio.run(run())
