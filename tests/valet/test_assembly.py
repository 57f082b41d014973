"""What the composition root puts together, and what it refuses to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import get_args

import pytest
from prometheus_client import generate_latest
from pydantic import SecretStr

from providers.base import App
from providers.registry import PROVIDERS
from tests.proof.people import settle, versions
from tests.support.emulator import CLIENT, SECRET, EmulatorProcess
from valet.assembly import assemble
from valet.ground import CannotOpen
from valet.housekeeping import Sweep
from valet.settings import load
from vault.ids import new_id, operator_id
from vault.outcomes import Outcome
from vault.rings.file import FileKeyRing
from vault.store.database import Database
from vault.vault import open_vault


async def test_a_real_app_that_was_set_up_in_the_browser_never_meets_the_emulator(
    empty_database: Database, empty_database_url: str, tmp_path: Path
) -> None:
    ring, url = tmp_path / "keyring.json", SecretStr(empty_database_url)
    vault = await open_vault(empty_database, FileKeyRing.create(ring), None)  # type: ignore[arg-type]
    await vault.apps.save(operator_id(), "spotify", "a-real-client-id", SecretStr("a-real-secret"))
    settings = load({}, PROVIDERS, emulator_origin="http://localhost:9009")
    with pytest.raises(CannotOpen, match="a real app for spotify"):
        await assemble(settings, {}, url, ring, "live")
    await vault.apps.save(operator_id(), "spotify", "emulator-spotify", SecretStr("emulator-secret"))
    await (await assemble(settings, {}, url, ring, "live")).close()


async def test_a_connection_in_use_is_refreshed_before_anybody_needs_it(
    empty_database: Database, empty_database_url: str, tmp_path: Path
) -> None:
    ring, url = tmp_path / "keyring.json", SecretStr(empty_database_url)
    with EmulatorProcess() as emulator:
        vault = await open_vault(empty_database, FileKeyRing.create(ring), None)  # type: ignore[arg-type]
        [person] = await settle(empty_database, vault, emulator, "http://127.0.0.1:1", 1)
        async with empty_database.connection() as link:
            await link.execute(
                "UPDATE connections SET last_used_at = now(), refreshed_at = now() - interval '59 minutes',"
                " access_expires_at = now() + interval '1 minute', tend_at = now()"
            )
        settings = load({}, PROVIDERS, emulator_origin=emulator.origin)
        app = App("operator", CLIENT, SecretStr(SECRET))
        house = await assemble(settings, {"spotify": app}, url, ring, "live")
        try:
            async with asyncio.timeout(60):
                while (await versions(empty_database))[person.owner] < 2:
                    await asyncio.sleep(0.05)
            house.rest()
        finally:
            await house.close()
        assert emulator.refreshes() == 1
        [shown] = await vault.list(person.owner)
        assert shown.status == "active"
        shown_figures = generate_latest(house.metrics).decode()
        assert 'valet_refreshes_total{outcome="refreshed",provider="spotify"} 1.0' in shown_figures
    async with empty_database.connection() as link:
        rows = await link.execute(
            "SELECT event, outcome, provider, person IS NOT NULL FROM audit ORDER BY seq"
        )
        written = await rows.fetchall()
    # From the first word to the last: what the vault does at the end of the process is written, too.
    assert (written[0][0], written[-1][0]) == ("worker_started", "worker_stopped")
    assert ("refresh", "refreshed", "spotify", True) in written


async def test_how_connections_stand_is_counted_where_the_operator_looks(
    empty_database: Database, empty_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds: list[tuple[float, Sequence[Sweep]]] = []

    @asynccontextmanager
    async def noted(sweeps: Sequence[Sweep], *, every: float = 120) -> AsyncIterator[None]:
        rounds.append((every, sweeps))
        yield

    monkeypatch.setattr("valet.assembly.housekeeping", noted)
    async with empty_database.connection() as link:
        await link.execute("INSERT INTO users (id, display_name) VALUES (%s, 'Ana')", (owner := new_id(),))
        await link.execute(
            "INSERT INTO connections (id, owner, provider, account_index, account_label, app, label, scopes,"
            " status, access_expires_at, grant_expires_at) VALUES (%s, %s, 'spotify', 'x', 'Ana', 'operator',"
            " 'Ana', '{}', 'active', now(), now() + interval '10 days')",
            (new_id(), owner),
        )
    settings = load({}, PROVIDERS)
    house = await assemble(settings, {}, SecretStr(empty_database_url), tmp_path / "keyring.json", "live")
    try:
        begun = generate_latest(house.metrics).decode()
        assert "valet_connections" in begun
        for provider in ("spotify", "google"):
            for outcome in get_args(Outcome):
                assert f'valet_refreshes_total{{outcome="{outcome}",provider="{provider}"}} 0.0' in begun
        for _, sweeps in rounds:
            for sweep in sweeps:
                await sweep()
        shown = generate_latest(house.metrics).decode()
    finally:
        await house.close()
    assert 'valet_connections{health="ending",provider="spotify"} 1.0' in shown
    assert 'valet_connections{health="healthy",provider="spotify"} 0.0' in shown
    assert 60 in [every for every, _ in rounds], "about every minute"
