"""Each attempt to refresh is counted and told once, with what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from pydantic import SecretStr
from structlog.testing import capture_logs

from providers.base import (
    Account,
    AppRejected,
    ProviderError,
    RateLimited,
    Rejected,
    TokenSet,
    Unavailable,
)
from tests.vault.upstreams import SCOPES, FakeUpstream, Told, Unwritable, access, connect, run
from vault.errors import Busy, ConnectionExpired, VaultError
from vault.rings.file import FileKeyRing
from vault.store.database import Database
from vault.vault import Vault, open_vault

Person = Callable[[], Awaitable[UUID]]
Rival = tuple[Vault, FakeUpstream]


async def test_a_refresh_is_told_once_however_many_wait_for_it(
    vault: Vault, upstream: FakeUpstream, person: Person, told: Told
) -> None:
    owner = await person()
    connection = await connect(vault, upstream, owner, expires_in=0)
    await asyncio.gather(*(vault.credential(owner, "spotify") for _ in range(10)))
    await vault.credential(owner, "spotify")
    assert told.outcomes == ["refreshed"]
    [row] = told.rows
    assert (row.owner, row.id, row.provider, row.app) == (owner, connection.id, "spotify", "operator")


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (RateLimited("spotify", "refresh", 60), "rate_limited"),
        (AppRejected("spotify", "refresh"), "app_rejected"),
        (Unavailable("spotify", "refresh"), "failed"),
        (Rejected("spotify", "refresh", "invalid_scope"), "failed"),
    ],
)
async def test_a_failure_is_told_by_its_kind(
    vault: Vault, upstream: FakeUpstream, person: Person, told: Told, error: ProviderError, outcome: str
) -> None:
    owner = await person()
    await connect(vault, upstream, owner, expires_in=0)
    upstream.error = error
    for _ in range(2):
        with pytest.raises(ProviderError):
            await vault.credential(owner, "spotify")
    assert told.outcomes == [outcome] * len(upstream.calls), "a pause is no attempt"


@pytest.mark.parametrize("reason", ["revoked", "expired", "lost_rotation", "no_refresh_token"])
async def test_a_condemnation_is_told_by_its_reason(
    vault: Vault, upstream: FakeUpstream, person: Person, database: Database, told: Told, reason: str
) -> None:
    owner = await person()
    connection = await connect(vault, upstream, owner, expires_in=0)
    upstream.live.clear()
    if reason == "expired":
        await run(database, "UPDATE connections SET grant_expires_at = now() WHERE id = %s", connection.id)
    if reason == "lost_rotation":
        mark = "UPDATE connections SET attempt_started_at = now() - interval '1 minute' WHERE id = %s"
        await run(database, mark, connection.id)
    if reason == "no_refresh_token":
        await without_refresh_token(vault, owner)
    with pytest.raises(ConnectionExpired):
        await vault.credential(owner, "spotify")
    assert told.outcomes == [reason]


async def without_refresh_token(vault: Vault, owner: UUID) -> None:
    [old] = await vault.list(owner)
    await vault.disconnect(owner, old.id)
    account = Account("https://accounts.spotify.com", "bare", "Bare")
    tokens = TokenSet(SecretStr("bare"), 0, None, SCOPES)
    await vault.save(owner, "spotify", "operator", account, tokens, SCOPES, None)


async def test_a_condemnation_that_the_database_takes_later_is_told_then_and_once(
    vault: Vault, upstream: FakeUpstream, person: Person, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = await person()
    await connect(vault, upstream, owner, expires_in=0)
    upstream.live.clear()
    condemn, away = vault._connections.condemn, [Busy("away")] * 3

    async def flaky(*args: object) -> bool:
        if away:
            raise away.pop()
        return await condemn(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(vault._connections, "condemn", flaky)
    with pytest.raises(Busy):
        await vault.credential(owner, "spotify")
    assert told.outcomes == []
    await vault.drain()
    assert told.outcomes == ["revoked"]


async def test_what_waits_for_the_database_is_told_as_that(
    vault: Vault, upstream: FakeUpstream, person: Person, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = await person()
    await connect(vault, upstream, owner, expires_in=0)
    away = Unwritable(vault, monkeypatch, Busy("away"))
    await vault.credential(owner, "spotify")
    away.back.set()
    await vault.drain()
    assert told.outcomes == ["not_stored"]


@pytest.mark.parametrize(("answer", "outcome"), [("tokens", "lost_race"), ("invalid_grant", "overtaken")])
async def test_a_row_that_moved_on_condemns_nobody_and_is_told(
    vault: Vault, upstream: FakeUpstream, rival: Rival, person: Person, told: Told, answer: str, outcome: str
) -> None:
    owner = await person()
    await connect(vault, upstream, owner, expires_in=0)
    upstream.gate = asyncio.Event()
    slow = asyncio.create_task(vault.credential(owner, "spotify"))
    await upstream.called()
    await connect(rival[0], rival[1], owner)
    if answer == "invalid_grant":
        upstream.live.clear()
    upstream.gate.set()
    assert access(await slow) == "access-101"
    assert told.outcomes == [outcome]


async def test_a_listener_that_fails_costs_nobody_a_token(
    vault: Vault, upstream: FakeUpstream, person: Person, told: Told
) -> None:
    told.error = RuntimeError("canary")
    owner = await person()
    await connect(vault, upstream, owner, expires_in=0)
    with capture_logs() as logs:
        assert access(await vault.credential(owner, "spotify")) == "access-2"
    assert [entry["error"] for entry in logs if entry["event"] == "refresh_report_failed"] == ["RuntimeError"]
    assert "canary" not in str(logs)


async def test_they_are_counted_by_provider_and_outcome(
    database: Database, ring_path: Path, upstream: FakeUpstream, person: Person
) -> None:
    metrics = CollectorRegistry()
    vault = await open_vault(database, FileKeyRing.create(ring_path), upstream, metrics=metrics)
    for error in (None, None, Unavailable("spotify", "refresh")):
        owner = await person()
        await connect(vault, upstream, owner, expires_in=0)
        upstream.error = error
        with suppress(VaultError, ProviderError):
            await vault.credential(owner, "spotify")
    lines = generate_latest(metrics).decode().splitlines()
    assert 'valet_refreshes_total{outcome="refreshed",provider="spotify"} 2.0' in lines
    assert 'valet_refreshes_total{outcome="failed",provider="spotify"} 1.0' in lines
    await vault.drain()
