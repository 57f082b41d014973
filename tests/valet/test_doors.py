"""One door a process: what is made before, what each serves, and what none of them makes by itself."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tests.support.doors import DoorProcess, run

CANARY = "canary-password"


@dataclass
class Site:
    """A database with the two roles, nothing in it yet, and where a key ring is to be."""

    folder: Path
    owner: str
    app: str

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PUBLIC_URL": "http://127.0.0.1:8420",
            "DATABASE_URL": self.app,
            "VALET_KEYRING": str(self.folder / "keyring.json"),
            "SPOTIFY_CLIENT_ID": "some-app",
        }

    def prepare(self) -> str:
        ran = run(
            "prepare", given={**self.environment, "MIGRATION_DATABASE_URL": self.owner}, folder=self.folder
        )
        assert ran.returncode == 0, ran.stderr
        assert CANARY not in ran.stdout + ran.stderr
        return ran.stdout


@pytest.fixture
def site(server_url: str, tmp_path: Path) -> Iterator[Site]:
    name = f"valet_doors_{uuid.uuid4().hex[:10]}"
    owner, app = sql.Identifier(f"{name}_owner"), sql.Identifier(f"{name}_app")
    with psycopg.connect(server_url, autocommit=True) as link:
        for role in (owner, app):
            link.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, CANARY))
        link.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), owner))
    urls = [
        make_conninfo(server_url, dbname=name, user=f"{name}_{which}", password=CANARY)
        for which in ("owner", "app")
    ]
    yield Site(tmp_path, *urls)
    with psycopg.connect(server_url, autocommit=True) as link:
        link.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
        for role in (app, owner):
            link.execute(sql.SQL("DROP ROLE {}").format(role))


def test_each_door_answers_for_its_own_and_says_so_of_the_other(site: Site) -> None:
    said = site.prepare()
    assert "made the key ring" in said and "schema" in said
    ring = (site.folder / "keyring.json").read_bytes()
    assert "there is a key ring" in site.prepare(), "safe to run again"
    with (
        DoorProcess("mcp_server", site.environment, site.folder) as worker,
        DoorProcess("connect", site.environment, site.folder) as sidecar,
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
    assert CANARY not in "".join(logs) + worker.said + sidecar.said
    assert (site.folder / "keyring.json").read_bytes() == ring


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
