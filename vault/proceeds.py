"""What a refresh bought: stored by compare-and-swap, or kept in memory until it is, and never lost.

The refresh token of a strict provider is spent by then, so whatever becomes of the row meanwhile, the next
one must end up in it.
"""

from __future__ import annotations

import structlog
from pydantic import SecretStr

from providers.base import App, Credential, TokenSet, Unavailable
from vault.backlog import Backlog
from vault.cache import DekCache
from vault.errors import Busy, Malformed, Tampered
from vault.outcomes import Report
from vault.records import Tokens, open_tokens, seal_tokens
from vault.revocation import Revoker
from vault.store.connections import Connections
from vault.store.leases import SealedConnection

_log = structlog.get_logger(__name__)

_TRIES = 5
"""How often a row that keeps moving is read again before it is left to the backlog."""


class Proceeds:
    """Stores what refreshes bought; what can't be stored rests in `backlog`. `ahead`: as in `Timing`."""

    def __init__(
        self,
        connections: Connections,
        cache: DekCache,
        revoker: Revoker,
        backlog: Backlog,
        report: Report,
        *,
        ahead: float,
    ) -> None:
        self._connections = connections
        self._cache = cache
        self._revoker = revoker
        self._backlog = backlog
        self._report = report
        self._ahead = ahead

    def kept(self, row: SealedConnection, refused: int | None) -> Credential | None:
        """What this worker already spent the row's token for and could not store yet.

        Raises Unavailable where even that was refused or has expired.
        """
        kept = self._backlog.find(row)
        if kept is None:
            return None
        if kept.version == refused or kept.expires_in <= 0:
            raise not_stored(row)
        return kept

    async def keep(
        self, row: SealedConnection, app: App | str, tokens: Tokens, spent: SecretStr, fresh: TokenSet
    ) -> Credential | None:
        """Store what was bought through `app`; the caller gets it even when the database does not take it.

        None where the row moved on: what counts stands there.
        """
        bought = Tokens(fresh.access_token, fresh.refresh_token or tokens.refresh_token)
        granted = frozenset(row.scopes) if fresh.scopes is None else fresh.scopes
        new = Credential(
            str(row.id), fresh.access_token, fresh.expires_in, row.secret_version + 1, granted, app=row.app
        )

        async def store(expires_in: float) -> bool:
            left = _left(fresh, expires_in)
            body = await seal_tokens(row, row.secret_version + 1, bought, self._cache)
            if await self._connections.commit(
                row,
                body,
                expires_in=expires_in,
                scopes=sorted(granted),
                ahead=self._ahead,
                grant_expires_in=left,
            ):
                return True
            await self._overtaken(row, app, spent, bought)
            return False

        try:
            stored = await store(fresh.expires_in)
        except Exception as error:  # noqa: BLE001 - the token is spent: nothing may lose what it bought
            _log.warning("refresh_not_stored", provider=row.provider, error=type(error).__name__)
            self._backlog.add(row, spent, new, store)
            self._report(row, "not_stored")
            return new
        _log.info("refreshed", provider=row.provider, stored=stored, rotated=fresh.refresh_token is not None)
        self._report(row, "refreshed" if stored else "lost_race")
        return new if stored else None

    async def _overtaken(
        self, row: SealedConnection, app: App | str, spent: SecretStr, bought: Tokens
    ) -> None:
        """The row moved on while we were at the provider: what was bought must not be lost by that.

        A disconnect wins: what we got is ended. A row that still has the refresh token we spent (a consent
        need not bring one) gets its successor, by compare-and-swap on its own version; its access token
        stays, for it carries what the person allowed last, and ours may carry less. A row with another
        refresh token needs nothing of ours; what we got is ended where its grant was disconnected meanwhile.
        Raises Busy when the row moves again and again.
        """
        for _ in range(_TRIES):
            now = await self._connections.read(row.owner, row.id)
            if now is None or now.status == "disconnected":
                await self._revoker.end(row, bought.refresh_token or bought.access_token, app)
                return
            try:
                theirs = await open_tokens(now, self._cache)
            except (Tampered, Malformed):
                return  # the alarm is logged; there is nothing in that row to put ours into
            if theirs.refresh_token != spent or bought.refresh_token == spent:
                # A disconnect destroys the key, a refresh keeps it: another key, another grant. Where no
                # disconnect came between, what we got may be of the very grant that the row stands on.
                if now.dek_id != row.dek_id and theirs.refresh_token not in (spent, bought.refresh_token):
                    await self._revoker.end(row, bought.refresh_token or bought.access_token, app)
                return
            merged = Tokens(theirs.access_token, bought.refresh_token)
            body = await seal_tokens(now, now.secret_version + 1, merged, self._cache)
            if await self._connections.succeed(now, body):
                return
        raise Busy("the connection changes all the time")


def _left(fresh: TokenSet, expires_in: float) -> float | None:
    """Seconds that the grant still lives once its access token has `expires_in`, where the answer said so."""
    ends = fresh.grant_expires_in
    return None if ends is None else max(0.0, ends - (fresh.expires_in - expires_in))


def not_stored(row: SealedConnection) -> Unavailable:
    """Only what is stored can be refreshed again: the next refresh token rests in memory."""
    return Unavailable(row.provider, "refresh", "the last refresh is not stored yet")
