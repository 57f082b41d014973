"""nginx as it is used, before upstreams that note each byte and before real processes of Valet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.front.raw import Answer, Line, Upstream, upstreams
from tests.support import databases
from tests.support.doors import DoorProcess, run
from tests.support.nginx import Nginx
from tests.support.ports import free_port

SHORT = {
    "client_header_timeout 10s": "client_header_timeout 1s",
    "client_body_timeout 10s": "client_body_timeout 1s",
}
"""Of nginx.conf, what a test would have to wait for."""


@dataclass
class House:
    """nginx, and ways to speak with it."""

    nginx: Nginx

    @property
    def host(self) -> str:
        """What stands in Host."""
        return self.nginx.url.removeprefix("https://")

    def ask(self, line: str, *fields: str, body: bytes = b"", host: str | None = None) -> bytes:
        """The bytes of a request."""
        head = [line, f"Host: {self.host if host is None else host}", *fields]
        return "".join(f"{one}\r\n" for one in head).encode("latin-1") + b"\r\n" + body

    def say(self, data: bytes, source: str = "127.0.0.1") -> Answer:
        """What is answered to that."""
        with Line(self.nginx, source) as line:
            line.send(data)
            answer = line.answer()
        assert answer is not None, "closed without an answer"
        return answer

    def get(self, path: str, *fields: str, source: str = "127.0.0.1") -> Answer:
        return self.say(self.ask(f"GET {path} HTTP/1.1", *fields), source)

    def post(self, path: str, *fields: str, body: bytes = b"{}", source: str = "127.0.0.1") -> Answer:
        length = f"Content-Length: {len(body)}"
        return self.say(self.ask(f"POST {path} HTTP/1.1", length, *fields, body=body), source)


@dataclass
class Porch(House):
    """nginx, and what it passes on to: `workers` for /mcp, `sidecar` for the rest."""

    workers: Upstream
    sidecar: Upstream


@pytest.fixture(scope="module")
def porch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Porch]:
    with upstreams(2) as (workers, sidecar):
        folder = tmp_path_factory.mktemp("porch")
        with Nginx(folder, SHORT, MCP_1=workers.address, CONNECT_1=sidecar.address) as nginx:
            yield Porch(nginx, workers, sidecar)


@pytest.fixture(scope="module")
def house(server_url: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """nginx before one process of each door."""
    folder = tmp_path_factory.mktemp("house")
    with databases.copied(server_url, template) as url, doors(url, folder) as nginx, nginx:
        yield House(nginx)


@contextmanager
def doors(database_url: str, folder: Path, public: str | None = None) -> Iterator[Nginx]:
    """One process of each door, and their nginx, not started; `public` is their name where it is not its."""
    given = {
        "DATABASE_URL": database_url,
        "VALET_KEYRING": str(folder / "keyring.json"),
        "VALET_TRUSTED_PROXIES": "127.0.0.1",
        "VALET_ALLOW": "*",
    }
    nginx = Nginx(folder, MCP_1=f"127.0.0.1:{free_port()}", CONNECT_1=f"127.0.0.1:{free_port()}")
    nginx.given["PUBLIC_URL"] = given["PUBLIC_URL"] = public or nginx.url
    ran = run("prepare", given=given, folder=folder)
    assert ran.returncode == 0, ran.stderr
    ports = [int(nginx.values[name].rpartition(":")[2]) for name in ("MCP_1", "CONNECT_1")]
    with (
        DoorProcess("mcp_server", given, folder, port=ports[0]),
        DoorProcess("connect", given, folder, port=ports[1]),
    ):
        yield nginx
