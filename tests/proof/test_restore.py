"""A restore that is killed, of half a dump, and of somebody else's: a database whole or none."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.commands import ROOT, sh
from tests.valet.conftest import data_dir, first_made, ground, made, programs, working_in
from valet.embedded import CopyFailed, Supervisor, Urls
from valet.embedded.binaries import locate
from valet.embedded.client import Client
from valet.embedded.dump import dump, restore
from vault.store.migrate import migrate

__all__ = ["data_dir", "first_made", "ground", "made", "programs"]  # fixtures

KILLED = """
import os, signal, sys
from pathlib import Path
from valet.embedded.dump import restore

def ready(urls):
    if sys.argv[4:]:
        os.kill(os.getpid(), signal.SIGKILL)

restore(Path(sys.argv[1]), Path(sys.argv[2]), ready, programs=Path(sys.argv[3]))
"""


def up_to_date(urls: Urls) -> None:
    migrate(urls.owner.get_secret_value(), app_role="valet_app")


@pytest.fixture
def dumped(made: Path, programs: Path, tmp_path: Path) -> Path:
    """A dump of a migrated database, and beside it one of something that is no Valet's."""
    path = tmp_path / "valet.dump"
    with Supervisor(made, programs=programs) as urls:
        up_to_date(urls)
        dump(made, path, programs=programs)
        client = Client(locate(), urls.owner, made / "postgres")
        other = ("--format=custom", "--exclude-table=schema_migrations", f"--file={tmp_path / 'other.dump'}")
        with client.running("pg_dump", *other) as run:
            run.judge()
    return path


def _nothing(folder: Path) -> bool:
    names = [path.name for path in (folder / "postgres").iterdir()]
    return not [name for name in names if "cluster" in name or name.startswith("init-")]


def test_one_that_is_killed_leaves_no_database_and_works_the_next_time(dumped, made, programs):
    folder = made.with_name("restored")
    command = [sys.executable, "-c", KILLED, folder, dumped, programs]
    assert subprocess.run([*command, "die"], cwd=ROOT, check=False).returncode == -signal.SIGKILL
    assert not (folder / "postgres/cluster").exists()
    subprocess.run(command, cwd=ROOT, check=True)
    assert (folder / "postgres/cluster").exists()
    assert not working_in(folder)
    with Supervisor(folder, programs=programs) as urls:
        assert migrate(urls.owner.get_secret_value(), app_role="valet_app") == 0


@pytest.mark.parametrize("missing", [1, 2000, 20_000])
def test_half_a_dump_makes_no_database(dumped, made, programs, missing):
    folder = made.with_name("restored")
    dumped.write_bytes(dumped.read_bytes()[:-missing])
    with pytest.raises(CopyFailed, match=r"(?s)Nothing was restored.*pg_restore"):
        restore(folder, dumped, up_to_date, programs=programs)
    assert _nothing(folder)


def test_a_dump_of_something_else_makes_no_database(dumped, made):
    folder = made.with_name("restored")
    ran = sh(f"valet db restore {dumped.with_name('other.dump')}", folder)
    assert ran.returncode == 2
    assert "Nothing was restored. There is no Valet in that dump" in ran.stderr
    assert _nothing(folder)


def test_no_row_is_quoted_where_a_restore_breaks_off(dumped, made, programs):
    """The server's DETAIL and CONTEXT hold values; what is said holds none."""
    folder = made.with_name("restored")

    def twice(urls: Urls) -> None:
        client = Client(locate(), urls.owner, folder / "postgres")
        client.feed("CREATE TABLE t (v text PRIMARY KEY); INSERT INTO t VALUES ('canary'), ('canary');")

    with pytest.raises(CopyFailed, match="duplicate key") as refused:
        restore(folder, dumped, twice, programs=programs)
    assert "canary" not in str(refused.value)
    assert _nothing(folder)
