"""One door a process: what is made before, what each serves, and what none of them makes by itself."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx2
import pytest

from tests.support.doors import ROOT, DoorProcess, environment, run
from tests.support.plot import CANARY, Site, site_at
from tests.support.ports import free_port
from tests.support.postgres import until

MOST = 120
"""MB that a worker may hold."""


@pytest.fixture
def site(server_url: str, tmp_path: Path) -> Iterator[Site]:
    with site_at(server_url, tmp_path) as made:
        yield made


def test_each_door_answers_for_its_own_and_says_so_of_the_other(site: Site) -> None:
    said = site.prepare()
    assert "made the key ring" in said and "schema" in said
    ring = (site.folder / "keyring.json").read_bytes()
    assert "there is a key ring" in site.prepare(), "safe to run again"
    # Started for themselves (tests/support/warm.py): what they hold is looked at.
    alone = {**site.environment, "PYTHONUNBUFFERED": "1"}
    with (
        DoorProcess("mcp_server", alone, site.folder) as worker,
        DoorProcess("connect", alone, site.folder) as sidecar,
    ):
        host = {"Host": "127.0.0.1:8420"}
        call = httpx2.post(f"http://{worker.address}/mcp", json={}, headers=host)
        assert call.status_code == 401 and "resource_metadata" in call.headers["WWW-Authenticate"]
        assert httpx2.get(f"http://{worker.address}/account", headers=host).status_code == 421
        assert httpx2.get(f"http://{sidecar.address}/account", headers=host).status_code in {200, 303}
        assert httpx2.post(f"http://{sidecar.address}/mcp", json={}, headers=host).status_code == 421
        issuer = httpx2.get(f"http://{sidecar.address}/.well-known/oauth-authorization-server", headers=host)
        assert issuer.json()["issuer"] == "http://127.0.0.1:8420"
        assert "/owner?t=" in sidecar.said and "/owner?t=" not in worker.said
        logs = [door.logs.read_text() for door in (worker, sidecar)]
        held = [megabytes(door) for door in (worker, sidecar)]
        assert max(held) <= MOST, held
    assert CANARY not in "".join(logs) + worker.said + sidecar.said
    assert (site.folder / "keyring.json").read_bytes() == ring


@pytest.mark.parametrize("door", ["mcp_server", "connect"])
def test_what_follows_a_body_and_what_has_no_end_is_no_head(site: Site, door: str) -> None:
    """Behind a proxy too: some pass trailers on, and one that became a header would speak for the proxy."""
    site.prepare()
    given = {**site.environment, "VALET_TRUSTED_PROXIES": "127.0.0.1"}
    with DoorProcess(door, given, site.folder) as process:
        chunked = "POST {} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\nHost: {}\r\n\r\n"
        path = "/mcp" if door == "mcp_server" else "/register"
        with socket.create_connection(("127.0.0.1", process.port), timeout=30) as line:
            line.sendall(chunked.format(path, "127.0.0.1:8420").encode())
            assert line.recv(100).startswith(b"HTTP/1.1 400 ")
        with socket.create_connection(("127.0.0.1", process.port), timeout=30) as line:
            seen = b""
            with suppress(ConnectionError):
                line.sendall(f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:8420\r\nX-Long: ".encode())
                for _ in range(40):
                    line.sendall(b"a" * 65_536)
                line.sendall(b"\r\nContent-Length: 0\r\n\r\n")
                seen = line.recv(100)
            assert seen == b"" or seen.startswith(b"HTTP/1.1 400 ")


def megabytes(door: DoorProcess) -> float:
    """Of memory that it holds, of libraries too that others share with it; proc_pid_status(5)."""
    status = Path(f"/proc/{door.pid}/status").read_text()
    return int(re.findall(r"^VmRSS:\s+(\d+) kB$", status, re.M)[0]) / 1024


@pytest.mark.parametrize("door", ["mcp_server", "connect"])
def test_a_door_makes_nothing_that_is_shared(door: str, site: Site) -> None:
    """Neither tables nor a key ring: two that start at once would each make their own."""
    ran = run(door.replace("_", "-"), given=site.environment, folder=site.folder)
    assert ran.returncode == 2 and "valet prepare" in ran.stderr
    site.prepare()
    ring = site.folder / "keyring.json"
    ring.unlink()
    ran = run(door.replace("_", "-"), given=site.environment, folder=site.folder)
    assert ran.returncode == 2 and not ring.exists(), ran.stderr
    assert CANARY not in ran.stdout + ran.stderr


def test_a_door_needs_a_database_that_others_reach(tmp_path: Path) -> None:
    for command in ("mcp-server", "connect", "prepare"):
        ran = run(command, given={"VALET_DATA_DIR": str(tmp_path / "data")}, folder=tmp_path)
        assert ran.returncode == 2 and "DATABASE_URL" in ran.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("streams", [">/dev/full", "<&- >&- 2>&-"], ids=["full", "closed"])
def test_it_serves_although_nobody_can_read_what_it_says(streams: str, site: Site) -> None:
    """A log disk that is full; a parent that closed everything."""
    site.prepare()
    port, ops = free_port(), free_port()
    given = {**site.environment, "VALET_PORT": str(port), "VALET_OPS_PORT": str(ops)}
    command = ["sh", "-c", f'exec "$@" {streams}', "sh", sys.executable, "-m", "valet", "connect"]
    with subprocess.Popen(
        command, cwd=site.folder, env={**environment(given), "PYTHONPATH": str(ROOT)}
    ) as running:
        try:
            until(lambda: running.poll() is not None or ready(ops), lambda: "it does not start")
            page = f"http://127.0.0.1:{port}/healthz"
            assert httpx2.get(page, headers={"Host": "127.0.0.1:8420"}).status_code == 200
        finally:
            running.terminate()
    assert running.returncode == 0


def ready(port: int) -> bool:
    try:
        return httpx2.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
    except httpx2.HTTPError:
        return False
