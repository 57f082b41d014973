"""What the composition root refuses to put together."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from providers.registry import PROVIDERS
from valet.assembly import CannotOpen, assemble
from valet.settings import load
from vault.ids import operator_id
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
