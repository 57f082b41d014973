"""Opening every sealed record, to know that it can be done: `valet keys verify`.

Each is opened as the program itself opens it: by the same functions and under the same purposes. Nothing is
written, nothing of what opens is kept or shown, and no alarm is given: who asked is told what was counted.
"""

from __future__ import annotations

import asyncio
import base64
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol, TypeVar
from uuid import UUID

from prometheus_client import CollectorRegistry

from vault import keyring
from vault.alarms import Alarms, Kind
from vault.apps import open_app
from vault.cache import DekCache
from vault.custody import LANES, Progress, quiet
from vault.errors import Malformed, Sealed, Tampered, UnknownKey
from vault.ids import operator_id
from vault.keyring import KeyRing
from vault.operator import Operator
from vault.purposes import CALLED, PAGES, PREVIEW, SUCCESSOR, TRANSFER, TRIP, WAITING
from vault.records import open_tokens
from vault.secret import wipe
from vault.store.apps import AppRows, SealedApp
from vault.store.connections import Connections
from vault.store.custody import Called, Custody, Noted, Small
from vault.store.database import Database
from vault.store.deks import Deks, WrappedDek
from vault.store.leases import SealedConnection

SEALED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "data keys": ("deks.wrapped",),
        "connections": ("connections.body",),
        "apps": ("apps.body",),
        "trips": ("states.sealed",),
        "waiting": ("pendings.sealed",),
        "pages": ("pendings.params",),
        "successors": ("refresh_tokens.successor",),
        "audit keys": ("audit_keys.sealed",),
        "transfers": ("transfers.sealed",),
        "questions": ("approvals.sealed",),
    }
)
"""Every kind of sealed record, in the order they are opened, and the columns where it rests."""

_PAGE = 500
_NAMED = 100
"""Ids of records that do not open: so many are kept of each kind, and all are counted."""

_CLASSES: tuple[tuple[type[Exception], Kind], ...] = (
    (UnknownKey, "unknown_key"),
    (keyring.UnknownKey, "unknown_key"),
    (Malformed, "malformed"),
    (keyring.Malformed, "malformed"),
    (Tampered, "tampered"),
    (keyring.Tampered, "tampered"),
)
_REFUSALS = tuple(kind for kind, _ in _CLASSES)

Row = TypeVar("Row")


class _Row(Protocol):
    @property
    def id(self) -> UUID: ...


class _Thing(Protocol):
    @property
    def key(self) -> bytes: ...

    @property
    def record(self) -> UUID | str | None: ...


R = TypeVar("R", bound=_Row)
T = TypeVar("T", bound=_Thing)
Page = Sequence[tuple[object, Row]]
"""Rows, each with the id that it is named by where it does not open."""


@dataclass
class Verdict:
    """What came of one kind. `ids` are of the first records that did not open; no label, no name is kept."""

    kind: str
    opened: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    ids: list[str] = field(default_factory=list)

    def refuse(self, error: Exception, record: object) -> None:
        """Count a record that did not open, under the class of its error."""
        self.refused[next(name for kind, name in _CLASSES if isinstance(error, kind))] += 1
        if len(self.ids) < _NAMED:
            self.ids.append(_id(record))

    def json(self) -> dict[str, object]:
        """The same for a script."""
        return {
            "kind": self.kind,
            "opened": self.opened,
            "refused": dict(sorted(self.refused.items())),
            "ids": self.ids,
        }


class _Unheard(Alarms):
    """Records that don't open are what is looked for here: they are counted where they are met."""

    def __init__(self) -> None:
        super().__init__(CollectorRegistry())

    def refused(self, kind: Kind, place: str) -> None:
        """Nothing is logged."""


class _Watch:
    """Counts on, over all kinds."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._total = total
        self._done = 0

    def seen(self, count: int) -> None:
        self._done += count
        # Rows come and go meanwhile; what is watched never goes beyond its end.
        self._progress(self._done, max(self._done, self._total))


class Verifier:
    """Opens everything in a database by a key ring. It only reads."""

    def __init__(self, database: Database, ring: KeyRing) -> None:
        self._rows = Custody(database)
        self._connections = Connections(database)
        self._apps = AppRows(database)
        self._deks = Deks(database)
        self._ring = ring
        self._cache = DekCache(ring, _Unheard(), size=2 * _PAGE)
        self._operator: Operator | None = None

    async def verify(self, progress: Progress = quiet) -> list[Verdict]:
        """Open every record; a verdict for each kind of `SEALED`, in that order.

        Page by page, in bounded memory. Raises Busy while the database or the key service is away, and
        KeyRingError where the ring can't be read.
        """
        watch = _Watch(progress, await self._rows.sizes())
        rows = self._rows
        try:
            self._operator = await self._opened_operator()
            return [
                await self._each("data keys", watch, _by_id(rows.keys), self._key),
                await self._each("connections", watch, _by_id(self._connections.every), self._connection),
                await self._each("apps", watch, _by_id(self._apps.every), self._app),
                await self._each("trips", watch, _by_key(rows.trips), self._trip),
                await self._each("waiting", watch, _by_key(rows.waiting), self._waits),
                await self._each("pages", watch, _by_key(rows.pages), self._page),
                await self._each("successors", watch, _by_key(rows.successors), self._successor),
                await self._each("audit keys", watch, _by_id(rows.called), self._called),
                await self._each("transfers", watch, _by_key(rows.transfers), self._transfer),
                await self._each("questions", watch, _by_key(rows.previews), self._preview),
            ]
        finally:
            if self._operator is not None:
                self._operator.wipe()

    async def _each(
        self,
        kind: str,
        watch: _Watch,
        pages: AsyncIterator[Page[Row]],
        attempt: Callable[[Row], Awaitable[None]],
    ) -> Verdict:
        verdict = Verdict(kind)
        async for page in pages:
            lanes = [page[number::LANES] for number in range(LANES)]
            await asyncio.gather(*(self._lane(verdict, lane, attempt) for lane in lanes))
            watch.seen(len(page))
        return verdict

    async def _lane(
        self, verdict: Verdict, rows: Page[Row], attempt: Callable[[Row], Awaitable[None]]
    ) -> None:
        for name, row in rows:
            try:
                await attempt(row)
            except _REFUSALS as error:
                verdict.refuse(error, name)
            else:
                verdict.opened += 1

    async def _opened_operator(self) -> Operator | None:
        kept = await self._deks.operator()
        if kept is None:
            return None
        try:
            return Operator(await self._cache.lasting(kept))
        except Sealed:
            return None

    async def _key(self, row: WrappedDek) -> None:
        context = keyring.wrap_context(row.owner, row.purpose, row.id)
        wipe(await self._ring.unwrap(row.kek_ref, row.wrapped, context))

    async def _connection(self, row: SealedConnection) -> None:
        await open_tokens(row, self._cache)

    async def _app(self, row: SealedApp) -> None:
        await open_app(row, self._cache)

    async def _trip(self, row: Small) -> None:
        self._open(TRIP, row.record, row.sealed)

    async def _preview(self, row: Small) -> None:
        self._open(PREVIEW, row.record, row.sealed)

    async def _successor(self, row: Small) -> None:
        self._open(SUCCESSOR, row.record, row.sealed)

    async def _called(self, row: Called) -> None:
        self._open(CALLED, row.id, row.sealed)

    async def _transfer(self, row: Small) -> None:
        self._open(TRANSFER, row.record, row.sealed)

    async def _waits(self, row: Small) -> None:
        purpose = WAITING.get(row.said)
        if purpose is None:
            raise Malformed("nothing is known that waits under that purpose")
        self._open(purpose, row.record, row.sealed)

    async def _page(self, row: Noted) -> None:
        try:
            record, sealed = UUID(row.record), base64.b64decode(row.sealed or "", validate=True)
        except (ValueError, TypeError):
            raise Malformed("the notes hold no record or no base64") from None
        self._open(PAGES, record, sealed)

    def _open(self, purpose: str, record: UUID, sealed: bytes) -> None:
        if self._operator is None:
            raise UnknownKey("the operator's key does not unwrap")
        self._operator.open(purpose, record, sealed)


def _id(record: object) -> str:
    """An id as it is shown. Where an edited row holds any other text, its own is not."""
    try:
        return str(UUID(str(record)))
    except ValueError:
        return "(no id)"


async def _by_id(fetch: Callable[[UUID, int], Awaitable[Sequence[R]]]) -> AsyncIterator[Page[R]]:
    after = operator_id()
    while page := await fetch(after, _PAGE):
        after = page[-1].id
        yield [(row.id, row) for row in page]


async def _by_key(fetch: Callable[[bytes, int], Awaitable[Sequence[T]]]) -> AsyncIterator[Page[T]]:
    after = b""
    while page := await fetch(after, _PAGE):
        after = page[-1].key
        yield [(row.record, row) for row in page]
