"""`valet audit` as an operator types it: what it finds, shows and removes, and what it refuses."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psycopg
import pytest
import structlog
from prometheus_client import CollectorRegistry
from psycopg import sql
from psycopg.conninfo import make_conninfo
from typer.testing import CliRunner

from tests.vault.audit.keeper import Intruder
from valet.cli import app
from vault.alarms import Alarms
from vault.audit.audit import Audit
from vault.audit.row import Head
from vault.cache import DekCache
from vault.operator import load_operator
from vault.rings.file import FileKeyRing
from vault.store.audit import AuditRows
from vault.store.database import Database
from vault.store.deks import Deks
from vault.store.migrate import migrate
from vault.store.users import Users

YEAR_BEFORE_LAST = datetime(2024, 5, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The commands run in this process, each as if it were its own: what they set up goes with them."""
    monkeypatch.setattr("valet.cli.harden", lambda: None)  # which can't be undone
    root, configured = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.configure(**configured)
    root.handlers[:], root.level = handlers, level


@dataclass
class Office:
    """A database of a Valet that does not run now, its key ring, and an operator before it."""

    url: str
    app_url: str
    folder: Path
    head: Head
    more: dict[str, str]

    @property
    def ring(self) -> Path:
        return self.folder / "ring.json"

    said: str = ""

    def run(self, *words: str, status: int = 0) -> str:
        """What the command prints; of a refusal what it says on stderr. `said` is that in any case."""
        environment = {
            "DATABASE_URL": self.app_url,
            "VALET_KEYRING": str(self.ring),
            "VALET_DATA_DIR": str(self.folder),
            **self.more,
        }
        with patch.dict(os.environ, environment, clear=True), contextlib.chdir(self.folder):
            ran = CliRunner().invoke(app, list(words))
        assert ran.exit_code == status, ran.output
        assert ran.exception is None or isinstance(ran.exception, SystemExit)
        self.said = ran.stderr
        return ran.stdout if status in {0, 1} else ran.stderr

    def verdict(self, *words: str, status: int = 0) -> Any:
        return json.loads(self.run("audit", "verify", "--json", *words, status=status))

    def query(self, statement: str) -> list[Any]:
        with psycopg.connect(self.url) as link:
            return link.execute(statement.encode()).fetchall()


async def _fill(url: str, ring: Path) -> Head:
    """Two workers: one that stopped the year before last, and one that was killed today."""
    database = Database(url)
    await database.open()
    operator = await load_operator(
        Deks(database), DekCache(FileKeyRing.create(ring), Alarms(CollectorRegistry()))
    )
    user = (await Users(database).sign_in("https://accounts.example", b"i" * 32, "ana@example.org")).id
    for now in (lambda: YEAR_BEFORE_LAST, lambda: datetime.now(UTC)):
        audit = Audit(AuditRows(database), gather=0, now=now)
        audit.begin(operator)
        with audit.visit("192.0.2.1"):
            audit.note("signed_in", user_id=user)
            audit.note("tool_called", tool="spotify_play", provider="spotify", user_id=user, client_id="c")
            audit.note("bearer_refused", outcome="refused", detail="unknown")
        await (audit.close() if now() == YEAR_BEFORE_LAST else audit.flush())
    await database.close()
    assert audit.head is not None
    return audit.head


@pytest.fixture
def office(server_url: str, tmp_path: Path) -> Iterator[Office]:
    name = f"valet_office_{uuid.uuid4().hex[:10]}"
    role, base = sql.Identifier(f"{name}_app"), sql.Identifier(name)
    with psycopg.connect(server_url, autocommit=True) as link:
        link.execute(sql.SQL("CREATE DATABASE {}").format(base))
        link.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'app'").format(role))
    url = make_conninfo(server_url, dbname=name)
    migrate(url, app_role=f"{name}_app")
    head = asyncio.run(_fill(url, tmp_path / "ring.json"))
    yield Office(url, make_conninfo(url, user=f"{name}_app", password="app"), tmp_path, head, {})
    with psycopg.connect(server_url, autocommit=True) as link:
        link.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(base))
        link.execute(sql.SQL("DROP ROLE {}").format(role))


def test_what_is_sound_is_said_to_be(office: Office) -> None:
    said = office.verdict("--head", str(office.head))
    assert said == {
        "sound": True, "rows": 9, "workers": 2, "faults": [], "open": [str(office.head)], "lost": 0,
        "pruned": 0,
    }  # fmt: skip
    plain = office.run("audit", "verify")
    assert "9 rows of 2 workers: all is as it was written" in plain
    assert f"{office.head.worker} has not said that it stopped" in plain


def test_an_edit_is_named_by_its_place_and_never_by_what_stands_there(office: Office) -> None:
    intruder = Intruder(office.url)
    intruder.run(
        "UPDATE audit SET tool = 'canary_tool' WHERE worker = %s AND tool IS NOT NULL", office.head.worker
    )
    [fault] = office.verdict(status=1)["faults"]
    [place] = office.query("SELECT batch, position FROM audit WHERE tool = 'canary_tool'")
    assert fault == {
        "kind": "edited", "worker": str(office.head.worker), "batch": place[0], "position": place[1],
    }  # fmt: skip
    plain = office.run("audit", "verify", status=1)
    assert f"worker {office.head.worker}, batch {place[0]}, position {place[1]}: is not what" in plain
    assert "1 fault." in plain and "canary" not in plain
    gone = "DELETE FROM audit WHERE worker = %s AND batch = %s"
    intruder.run(gone, office.head.worker, office.head.batch)
    assert "removed" in {
        each["kind"] for each in office.verdict("--head", str(office.head), status=1)["faults"]
    }


def test_without_its_key_ring_nothing_is_said(office: Office, tmp_path: Path) -> None:
    FileKeyRing.create(tmp_path / "other.json")
    for path, sentence in ((tmp_path / "other.json", "VALET_KEYRING"), (tmp_path / "none.json", "none.json")):
        office.more = {"VALET_KEYRING": str(path)}
        assert sentence in office.run("audit", "verify", status=2)
    assert "a head is WORKER:BATCH:MAC" in office.run("audit", "verify", "--head", "x", status=2)


def test_what_stands_there_of_a_person_is_shown_while_they_are_here(office: Office) -> None:
    rows = json.loads(office.run("audit", "show", "ana@example.org", "--json"))
    # The two of before are of one moment; those of today are not, and come first.
    assert [row["event"] for row in rows[:2]] == ["tool_called", "signed_in"]
    assert sorted(row["event"] for row in rows[2:]) == ["signed_in", "tool_called"]
    assert {row["at"][:4] for row in rows[2:]} == {"2024"}
    assert len(rows) == 4 and all(len(row["address"]) == 32 for row in rows)
    assert (
        len(json.loads(office.run("audit", "show", "ana@example.org", "--json", "--since", "2025-01-01")))
        == 2
    )
    assert len(json.loads(office.run("audit", "show", "ana@example.org", "--json", "--most", "1"))) == 1
    assert "spotify_play" in office.run("audit", "show", "ana@example.org")
    assert "nobody here is called that" in office.run("audit", "show", "ben@example.org", status=2)
    with psycopg.connect(office.url) as link:
        link.execute("DELETE FROM users")
    assert "nobody here is called that" in office.run("audit", "show", "ana@example.org", status=2)


def test_a_row_that_somebody_put_in_drives_no_terminal(office: Office) -> None:
    office.query(
        "INSERT INTO audit (worker, batch, position, size, at, event, outcome, tool, provider, detail,"
        " person, times, lost, mac)"
        " SELECT gen_random_uuid(), 1, 1, 1, now(), odd, odd, odd, odd, odd, person, 1, 0, ''"
        " FROM (SELECT E'ok\\x1b]0;mine\\x07' AS odd) t,"
        " (SELECT person FROM audit WHERE person IS NOT NULL LIMIT 1) p RETURNING 1"
    )
    assert "\x1b" not in office.run("audit", "show", "ana@example.org")
    [latest] = json.loads(office.run("audit", "show", "ana@example.org", "--json", "--most", "1"))
    assert {latest[name] for name in ("event", "outcome", "tool", "provider", "detail")} == {"other"}


def test_what_is_old_is_removed_by_the_owner_alone_and_recorded(office: Office) -> None:
    prune = ("audit", "prune", "--before", "2025-01-01")
    assert "MIGRATION_DATABASE_URL" in office.run(*prune, status=2)
    assert office.verdict()["rows"] == 9
    office.more = {"MIGRATION_DATABASE_URL": office.url}
    assert "removed 5 rows" in office.run(*prune)
    said = office.verdict("--head", str(office.head))
    assert said["sound"] and (said["rows"], said["pruned"]) == (6, 1)
    assert "nothing is as old" in office.run(*prune)
    assert "still to come" in office.run("audit", "prune", "--before", "2999-01-01", status=2)


def test_where_there_is_fault_nothing_is_removed_unless_it_shall_be(office: Office) -> None:
    Intruder(office.url).run("UPDATE audit SET times = 9 WHERE at < '2025-01-01' AND event = 'signed_in'")
    office.more = {"MIGRATION_DATABASE_URL": office.url}
    prune = ("audit", "prune", "--before", "2025-01-01")
    assert "--force" in office.run(*prune, status=2)
    assert office.verdict(status=1)["rows"] == 9
    assert "removed 5 rows" in office.run(*prune, "--force")
    assert office.verdict()["sound"]


def test_what_the_operator_does_is_written(office: Office) -> None:
    person = str(office.query("SELECT id FROM users")[0][0])
    for command in (
        ("users", "allow", "ben@example.org"),
        ("users", "disallow", "ben@example.org"),
        ("users", "block", person),
        ("users", "unblock", person),
        ("keys", "rotate"),
        ("keys", "rewrap"),
        ("keys", "verify"),
        ("keys", "backup", str(office.folder / "copy.json")),
        ("keys", "retire", "file:main:1", "--yes"),
        ("setup",),
    ):
        office.run(*command)
        assert "does not stand" not in office.said
    told = office.query("SELECT event, detail, person IS NOT NULL FROM audit ORDER BY seq OFFSET 9")
    assert [row for row in told if not row[0].startswith("worker_")] == [
        ("guest_added", "terminal", False),
        ("guest_removed", "terminal", False),
        ("person_blocked", None, True),
        ("person_unblocked", None, True),
        ("key_operation", "rotated", False),
        ("key_operation", "rewrapped", False),
        ("key_operation", "verified", False),
        ("key_operation", "backed_up", False),
        ("key_operation", "retired", False),
        ("link_made", "setup", False),
    ]
    assert office.verdict()["sound"], "by the new key, after the old one is gone"
    assert "example.org" not in str(office.query("SELECT a::text FROM audit a"))


def test_what_can_not_be_written_is_done_and_said(office: Office) -> None:
    office.ring.rename(office.folder / "away.json")
    assert "may sign in now" in office.run("users", "allow", "ben@example.org")
    assert "does not stand in the audit" in office.said
    (office.folder / "away.json").rename(office.ring)
    assert office.query("SELECT count(*) FROM audit") == [(9,)]
