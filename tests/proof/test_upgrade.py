"""The upgrade of the embedded database, killed at every step, on a full disk, and from a damaged one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import psycopg
import pytest

from tests.support.commands import blocks, sh
from tests.support.household import verified
from tests.support.older import (
    MAJOR,
    ROOT,
    clusters,
    killed,
    lived_in,
    major,
    old,
    old_server,
    require_whole,
    upgraded,
)
from tests.valet.conftest import data_dir, ground, programs, supervise, working_in
from tests.valet.test_embedded_user import NOBODY, NOGROUP, as_user, needs_root
from valet.embedded import CopyFailed, WrongVersion, connection_urls
from valet.embedded import upgrade as upgrading
from valet.embedded.client import Client, pipe
from valet.embedded.folder import Folder

__all__ = ["data_dir", "ground", "lived_in", "old", "programs", "supervise", "upgraded"]  # fixtures

STEPS = ("room", "new database", "old database", "copying", "under way", "copied", "compared", "whole")


@pytest.mark.parametrize("step", STEPS)
async def test_killed_before_the_old_one_is_set_aside(old, lived_in, programs, supervise, upgraded, step):
    assert killed(old, programs, step).returncode == -signal.SIGKILL
    assert major(old) == MAJOR
    with pytest.raises(WrongVersion, match="valet db upgrade"):
        supervise().start()
    assert not working_in(old), "what was left running has been stopped"
    assert upgraded(old)[-1] == "in force"
    assert clusters(old) == ["cluster", f"cluster-{MAJOR}"]
    await require_whole(old, supervise().start(), lived_in[1])


@pytest.mark.parametrize("step", ["set aside", "in force"])
async def test_killed_after_that_the_next_run_has_only_to_finish(
    old, lived_in, programs, supervise, upgraded, step
):
    assert killed(old, programs, step).returncode == -signal.SIGKILL
    assert upgraded(old) == []
    assert clusters(old) == ["cluster", f"cluster-{MAJOR}"]
    await require_whole(old, supervise().start(), lived_in[1])


async def test_by_the_commands_of_the_document(old, supervise):
    """Nothing starts until it is said; then everything opens, and the old one goes when it is told to."""
    refused = sh("valet serve", old)
    assert refused.returncode == 2
    assert "was made by PostgreSQL 16, and this Valet brings 18" in refused.stderr
    assert "valet db upgrade" in refused.stderr
    upgrading_command, removing = blocks("docs/backup.md", "A newer PostgreSQL").splitlines()
    ran = sh(upgrading_command, old)
    assert ran.returncode == 0, ran.stderr
    assert "the same in both" in ran.stdout
    [kept] = (old / "postgres").glob("cluster-16-*")
    assert f"kept  the older one, {kept}" in ran.stdout
    ran = sh(removing, old)
    assert ran.returncode == 0, ran.stderr
    assert clusters(old) == ["cluster"]
    found = await verified(supervise().start().app, old / "keyring.json")
    assert {kind: refused for kind, (_, refused) in found.items() if refused} == {}
    assert {opened for opened, _ in found.values()} == {5, 11}


async def test_killed_again_and_again_it_still_comes_through(old, lived_in, programs, supervise, upgraded):
    for step in STEPS:
        assert killed(old, programs, step).returncode == -signal.SIGKILL
    upgraded(old)
    assert clusters(old) == ["cluster", f"cluster-{MAJOR}"]
    await require_whole(old, supervise().start(), lived_in[1])


async def test_what_was_written_after_a_kill_is_kept(old, programs, supervise, upgraded):
    """A new cluster that was made before the old one was used again is thrown away."""
    assert killed(old, programs, "whole").returncode == -signal.SIGKILL
    with old_server(old, programs) as urls, psycopg.connect(urls.app.get_secret_value()) as connection:
        connection.execute("UPDATE users SET display_name = 'later'")
    upgraded(old)
    with psycopg.connect(supervise().start().app.get_secret_value()) as connection:
        assert connection.execute("SELECT DISTINCT display_name FROM users").fetchall() == [("later",)]


def test_the_old_one_still_runs_and_is_what_it_was(old, programs, upgraded):
    """Back to 16, should it come to that: what `docs/backup.md` says."""
    upgraded(old)
    folder = Folder(old)
    [kept] = folder.root.glob("cluster-16-*")
    folder.cluster.rename(old.parent / "away")
    kept.rename(folder.cluster)
    with old_server(old, programs) as urls, psycopg.connect(urls.app.get_secret_value()) as connection:
        assert connection.execute("SELECT count(*) FROM users").fetchone() == (5,)


def _lose_a_row(source: Client, dump: list[str], target: Client, restore: list[str]) -> None:
    pipe(source, dump, target, restore)
    target.feed("DELETE FROM states WHERE ctid = (SELECT min(ctid) FROM states);")


def _change_a_value(source: Client, dump: list[str], target: Client, restore: list[str]) -> None:
    pipe(source, dump, target, restore)
    target.feed("UPDATE sessions SET browser = 'Safari' WHERE ctid = (SELECT min(ctid) FROM sessions);")


def _lose_an_index(source: Client, dump: list[str], target: Client, restore: list[str]) -> None:
    pipe(source, dump, target, restore)
    target.feed("DROP INDEX sessions_user;")


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        (_lose_a_row, r"public\.states \(5 rows here, 4 rows there\)"),
        (_change_a_value, r"public\.sessions \(5 rows here, 5 rows there\)"),
        (_lose_an_index, "sessions_user"),
    ],
)
def test_a_copy_that_differs_is_never_put_in_force(old, upgraded, monkeypatch, fault, named):
    monkeypatch.setattr(upgrading, "pipe", fault)
    with pytest.raises(CopyFailed, match=rf"(?s)Nothing was changed.*differs.*{named}") as refused:
        upgraded(old)
    assert "Safari" not in str(refused.value), "no value of a row is spoken"
    assert major(old) == MAJOR
    assert clusters(old) == ["cluster"]


def test_a_damaged_old_database_is_a_sentence_and_stays(old, programs, upgraded):
    with old_server(old, programs) as urls, psycopg.connect(urls.owner.get_secret_value()) as connection:
        row = connection.execute("SELECT pg_relation_filepath('connections')").fetchone()
    path = old / "postgres/cluster" / row[0]
    whole = path.read_bytes()
    damaged = whole[:8000] + bytes(100) + whole[8100:]
    assert damaged != whole
    path.write_bytes(damaged)
    with pytest.raises(CopyFailed, match=r"(?s)Nothing was changed.*pg_dump.*invalid page") as refused:
        upgraded(old)
    assert "refresh-" not in str(refused.value)
    assert (major(old), clusters(old)) == (MAJOR, ["cluster"])
    assert path.read_bytes() == damaged


def test_a_disk_that_fills_up_leaves_the_old_one(old, programs, upgraded):
    """No file may grow beyond 20 kB from then on, the write-ahead log included."""
    script = (
        "import resource, sys\nfrom pathlib import Path\nfrom valet.embedded import EmbeddedError\n"
        "from valet.embedded.upgrade import upgrade\n"
        "def report(what, came):\n"
        "    if what == 'new database': resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))\n"
        "try: upgrade(Path(sys.argv[1]), report, programs=Path(sys.argv[2]))\n"
        "except EmbeddedError as error: print(error)"
    )
    command = [sys.executable, "-c", script, old, programs]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "Nothing was changed" in ran.stdout, ran.stdout
    assert (major(old), clusters(old)) == (MAJOR, ["cluster"])
    upgraded(old)
    assert major(old) == "18"


def test_other_databases_are_not_left_behind_in_silence(old, programs, upgraded):
    with old_server(old, programs) as urls:
        connection = psycopg.connect(urls.owner.get_secret_value(), autocommit=True)
        connection.execute("CREATE DATABASE diary")
        connection.close()
    with pytest.raises(CopyFailed, match="beside Valet's: diary"):
        upgraded(old)
    assert (major(old), clusters(old)) == (MAJOR, ["cluster"])


def test_lost_passwords_are_replaced_on_the_way(old, supervise, upgraded):
    for role in ("owner", "app"):
        (old / f"postgres/{role}.password").unlink()
    upgraded(old)
    urls = supervise().start()
    for url in (urls.owner, urls.app):
        psycopg.connect(url.get_secret_value()).close()


AS_A_USER = """
import sys
from pathlib import Path
import psycopg
from tests.support.older import old_server
from valet.embedded import Supervisor
from valet.embedded.dump import dump
from valet.embedded.upgrade import upgrade
folder = Path(sys.argv[1])
with old_server(folder, folder) as urls, psycopg.connect(urls.owner.get_secret_value()) as link:
    link.execute("CREATE TABLE kept AS SELECT 42 AS answer")
upgrade(folder, lambda what, _: None)
dump(folder, folder / "valet.dump")
with Supervisor(folder) as urls, psycopg.connect(urls.owner.get_secret_value()) as link:
    print(link.execute("SELECT answer FROM kept").fetchone()[0])
"""


@needs_root
def test_a_normal_user_upgrades_their_own(data_dir):
    data_dir.mkdir()
    os.chown(data_dir, NOBODY, NOGROUP)
    assert as_user(NOBODY, AS_A_USER, data_dir).split() == ["42"]
    assert (data_dir / "postgres").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_uid for path in (data_dir / "postgres").iterdir()} == {NOBODY}


def test_nobody_writes_to_the_old_one_meanwhile(old, programs):
    """What came after the copy's moment would be lost: no command finds it, and it takes no write."""
    tried: list[str] = []

    def report(what: str, _: str) -> None:
        if what != "copying":
            return
        assert connection_urls(old) is None
        urls = Folder(old).urls(old / "postgres/init-socket")
        assert urls is not None
        connection = psycopg.connect(urls.app.get_secret_value())
        with connection, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            connection.execute("UPDATE users SET display_name = 'lost'")
        tried.append(what)

    upgrading.upgrade(old, report, programs=programs)
    assert tried == ["copying"]
