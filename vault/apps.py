"""Apps at providers that rest in the vault: each under a key of its own, bound to owner, purpose and row.

A person's own app is named `own:<id>` in their connections, and serves nobody else's. The operator's, from
the setup page, rests the same way with the operator as owner. Provider and client id stand inside the sealed
body: a row that names others must not send the secret there.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from uuid import UUID

from pydantic import SecretStr

from providers.base import App, AppRejected, TokenSet, Unavailable
from vault import envelope
from vault.cache import DekCache
from vault.errors import AppInUse, Busy, Malformed, PersonGone, Sealed, Tampered, UnknownApp
from vault.ids import new_id, operator_id
from vault.store.apps import AppRows, SealedApp
from vault.store.connections import Connections
from vault.store.database import Connection as Link
from vault.store.database import Database
from vault.store.deks import Deks
from vault.store.leases import SealedConnection
from vault.upstream import Granted, Upstream

OWN = "own:"
"""How the ref of a person's own app begins."""

_PURPOSE = "app.secret"
_LONGEST = 60


@dataclass(frozen=True, slots=True)
class OwnApp:
    """An app as its owner sees it: never the secret, only whether there is one."""

    id: UUID
    provider: str
    client_id: str
    label: str
    has_secret: bool
    created_at: datetime

    @property
    def ref(self) -> str:
        """How connections name it."""
        return f"{OWN}{self.id}"


@dataclass(frozen=True, slots=True)
class Operated:
    """The operator's apps by provider, opened, with a mark of that state.

    One that does not open is left out, its alarm logged; then it is not `whole`.
    """

    mark: object = field(repr=False)
    apps: dict[str, App]
    whole: bool


class Apps:
    """The apps in the vault. Every call names the owner; the operator's is `vault.ids.operator_id()`."""

    def __init__(self, database: Database, cache: DekCache) -> None:
        self._database = database
        self._cache = cache
        self._rows = AppRows(database)
        self._deks = Deks(database)
        self._connections = Connections(database)

    async def save(
        self, owner: UUID, provider: str, client_id: str, secret: SecretStr | None, label: str = ""
    ) -> OwnApp:
        """Store the owner's app at a provider, or give the one there is another secret and label.

        A person's own keeps its client id while it stands, for their connections stand on it: another raises
        AppInUse. The operator's may change it. Raises PersonGone, and Busy.
        """
        operator = owner == operator_id()
        # Before the transaction: what holds the keys may be far away.
        wrapped = await self._cache.fresh(owner, "app")
        async with self._database.transaction() as link:
            if not operator and not await self._connections.lock_owner(link, owner):
                raise PersonGone
            before = await self._rows.locked(link, owner, provider)
            if before is not None and before.client_id != client_id and not operator:
                raise AppInUse(provider)
            await self._deks.add(link, wrapped)
            row = SealedApp(
                id=before.id if before else new_id(),
                owner=owner,
                provider=provider,
                client_id=client_id,
                label=" ".join(label.split())[:_LONGEST],
                has_secret=secret is not None,
                created_at=before.created_at if before else datetime.now(UTC),
                body=None,
                dek_id=wrapped.id,
                kek_ref=wrapped.kek_ref,
                wrapped=wrapped.wrapped,
            )
            body = await self._cache.seal(wrapped, _context(row), _encode(row, secret))
            await self._rows.write(link, replace(row, body=body), None if operator else owner)
            if before is not None and before.dek_id is not None:
                # A new key for each secret: what the old one sealed is gone for good.
                await self._deks.destroy(link, owner, before.dek_id)
        return _seen(row)

    async def list(self, owner: UUID) -> list[OwnApp]:
        """The owner's apps, oldest first."""
        return [_seen(row) for row in await self._rows.list(owner)]

    async def of(self, owner: UUID, provider: str) -> App | None:
        """The owner's app at a provider, opened, or None where they have none. Raises Sealed, Busy."""
        row = await self._rows.of(owner, provider)
        return None if row is None else await open_app(row, self._cache)

    async def operated(self, mark: object) -> Operated | None:
        """The operator's apps as they are now; None where `mark` is still theirs. Raises Busy."""
        rows = await self._rows.list(operator_id())
        if rows == mark:
            return None
        found = {}
        for row in rows:
            with suppress(Sealed):
                found[row.provider] = await open_app(row, self._cache)
        return Operated(rows, found, whole=len(found) == len(rows))

    async def app(self, owner: UUID, provider: str, ref: str) -> App:
        """The owner's own app that `ref` names, opened. Raises UnknownApp, Sealed, Busy."""
        row = await self._rows.of(owner, provider)
        if row is None or f"{OWN}{row.id}" != ref:
            raise UnknownApp(provider)
        return await open_app(row, self._cache)

    async def stands(self, link: Link, owner: UUID, provider: str, ref: str) -> bool:
        """Whether the owner has that app, seen inside the caller's transaction."""
        row = await self._rows.locked(link, owner, provider)
        return row is not None and f"{OWN}{row.id}" == ref

    async def drop(self, link: Link, owner: UUID, provider: str) -> None:
        """Delete the owner's app and its key inside the caller's transaction. Raises UnknownApp."""
        row = await self._rows.locked(link, owner, provider)
        if row is None:
            raise UnknownApp(provider)
        await self._rows.delete(link, owner, row.id)
        if row.dek_id is not None:
            await self._deks.destroy(link, owner, row.dek_id)

    async def forget(self, provider: str) -> None:
        """Delete the operator's app at a provider, and its key. Raises UnknownApp, Busy."""
        async with self._database.transaction() as link:
            await self.drop(link, operator_id(), provider)


class Through:
    """The upstream as the vault uses it: every call by the app that issued the row."""

    def __init__(self, upstream: Upstream, apps: Apps) -> None:
        self._upstream = upstream
        self._apps = apps

    async def app(self, row: Granted, operation: str) -> App | str:
        """The row's app: the operator's by its ref, its person's own opened.

        Raises AppRejected where it is gone or does not open, Unavailable while the database is away.
        """
        if not row.app.startswith(OWN):
            return row.app
        try:
            return await self._apps.app(row.owner, row.provider, row.app)
        except (UnknownApp, Sealed):
            # The alarm is logged. The app is what is wrong; the person's grant is not touched.
            raise AppRejected(row.provider, operation, "the app is gone or does not open", own=True) from None
        except Busy:
            raise Unavailable(row.provider, operation, "the database is away") from None

    async def refresh(self, row: SealedConnection, app: App | str, refresh_token: SecretStr) -> TokenSet:
        """Spend the row's refresh token through its app. Raises ProviderError."""
        try:
            return await self._upstream.refresh(row.provider, app, refresh_token)
        except AppRejected:
            raise rejected(row, "refresh") from None

    async def revoke(self, provider: str, app: App | str, token: SecretStr) -> bool:
        """Tell the provider to end a grant; False where it can't be told. Raises ProviderError."""
        return await self._upstream.revoke(provider, app, token)

    def sweeping(self, provider: str) -> bool:
        """Whether ending one token there ends everything that the account granted the app."""
        return self._upstream.sweeping(provider)


async def open_app(row: SealedApp, cache: DekCache) -> App:
    """The app that a row seals. Raises Sealed, Busy."""
    wrapped = row.dek()
    if wrapped is None or row.body is None:
        cache.alarms.refused("malformed", _PURPOSE)
        raise Malformed("the app has no key or no sealed body")
    body = json.loads(await cache.open(wrapped, _context(row), row.body))
    if (body["provider"], body["client_id"]) != (row.provider, row.client_id):
        cache.alarms.refused("tampered", _PURPOSE)
        raise Tampered("the app names another provider or client id than its body")
    secret = body["client_secret"]
    ref = "operator" if row.owner == operator_id() else f"{OWN}{row.id}"
    return App(ref, row.client_id, None if secret is None else SecretStr(secret))


def rejected(row: Granted, operation: str) -> AppRejected:
    """That the provider refuses the row's app; it says whether that is its person's own."""
    return AppRejected(row.provider, operation, own=row.app.startswith(OWN))


def _context(row: SealedApp) -> envelope.Context:
    # Every save makes a new key, so no body of before opens under this one: the version is always 1.
    return envelope.Context(row.owner, _PURPOSE, row.id, 1)


def _encode(row: SealedApp, secret: SecretStr | None) -> bytes:
    body = {
        "provider": row.provider,
        "client_id": row.client_id,
        "client_secret": None if secret is None else secret.get_secret_value(),
    }
    return json.dumps(body).encode()


def _seen(row: SealedApp) -> OwnApp:
    return OwnApp(row.id, row.provider, row.client_id, row.label, row.has_secret, row.created_at)
