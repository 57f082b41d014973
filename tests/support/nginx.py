"""nginx with the project's nginx.conf, filled in by deploy/compose/nginx.sh, and nothing else changed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil
import pytest

from tests.support.ports import free_port
from valet.tls import Pair, ensure

CONF = Path(__file__).parents[2] / "nginx.conf"
SCRIPT = CONF.parent / "deploy/compose/nginx.sh"
NOBODY = "255.255.255.255"
"""Of TRUSTED_PROXY where there is none."""


def program() -> str:
    """The path of nginx. Skips the test where it is missing, and fails it with VALET_REQUIRE_TOWN=1."""
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        if os.environ.get("VALET_REQUIRE_TOWN"):
            pytest.fail("nginx is missing: run tests/prerequisites.sh as root.")
        pytest.skip("NOT VALIDATED: nothing of nginx.conf, for nginx is missing (tests/prerequisites.sh)")
    return found


def fill(
    template: Path, folder: Path, values: Mapping[str, str], shell: Sequence[str] = ("sh",), path: str = ""
) -> subprocess.CompletedProcess[str]:
    """What the script does before it starts nginx: nginx.conf in `folder`, from the values given here alone.

    `shell` runs it, with the programs of `path`.
    """
    usual = f"{Path(program()).parent}:{os.environ['PATH']}"
    return subprocess.run(
        [*shell, SCRIPT, template, folder, "check"],
        env={**values, "PATH": path or usual},
        capture_output=True,
        text=True,
        check=False,
    )


class Nginx:
    """One nginx on loopback, with a certificate of `valet tls dev`.

    `values` are the variables of nginx.conf. Needed are MCP_1 and CONNECT_1; MCP_2 and CONNECT_2 are the same
    unless given, and everything else is made. `changes` are texts of nginx.conf to replace, each of which
    must be there once: shorter times, smaller limits.
    """

    template = CONF

    def __init__(self, folder: Path, changes: Mapping[str, str] | None = None, **values: str) -> None:
        self.folder = folder / "nginx"
        self.http_port, self.https_port, self.proxy_port = free_port(), free_port(), free_port()
        self.host = "127.0.0.1"
        self.url = f"https://{self.host}:{self.https_port}"
        """PUBLIC_URL, unless given."""
        self.pair = Pair(self.folder / "tls")
        self.acme = self.folder / "acme"
        self.logs = self.folder / "access.log"
        self.errors = self.folder / "error.log"
        self.file = self.folder / "nginx.conf"
        self.changes = dict(changes or {})
        self.given = values
        """Variables of nginx.conf that are not the usual ones."""
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def authority(self) -> Path:
        """What a client has to trust."""
        return self.pair.authority

    @property
    def values(self) -> dict[str, str]:
        """The variables of nginx.conf."""
        given = self.given
        return {
            "PUBLIC_URL": self.url,
            "HTTP_PORT": f"{self.host}:{self.http_port}",
            "HTTPS_PORT": f"{self.host}:{self.https_port}",
            "PROXY_PORT": f"{self.host}:{self.proxy_port}",
            "TLS_CERTIFICATE": str(self.pair.certificate),
            "TLS_KEY": str(self.pair.key),
            "ACME_WEBROOT": str(self.acme),
            "TRUSTED_PROXY": NOBODY,
            "MCP_2": given.get("MCP_1", ""),
            "CONNECT_2": given.get("CONNECT_1", ""),
            **given,
        }

    def start(self) -> None:
        """Start it, and wait until it takes connections. What the script says stands in the error."""
        command = self.prepare()
        with self.logs.open("ab") as log, self.errors.open("ab") as errors:
            self._process = subprocess.Popen(
                [*command, "-g", f"{_workers()} daemon off;"],
                stdout=log,
                stderr=errors,
                start_new_session=True,
            )
        self._until_open()

    def prepare(self) -> list[str]:
        """Write the files, which nginx takes; the command that runs with them."""
        for folder in (self.folder, self.acme):
            folder.mkdir(parents=True, exist_ok=True)
        ensure(self.pair.folder, self.host)
        text = self.template.read_text()
        for old, new in self.changes.items():
            assert text.count(old) == 1, f"{old!r} is not in nginx.conf once"
            text = text.replace(old, new)
        changed = self.folder / "template.conf"
        changed.write_text(text)
        ran = fill(changed, self.folder, self.values)
        assert ran.returncode == 0, ran.stderr
        return [program(), "-p", str(self.folder), "-c", str(self.file)]

    def reload(self, **values: str) -> None:
        """Read the file anew, with some values changed, and wait until only new processes answer."""
        assert self._process is not None
        self.given = {**self.given, **values}
        self.prepare()
        before = self.workers()
        self._process.send_signal(signal.SIGHUP)
        _until(
            lambda: self.workers() and not self.workers() & before, "the old workers are still there", self
        )

    def workers(self) -> set[int]:
        """The pids of the processes that answer."""
        assert self._process is not None
        return {child.pid for child in psutil.Process(self._process.pid).children()}

    def logged(self, path: str, **more: object) -> dict[str, Any]:
        """The last line of the access log about that path, with those values as well, once there is one."""

        def found() -> list[dict[str, Any]]:
            lines = [json.loads(line) for line in self.logs.read_text().splitlines() if line.endswith("}")]
            return [line for line in lines if {"path": path, **more}.items() <= line.items()]

        _until(found, f"nothing is logged of {path} {more or ''}", self)
        return found()[-1]

    def stop(self) -> None:
        """Let what is under way end, and end."""
        if self._process is None:
            return
        process, self._process = self._process, None
        process.send_signal(signal.SIGQUIT)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.terminate()
            process.wait(30)

    def __enter__(self) -> Nginx:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _until_open(self) -> None:
        def opened() -> bool:
            assert self._process is not None
            assert self._process.poll() is None, self.errors.read_text()[-2000:]
            with socket.socket() as probe:
                return probe.connect_ex((self.host, self.https_port)) == 0

        _until(opened, "it takes no connection", self)


def _workers() -> str:
    """As root its processes would be nobody's, who may not look into the folders of the tests."""
    return "user root;" if os.geteuid() == 0 else ""


def _until(holds: object, otherwise: str, nginx: Nginx) -> None:
    assert callable(holds)
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end, f"{otherwise}: {nginx.errors.read_text()[-2000:]}"
        time.sleep(0.02)
