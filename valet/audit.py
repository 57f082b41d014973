"""`valet audit`: whether it is as it was written, what it says of a person, and removing what is old."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, TypeVar

import psycopg
import typer

from connect.names import shown_name
from providers.registry import PROVIDERS
from valet import logging
from valet.bar import Bar
from valet.oidc import known_in_demo
from valet.people import known, whose
from valet.reach import mode_of, reached
from valet.refusal import NotDone, spoken
from valet.settings import Settings, environment, load
from valet.speech import Demo, Json
from valet.witness import unsealed
from vault.audit.check import Check, Verdict
from vault.audit.entry import word
from vault.audit.names import Names
from vault.audit.prune import prune as remove
from vault.audit.row import Head, Row
from vault.errors import Sealed
from vault.operator import Operator
from vault.store.audit import Asked, AuditRows
from vault.store.database import Database
from vault.store.grants import Grants
from vault.store.meta import Mode
from vault.store.people import People

app = typer.Typer(
    no_args_is_help=True, help="What happened here: whether it is as it was written, and what it says."
)

T = TypeVar("T")
_SHOWN = 100


@app.callback()
def prepare() -> None:
    """What every command does first."""
    logging.configure("WARNING", "console")


@dataclass(frozen=True, slots=True)
class Records:
    """What a command works with."""

    settings: Settings
    mode: Mode
    database: Database
    operator: Operator

    @property
    def rows(self) -> AuditRows:
        """The table."""
        return AuditRows(self.database)

    async def checked(self, heads: list[Head], bar: Bar) -> Verdict:
        """What is to be said of all of it."""
        return await Check(self.rows, self.operator.derive("audit"), heads, bar).run()


@app.command()
def verify(
    demo: Demo = False,
    as_json: Json = False,
    head: Annotated[
        list[str] | None,
        typer.Option("--head", metavar="WORKER:BATCH:MAC", help="An end that the log said; repeat it."),
    ] = None,
) -> None:
    """Compute every MAC anew and say where a row was edited, removed, put in or moved. It changes nothing."""
    heads = [_head(text) for text in head or ()]
    with Bar("checking") as bar:
        verdict = _work(lambda at: at.checked(heads, bar), demo)
    typer.echo(json.dumps(_json(verdict)) if as_json else "\n".join(_lines(verdict)))
    raise typer.Exit(0 if verdict.sound else 1)


@app.command()
def show(
    who: Annotated[
        str, typer.Argument(help="The beginning of an id, or the label of a way in (an address).")
    ],
    demo: Demo = False,
    as_json: Json = False,
    since: Annotated[
        datetime | None, typer.Option("--since", formats=["%Y-%m-%d"], help="From that day on (UTC).")
    ] = None,
    most: Annotated[int, typer.Option("--most", min=1, help="So many rows, the latest first.")] = _SHOWN,
) -> None:
    """What stands there of one person. Nobody can tell any more once their account is deleted."""

    async def act(at: Records) -> list[dict[str, object]]:
        providers = known_in_demo(PROVIDERS) if at.mode == "demo" else at.settings.known(PROVIDERS)
        people = known(await People(at.database).list(), {each.issuer: each.title for each in providers})
        person = whose(people, who).person.id
        names = Names(at.rows, at.operator)
        found = (await names.know([Asked(0, person, None, None)])).get(0)
        if found is None:
            return []
        key = found[1]
        grants = await Grants(at.database).list(person)
        clients = {names.client(grant.client_id, key): grant.client_name for grant in grants}
        rows = await at.rows.of(names.person(person, key), _day(since), most)
        return [_shown(row, clients) for row in rows]

    rows = _work(act, demo)
    if as_json:
        typer.echo(json.dumps(rows))
        return
    for row in rows:
        typer.echo("  ".join(str(value) for value in row.values() if value is not None))
    if not rows:
        typer.echo("Nothing stands there of that person.")


@app.command()
def prune(
    before: Annotated[
        datetime, typer.Option("--before", formats=["%Y-%m-%d"], help="Older than that day (UTC).")
    ],
    demo: Demo = False,
    force: Annotated[bool, typer.Option("--force", help="Also where the check finds fault.")] = False,
) -> None:
    """Remove what is older than a day, and record what was removed. As the role that owns the table."""
    day = _day(before)
    assert day is not None
    if day > datetime.now(UTC):
        with spoken():
            raise NotDone("that day is still to come")

    async def act(at: Records) -> int:
        with Bar("checking") as bar:
            verdict = await at.checked([], bar)
        if not verdict.sound and not force:
            raise NotDone(
                "the check finds fault, and what is removed can not be looked at any more. See: valet audit "
                "verify. To remove it all the same: --force"
            )
        try:
            return await remove(at.rows, at.operator, day)
        except psycopg.errors.InsufficientPrivilege:
            raise NotDone(
                "the role that Valet works as may remove nothing. Set MIGRATION_DATABASE_URL to the role "
                "that owns the table, for this command alone"
            ) from None

    gone = _work(act, demo, owner=True)
    typer.echo(
        f"removed {gone} rows, and recorded what they were the end of" if gone else "nothing is as old"
    )


def _work(act: Callable[[Records], Awaitable[T]], demo: bool, *, owner: bool = False) -> T:
    """What `act` gives, at the Valet that is meant; errors become a sentence."""

    async def run() -> T:
        settings = load(environment(), PROVIDERS)
        mode = mode_of(settings, demo)
        async with reached(settings, mode, asleep=True, owner=owner, longest=3600) as database:
            try:
                async with unsealed(settings, mode, database) as operator:
                    if operator is None:
                        raise NotDone(
                            "this database has no Valet in it yet. Start one on it first: valet serve"
                        )
                    return await act(Records(settings, mode, database, operator))
            except Sealed:
                raise NotDone(
                    "the key ring is not the one that this database was sealed with; name the right one in "
                    "VALET_KEYRING"
                ) from None

    with spoken():
        return asyncio.run(run())


def _head(text: str) -> Head:
    try:
        return Head.read(text)
    except ValueError:
        with spoken():
            raise NotDone("a head is WORKER:BATCH:MAC, as the log says it in lines of audit_head") from None


def _day(day: datetime | None) -> datetime | None:
    return None if day is None else day.replace(tzinfo=UTC)


def _lines(verdict: Verdict) -> list[str]:
    lines = [str(fault) for fault in verdict.faults]
    for end in verdict.open:
        lines.append(f"worker {end.worker} has not said that it stopped: it runs, or was killed. Last: {end}")
    if verdict.lost:
        lines.append(f"{verdict.lost} rows could not be written when they should have been")
    if verdict.pruned:
        lines.append(f"of {verdict.pruned} workers the beginning was pruned, and that is recorded")
    said = f"{verdict.rows} rows of {verdict.workers} workers"
    lines.append(
        f"{said}: all is as it was written"
        if verdict.sound
        else f"{said}: {_counted(len(verdict.faults), 'fault')}. Whoever may change the table has done so"
    )
    return lines


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" + ("s" if number != 1 else "")


def _json(verdict: Verdict) -> dict[str, object]:
    return {
        "sound": verdict.sound,
        "rows": verdict.rows,
        "workers": verdict.workers,
        "faults": [
            {
                "kind": fault.kind,
                "worker": str(fault.worker),
                "batch": fault.batch,
                "position": fault.position,
            }
            for fault in verdict.faults
        ],
        "open": [str(end) for end in verdict.open],
        "lost": verdict.lost,
        "pruned": verdict.pruned,
    }


def _shown(row: Row, clients: dict[bytes | None, str]) -> dict[str, object]:
    return {
        "at": row.at.astimezone(UTC).isoformat(timespec="seconds"),
        # Whoever may add to the table may have put the row in: the check tells, and it drives no terminal.
        "event": word(row.event),
        "outcome": word(row.outcome),
        "tool": word(row.tool),
        "provider": word(row.provider),
        "detail": word(row.detail),
        "client": None if row.client is None else _client(clients.get(row.client), row.client),
        "address": None if row.address is None else row.address.hex(),
        "times": row.times if row.times > 1 else None,
    }


def _client(name: str | None, called: bytes) -> str:
    """A client's name where the person still has it; it is a stranger's, and must not drive a terminal."""
    return called.hex() if name is None else shown_name(name, called.hex())
