"""The embedded database from PostgreSQL 16 to 18: every record kept. The long part is in tests/proof."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.support.older import MAJOR, clusters, lived_in, major, old, require_whole, upgraded
from valet.embedded import AlreadyRunning, CopyFailed, NoDatabase, NoRoom, StartFailed, Urls, WrongVersion
from valet.embedded import upgrade as upgrading
from valet.embedded.client import Client, pipe
from vault.store.migrate import migrate

__all__ = ["lived_in", "old", "upgraded"]  # fixtures


@pytest.fixture
def seen(monkeypatch) -> list[str]:
    """Arguments and environments of all programs that are started."""
    lines: list[str] = []
    popen = subprocess.Popen

    class Watched(popen):  # type: ignore[misc, valid-type]
        def __init__(self, argv, **options) -> None:
            lines.append(f"{argv} {options.get('env')}")
            super().__init__(argv, **options)

    monkeypatch.setattr(subprocess, "Popen", Watched)
    return lines


async def test_every_record_is_kept(old, lived_in, supervise, upgraded, seen):
    before = {name: (old / f"postgres/{name}.password").read_text() for name in ("owner", "app")}
    steps = upgraded(old)
    assert steps[-2:] == ["set aside", "in force"]
    assert "compared" in steps
    assert any("pg_restore" in line for line in seen)
    assert not [line for line in seen for password in before.values() if password.strip() in line]
    assert not list((old / "postgres").glob("*pgpass*"))
    assert major(old) == "18"
    assert clusters(old) == ["cluster", f"cluster-{MAJOR}"]
    supervisor = supervise()
    urls = supervisor.start()
    await require_whole(old, urls, lived_in[1])
    assert before == {name: (old / f"postgres/{name}.password").read_text() for name in ("owner", "app")}
    with psycopg.connect(urls.owner.get_secret_value()) as connection:
        found = connection.execute(
            "SELECT datlocprovider, datlocale, current_setting('data_checksums') FROM pg_database"
            " WHERE datname = 'valet'"
        )
        assert found.fetchone() == ("b", "C.UTF-8", "on")
        assert connection.execute("SELECT nextval('numbers')").fetchone() == (8,)
    assert migrate(urls.owner.get_secret_value(), app_role="valet_app") == 0, "the schema came along"
    _require_roles(urls)
    supervisor.stop()
    _require_no_second_upgrade(old, upgraded)


def _require_no_second_upgrade(folder: Path, upgraded: Callable[[Path], list[str]]) -> None:
    """Nothing happens the next time, and the old one goes when it is told to."""
    assert upgraded(folder) == []
    assert clusters(folder) == ["cluster", f"cluster-{MAJOR}"]
    [kept] = upgrading.remove_old(folder)
    assert kept.name.startswith(f"cluster-{MAJOR}-")
    assert clusters(folder) == ["cluster"]
    assert upgrading.remove_old(folder) == []


def _require_roles(urls: Urls) -> None:
    """Passwords and limits are what they were, of a role of the operator's own too."""
    app, owner = urls.app.get_secret_value(), urls.owner.get_secret_value()
    with psycopg.connect(app, autocommit=True) as connection:
        for statement in ("CREATE TABLE t ()", "DELETE FROM schema_migrations", "CREATE DATABASE d"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
    with psycopg.connect(owner, user="reporter", password="by the operator", autocommit=True) as connection:
        assert connection.execute("SELECT count(id) FROM users").fetchone() == (5,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT display_name FROM users")
    for user in ("valet_owner", "valet_app", "reporter"):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(owner, user=user, password="wrong")


def test_an_old_database_is_refused_with_the_command_that_helps(old, supervise):
    with pytest.raises(WrongVersion, match=r"PostgreSQL 16.*brings 18.*valet db upgrade"):
        supervise().start()
    assert major(old) == MAJOR


def _change_a_value(source: Client, dump: list[str], target: Client, restore: list[str]) -> None:
    pipe(source, dump, target, restore)
    target.feed("UPDATE sessions SET browser = 'Safari' WHERE ctid = (SELECT min(ctid) FROM sessions);")


def test_a_copy_that_differs_is_never_put_in_force(old, upgraded, monkeypatch):
    monkeypatch.setattr(upgrading, "pipe", _change_a_value)
    differs = r"(?s)Nothing was changed.*differs.*public\.sessions \(5 rows here, 5 rows there\)"
    with pytest.raises(CopyFailed, match=differs) as refused:
        upgraded(old)
    assert "Safari" not in str(refused.value), "no value of a row is spoken"
    assert major(old) == MAJOR
    assert clusters(old) == ["cluster"]


def test_an_old_server_that_does_not_start_is_quoted(old, upgraded):
    (old / "postgres/cluster/global/pg_control").write_bytes(b"")
    with pytest.raises(CopyFailed, match=r"(?s)Nothing was changed.*ended at once.*pg_control"):
        upgraded(old)
    assert (major(old), clusters(old)) == (MAJOR, ["cluster"])


def test_without_room_nothing_begins(old, upgraded, monkeypatch):
    usage = shutil.disk_usage(old)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=50 * 2**20))
    with pytest.raises(NoRoom, match=r"50 MB left.*3\d\d MB are needed.*Make room"):
        upgraded(old)
    assert (major(old), clusters(old)) == (MAJOR, ["cluster"])


def test_beside_a_valet_that_runs_it_is_refused(made, supervise, upgraded):
    supervise().start()
    with pytest.raises(AlreadyRunning):
        upgraded(made)


def test_where_there_is_no_database_it_says_so(data_dir, upgraded):
    with pytest.raises(NoDatabase, match="VALET_DATA_DIR"):
        upgraded(data_dir)
    assert not data_dir.exists()


def test_a_version_that_the_wheel_does_not_bring(made, upgraded):
    version = made / "postgres/cluster/PG_VERSION"
    version.write_text("17\n")
    with pytest.raises(WrongVersion, match=r"PostgreSQL 17.*pg_dump.*valet db restore"):
        upgraded(made)
    version.write_text("19\n")
    with pytest.raises(WrongVersion, match=r"PostgreSQL 19.*Start the release of Valet"):
        upgraded(made)
    version.write_text("18\n")


def _fake(folder: Path, name: str, version: str) -> Path:
    cluster = folder / "postgres" / name
    cluster.mkdir()
    (cluster / "PG_VERSION").write_text(f"{version}\n")
    return cluster


def test_which_one_is_the_database(made, supervise):
    """Whatever a kill or somebody's hands leave. (The kills themselves are in tests/proof.)"""
    root = made / "postgres"
    cluster = root / "cluster"
    other = _fake(made, "cluster-new", "18")
    with pytest.raises(StartFailed, match="could be the database"):
        supervise().start()
    shutil.rmtree(other)
    kept = cluster.rename(root / "cluster-16-20261128T080000Z")
    with pytest.raises(StartFailed, match="Give that its name back"):
        supervise().start()
    assert not cluster.exists(), "an older one alone is no reason for an empty one"
    (root / "cluster-16-20261128T080000Z").rename(root / "cluster-new")
    _fake(made, kept.name, "16")
    assert supervise().start(), "between the two names there is only one way on"
    assert clusters(made) == ["cluster", "cluster-16"]
