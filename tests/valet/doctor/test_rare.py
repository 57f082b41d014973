"""What goes wrong seldom: rights that are missing, apps that are refused, settings that let everybody in."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from tests.support.emulator import EmulatorProcess
from tests.valet.doctor.conftest import Site, look, only
from tests.vault.audit.keeper import Keys
from valet.doctor import audit
from valet.doctor.chart import Examination, examine
from valet.doctor.finding import Finding
from valet.doctor.patient import Patient
from vault.audit.audit import Audit
from vault.errors import Busy
from vault.store.audit import AuditRows
from vault.store.database import Database

OWN = ("DATABASE_URL", "MIGRATION_DATABASE_URL")
EMULATED = ("VALET_EMULATOR_ORIGIN", "SPOTIFY_CLIENT_ID", "SPOTIFY_CLIENT_SECRET")

# --- rights ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "where", "text"),
    [
        ("schema_migrations", "schema", "may not read which schema this is"),
        ("audit", "limits", "may not read what it must"),
    ],
)
def test_a_table_that_the_role_may_not_read_is_told_with_the_command_that_gives_it(
    site: Site, table: str, where: str, text: str
) -> None:
    role = sql.Identifier(str(conninfo_to_dict(site.app)["user"]))
    with psycopg.connect(site.owner, autocommit=True) as link:
        names = {"table": sql.Identifier(table), "role": role}
        link.execute(sql.SQL("REVOKE SELECT ON {table} FROM {role}").format(**names))
        try:
            told = only(look(site, where)[where], "fault")
        finally:
            link.execute(sql.SQL("GRANT SELECT ON {table} TO {role}").format(**names))
    assert text in told.text and "valet prepare, with MIGRATION_DATABASE_URL" in told.fix


async def test_an_examination_that_finds_the_database_away_says_so() -> None:
    async def away(_: object) -> list[Finding]:
        raise Busy("the database does not answer")

    async def behind(_: object) -> list[Finding]:
        raise psycopg.errors.UndefinedTable

    chart = [Examination(each.__name__, each) for each in (away, behind)]
    [told] = await examine(SimpleNamespace(ailments=[]), chart)  # type: ignore[arg-type]
    assert (told.about, told.level) == ("away", "warning")
    assert "did not answer while" in told.text and "again" in told.fix


def test_an_embedded_database_that_does_not_start_is_told(site: Site, tmp_path: Path) -> None:
    cluster = tmp_path / "postgres" / "cluster"
    cluster.mkdir(parents=True)
    (cluster / "PG_VERSION").write_text("9\n")
    found = look(site, "database", without=OWN, VALET_DATA_DIR=str(tmp_path))
    told = only(found["database"], "fault")
    assert "the embedded database does not start: " in told.text and told.fix == "then: valet serve"


# --- apps -----------------------------------------------------------------------------------------


@pytest.fixture
def bent(emulator: EmulatorProcess) -> Iterator[EmulatorProcess]:
    yield emulator
    emulator.clear_faults()


@pytest.mark.parametrize(
    ("error", "text", "fix"),
    [
        ("redirect_uri_mismatch", "not the address to come back to", "/callback/spotify"),
        ("access_denied", "refuses the app", "switched on"),
    ],
)
def test_an_app_that_its_provider_refuses_is_told_by_what_for(
    site: Site, bent: EmulatorProcess, error: str, text: str, fix: str
) -> None:
    bent.fault("POST accounts.spotify.com/api/token*", "status", status=400, body={"error": error})
    told = only(look(site, "apps")["apps"], "fault")
    assert text in told.text and fix in told.fix


# --- settings -------------------------------------------------------------------------------------


def test_in_public_everybody_on_the_list_and_no_proxy_named_are_told(site: Site) -> None:
    public = {"PUBLIC_URL": "https://valet.example.org", "VALET_ALLOW": "*"}
    found = look(site, "settings", without=EMULATED, **public)["settings"]
    told = only(found, "warning")
    assert "everybody may sign in" in told.text and "valet users allow" in told.fix
    told = only(found, "note")
    assert "no reverse proxy is named" in told.text and told.fix.endswith("VALET_TRUSTED_PROXIES=127.0.0.1")
    public |= {"VALET_ALLOW": "ana@example.org", "VALET_TRUSTED_PROXIES": "127.0.0.1"}
    assert [each.level for each in look(site, "settings", without=EMULATED, **public)["settings"]] == ["ok"]


# --- limits and audit -----------------------------------------------------------------------------


def written(site: Site, times: int, seq: int = 1_000) -> None:
    """A refusal in the audit, which nobody of ours wrote; `seq` is when it arrived."""
    site.run(
        "INSERT INTO audit (seq, worker, batch, position, size, at, event, outcome, detail, times, lost, mac)"
        " OVERRIDING SYSTEM VALUE"
        " VALUES (%s, %s, 1, 1, 1, now(), 'rate_limited', 'refused', 'token', %s, 0, '')",
        seq, uuid.uuid4(), times,
    )  # fmt: skip


@pytest.fixture
def kept(site: Site) -> Iterator[Site]:
    """The site, whose audit holds nothing of the test's afterwards."""
    yield site
    with psycopg.connect(site.owner) as link:
        link.execute("SET LOCAL valet.prune = 'on'")
        link.execute("DELETE FROM audit WHERE detail = 'token'")


def test_limits_that_were_reached_now_and_then_are_noted(kept: Site) -> None:
    written(kept, 999)
    assert only(look(kept, "limits")["limits"], "note").text == "reached within a day: token 999×"
    written(kept, 1, 1_001)
    assert "reached very often" in only(look(kept, "limits")["limits"], "warning").text


def test_an_audit_that_is_too_long_to_be_checked_here_is_noted(kept: Site) -> None:
    written(kept, 1, 20_000)
    assert "somebody changed the table" in only(look(kept, "audit")["audit"], "fault").text
    written(kept, 1, 20_001)
    [told] = look(kept, "audit")["audit"]
    assert told.level == "note" and told.fix == "valet audit verify"


async def test_rows_that_the_audit_could_not_write_are_told(empty_database: Database) -> None:
    keys = Keys()
    lossy = Audit(AuditRows(empty_database), gather=0, most=10)
    at = cast(Patient, SimpleNamespace(database=empty_database, operator=keys))
    lossy.begin(keys)
    await lossy.flush()
    assert [each.level for each in await audit.look(at)] == ["ok"]
    for _ in range(25):
        lossy.note("tool_called", tool="spotify_play")
    await lossy.close()
    told = only(await audit.look(at), "warning")
    assert told.text.startswith("15 rows could not be written") and "the database was away" in told.fix
