"""What a trip to a provider brought, until its person says yes: sealed, and nobody's connection yet.

The page's address carries a random handle of which the row keeps the hash. It is worth nothing in another
browser or to another person. What nobody says yes to is told to the provider, where that is possible and ends
nothing that somebody has connected, and is dropped.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from pydantic import SecretStr

from connect.session import Guest
from connect.trip import Errand
from providers.base import Account, TokenSet
from providers.registry import Registry, UnknownName
from vault.errors import PersonGone, Sealed, Tampered
from vault.ids import new_id
from vault.opaque import digest, mint
from vault.purposes import ACCOUNT, PAGES
from vault.revocation import Stray
from vault.store.connections import Connection
from vault.store.database import Connection as Link
from vault.store.pendings import Fault, Pending, Pendings
from vault.vault import Vault

_log = structlog.get_logger(__name__)

PURPOSE = "connect"


class Answered(Exception):
    """Another answer to the same question came first."""


@dataclass(frozen=True, slots=True)
class Offer:
    """An account that could be connected; `key` is the hash of the handle of its page."""

    key: bytes
    errand: Errand
    account: Account
    tokens: TokenSet
    age: float
    account_index: bytes


@dataclass(frozen=True, slots=True)
class Gone:
    """Why there is no such offer any more. `errand` only where it was this person's own.

    `connection` is what came of it; None where they did not want it.
    """

    fault: Fault
    errand: Errand | None = None
    connection: UUID | None = None


class Offers:
    """Keeps offers, and settles each once."""

    def __init__(self, *, pendings: Pendings, vault: Vault, registry: Registry) -> None:
        self._pendings = pendings
        self._vault = vault
        self._registry = registry

    async def keep(self, guest: Guest, user: UUID, errand: Errand, account: Account, tokens: TokenSet) -> str:
        """Put it aside for this person in this browser; the handle of its page. Raises PersonGone, Busy."""
        handle, record = mint().get_secret_value(), new_id()
        pages = json.dumps([errand.back, errand.again]).encode()
        pending = Pending(
            purpose=PURPOSE,
            user_id=user,
            record_id=record,
            sealed=self._vault.seal(
                ACCOUNT, record, _encode(account, tokens, user, errand.provider.name, errand.app)
            ),
            params={
                "record": str(record),
                "provider": errand.provider.name,
                "app": errand.app,
                "errand": errand.notes,
                "scopes": sorted(errand.scopes),
                "flow": str(errand.flow) if errand.flow else None,
                # The pages may carry a flow's handle.
                "pages": base64.b64encode(self._vault.seal(PAGES, record, pages)).decode(),
            },
            provider=errand.provider.name,
            app=errand.app,
            account_index=self._vault.index(account.issuer, account.subject),
        )
        try:
            await self._pendings.add(digest(handle), guest.browser_hash, pending)
        except PersonGone:
            # Nobody is left who could say yes or no, and nothing would end it later.
            index = self._vault.index(account.issuer, account.subject)
            await self._vault.forsake(Stray(user, errand.provider.name, errand.app, index), tokens)
            raise
        return handle

    async def look(self, guest: Guest, user: UUID, handle: str) -> Offer | Gone:
        """The offer of a handle, for this person in this browser. Uses nothing up. Raises Sealed."""
        key = digest(handle)
        found = await self._pendings.find(key, guest.browser_hash, user, PURPOSE)
        if found is not None:
            return self._open(key, found)
        return await self.gone(guest, user, key)

    async def gone(self, guest: Guest, user: UUID, key: bytes) -> Gone:
        """What became of it."""
        misfit = await self._pendings.misfit(key, guest.browser_hash, user, PURPOSE)
        if not misfit.params:
            return Gone(misfit.fault)
        became = misfit.params.get("connection")
        errand = self._errand(user, misfit.params)
        return Gone(misfit.fault, errand, UUID(became) if became else None)

    async def standing(self, offer: Offer) -> UUID | None:
        """The connection that its person already has of that account."""
        assert offer.errand.user is not None
        return await self._vault.standing(
            offer.errand.user, offer.errand.provider.name, offer.errand.app, offer.account_index
        )

    def _open(self, key: bytes, row: Pending) -> Offer:
        held = json.loads(self._vault.open(ACCOUNT, row.record_id, row.sealed))
        # A row that was made another person's, or another provider's, must not open for them.
        if held["for"] != [str(row.user_id), row.provider, row.app]:
            _log.error("offer_moved", provider=row.provider)
            raise Tampered("the offer names another person, provider or app than its body")
        account, tokens = _decode(held)
        assert row.account_index is not None, "an offer is of an account"
        errand = self._errand(row.user_id, row.params)
        return Offer(key, errand, account, tokens, row.age, row.account_index)

    def _errand(self, user: UUID, notes: dict[str, Any]) -> Errand:
        pages = self._vault.open(PAGES, UUID(notes["record"]), base64.b64decode(notes["pages"]))
        back, again = json.loads(pages)
        return Errand(
            purpose="connect",
            provider=self._registry.get(notes["provider"]),
            scopes=frozenset(notes["scopes"]),
            back=back,
            again=again,
            notes=notes["errand"],
            user=user,
            flow=UUID(notes["flow"]) if notes["flow"] else None,
            app=notes["app"],
        )

    async def accept(self, guest: Guest, user: UUID, offer: Offer) -> Connection:
        """Store it, once and whole: the question is answered and the connection there, or neither.

        Raises Answered, NotConnected, Busy, Sealed.
        """
        provider = offer.errand.provider

        async def claim(link: Link, connection: UUID) -> None:
            became = {"connection": str(connection)}
            if not await self._pendings.answer(link, offer.key, guest.browser_hash, user, PURPOSE, became):
                raise Answered

        lifetime = provider.grant_lifetime
        return await self._vault.save(
            user,
            provider.name,
            offer.errand.app,
            offer.account,
            _aged(offer.tokens, offer.age),
            offer.errand.scopes,
            None if lifetime is None else lifetime - timedelta(seconds=offer.age),
            adds=provider.incremental,
            claim=claim,
        )

    async def drop(self, guest: Guest, user: UUID, offer: Offer) -> bool:
        """Throw it away; whether the provider has ended it too. Raises Answered, Busy."""
        if not await self._pendings.refuse(offer.key, guest.browser_hash, user, PURPOSE):
            raise Answered
        _log.info("offer_dropped", provider=offer.errand.provider.name)
        return await self._end(offer)

    async def _end(self, offer: Offer) -> bool:
        errand = offer.errand
        assert errand.user is not None, "an offer is to a person"
        stray = Stray(errand.user, errand.provider.name, errand.app, offer.account_index)
        return await self._vault.forsake(stray, offer.tokens)

    async def withdraw(self, user: UUID) -> None:
        """Throw away whatever waits for this person, as when they go for good. Raises Busy."""
        await self._pendings.withdraw(user)
        await self.sweep()

    async def sweep(self) -> int:
        """Throw away what nobody said yes to in time; returns how many went."""
        rows = await self._pendings.lapsed(PURPOSE)
        for row in rows:
            try:
                await self._end(self._open(b"", row))
            except (Sealed, UnknownName) as error:
                # Nobody can open it any more, so there is nothing left to tell.
                _log.warning("offer_lost", provider=row.provider, error=type(error).__name__)
        return len(rows)


def _aged(tokens: TokenSet, seconds: float) -> TokenSet:
    """The same tokens that many seconds later."""
    ends = tokens.grant_expires_in
    return replace(
        tokens,
        expires_in=max(0.0, tokens.expires_in - seconds),
        grant_expires_in=None if ends is None else max(0.0, ends - seconds),
    )


def _encode(account: Account, tokens: TokenSet, user: UUID, provider: str, app: str) -> bytes:
    refresh = tokens.refresh_token
    return json.dumps(
        {
            "for": [str(user), provider, app],
            "account": [account.issuer, account.subject, account.label, account.nickname],
            "access_token": tokens.access_token.get_secret_value(),
            "refresh_token": None if refresh is None else refresh.get_secret_value(),
            "expires_in": tokens.expires_in,
            "scopes": None if tokens.scopes is None else sorted(tokens.scopes),
            "grant_expires_in": tokens.grant_expires_in,
        }
    ).encode()


def _decode(held: dict[str, Any]) -> tuple[Account, TokenSet]:
    issuer, subject, label, nickname = held["account"]
    refresh, scopes = held["refresh_token"], held["scopes"]
    tokens = TokenSet(
        access_token=SecretStr(held["access_token"]),
        expires_in=held["expires_in"],
        refresh_token=None if refresh is None else SecretStr(refresh),
        scopes=None if scopes is None else frozenset(scopes),
        grant_expires_in=held["grant_expires_in"],
    )
    return Account(issuer, subject, label, nickname), tokens
