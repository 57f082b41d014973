"""A process is on the roll from its start to its orderly end, with what it really has."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from pydantic import SecretStr

from providers.registry import PROVIDERS
from valet.assembly import assemble
from valet.settings import load
from vault.rings.file import FileKeyRing
from vault.rings.mark import mark
from vault.store.database import Database
from vault.store.migrate import migrations
from vault.store.workers import Workers


async def test_a_process_is_on_the_roll_while_it_serves(
    empty_database: Database, empty_database_url: str, tmp_path: Path
) -> None:
    ring, workers = tmp_path / "keyring.json", Workers(empty_database)
    url, settings = SecretStr(empty_database_url), load({}, PROVIDERS)
    house = await assemble(settings, {}, url, ring, "live")
    worker = await assemble(settings, {}, url, ring, "live", doors=("mcp_server",))
    both, alone = await workers.list()
    assert both.doors == ["mcp_server", "connect"] and alone.doors == ["mcp_server"]
    held = mark(FileKeyRing(ring))
    for each in (both, alone):
        assert (each.version, each.knows) == (version("valet"), migrations()[-1].version)
        assert (each.ring_active, each.ring_mark) == (held.active, held.word)
        assert each.origin == "http://127.0.0.1:8420"
    await worker.close()
    assert [each.id for each in await workers.list()] == [both.id]
    await house.close()
    assert await workers.list() == []
