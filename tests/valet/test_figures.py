"""What a process counts, beside the table that says what there is."""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from prometheus_client import generate_latest
from pydantic import SecretStr

from providers.registry import PROVIDERS
from tests.valet.figures import DOCUMENT, Figure
from valet.assembly import assemble
from valet.settings import load

ROLES = {"valet_app", "valet_owner", "valet_restoring", "valet_database"}
COMPOSE = yaml.safe_load((DOCUMENT.parents[1] / "compose.yaml").read_text(encoding="utf-8"))
NAMES = ROLES | {f"valet_{name}" for kind in ("networks", "volumes") for name in COMPOSE[kind]}
"""Roles, databases, networks and volumes, which begin like a figure."""


async def test_the_table_of_figures_is_what_a_process_exports(
    empty_database_url: str, tmp_path: Path
) -> None:
    settings = load({"SPOTIFY_CLIENT_ID": "some-app"}, PROVIDERS)
    house = await assemble(settings, {}, SecretStr(empty_database_url), tmp_path / "ring.json", "live")
    try:
        await house.readiness.reasons()
        await house.ground.audit.flush()
        exported, text = Figure.exported(house.metrics), generate_latest(house.metrics).decode()
    finally:
        await house.close()
    documented = Figure.documented()
    assert len({figure.name for figure in documented}) == len(documented)
    told = {figure.name: figure for figure in documented}
    for figure in exported:
        known = told.pop(figure.name, None)
        assert known is not None, f"{figure.name} is not in docs/observability.md"
        assert known.kind == figure.kind, figure.name
        # One that is counted by a collector of its own shows its labels once there is something.
        assert figure.labels in ({*known.labels}, set()), figure.name
    assert not told, "the document has what no process exports"
    assert "_created" not in text and "process_resident_memory_bytes" in text
    for name, least in (("valet_audit_rows_total", 1), ("valet_database_pool_connections", 1)):
        assert float(text.split(f"\n{name} ")[1].split("\n")[0]) >= least
    assert 'valet_not_ready{reason="database"} 0.0' in text


def test_what_the_runbooks_name_is_in_the_table() -> None:
    known = {name for figure in Figure.documented() for name in (figure.name, *figure.series)}
    for path in sorted(DOCUMENT.parent.glob("*.md")):
        for name in re.findall(r"`(valet_\w+)(?:\{[^`]*\})?`", path.read_text(encoding="utf-8")):
            assert name in known | NAMES, f"{path.name} names {name}"
