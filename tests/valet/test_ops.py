"""The listener for whoever runs Valet: alive, ready, counted; what it answers, to whom, and in which time."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from tests.support.doors import ROOT, DoorProcess, environment, run
from tests.support.plot import CANARY, Site, site_at
from tests.support.ports import free_port
from tests.vault.upstreams import until
from valet.readiness import Readiness
from vault.errors import Busy, KeysAway

HOST = {"Host": "127.0.0.1:8420"}


@dataclass
class Watched:
    """One door with its second listener."""

    door: DoorProcess
    site: Site
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def healthy(self) -> subprocess.CompletedProcess[str]:
        return run("healthy", given={"VALET_OPS_PORT": str(self.port)}, folder=self.site.folder)

    def reasons(self) -> tuple[int, str]:
        answer = httpx2.get(f"{self.url}/readyz", timeout=10)
        return answer.status_code, answer.text


@pytest.fixture(scope="module")
def site(server_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site_at(server_url, tmp_path_factory.mktemp("ops")) as made:
        made.prepare()
        yield made


@pytest.fixture(scope="module")
def watched(site: Site) -> Iterator[Watched]:
    port = free_port()
    with DoorProcess("connect", {**site.environment, "VALET_OPS_PORT": str(port)}, site.folder) as door:
        yield Watched(door, site, port)


def test_a_worker_says_that_it_is_alive_and_ready_and_what_it_counts(watched: Watched) -> None:
    alive = httpx2.get(f"{watched.url}/healthz")
    assert (alive.status_code, alive.text) == (200, "ok\n")
    assert watched.reasons() == (200, "ok\n")
    counted = httpx2.get(f"{watched.url}/metrics")
    assert counted.status_code == 200 and "# TYPE valet_refreshes" in counted.text
    assert counted.headers["content-type"].startswith("text/plain; version=")
    assert CANARY not in counted.text + str(counted.headers)
    for answer in (alive, counted):
        assert answer.headers["cache-control"] == "no-store" and "server" not in answer.headers
    ran = watched.healthy()
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "ready\n", "")


@pytest.mark.parametrize(
    ("method", "path", "host", "status"),
    [
        ("HEAD", "/healthz", "localhost", 200),
        ("GET", "/healthz", "[::1]:9464", 200),
        ("POST", "/healthz", "127.0.0.1", 405),
        ("DELETE", "/metrics", "127.0.0.1", 405),
        ("GET", "/", "127.0.0.1", 404),
        ("GET", "/account", "127.0.0.1", 404),
        ("GET", "/metrics/", "127.0.0.1", 404),
        ("GET", "/metrics", "rebound.example.org", 421),
        ("GET", "/metrics", "127.0.0.1.example.org:80", 421),
        ("GET", "/metrics", "localhost:@evil", 421),
    ],
)
def test_it_answers_little_and_only_by_this_machines_names(
    method: str, path: str, host: str, status: int, watched: Watched
) -> None:
    """A web page that makes its own name point to loopback (DNS rebinding) has its own name as Host."""
    answer = httpx2.request(method, watched.url + path, headers={"Host": host})
    assert answer.status_code == status
    assert status == 200 or "valet_" not in answer.text


def test_the_public_port_tells_a_monitor_ok_and_nothing_else(watched: Watched) -> None:
    public = f"http://{watched.door.address}"
    answer = httpx2.get(f"{public}/healthz", headers=HOST)
    assert (answer.status_code, answer.text) == (200, "ok\n")
    assert "set-cookie" not in answer.headers
    for path in ("/readyz", "/metrics", "/healthz/"):
        assert httpx2.get(public + path, headers=HOST).status_code in {307, 404}, path
        assert "valet_" not in httpx2.get(public + path, headers=HOST).text


async def test_a_database_that_is_away_makes_it_not_ready_and_leaves_it_alive(
    watched: Watched, server_url: str
) -> None:
    name = sql.Identifier(str(conninfo_to_dict(watched.site.app)["dbname"]))
    with psycopg.connect(server_url, autocommit=True) as link:
        link.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(name))
        try:
            link.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                [name.as_string()[1:-1]],
            )
            await until(lambda: watched.reasons() == (503, "database\n"))
            alive = httpx2.get(f"{watched.url}/healthz")
            assert (alive.status_code, alive.text) == (200, "ok\n")
            assert httpx2.get(f"http://{watched.door.address}/healthz", headers=HOST).status_code == 200
            ran = watched.healthy()
            assert (ran.returncode, ran.stderr) == (1, "valet: not ready: database\n")
        finally:
            link.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(name))
    await until(lambda: watched.reasons() == (200, "ok\n"), 20)
    assert watched.healthy().returncode == 0
    assert CANARY not in watched.door.logs.read_text()


async def test_it_is_draining_from_the_signal_on_while_requests_are_still_answered(site: Site) -> None:
    port = free_port()
    given = {**site.environment, "VALET_OPS_PORT": str(port)}
    door = DoorProcess("connect", given, site.folder)
    door.start()
    watched = Watched(door, site, port)
    try:
        with socket.create_connection(("127.0.0.1", door.port)) as line:
            # A request that has begun keeps the process from ending before it is answered.
            head = b"POST /register HTTP/1.1\r\nHost: 127.0.0.1:8420\r\nContent-Type: application/json\r\n"
            line.sendall(head + b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n")
            assert line.recv(64).startswith(b"HTTP/1.1 100")
            os.kill(door.pid, 15)
            await until(lambda: watched.reasons() == (503, "draining\n"))
            assert watched.healthy().returncode == 1
            assert httpx2.get(f"{watched.url}/healthz").text == "ok\n"
            line.sendall(b"{}")
            assert line.recv(64).startswith(b"HTTP/1.1 400")
    finally:
        assert door.stop() == 0, door.logs.read_text()[-2000:]
    ran = watched.healthy()
    assert ran.returncode == 1 and "nothing answers" in ran.stderr


def test_a_busy_port_is_refused_and_says_which_setting(site: Site) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ran = run(
            "connect",
            given={**site.environment, "VALET_PORT": str(free_port()), "VALET_OPS_PORT": port},
            folder=site.folder,
        )
    assert ran.returncode == 2 and f"127.0.0.1:{port} can't be used" in ran.stderr
    assert "VALET_OPS_PORT" in ran.stderr and "PUBLIC_URL" not in ran.stderr


def test_valet_healthy_says_what_it_lacks_and_loads_next_to_nothing(tmp_path: Path) -> None:
    ran = run("healthy", given={}, folder=tmp_path)
    assert ran.returncode == 2 and "VALET_OPS_PORT" in ran.stderr
    code = (
        "import sys; sys.argv = ['valet', 'healthy']\n"
        "try:\n import valet.__main__\nexcept SystemExit:\n pass\n"
        "print({name.split('.')[0] for name in sys.modules} & {'typer', 'pydantic', 'uvicorn', 'mcp'})"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**environment({"VALET_OPS_PORT": str(free_port())}), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert loaded.stdout == "set()\n"


# --- The look itself ---------------------------------------------------------------------------------


class Looks:
    """What a look finds, and how often there was one."""

    def __init__(self) -> None:
        self.schema: int | Exception = 7
        self.opens: bool | Exception = True
        self.answered = 0.0
        self.begun = 0
        self.go = asyncio.Event()
        self.go.set()

    async def see_schema(self) -> int:
        self.begun += 1
        await self.go.wait()
        if isinstance(self.schema, Exception):
            raise self.schema
        return self.schema

    async def see_ring(self) -> bool:
        if isinstance(self.opens, Exception):
            raise self.opens
        return self.opens

    def readiness(self, **options: float) -> Readiness:
        return Readiness(self.see_schema, 7, self.see_ring, lambda: self.answered, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("schema", "opens", "reasons"),
    [
        (7, True, ()),
        (8, True, ()),
        (6, True, ("schema",)),
        (7, False, ("key_ring",)),
        (6, False, ("schema", "key_ring")),
        (Busy("away"), True, ("database",)),
        (7, KeysAway("away"), ("key_ring",)),
        (RuntimeError(CANARY), True, ("database",)),
    ],
    ids=["well", "newer", "older", "ring", "both", "away", "keys-away", "broken"],
)
async def test_each_reason_has_its_word(
    schema: int | Exception, opens: bool | Exception, reasons: tuple[str, ...]
) -> None:
    looks = Looks()
    looks.schema, looks.opens = schema, opens
    readiness = looks.readiness()
    assert await readiness.reasons() == reasons
    readiness.drain()
    assert await readiness.reasons() == ("draining",)
    await readiness.close()


async def test_however_many_probes_ask_one_look_is_under_way_and_none_waits_for_it_for_long() -> None:
    looks = Looks()
    looks.go.clear()
    readiness = looks.readiness(within=0.02)
    for _ in range(3):
        found = await asyncio.gather(*(readiness.reasons() for _ in range(50)))
        assert set(found) == {("database",)}
    assert looks.begun == 1
    looks.go.set()
    await until(lambda: readiness._look is not None and readiness._look.done())
    assert await readiness.reasons() == ()
    assert looks.begun == 1, "what was found is good for a second"
    await readiness.close()


async def test_where_all_connections_are_in_use_the_database_is_not_called_away() -> None:
    """A worker under load must not be taken out of service for it: the others would get its load, too."""
    looks = Looks()
    readiness = looks.readiness()
    looks.schema, looks.answered = Busy("no connection is to be had"), time.monotonic() + 60
    assert await readiness.reasons() == ()
    await readiness.close()
