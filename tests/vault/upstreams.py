"""A token endpoint inside the tests, and what the vault's tests share."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr

from providers.base import Account, App, GrantRejected, TokenSet
from vault.store.database import Database
from vault.store.leases import SealedConnection
from vault.vault import Vault

SCOPES = frozenset({"user-read-playback-state"})


class FakeUpstream:
    """A token endpoint that rotates: each refresh token works once, as the strictest providers do.

    `gate` holds every call until it is set; `error` is raised instead of an answer; `late` is raised
    after the token was spent, as when the answer gets lost. `sweeps`: a revocation ends all of the account;
    `unrevocable`: it has none; `revoke_errors` are raised by the next revocations instead of ending anything.
    """

    def __init__(self) -> None:
        self.live: set[str] = set()
        self.calls: list[str] = []
        self.revoked: list[str] = []
        self.revoke_errors: list[Exception] = []
        self.revokes = 0
        self.sweeps = self.unrevocable = False
        self.error: Exception | None = None
        self.late: Exception | None = None
        self.gate: asyncio.Event | None = None
        self.rotate = True
        self.number = 0
        self.apps: list[App | str] = []

    def grant(self, expires_in: float = 3600) -> TokenSet:
        self.number += 1
        refresh = f"refresh-{self.number}"
        self.live.add(refresh)
        return TokenSet(SecretStr(f"access-{self.number}"), expires_in, SecretStr(refresh), SCOPES)

    async def refresh(self, provider: str, app: App | str, refresh_token: SecretStr) -> TokenSet:
        token = refresh_token.get_secret_value()
        self.calls.append(token)
        self.apps.append(app)
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        if token not in self.live:
            raise GrantRejected(provider, "refresh")
        if not self.rotate:
            self.number += 1
            return TokenSet(SecretStr(f"access-{self.number}"), 3600)
        self.live.discard(token)
        if self.late is not None:
            raise self.late
        return self.grant()

    async def revoke(self, provider: str, app: App | str, token: SecretStr) -> bool:
        self.revokes += 1
        if self.revoke_errors:
            raise self.revoke_errors.pop(0)
        if self.unrevocable:
            return False
        self.revoked.append(token.get_secret_value())
        return True

    def sweeping(self, provider: str) -> bool:
        return self.sweeps

    async def called(self, times: int = 1) -> None:
        """Return once it was called that often."""
        await until(lambda: len(self.calls) >= times)


class Clock:
    """Monotonic seconds that a test can stop and move."""

    def __init__(self) -> None:
        self._stopped: float | None = None

    def __call__(self) -> float:
        return time.monotonic() if self._stopped is None else self._stopped

    def stop(self) -> None:
        self._stopped = self()

    def move(self, seconds: float) -> None:
        """Go on by so much, and stand still again."""
        self._stopped = self() + seconds


class Told:
    """Listens to what came of refreshes: `outcomes`, and the `rows` they were of."""

    def __init__(self) -> None:
        self.outcomes: list[str] = []
        self.rows: list[SealedConnection] = []
        self.error: Exception | None = None

    def __call__(self, row: SealedConnection, outcome: str) -> None:
        self.rows.append(row)
        self.outcomes.append(outcome)
        if self.error is not None:
            raise self.error


async def until(true: Callable[[], bool], seconds: float = 20) -> None:
    """Return once it is true; fail when it is not in time."""
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0)


async def connect(
    vault: Vault, upstream: FakeUpstream, owner: UUID, subject: str = "ana", expires_in: float = 3600
) -> Any:
    account = Account("https://accounts.spotify.com", subject, subject.title())
    return await vault.save(owner, "spotify", "operator", account, upstream.grant(expires_in), SCOPES, None)


async def consent(vault: Vault, owner: UUID, access_token: str, expires_in: float = 3600) -> Any:
    """A new consent that brings no refresh token, as Google answers a person who connects again."""
    account = Account("https://accounts.spotify.com", "ana", "Ana")
    tokens = TokenSet(SecretStr(access_token), expires_in, None, SCOPES | {"more"})
    return await vault.save(owner, "spotify", "operator", account, tokens, SCOPES, None)


class Unwritable:
    """Makes one vault's database refuse to store a refresh until `back` is set."""

    def __init__(self, vault: Vault, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
        self.tried = 0
        self.back = asyncio.Event()
        commit = vault._connections.commit

        async def refuse(*args: Any, **options: Any) -> bool:
            self.tried += 1
            if not self.back.is_set():
                raise error
            return await commit(*args, **options)

        monkeypatch.setattr(vault._connections, "commit", refuse)


async def scalar(database: Database, query: str, *values: object) -> Any:
    async with database.connection() as link:
        row = await (await link.execute(query, values)).fetchone()  # type: ignore[arg-type]
    return None if row is None else row[0]


async def run(database: Database, query: str, *values: object) -> None:
    async with database.connection() as link:
        await link.execute(query, values)  # type: ignore[arg-type]


def access(credential: Any) -> str:
    return str(credential.access_token.get_secret_value())
