"""`valet keys`: the keys that everything is sealed under, while Valet runs or while it does not."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from providers.registry import PROVIDERS
from valet import logging
from valet.bar import Bar
from valet.embedded import EmbeddedError, made
from valet.reach import NotReached, mode_of, reached
from valet.refusal import NotDone, spoken
from valet.settings import Settings, environment, load
from valet.speech import Demo, Json
from valet.stock import Stock, day, period, rewrapped, verified
from valet.witness import unwritten, witnessed
from vault.audit.audit import Audit
from vault.custody import Custodian, Rewrapped
from vault.errors import Busy
from vault.keyring import KeyRing
from vault.rings.choose import open_ring, parse, path_of
from vault.rings.edit import RingFile
from vault.rings.file import FileKeyRing
from vault.store.custody import Wrapped
from vault.store.database import Database
from vault.store.deks import Deks
from vault.store.meta import Mode
from vault.verify import Verdict, Verifier

app = typer.Typer(
    no_args_is_help=True,
    help="The keys that everything is sealed under: rotate them, wrap by them anew, see that all opens.",
)

T = TypeVar("T")


@app.callback()
def prepare() -> None:
    """What every command does first."""
    # On stderr, so that what is printed is the result alone.
    logging.configure("WARNING", "console")


Ring = Annotated[
    Path | None, typer.Option("--ring", help="Look through this ring file instead, such as a backup.")
]
RATE = 1000
"""Rows a second that `rewrap` does unless told otherwise: a million in a quarter of an hour."""


@dataclass(frozen=True, slots=True)
class Cabinet:
    """Which Valet is meant, and where its key ring is."""

    settings: Settings
    mode: Mode
    folder: Path

    @property
    def setting(self) -> str:
        """Which ring, as `vault.rings.choose` reads it."""
        return self.settings.keyring or str(self.folder / "keyring.json")

    @property
    def path(self) -> Path:
        """The ring file. Raises NotDone where the keys are all at a key service."""
        path = path_of(self.setting)
        if path is None:
            raise NotDone(
                f"the keys of {self.setting} are the key service's: make, rotate and guard them there, and "
                "name them in VALET_KEYRING. There is no file to do it to."
            )
        return path

    @property
    def stocked(self) -> bool:
        """Whether there is a ring file; False as well where this user may not look. Raises NotDone."""
        return os.path.exists(self.path)

    def require_led_by_file(self) -> None:
        """Raises NotDone where it is not the file's active key that wraps."""
        if next(iter(parse(self.setting))) != "file":
            raise NotDone(
                f"what wraps is the key service that {self.setting} names first: rotate the key there, or "
                "name another one first, then: valet keys rewrap"
            )

    @property
    def file(self) -> RingFile:
        """The ring file, to be edited. Raises NotDone."""
        return RingFile(self.path)

    async def ring(self, other: Path | None = None) -> KeyRing:
        """The ring, to wrap and unwrap by; `other` is looked through instead. Raises KeyRingError."""
        return FileKeyRing(other) if other else await open_ring(self.setting)

    @asynccontextmanager
    async def database(self) -> AsyncIterator[Database]:
        """The database; an embedded one that does not run is started meanwhile. Raises NotReached, Busy."""
        async with reached(self.settings, self.mode, asleep=True) as database:
            yield database

    async def tell(self, what: str) -> None:
        """Let the audit say what was done with the keys, where there is a database. It is done anyhow."""
        if self.settings.database_url is None and not made(self.folder):
            return
        try:
            async with self.database() as database, self.witness(database) as audit:
                audit.note("key_operation", detail=what)
        except (NotReached, Busy, EmbeddedError):
            unwritten()

    def witness(self, database: Database) -> AbstractAsyncContextManager[Audit]:
        """The audit of what is done in the block."""
        return witnessed(self.settings, self.mode, database)


@app.command()
def init(demo: Demo = False) -> None:
    """Make the key ring, if there is none. It is safe to run again."""

    typer.echo(_work(stock_up, demo))


async def stock_up(at: Cabinet) -> str:
    """Make the key ring file, if there is none; what was done, in words. Raises NotDone, KeyRingError."""
    if at.stocked:
        FileKeyRing(at.path)
        return f"there is a key ring: {at.path}"
    if await _sealed(at):
        raise NotDone(
            f"the key ring {at.path} is missing, and the database was sealed with it. Restore it from "
            "its backup; a new one would open nothing."
        )
    if at.settings.keyring is None:
        at.folder.mkdir(mode=0o711, parents=True, exist_ok=True)
    FileKeyRing.create(at.path)
    return (
        f"made the key ring {at.path}\nBack it up now, apart from the database: valet keys backup PATH\n"
        "Without it the database opens for nobody, you included."
    )


async def _sealed(at: Cabinet) -> bool:
    """Whether there is a database already that a ring was used on."""
    if at.settings.database_url is None and not made(at.folder):
        return False
    try:
        async with at.database() as database:
            return await Deks(database).operator() is not None
    except NotReached:
        return False  # it has no tables yet


@app.command()
def status(demo: Demo = False, as_json: Json = False, ring: Ring = None) -> None:
    """Which keys there are, what is wrapped under each, and what there is to do."""

    async def act(at: Cabinet) -> Stock:
        setting, held = str(ring) if ring else at.setting, await at.ring(ring)
        path = ring or path_of(setting)
        wrapped, belongs = list[Wrapped](), None
        if at.settings.database_url is not None or made(at.folder):
            async with at.database() as database:
                custodian = Custodian(database, held)
                wrapped, belongs = await custodian.standing(), await custodian.belongs()
        keys = RingFile(path).inventory() if path else ()
        kinds = ("file",) if ring else parse(setting)
        return Stock.of(setting, held.active, kinds, keys, wrapped, belongs)

    stock = _work(act, demo)
    typer.echo(json.dumps(stock.json()) if as_json else "\n".join(stock.lines()))


@app.command()
def rotate(
    demo: Demo = False,
    add: Annotated[
        bool, typer.Option("--add", help="Only add a key that does not wrap yet, to copy it to every host.")
    ] = False,
    activate: Annotated[
        str | None, typer.Option("--activate", metavar="REF", help="Let a key of the ring wrap from now on.")
    ] = None,
) -> None:
    """Let a fresh key wrap from now on. Those before stay, and only unwrap. Valet may run meanwhile."""

    async def act(at: Cabinet) -> str:
        at.require_led_by_file()
        if add and activate:
            raise NotDone(
                "--add and --activate are two steps: first add, copy the ring to every host, activate"
            )
        if add:
            ref = at.file.add()
            await at.tell("added")
            return (
                f"added {ref}, which only unwraps for now\n"
                f"Copy the ring to every host that runs Valet, then: valet keys rotate --activate {ref}"
            )
        before = next(key.ref for key in at.file.inventory() if key.state == "active")
        if activate == before:
            return f"{before} wraps already; nothing was changed"
        ref = activate or at.file.rotate(before)
        if activate:
            before = at.file.activate(activate)
        await at.tell("activated" if activate else "rotated")
        return (
            f"{ref} wraps from now on; {before} only unwraps\n"
            "Back up the ring anew: valet keys backup PATH\n"
            "Then wrap by the new key what there is: valet keys rewrap"
        )

    typer.echo(_work(act, demo))


@app.command()
def rewrap(
    demo: Demo = False,
    as_json: Json = False,
    rate: Annotated[
        float, typer.Option("--rate", min=0, help="Rows a second at most; 0 for as fast as possible.")
    ] = RATE,
    before: Annotated[
        datetime | None,
        typer.Option(
            "--before",
            formats=["%Y-%m-%d"],
            help="Also what the active key wrapped before that day (UTC): for a key service that rotates a "
            "key under its old name.",
        ),
    ] = None,
) -> None:
    """Wrap every data key by the active key, while Valet runs. It may be stopped and run again any time."""
    day_ = None if before is None else min(before.replace(tzinfo=UTC), datetime.now(UTC))

    async def act(at: Cabinet) -> Rewrapped:
        async with at.database() as database, at.witness(database) as audit:
            done = await Custodian(database, await at.ring()).rewrap(rate=rate, before=day_, progress=bar)
            audit.note("key_operation", outcome="ok" if done.whole else "faults", detail="rewrapped")
            return done

    with Bar("re-wrapping") as bar:
        done = _work(act, demo, lambda: f"{bar.done} data keys were looked at. Go on with: valet keys rewrap")
    if as_json:
        said = {"active": done.active, "rewrapped": done.moved, "late": done.late, "left": done.left}
        typer.echo(json.dumps(said | {"refused": dict(sorted(done.refused.items()))}))
    else:
        typer.echo("\n".join(rewrapped(done)))
    raise typer.Exit(0 if done.whole else 1)


@app.command()
def retire(
    ref: Annotated[str, typer.Argument(metavar="REF", help="A key of the ring that nothing needs.")],
    demo: Demo = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Yes, although older backups of the database need it.")
    ] = False,
) -> None:
    """Take a key out of the ring that only unwraps, once no data key is under it."""

    async def act(at: Cabinet) -> str:
        at.file.retirable(ref)
        async with at.database() as database, at.witness(database) as audit:
            custodian = Custodian(database, await at.ring())
            if not await custodian.belongs():
                raise NotDone(
                    f"the key ring {at.path} does not open this database, which so can't tell whether {ref} "
                    "is needed. Name the database that belongs to it: DATABASE_URL or VALET_DATA_DIR"
                )
            await _require_unused(custodian, ref)
            if not yes:
                raise NotDone(
                    f"{ref} wrapped {period(at.file.inventory(), ref)}. Backups of the database from then "
                    "until the re-wrap that followed do not open without it. Keep a backup of the ring that "
                    f"holds it for as long as you keep those, then: valet keys retire {ref} --yes"
                )
            entry = at.file.retire(ref)
            try:
                # A worker with an old ring may have wrapped under it while we looked.
                await _require_unused(custodian, ref)
            except BaseException:
                at.file.restore(ref, entry)
                raise
            audit.note("key_operation", detail="retired")
        return f"{ref} is out of the ring {at.path}"

    typer.echo(_work(act, demo))


async def _require_unused(custodian: Custodian, ref: str) -> None:
    count = await custodian.named(ref)
    if count:
        raise NotDone(f"{count} data keys are wrapped under {ref} still. First: valet keys rewrap")


@app.command()
def verify(demo: Demo = False, as_json: Json = False, ring: Ring = None) -> None:
    """Open every sealed record and say what does not open. It changes nothing and shows no content."""

    async def act(at: Cabinet) -> list[Verdict]:
        async with at.database() as database, at.witness(database) as audit:
            verdicts = await Verifier(database, await at.ring(ring)).verify(bar)
            whole = not any(map(_faults, verdicts))
            audit.note("key_operation", outcome="ok" if whole else "faults", detail="verified")
            return verdicts

    with Bar("opening") as bar:
        verdicts = _work(act, demo, lambda: f"{bar.done} records were opened")
    if as_json:
        typer.echo(
            json.dumps({"whole": not any(map(_faults, verdicts)), "kinds": [v.json() for v in verdicts]})
        )
    else:
        typer.echo("\n".join(line for verdict in verdicts for line in verified(verdict)))
        faults = sum(map(_faults, verdicts))
        typer.echo(f"{faults} records do not open" if faults else "everything opens")
    raise typer.Exit(1 if any(map(_faults, verdicts)) else 0)


def _faults(verdict: Verdict) -> int:
    return verdict.refused.total()


@app.command()
def backup(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A new file, apart from the database.")],
    demo: Demo = False,
) -> None:
    """Copy the key ring to a new file, and say by which check values its keys are recognised."""

    async def act(at: Cabinet) -> str:
        if path.resolve().is_relative_to((at.folder / "postgres").resolve()):
            raise NotDone(
                f"{path} lies inside the database's directory, so a copy of one would be a copy of both. "
                "Choose another place."
            )
        keys = at.file.backup(path)
        await at.tell("backed_up")
        lines = [f"  {key.ref}  since {day(key.created)}  check {key.check}" for key in keys]
        return "\n".join(
            [
                f"copied the key ring {at.path} to {path}",
                *lines,
                "Keep it apart from the database and its backups: who has both can read everything.",
                f"That it opens this database: valet keys verify --ring {path}",
            ]
        )

    typer.echo(_work(act, demo))


def _work(act: Callable[[Cabinet], Awaitable[T]], demo: bool, stopped: Callable[[], str] = lambda: "") -> T:
    """What `act` gives, at the Valet that is meant; errors become a sentence. `stopped` is for Ctrl-C."""

    async def run() -> T:
        settings = load(environment(), PROVIDERS)
        mode = mode_of(settings, demo)
        from valet.serve import folder

        return await act(Cabinet(settings, mode, folder(settings, mode)))

    with spoken(), _interruptible():
        try:
            return asyncio.run(run())
        except KeyboardInterrupt:
            raise NotDone(f"stopped; nothing is half done. {stopped()}".rstrip(), status=130) from None


@contextmanager
def _interruptible() -> Iterator[None]:
    """SIGTERM and SIGHUP unwind like Ctrl-C: a database that was started for this is stopped, too."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    for number in before:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
