"""Each thing that may be wrong is made wrong, and the doctor names it and says what to do."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.support.doors import ROOT
from tests.support.emulator import EmulatorProcess
from tests.support.faketime import shifted
from tests.support.plot import CANARY
from tests.support.ports import free_port
from tests.valet.doctor.conftest import Site, a_worker, founded, look, only
from valet.doctor.chart import Examination, examine
from valet.doctor.finding import Finding, fault, ok, status
from vault.ids import new_id
from vault.rings.edit import RingFile
from vault.rings.file import FileKeyRing
from vault.store.migrate import migrations

# --- database and schema --------------------------------------------------------------------------


def test_a_wrong_password_is_told_without_telling_it(site: Site) -> None:
    wrong = make_conninfo(site.app, password="another-canary")
    found = look(site, "database", "key ring", DATABASE_URL=wrong)
    told = only(found["database"], "fault")
    if "does not answer" not in told.text:  # where the server trusts every local role there is no wrong one
        assert "lets the role" in told.text and "another-canary" not in repr(found)


def test_a_database_that_is_not_there_is_told(site: Site) -> None:
    nowhere = make_conninfo("", host="127.0.0.1", port=free_port(), user="x")
    away = look(site, "database", DATABASE_URL=nowhere)
    assert "nothing answers where DATABASE_URL" in only(away["database"], "fault").text
    gone = look(site, "database", DATABASE_URL=make_conninfo(site.app, dbname="valet_nothing"))
    told = only(gone["database"], "fault")
    assert "no database of the name" in told.text and "valet prepare" in told.fix


def test_the_owners_role_is_too_much_on_a_public_server(site: Site) -> None:
    public = {"PUBLIC_URL": "https://valet.example.org", "VALET_ALLOW": "ana@example.org"}
    found = look(
        site, "database", without=("VALET_EMULATOR_ORIGIN", "SPOTIFY_CLIENT_ID", "SPOTIFY_CLIENT_SECRET"),
        DATABASE_URL=site.owner, **public,
    )  # fmt: skip
    told = only(found["database"], "fault")
    assert "owns the tables" in told.text and "CREATE ROLE valet_app" in told.fix
    here = look(site, "database", DATABASE_URL=site.owner)
    assert "fine for one machine" in only(here["database"], "note").text


def test_a_schema_that_is_behind_or_missing_is_told_with_the_command(
    site: Site, server_url: str, tmp_path: Path
) -> None:
    newest = migrations()[-1].version
    site.run("UPDATE schema_migrations SET version = -1 WHERE version = %s", newest)
    try:
        found = look(site, "schema")
    finally:
        site.run("UPDATE schema_migrations SET version = %s WHERE version = -1", newest)
    told = only(found["schema"], "fault")
    assert "1 steps behind" in told.text and "valet prepare" in told.fix
    with founded(server_url, tmp_path) as empty:
        found = look(site, DATABASE_URL=empty.app, MIGRATION_DATABASE_URL=empty.owner)
        assert "nothing of Valet" in only(found["schema"], "fault").text
        said = [each.text for several in found.values() for each in several]
        assert not any("could not be looked at" in text for text in said), said


def test_a_schema_of_a_newer_release_is_noted(site: Site) -> None:
    site.run("INSERT INTO schema_migrations (version, name, checksum) VALUES (9999, 'later', '')")
    try:
        assert "newer release" in only(look(site, "schema")["schema"], "note").text
    finally:
        site.run("DELETE FROM schema_migrations WHERE version = 9999")


# --- keys and processes ---------------------------------------------------------------------------


def test_another_key_ring_is_told_of_the_database_and_of_the_processes(site: Site, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    FileKeyRing.create(other)
    found = look(site, "key ring", "processes", "address", VALET_KEYRING=str(other))
    told = [each for each in found["key ring"] if each.level == "fault"]
    assert "does not open this database" in told[0].text and "VALET_KEYRING" in told[0].fix
    assert "another key ring than here" in only(found["processes"], "fault").text
    assert "can't be told without its database and key ring" in only(found["address"], "note").text
    missing = look(site, "key ring", VALET_KEYRING=str(tmp_path / "none.json"))
    assert "cannot be opened" in only(missing["key ring"], "fault").text
    other.chmod(0o644)
    assert "chmod" in only(look(site, "key ring", VALET_KEYRING=str(other))["key ring"], "fault").text


def test_a_data_key_without_its_key_in_the_ring_is_told(site: Site) -> None:
    site.run(
        "INSERT INTO deks (id, owner, purpose, kek_ref, wrapped) VALUES (%s, %s, 'connection', %s, '')",
        lost := new_id(), new_id(), "file:lost:7",
    )  # fmt: skip
    try:
        told = only(look(site, "key ring")["key ring"], "fault")
    finally:
        site.run("DELETE FROM deks WHERE id = %s", lost)
    assert "file:lost:7" in told.text and "backup" in told.fix


def test_a_tired_key_is_told(site: Site, tmp_path: Path) -> None:
    ring = tmp_path / "keyring.json"
    shutil.copy(site.environment["VALET_KEYRING"], ring)
    year = RingFile(ring).inventory()[0].created
    assert year is not None
    ring.write_text(ring.read_text().replace(f"{year.year}-", f"{year.year - 2}-"))
    told = only(look(site, "key ring", VALET_KEYRING=str(ring))["key ring"], "warning")
    assert "valet keys rotate" in told.fix


@pytest.mark.parametrize(
    ("odd", "level", "text", "fix"),
    [
        ({"version": "0.0.1"}, "warning", "several releases run: 0.0.1", "restart the older"),
        ({"ring_mark": "feed"}, "fault", "another key ring than here", "VALET_KEYRING"),
        ({"origin": "https://other.example"}, "fault", "PUBLIC_URL=https://other", "the same PUBLIC_URL"),
        ({"clock_ahead": 20.0}, "warning", "20 s ahead of the database's", "timedatectl"),
        ({"clock_ahead": -200.0}, "fault", "200 s behind the database's", "chrony"),
    ],
    ids=["release", "ring", "origin", "ahead", "behind"],
)
def test_a_process_that_differs_from_the_others_is_told(
    site: Site, odd: dict[str, object], level: str, text: str, fix: str
) -> None:
    with a_worker(site, **odd):
        told = only(look(site, "processes")["processes"], level)
    assert text in told.text and fix in told.fix


def test_a_process_that_was_killed_is_noted(site: Site) -> None:
    with psycopg.connect(site.owner) as link:
        [(long_ago,)] = link.execute("SELECT now() - interval '7 minutes'").fetchall()
    with a_worker(site, seen_at=long_ago):
        told = only(look(site, "processes")["processes"], "note")
    assert "ended without a word 7 min ago" in told.text


@pytest.mark.parametrize(("left", "missing"), [("mcp_server", "connect"), ("connect", "mcp_server")])
def test_a_door_that_nobody_serves_is_told_with_its_command(site: Site, left: str, missing: str) -> None:
    site.run("UPDATE workers SET doors = %s", [left])
    try:
        told = only(look(site, "processes")["processes"], "fault")
    finally:
        site.run("UPDATE workers SET doors = '{mcp_server,connect}'")
    assert f"({missing})" in told.text and f"valet {missing.replace('_', '-')}" in told.fix


def test_where_nothing_runs_that_is_all_that_is_said_of_the_address(site: Site) -> None:
    site.run("UPDATE workers SET seen_at = seen_at - interval '1 hour'")
    try:
        found = look(site, "processes", "address", "/mcp", "documents", PUBLIC_URL="http://127.0.0.1:1")
    finally:
        site.run("UPDATE workers SET seen_at = seen_at + interval '1 hour'")
    assert "no process of Valet runs" in only(found["processes"], "warning").text
    assert "no process runs" in only(found["address"], "note").text
    assert not {"/mcp", "documents"} & set(found)


# --- clock ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("seconds", "status"), [(300, 2), (30, 1)], ids=["far", "some"])
def test_a_clock_that_is_off_is_told_against_all_others(site: Site, seconds: int, status: int) -> None:
    environment = {
        **site.environment,
        **shifted(seconds),
        "PYTHONPATH": str(ROOT),
        "HOME": os.environ["HOME"],
    }
    ran = subprocess.run(
        [sys.executable, "-m", "valet", "doctor"],
        cwd=site.folder, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ran.returncode == status, ran.stdout + ran.stderr
    for whose in ("the database's", "that of PUBLIC_URL", "Spotify's"):
        assert f"s ahead of {whose}" in ran.stdout
    assert "timedatectl" in ran.stdout


# --- apps -----------------------------------------------------------------------------------------


def test_a_secret_that_the_provider_does_not_take_is_told(site: Site) -> None:
    found = look(site, "apps", SPOTIFY_CLIENT_SECRET="wrong-canary")
    told = only(found["apps"], "fault")
    assert "does not take this client id together with this secret" in told.text
    assert "SPOTIFY_CLIENT_SECRET" in told.fix and "wrong-canary" not in repr(found)


def test_a_provider_that_can_not_be_reached_is_told(site: Site) -> None:
    away = f"http://localhost:{free_port()}"
    assert "can't be reached" in only(look(site, "apps", VALET_EMULATOR_ORIGIN=away)["apps"], "warning").text


def test_a_secret_in_the_place_of_the_id_is_told_before_anybody_is_asked(site: Site) -> None:
    found = look(
        site, "apps", without=("VALET_EMULATOR_ORIGIN",),
        SPOTIFY_CLIENT_ID="https://example.org", SPOTIFY_CLIENT_SECRET="",
    )  # fmt: skip
    told = only(found["apps"], "fault")
    assert "That is an address" in told.text and "SPOTIFY_CLIENT_ID" in told.fix


def test_what_the_setup_page_stored_is_tested_too(site: Site, emulator: EmulatorProcess) -> None:
    found = look(site, "apps", without=("SPOTIFY_CLIENT_ID", "SPOTIFY_CLIENT_SECRET"))
    assert {each.level for each in found["apps"]} == {"note"}
    assert any("Spotify is not set up" in each.text and each.fix == "valet setup" for each in found["apps"])


# --- connections, limits, audit -------------------------------------------------------------------


LEASE = "lease_owner = id, lease_until = now() {}"
OVERDUE = "tend_at = now() - interval '1 hour', provider = 'elsewhere'"


@pytest.fixture
def connected(site: Site) -> Iterator[Site]:
    """Somebody with a connection."""
    person, connection = new_id(), new_id()
    site.run("INSERT INTO users (id, display_name) VALUES (%s, 'Ana')", person)
    site.run(
        "INSERT INTO connections (id, owner, provider, account_index, account_label, app, label, "
        "scopes, status,"
        " access_expires_at, tend_at) VALUES (%s, %s, 'spotify', '', 'Ana', 'operator', 'x', '{}', 'active',"
        " now() + interval '1 hour', now() + interval '1 hour')", connection, person,
    )  # fmt: skip
    yield site
    site.run("DELETE FROM users WHERE id = %s", person)


@pytest.mark.parametrize(
    ("change", "level", "text", "fix"),
    [
        (LEASE.format("- interval '1 hour'"), "warning", "never given back", "memory"),
        (LEASE.format("+ interval '1 day'"), "fault", "later than any lease", "keep time"),
        ("fail_count = 4", "warning", "failed to refresh", "can be reached"),
        # Of a provider that nobody tends: the process that runs would look at it at once.
        (OVERDUE, "warning", "due to be looked at", "another process"),
        ("reason = 'unreadable'", "fault", "can't be opened", "valet keys verify"),
    ],
    ids=["left", "ahead", "failing", "overdue", "unreadable"],
)  # fmt: skip
def test_a_connection_in_trouble_is_counted_and_its_person_is_not_named(
    connected: Site, change: str, level: str, text: str, fix: str
) -> None:
    connected.run(f"UPDATE connections SET {change}")
    told = only(look(connected, "connections")["connections"], level)
    assert text in told.text and fix in told.fix and "Ana" not in told.text


def test_limits_that_were_reached_are_told(site: Site) -> None:
    with psycopg.connect(site.owner, autocommit=True) as link:
        link.execute(
            "INSERT INTO audit (worker, batch, position, size, at, event, outcome, detail, times, lost, mac)"
            " VALUES (%s, 1, 1, 1, now(), 'rate_limited', 'refused', 'registrations', 5000, 0, '')",
            (uuid.uuid4(),),
        )
    found = look(site, "limits", "audit")
    told = only(found["limits"], "warning")
    assert "registrations 5000×" in told.text and "VALET_TRUSTED_PROXIES" in told.fix
    # Nobody of ours wrote that row, and that is seen too.
    told = only(found["audit"], "fault")
    assert "somebody changed the table" in told.text and "valet audit verify" in told.fix
    with psycopg.connect(site.owner) as link:
        link.execute("SET LOCAL valet.prune = 'on'")
        link.execute("DELETE FROM audit WHERE detail = 'registrations'")


# --- the frame ------------------------------------------------------------------------------------


async def test_one_that_fails_or_hangs_hides_nothing_of_the_others() -> None:
    async def fine(_: object) -> list[Finding]:
        return [ok("fine")]

    async def fails(_: object) -> list[Finding]:
        raise RuntimeError("canary")

    async def hangs(_: object) -> list[Finding]:
        await asyncio.Event().wait()
        return []

    chart = [Examination(each.__name__, each) for each in (fails, hangs, fine)]
    found = await examine(SimpleNamespace(ailments=[]), chart, seconds=0.05)  # type: ignore[arg-type]
    assert [(each.about, each.level) for each in found] == [
        ("fails", "warning"), ("hangs", "warning"), ("fine", "ok"),
    ]  # fmt: skip
    assert "canary" not in repr(found) and "RuntimeError" in found[0].text
    assert status(found) == 1 and status([ok("")]) == 0 and status([fault("a", "b")]) == 2
    with pytest.raises(ValueError, match="what to do"):
        Finding("fault", "a fault without a fix")


def test_nothing_is_changed_by_looking(site: Site, server_url: str) -> None:
    """A role that may read and nothing else finds the same."""
    reader = f"{conninfo_to_dict(site.app)['dbname']}_reader"
    name = sql.Identifier(reader)
    with psycopg.connect(server_url, autocommit=True) as link:
        link.execute(
            sql.SQL("CREATE ROLE {} LOGIN PASSWORD {} IN ROLE pg_read_all_data").format(name, CANARY)
        )
        try:
            found = look(site, DATABASE_URL=make_conninfo(site.app, user=reader))
        finally:
            link.execute(sql.SQL("DROP ROLE {}").format(name))
    assert status(each for several in found.values() for each in several) == 0, found
