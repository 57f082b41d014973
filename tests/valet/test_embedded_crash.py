"""Bad weather: whatever was killed, and whatever it left, the next start has every acknowledged commit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import psycopg
import pytest

from valet.embedded import StartFailed
from valet.embedded.binaries import locate
from valet.embedded.cluster import Cluster
from valet.embedded.folder import Folder
from valet.embedded.identity import identify
from valet.embedded.server import Server

ROOT = Path(__file__).parents[2]


class Load:
    """Four clients that insert rows until they are cut off, and remember which were acknowledged."""

    def __init__(self, url) -> None:
        self._url = url.get_secret_value() if hasattr(url, "get_secret_value") else url
        self.acknowledged: set[int] = set()
        self._enough = threading.Event()
        self._threads = [threading.Thread(target=self._write, args=(n,)) for n in range(4)]
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute("CREATE TABLE load (id int PRIMARY KEY, body text)")
        for thread in self._threads:
            thread.start()

    def run(self) -> None:
        assert self._enough.wait(60)

    def cut_off(self) -> None:
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()

    def missing(self, url) -> set[int]:
        with psycopg.connect(url.get_secret_value()) as connection:
            rows = {row for (row,) in connection.execute("SELECT id FROM load WHERE length(body) = 500")}
        return self.acknowledged - rows

    def _write(self, number: int) -> None:
        try:
            with psycopg.connect(self._url, autocommit=True) as connection:
                for row in range(number, 10_000_000, 4):
                    connection.execute("INSERT INTO load VALUES (%s, repeat('x', 500))", [row])
                    self.acknowledged.add(row)
                    if len(self.acknowledged) > 400:
                        self._enough.set()
        except psycopg.OperationalError:
            return


def test_kill_9_of_the_postmaster_under_load_loses_nothing(supervise, made, servers):
    supervisor = supervise()
    load = Load(supervisor.start().owner)
    load.run()
    pid = supervisor.pid
    os.kill(pid, signal.SIGKILL)
    load.cut_off()
    # Its connections end a moment before it does. This waits for its end and leaves the zombie where it is.
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert supervisor.pid is None, "a zombie does not count as running"
    assert not supervisor.alive()

    urls = supervisor.start()
    assert load.missing(urls.owner) == set()
    assert servers(made) == [supervisor.pid] != [pid]
    assert "was not properly shut down" in (made / "postgres/server.log").read_text()


def test_kill_9_of_a_backend_restarts_the_others_inside(supervise, made, wait_until):
    supervisor = supervise()
    urls = supervisor.start()
    pid = supervisor.pid
    with psycopg.connect(urls.app.get_secret_value()) as connection:
        os.kill(connection.info.backend_pid, signal.SIGKILL)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    wait_until(supervisor.alive)
    assert supervisor.pid == pid


def test_kill_9_of_the_supervisor_under_load_the_orphan_is_stopped(hold, supervise, made, servers):
    holder = hold()
    answer = holder.start()
    load = Load(answer["owner"])
    load.run()
    holder.kill()
    orphan = answer["postmaster"]
    assert servers(made) == [orphan], "it outlives its supervisor"

    supervisor = supervise()
    urls = supervisor.start()
    load.cut_off()
    assert not psutil.pid_exists(orphan) or psutil.Process(orphan).status() == psutil.STATUS_ZOMBIE
    assert servers(made) == [supervisor.pid]
    assert urls.owner.get_secret_value() == answer["owner"], "the urls a client has stay good"
    assert load.missing(urls.owner) == set()


def test_kill_9_of_both_under_load(hold, supervise, made, servers):
    holder = hold()
    answer = holder.start()
    load = Load(answer["owner"])
    load.run()
    holder.kill()
    os.kill(answer["postmaster"], signal.SIGKILL)
    supervisor = supervise()
    urls = supervisor.start()
    load.cut_off()
    assert load.missing(urls.owner) == set()
    assert servers(made) == [supervisor.pid]


def test_an_orphan_that_does_not_listen_to_a_fast_shutdown(hold, supervise, made, servers, monkeypatch):
    from valet.embedded import orphans

    patience = {signal.SIGINT: 0.2, signal.SIGQUIT: 0.2, signal.SIGKILL: 10}
    end = orphans._end
    monkeypatch.setattr(orphans, "_end", lambda found, number, _: end(found, number, patience[number]))
    holder = hold()
    answer = holder.start()
    holder.kill()
    os.kill(answer["postmaster"], signal.SIGSTOP)
    supervisor = supervise()
    supervisor.start()
    assert servers(made) == [supervisor.pid]


def test_an_orphan_of_a_deleted_folder_is_stopped(hold, supervise, made, servers):
    holder = hold()
    orphan = holder.start()["postmaster"]
    holder.kill()
    subprocess.run(["rm", "-rf", str(made)], check=True)
    supervisor = supervise()
    supervisor.start()
    assert servers(made) == [supervisor.pid] != [orphan]
    assert supervisor.alive()


def _crashed(supervisor) -> Path:
    """A cluster whose postmaster was killed: the path of the postmaster.pid it left."""
    supervisor.start()
    os.kill(supervisor.pid, signal.SIGKILL)
    supervisor.stop()
    return supervisor._folder.cluster / "postmaster.pid"


def _rewrite(path: Path, pid: int) -> None:
    first, _, rest = path.read_text().partition("\n")
    assert first.isdigit()
    path.write_text(f"{pid}\n{rest}")


def test_a_stale_pid_that_belongs_to_a_stranger_now(supervise, made, bystander):
    path = _crashed(supervise())
    stranger = bystander("sleep", "1000")
    _rewrite(path, stranger.pid)
    assert supervise().start()
    assert stranger.poll() is None


def test_a_stale_pid_that_belongs_to_another_server_now(supervise, first_made, made):
    path = _crashed(supervise())
    neighbour_dir = made.with_name("neighbour")
    subprocess.run(["cp", "-a", str(first_made), str(neighbour_dir)], check=True)
    neighbour = supervise(neighbour_dir)
    neighbour.start()
    _rewrite(path, neighbour.pid)
    assert supervise().start()
    assert neighbour.alive()


def test_a_stale_pid_that_belongs_to_a_zombie(supervise, made, bystander, wait_until):
    path = _crashed(supervise())
    zombie = bystander("true")
    wait_until(lambda: psutil.Process(zombie.pid).status() == psutil.STATUS_ZOMBIE)
    _rewrite(path, zombie.pid)
    assert supervise().start()


def test_a_stale_pid_of_single_user_mode_keeps_the_file_with_its_interlock(supervise, made, bystander):
    path = _crashed(supervise())
    stranger = bystander("sleep", "1000")
    _rewrite(path, -stranger.pid)
    cluster = Cluster(Folder(made), identify(None), locate())
    assert cluster.environment() == {"PG_GRANDPARENT_PID": str(stranger.pid)}
    assert path.exists()
    assert supervise().start()


def test_a_torn_postmaster_pid(supervise, made):
    supervisor = supervise()
    for content in ("", "\n", "garbage\nmore\n", "0\n", "12x"):
        _crashed(supervisor).write_text(content)
        assert supervisor.start()


def test_stale_sockets_are_removed(supervise, made, bystander):
    path = _crashed(supervise())
    socket = made / "postgres/socket"
    assert (socket / ".s.PGSQL.5432").exists(), "the killed server left it"
    stranger = bystander("sleep", "1000")
    (socket / ".s.PGSQL.5432.lock").write_text(f"{stranger.pid}\n")
    path.unlink()
    assert supervise().start()


def test_kill_9_during_the_first_start_leaves_no_half_made_cluster(hold, supervise, data_dir, wait_until):
    for _ in range(10):
        holder = hold()
        holder.go()
        wait_until(lambda: list(data_dir.glob("postgres/init-*/cluster/base/1")))
        holder.kill()
        if not (data_dir / "postgres/cluster").exists():
            break
        subprocess.run(["rm", "-rf", str(data_dir)], check=True)  # it was faster than we
    assert list(data_dir.glob("postgres/init-*")), "something was left behind"
    urls = supervise().start()
    assert not list(data_dir.glob("postgres/init-*"))
    with psycopg.connect(urls.app.get_secret_value()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_first_start_without_room_leaves_nothing_half_made(supervise, first_made, data_dir, programs):
    script = (
        "import resource, sys\nfrom pathlib import Path\nfrom valet.embedded import Supervisor, StartFailed\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))\n"
        "try: Supervisor(Path(sys.argv[1]), programs=Path(sys.argv[2])).start()\n"
        "except StartFailed as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, data_dir, programs],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "initdb could not prepare the database" in done.stdout
    assert "Its last words" in done.stdout
    assert not (data_dir / "postgres/cluster").exists()
    assert not list(data_dir.glob("postgres/init-*"))
    assert supervise().start()


def test_a_server_killed_while_starting_is_no_success(supervise, made, monkeypatch):
    """The process ends between its launch and the first connection."""
    supervisor = supervise()
    launch = Server._await

    def kill_first(self, process, url) -> None:
        process.kill()
        process.wait(30)
        launch(self, process, url)

    monkeypatch.setattr(Server, "_await", kill_first)
    with pytest.raises(StartFailed, match="ended at once"):
        supervisor.start()
    monkeypatch.undo()
    assert supervisor.start()


def test_ctrl_c_during_a_start_leaves_nothing_running(supervise, made, servers, monkeypatch):
    supervisor = supervise()

    def interrupted(self, process, url) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Server, "_await", interrupted)
    with pytest.raises(KeyboardInterrupt):
        supervisor.start()
    assert servers(made) == []
    monkeypatch.undo()
    assert supervise().start(), "the lock was let go"
