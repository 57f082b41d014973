"""compose.yaml on loopback: its services with their own commands, users, mounts and environment.

Only addresses, ports and the folders behind volumes are others. In the place of the images of PostgreSQL,
nginx and certbot stand Debian's programs.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import image
from tests.support.image import ROOT, Container, Running
from tests.support.ports import free_port

DOORS = ("mcp-1", "mcp-2", "connect")
SIGNALS = {"postgres": signal.SIGINT, "nginx": signal.SIGQUIT}


def programs() -> str:
    """Debian's newest PostgreSQL. Skips the test where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[4]))
    if not found:
        if os.environ.get("VALET_REQUIRE_TOWN"):
            pytest.fail("PostgreSQL is missing: run tests/prerequisites.sh as root.")
        pytest.skip("NOT VALIDATED: compose.yaml on Debian's PostgreSQL, which is missing")
    return str(found[-1].parent)


class Site:
    """One server. `settings` are the lines of .env."""

    def __init__(self, folder: Path, opt: Path, settings: Mapping[str, str]) -> None:
        self.file: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
        self.folder = folder
        self.settings = folder / ".env"
        self.settings.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        self.settings.chmod(0o600)
        self.path = f"{programs()}:/usr/sbin:/usr/bin:/bin"
        self.ports = {name: free_port() for name in ("postgres", "http", "https", "proxy", *DOORS)}
        self.ops = {name: free_port() for name in DOORS}
        self.opt = opt
        self._values = settings
        self._running: dict[str, Running] = {}
        for name in self.file["volumes"]:
            (folder / "volumes" / name).mkdir(parents=True)
        os.chown(folder / "volumes/database", 999, 999)  # as the image has that folder

    def volume(self, name: str) -> Path:
        """The folder behind a volume."""
        return self.folder / "volumes" / name

    def log(self, name: str) -> str:
        """All that a service has said."""
        return (self.folder / f"{name}.log").read_text(encoding="utf-8")

    def container(self, name: str, **more: tuple[Path, str]) -> Container:
        """One service as the file has it; `more` are further files for it to read."""
        service = self.file["services"][name]
        ours = service["image"].startswith("valet:")
        mounts = [(source, target, False) for source, target in more.values()]
        for entry in service.get("volumes", ()):
            source, target, *mode = self._filled(entry).split(":")
            here = ROOT / source if "/" in source else self.volume(source)
            mounts.append((here, target, mode != ["ro"]))
        if "secrets" in service:
            mounts.append((self.settings, "/run/secrets/settings", False))
        given = {**(image.environment() if ours else {"PATH": self.path}), **service.get("environment", {})}
        folder = self.folder / "containers" / name
        folder.mkdir(parents=True, exist_ok=True)
        return Container(
            self.opt,
            folder,
            user=service.get("user", "10001:10001"),
            mounts=mounts,
            given={key: self._filled(str(value)) for key, value in {**given, **self._places(name)}.items()},
            capabilities=service.get("cap_add", ()),
        )

    def once(self, name: str, *arguments: str, **more: tuple[Path, str]) -> str:
        """A service to its end, or `docker compose run NAME ARGUMENTS`. What it said."""
        ran = self.attempt(name, *arguments, **more)
        assert ran.returncode == 0, f"{name}: {ran.stdout}{ran.stderr}"
        return ran.stdout + ran.stderr

    def attempt(
        self, name: str, *arguments: str, **more: tuple[Path, str]
    ) -> subprocess.CompletedProcess[str]:
        """The same, however it ends."""
        service = self.file["services"][name]
        command = [*service.get("entrypoint", ()), *(arguments or service["command"])]
        return self.container(name, **more).run(*command)

    def start(self, name: str) -> None:
        """A service that goes on."""
        service = self.file["services"][name]
        command = [*service.get("entrypoint", ()), *service.get("command", ())]
        self._running[name] = self.container(name).start(self.folder / f"{name}.log", *command)

    def start_postgres(self) -> None:
        """In the place of the image's entry point: a cluster by initdb, then the server."""
        service, box = self.file["services"]["postgres"], self.container("postgres")
        data = "/var/lib/postgresql/data"
        password = service["environment"]["POSTGRES_PASSWORD_FILE"]
        arguments = service["environment"]["POSTGRES_INITDB_ARGS"].split()
        made = box.run(
            "initdb", "-D", data, "-U", "postgres", f"--pwfile={password}", "--no-sync", *arguments
        )
        assert made.returncode == 0, made.stderr
        log, options = self.folder / "postgres.log", ("-c", "unix_socket_directories=", "-c", "fsync=off")
        port = str(self.ports["postgres"])
        self._running["postgres"] = box.start(log, "postgres", "-D", data, "-p", port, *options)
        self.until(lambda: _open(self.ports["postgres"]), "postgres")

    def start_doors(self) -> None:
        """All three, until each calls itself healthy by the image's own check."""
        for name in DOORS:
            self.start(name)
        [check] = re.findall(r"CMD (\[.*?\])$", image.instructions("HEALTHCHECK")[0])
        for name in DOORS:
            box = self.container(name)
            self.until(lambda box=box: box.run(*yaml.safe_load(check)).returncode == 0, name)

    def start_nginx(self) -> None:
        """Until it takes connections. `nginx -t` does so too, for a moment."""
        self.start("nginx")
        self.until(lambda: "start worker process" in self.log("nginx"), "nginx")

    def until(self, holds: Callable[[], object], name: str) -> None:
        """Wait until something holds, for as long as a service runs."""
        until(lambda: self._running[name].ended or holds())
        assert not self._running[name].ended, f"{name} has ended: {self.log(name)[-3000:]}"

    def stop(self, *names: str) -> None:
        """End services, in the given order; all of them where none is named."""
        for name in names or tuple(reversed(self._running)):
            running = self._running.pop(name, None)
            if running is not None:
                running.stop(SIGNALS.get(name, signal.SIGTERM))

    def _places(self, name: str) -> dict[str, str]:
        """What is elsewhere here than in the containers' networks."""
        postgres = str(self.ports["postgres"])
        if name in DOORS:
            ports = {"VALET_PORT": str(self.ports[name]), "VALET_OPS_PORT": str(self.ops[name])}
            ports["VALET_OPS_HOST"] = "127.0.0.1"
            return {**ports, "VALET_HOST": "127.0.0.1", "VALET_TRUSTED_PROXIES": "127.0.0.1"}
        if name == "init":
            return {"DATABASE": f"127.0.0.1:{postgres}/valet"}
        if name == "nginx":
            doors = {"MCP_1": "mcp-1", "MCP_2": "mcp-2", "CONNECT_1": "connect", "CONNECT_2": "connect"}
            listens = {"HTTP_PORT": "http", "HTTPS_PORT": "https", "PROXY_PORT": "proxy"}
            return {
                **{key: f"127.0.0.1:{self.ports[door]}" for key, door in doors.items()},
                **{key: f"127.0.0.1:{self.ports[port]}" for key, port in listens.items()},
                "VALET_CERTIFICATE_LOOK": "0.1",
            }
        return {"PGHOST": "127.0.0.1", "PGPORT": postgres}

    def _filled(self, text: str) -> str:
        """With ${NAME:-default} and ${NAME:?what to do} as compose fills them in."""

        def value(found: re.Match[str]) -> str:
            name, kind, rest = found.groups()
            given = self._values.get(name, "")
            assert given or kind == "-", rest
            return given or rest

        return re.sub(r"\$\{(\w+):([-?])([^}]*)\}", value, text)


def until(holds: Callable[[], object], seconds: float = 60) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"it took longer than {seconds} seconds"
        time.sleep(0.05)


def _open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
