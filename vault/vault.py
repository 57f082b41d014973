"""The face of the vault: every call names the owner, and none hands out a refresh token."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import structlog
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from providers.base import Account, Credential, TokenSet
from vault.alarms import Alarms
from vault.apps import OWN, Apps, Through
from vault.cache import DekCache
from vault.caretaker import Caretaker
from vault.circuit import Circuits
from vault.consent import granted, shortest
from vault.disconnect import Disconnects, locked
from vault.errors import Busy, ConnectionExpired, LabelTaken, NotConnected, PersonGone, Sealed, UnknownApp
from vault.gauges import LeaseGauges, RoundGauges
from vault.health import UNREADABLE, due, quiet
from vault.ids import new_id
from vault.keyring import KeyRing
from vault.operator import Operator, load_operator
from vault.outcomes import Outcomes, Report
from vault.records import Tokens, context, credential, encode, next_version, open_tokens
from vault.refresh import Refresher
from vault.revocation import Ended, Revoker, Stray
from vault.spans import Spans, off
from vault.store.connections import Connection, Connections, Draft
from vault.store.database import Connection as Link
from vault.store.database import Database
from vault.store.deks import Deks, WrappedDek
from vault.store.due import Due
from vault.store.labels import Labels
from vault.store.leases import SealedConnection
from vault.store.standings import Ending, Standings
from vault.timing import Timing
from vault.upstream import Upstream

_LONGEST_LABEL = 60

Claim = Callable[[Link, UUID], Awaitable[None]]
"""What must come true together with a saved connection of that id, or neither does."""

_log = structlog.get_logger(__name__)


class Vault:
    """Secrets at rest. Build it with `open_vault`. `apps` are the apps that rest here."""

    def __init__(
        self,
        database: Database,
        cache: DekCache,
        operator: Operator,
        upstream: Upstream,
        *,
        timing: Timing | None = None,
        report: Report | None = None,
        circuits: Circuits | None = None,
        leases: LeaseGauges | None = None,
        spans: Spans = off,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._spans = spans
        self._cache = cache
        self._operator = operator
        self._deks = Deks(database)
        self._connections = Connections(database)
        self._standings = Standings(database)
        self._labels = Labels()
        self.apps = Apps(database, cache)
        through = Through(upstream, self.apps)
        self._timing = timing or Timing()
        self._revoker = Revoker(
            self._connections, through, call=self._timing.call, pauses=self._timing.revoke
        )
        self._disconnects = Disconnects(database, self._connections, self._labels, cache, self._revoker)
        self._refresher = Refresher(
            self._connections,
            cache,
            through,
            timing=self._timing,
            revoker=self._revoker,
            report=report,
            circuits=circuits,
            leases=leases,
            spans=spans,
            clock=clock,
        )

    async def opens(self) -> bool:
        """Whether the key ring of this process opens what the database holds. Raises Busy, KeysAway."""
        return await self._cache.ready(await self._deks.operator())

    async def save(
        self,
        owner: UUID,
        provider: str,
        app: str,
        account: Account,
        tokens: TokenSet,
        asked: frozenset[str],
        lifetime: timedelta | None,
        *,
        adds: bool = False,
        claim: Claim | None = None,
    ) -> Connection:
        """Store a fresh consent of the owner; the same account through the same app replaces itself.

        `asked` is what was requested: it counts as granted where the token answer does not say
        (RFC 6749 §5.1), beside what was granted before where the consent `adds` to that. `lifetime` is how
        long the provider's grants live from now, if they end by themselves. A label that its person gave
        stays. `claim` runs in the same transaction: what it raises undoes all of it. Raises PersonGone when
        there is no such owner, UnknownApp where `app` is no app of theirs (any more), Busy, Sealed.
        """
        index = self._operator.index(account.issuer, account.subject)
        spare = await self._ahead(owner, provider, index, app)
        async with self._database.transaction() as link:
            if not await self._connections.lock_owner(link, owner):
                raise PersonGone
            if app.startswith(OWN) and not await self.apps.stands(link, owner, provider, app):
                raise UnknownApp(provider)
            row = await self._connections.same(link, owner, provider, index, app)
            connection = row.id if row is not None else new_id()
            if claim is not None:
                await claim(link, connection)
            version = next_version(row.secret_version) if row is not None else 1
            wrapped, kept = await self._key(link, owner, row, spare)
            body = encode(Tokens(tokens.access_token, tokens.refresh_token or kept), provider, app)
            same = tokens.refresh_token is None and kept is not None
            lives = tokens.grant_expires_in if same else shortest(lifetime, tokens.grant_expires_in)
            draft = Draft(
                id=connection,
                owner=owner,
                provider=provider,
                app=app,
                account_index=index,
                account_label=account.label,
                scopes=sorted(granted(tokens, asked, row if adds else None)),
                body=await self._cache.seal(wrapped, context(owner, connection, version), body),
                dek_id=wrapped.id,
                secret_version=version,
                expires_in=tokens.expires_in,
                grant_lifetime=lives,
                quiet=quiet(lives),
                same_refresh=same,
            )
            await self._connections.write(link, draft, await self._named(link, draft, row, account))
            if row is not None and row.dek_id is not None and row.dek_id != wrapped.id:
                await self._deks.destroy(link, owner, row.dek_id)
        _log.info("connection_saved", provider=provider, again=row is not None)
        saved = await self._connections.find(owner, connection)
        assert saved is not None
        return saved

    async def _named(self, link: Link, draft: Draft, row: SealedConnection | None, account: Account) -> str:
        """The label that its person knows, or for a new connection the account's nickname, made unique."""
        if row is not None and row.status != "disconnected":
            return row.label
        # Room for a number: what names an account may have 60 characters.
        base = " ".join((account.nickname or account.label).split())[:54].strip() or "account"
        label, number = base, 1
        while await self._labels.taken(link, draft.owner, draft.provider, draft.id, label):
            number += 1
            label = f"{base} {number}"
        return label

    async def _ahead(self, owner: UUID, provider: str, index: bytes, app: str) -> WrappedDek | None:
        """Ask what holds the keys while nothing is locked: for the row's own key, or else for a new one."""
        async with self._database.transaction() as link:
            row = await self._connections.same(link, owner, provider, index, app)
        known = row is not None and await self._cache.ready(row.dek())
        return None if known else await self._cache.fresh(owner, "connection")

    async def _key(
        self, link: Link, owner: UUID, row: SealedConnection | None, spare: WrappedDek | None
    ) -> tuple[WrappedDek, SecretStr | None]:
        """The row's own data key and refresh token, or a new key where there is none that opens."""
        wrapped = row.dek() if row is not None else None
        if row is not None and wrapped is not None:
            try:
                return wrapped, (await open_tokens(row, self._cache)).refresh_token
            except Sealed:
                # The alarm is logged; a new consent is the person's way out, under a new key.
                _log.warning("connection_rekeyed", provider=row.provider)
        fresh = spare or await self._cache.fresh(owner, "connection")
        await self._deks.add(link, fresh)
        return fresh, None

    async def credential(
        self,
        owner: UUID,
        provider: str,
        label: str | None = None,
        *,
        refused: int | None = None,
        read: SealedConnection | None = None,
    ) -> Credential:
        """A live access token of the owner's default connection, or of the one with that label.

        `refused` is the version that an API just answered 401 to. `read` is the default connection as it was
        read a moment ago, with the token of who asks (`vault/store/callers.py`): where it was well it is not
        read again. Raises NotConnected, ConnectionExpired, Busy, Sealed, ProviderError.
        """
        with self._spans("vault.credential", {"valet.provider": provider}):
            row = read
            if row is None or label or refused is not None or not _fits(row, owner, provider):
                row = await self._connections.pick(owner, provider, label)
            if row is None:
                raise NotConnected(provider, "no account with that label" if label else "")
            return await self._credential(row, refused)

    async def _credential(self, row: SealedConnection, refused: int | None) -> Credential:
        if row.status == "needs_reauth":
            raise ConnectionExpired(row.provider, row.reason or "unknown")
        if not row.used_lately:
            await self._connections.touch(row.owner, row.id)
        try:
            found = await self._live(row, refused)
        except Sealed:
            await self._mark(row, readable=False)
            raise
        if row.reason == UNREADABLE:
            await self._mark(row, readable=True)
        return replace(found, ending=due(row))

    async def _live(self, row: SealedConnection, refused: int | None) -> Credential:
        kept = self._refresher.kept(row, refused)
        if kept is not None:
            return kept
        if row.expires_in > self._timing.skew and row.secret_version != refused:
            return credential(row, await open_tokens(row, self._cache))
        return await self._refresher.credential(row.owner, row.id, refused)

    async def _mark(self, row: SealedConnection, *, readable: bool) -> None:
        """Let the row's person see whether it opens. The alarm has been raised; this may fail."""
        with suppress(Busy):
            await self._standings.mark(row.owner, row.id, row.secret_version, readable=readable)

    async def warn(self, owner: UUID, connection: UUID) -> Ending | None:
        """The right to tell the owner that their connection ends soon; None where that is not due now.

        Whoever gets it is the only one for a day. `Credential.ending` says when to ask. Raises Busy.
        """
        return await self._standings.claim(owner, connection)

    async def list(self, owner: UUID) -> list[Connection]:
        """The owner's connections, oldest first."""
        return await self._connections.live(owner)

    async def standing(self, owner: UUID, provider: str, app: str, account_index: bytes) -> UUID | None:
        """The owner's connection of that account (`index`) through that app, while it is not disconnected."""
        return await self._connections.standing(owner, provider, app, account_index)

    async def rename(self, owner: UUID, connection: UUID, label: str) -> str:
        """Give the owner's connection another label, on one line; returns the label as it is now.

        Raises NotConnected when the owner has no such connection, LabelTaken where another account of the
        provider has that label, and ValueError where nothing is left of it or it is longer than 60
        characters.
        """
        wanted = " ".join(label.split())
        if not wanted or len(wanted) > _LONGEST_LABEL or not wanted.isprintable():
            raise ValueError("a label is 1 to 60 characters on one line")
        async with self._database.transaction() as link:
            row = await locked(self._connections, link, owner, connection)
            if await self._labels.taken(link, owner, row.provider, connection, wanted):
                raise LabelTaken(row.provider)
            await self._labels.rename(link, owner, connection, wanted)
        return wanted

    async def prefer(self, owner: UUID, connection: UUID) -> None:
        """Make the owner's connection the one that tools use when they name none. Raises NotConnected."""
        async with self._database.transaction() as link:
            await locked(self._connections, link, owner, connection)
            await self._labels.prefer(link, owner, connection)

    async def disconnect(self, owner: UUID, connection: UUID) -> Ended:
        """End the owner's connection, destroy its key, and tell the provider where that is possible.

        Returns it as it was, and whether the provider has ended it too. A caller that goes away does not
        stop it. Raises NotConnected when the owner has no such connection, Busy.
        """
        return await self._disconnects.end(owner, connection)

    async def delete_app(self, owner: UUID, provider: str) -> tuple[Ended, ...]:
        """Delete the owner's own app at a provider: end its connections first, then destroy its key.

        Returns what ended. Raises UnknownApp, Busy.
        """
        ended: tuple[Ended, ...] = ()
        while True:
            own = next((app for app in await self.apps.list(owner) if app.provider == provider), None)
            if own is None:
                raise UnknownApp(provider)
            for connection in await self._connections.live(owner):
                if (connection.provider, connection.app) == (provider, own.ref):
                    with suppress(NotConnected):
                        ended += (await self.disconnect(owner, connection.id),)
            async with self._database.transaction() as link:
                # A connection may have been saved meanwhile; under the lock none can be.
                await self._connections.lock_owner(link, owner)
                if not await self._connections.stand_on(link, owner, provider, own.ref):
                    await self.apps.drop(link, owner, provider)
                    _log.info("own_app_deleted", provider=provider, connections=len(ended))
                    return ended

    async def forsake(self, stray: Stray, tokens: TokenSet) -> bool:
        """Tell the provider that a consent which is not stored is over; whether it has ended it.

        False where it can't be told, or where that would end what somebody has connected. Raises nothing.
        """
        return await self._revoker.end(stray, tokens.refresh_token or tokens.access_token)

    def derive(self, purpose: str) -> bytes:
        """A 32-byte key for one purpose, the same on every worker."""
        return self._operator.derive(purpose)

    def seal(self, purpose: str, record: UUID, plaintext: bytes) -> bytes:
        """Seal one of the operator's small things (a PKCE verifier, a successor)."""
        return self._operator.seal(purpose, record, plaintext)

    def open(self, purpose: str, record: UUID, sealed: bytes) -> bytes:
        """Open what `seal` made. Raises Sealed."""
        return self._operator.open(purpose, record, sealed)

    def index(self, issuer: str, subject: str) -> bytes:
        """A keyed hash of an upstream identity."""
        return self._operator.index(issuer, subject)

    def caretaker(self, providers: Sequence[str], metrics: CollectorRegistry | None = None) -> Caretaker:
        """Who refreshes the connections of these providers before anybody needs it; call it once.

        `metrics` is where its rounds are counted.
        """
        due, rounds = Due(self._database), RoundGauges(metrics)
        return Caretaker(due, self._standings, self._refresher, providers, self._timing, rounds)

    async def drain(self) -> None:
        """Let what is under way end, for a bounded time; call it before the database is closed."""
        await self._disconnects.drain(self._timing.call)
        await self._refresher.drain()

    async def close(self) -> None:
        """Drain, then zero every key that is unwrapped here: nothing can be asked of the vault any more."""
        await self.drain()
        self._cache.wipe()
        self._operator.wipe()


def _fits(row: SealedConnection, owner: UUID, provider: str) -> bool:
    """Whether a row that somebody read is the owner's, of that provider, and needs nobody to mend it.

    Who has to be told that something is broken is told what is true now: they may just have mended it.
    """
    return (row.owner, row.provider, row.status) == (owner, provider, "active")


async def open_vault(
    database: Database,
    ring: KeyRing,
    upstream: Upstream,
    *,
    timing: Timing | None = None,
    metrics: CollectorRegistry | None = None,
    report: Report | None = None,
    providers: Sequence[str] = (),
    spans: Spans = off,
    clock: Callable[[], float] = time.monotonic,
) -> Vault:
    """The vault over that database and key ring. Raises Sealed when the two do not belong together.

    `metrics` is where its alarms and refreshes are counted; without one they are only logged. `report` hears
    of each refresh; those at `providers` are counted from 0. `clock` is monotonic.
    """
    registry = metrics or CollectorRegistry()
    cache = DekCache(ring, Alarms(registry))
    return Vault(
        database,
        cache,
        await load_operator(Deks(database), cache),
        upstream,
        timing=timing,
        report=Outcomes(registry, report, providers),
        circuits=Circuits(timing or Timing(), registry, clock=clock),
        leases=LeaseGauges(registry),
        spans=spans,
        clock=clock,
    )
