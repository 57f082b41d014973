"""The restore drill, by the commands of `docs/backup.md`: with the key ring all opens, without it nothing."""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from tests.support.commands import blocks, sh
from tests.support.household import Household, live_in, verified
from tests.valet.conftest import working_in
from tests.vault.upstreams import FakeUpstream
from valet.embedded import AlreadyRunning, CopyFailed, NoDatabase, Supervisor, Urls
from valet.embedded import dump as dumping
from valet.embedded.binaries import locate
from valet.embedded.client import Client
from valet.embedded.dump import dump, restore
from vault.errors import Sealed
from vault.rings.edit import RingFile
from vault.rings.file import FileKeyRing
from vault.store.database import Database
from vault.store.migrate import migrate
from vault.vault import open_vault

EARLY, LATE = 3, 2


@dataclass
class Backups:
    """What an operator has of a Valet, a ring from before its last rotation too; and what was in it."""

    place: Path
    dump: Path
    ring: Path
    older: Path
    household: Household
    said: str


@pytest.fixture(scope="module")
async def backups(ground: Path, programs: Path) -> Backups:
    """Made beside a server that runs, by the commands of the document; then the server is gone for good."""
    place = ground / "lived"
    data, kept, elsewhere = place / "data", place / "backups", place / "elsewhere"
    for folder in (place, kept, elsewhere):
        folder.mkdir()
        folder.chmod(0o711)
    supervisor = Supervisor(data, programs=programs)
    try:
        urls = supervisor.start()
        migrate(urls.owner.get_secret_value(), app_role="valet_app")
        ring = data / "keyring.json"
        household = await live_in(urls.app, ring, EARLY)
        older = shutil.copy2(ring, place / "older.json")
        RingFile(ring).rotate(FileKeyRing(ring).active)
        household.join(await live_in(urls.app, ring, LATE, first=EARLY))
        commands = blocks("docs/backup.md", "The database") + blocks("docs/backup.md", "The key ring")
        ran = sh(commands, data, backups=kept, elsewhere=elsewhere)
        assert ran.returncode == 0, ran.stdout + ran.stderr
    finally:
        supervisor.stop()
    shutil.rmtree(data)
    ringed = elsewhere / "keyring.json"
    return Backups(place, kept / "valet.dump", ringed, Path(older), household, ran.stdout + ran.stderr)


@pytest.fixture(scope="module")
def drilled(backups: Backups, ground: Path) -> tuple[Path, str]:
    """The folder of a drill after its commands, and what they said."""
    folder = ground / "drill"
    places = {"backups": backups.dump.parent, "elsewhere": backups.ring.parent, "drill": folder}
    ran = sh(blocks("docs/backup.md", "The drill"), folder, **places)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return folder, ran.stdout


@pytest.fixture
def drill(drilled: tuple[Path, str], programs: Path) -> Supervisor:
    """A server on that folder."""
    return Supervisor(drilled[0], programs=programs)


def up_to_date(urls: Urls) -> None:
    migrate(urls.owner.get_secret_value(), app_role="valet_app")


def test_both_backups_are_for_their_owner_alone(backups):
    for path in (backups.dump, backups.ring):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "valet keys backup" in backups.said, "it says what the dump is worth without the ring"
    assert [path.name for path in backups.dump.parent.iterdir()] == ["valet.dump"]


async def test_with_the_key_ring_everything_opens(backups, drilled, drill):
    folder, said = drilled
    counts = {"data keys": 11, "connections": 5, "apps": 5, "trips": 5, "audit keys": 5}
    with drill as urls:
        assert await verified(urls.app, folder / "keyring.json") == {
            kind: (count, {}) for kind, count in counts.items()
        }
        database = Database(urls.app.get_secret_value())
        await database.open()
        try:
            vault = await open_vault(database, FileKeyRing(folder / "keyring.json"), FakeUpstream())
            await backups.household.require_open(vault, database)
            await vault.close()
        finally:
            await database.close()
        link = psycopg.connect(urls.app.get_secret_value(), autocommit=True)
        with link, pytest.raises(psycopg.errors.InsufficientPrivilege):
            link.execute("DELETE FROM schema_migrations")
    for kind, count in counts.items():
        assert re.search(rf"{kind} +{count} opened$", said, re.MULTILINE), said
    assert "all is as it was written" in said, "the audit too"


async def test_another_or_an_older_key_ring_is_found_out(backups, drill, tmp_path):
    another = tmp_path / "another.json"
    FileKeyRing.create(another)
    with drill as urls:
        found = await verified(urls.app, another)
        assert {opened for opened, _ in found.values()} == {0}
        assert sum(sum(refused.values()) for _, refused in found.values()) == 31
        found = await verified(urls.app, backups.older)
        assert found["connections"] == found["apps"] == (EARLY, {"unknown_key": LATE})
        assert found["trips"] == (EARLY + LATE, {})
        database = Database(urls.app.get_secret_value())
        await database.open()
        try:
            with pytest.raises(Sealed):
                await open_vault(database, FileKeyRing(another), FakeUpstream())
        finally:
            await database.close()


@pytest.mark.parametrize("ring", ["none", "another"])
def test_valet_does_not_start_without_its_key_ring(drilled, ring, tmp_path):
    path = tmp_path / "keyring.json"
    if ring == "another":
        FileKeyRing.create(path)
    ran = sh(f"export VALET_KEYRING={path}\nvalet serve", drilled[0])
    assert ran.returncode == 2, ran.stdout + ran.stderr
    said = {"none": "cannot be opened", "another": "is not the one this database was sealed with"}[ring]
    assert f"{path}" in ran.stderr
    assert said in ran.stderr
    assert path.exists() is (ring == "another"), "none is made in its place"
    assert not working_in(drilled[0])


def test_the_restore_of_the_document_is_what_the_drill_does():
    first, _, drill = blocks("docs/backup.md", "The drill").partition("\n")
    assert first == "export VALET_DATA_DIR=/drill"
    assert drill == blocks("docs/backup.md", "Restore") + "valet audit verify\n"


def test_a_dump_holds_no_secret_and_no_counter(backups, drill):
    text = subprocess.run(
        [dumping.locate().program("pg_restore"), "--file=-", backups.dump], capture_output=True, check=True
    ).stdout
    assert b"Ana 4" in text
    for number in range(EARLY + LATE):
        for secret in (f"access-{number}", f"refresh-{number}", f"secret-{number}"):
            assert secret.encode() not in text
    assert b"COPY public.limits" not in text
    assert b"CREATE UNLOGGED TABLE public.limits" in text
    with drill as urls, psycopg.connect(urls.app.get_secret_value()) as connection:
        assert connection.execute("SELECT count(*) FROM limits").fetchone() == (0,)


def test_a_dump_overwrites_nothing_and_lies_not_in_the_database(drilled, backups, programs, tmp_path):
    fresh = tmp_path / "fresh.dump"
    assert dump(drilled[0], fresh, programs=programs) == fresh.stat().st_size > 0
    assert not working_in(drilled[0]), "what was started for it is stopped"
    fresh.unlink()
    taken = tmp_path / "taken"
    taken.write_text("mine")
    with pytest.raises(CopyFailed, match="nothing is overwritten"):
        dump(drilled[0], taken, programs=programs)
    assert taken.read_text() == "mine"
    with pytest.raises(CopyFailed, match="own folder"):
        dump(drilled[0], drilled[0] / "postgres/x.dump", programs=programs)
    with pytest.raises(CopyFailed, match="could not be written"):
        dump(drilled[0], tmp_path / "no/such/folder.dump", programs=programs)
    with pytest.raises(NoDatabase):
        dump(tmp_path / "nowhere", tmp_path / "x.dump", programs=programs)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["taken"]


def test_a_password_file_that_a_start_cleared_away_is_no_fault_of_its_own(tmp_path):
    """A Valet that starts meanwhile clears `init-*` away; what is said is what became of the program."""
    url = SecretStr("postgresql://u:p@/valet?host=/nowhere&port=5432")
    with Client(locate(), url, tmp_path).running("pg_dump", "--no-such-option") as run:
        [passfile] = tmp_path.glob("init-pgpass-*")
        passfile.unlink()
        with pytest.raises(CopyFailed, match="pg_dump ended with 1"):
            run.judge()


def test_where_a_disk_knows_no_links_nothing_is_overwritten_either(tmp_path, monkeypatch):
    """As on a memory stick: the name is taken first."""

    def refused(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    partial, path = tmp_path / ".partial", tmp_path / "valet.dump"
    partial.write_text("whole")
    dumping._publish(partial, path)
    assert path.read_text() == "whole"
    partial.write_text("another")
    with pytest.raises(CopyFailed, match="nothing is overwritten"):
        dumping._publish(partial, path)
    assert path.read_text() == "whole"


def test_a_restore_replaces_nothing(drilled, backups, programs, drill):
    before = (drilled[0] / "postgres/cluster").stat().st_ino
    with pytest.raises(CopyFailed, match="never replaces one"):
        restore(drilled[0], backups.dump, up_to_date, programs=programs)
    with drill, pytest.raises(AlreadyRunning):
        restore(drilled[0], backups.dump, up_to_date, programs=programs)
    assert (drilled[0] / "postgres/cluster").stat().st_ino == before
