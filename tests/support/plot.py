"""A database with its two roles and the place of a key ring, as processes of one door each stand on them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tests.support.doors import run

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


@contextmanager
def site_at(server_url: str, folder: Path) -> Iterator[Site]:
    """One of its own on that server, for as long as the block lasts."""
    with two_roles(server_url) as (owner, app):
        yield Site(folder, owner, app)


@contextmanager
def two_roles(server_url: str) -> Iterator[tuple[str, str]]:
    """A new database, reached as its owner and as the app's role; both end with the block."""
    name = f"valet_site_{uuid.uuid4().hex[:10]}"
    owner, app = sql.Identifier(f"{name}_owner"), sql.Identifier(f"{name}_app")
    with psycopg.connect(server_url, autocommit=True) as link:
        for role in (owner, app):
            link.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, CANARY))
        link.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), owner))
    urls = [
        make_conninfo(server_url, dbname=name, user=f"{name}_{which}", password=CANARY)
        for which in ("owner", "app")
    ]
    try:
        yield urls[0], urls[1]
    finally:
        with psycopg.connect(server_url, autocommit=True) as link:
            link.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
            for role in (app, owner):
                link.execute(sql.SQL("DROP ROLE {}").format(role))
