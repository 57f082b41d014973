"""Valet as a person starts it: the `valet` command in a process of its own, on a port of its own."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path
from types import TracebackType

from tests.support import cluster, room, warm
from tests.support.ending import ended
from tests.support.ports import free_port

ROOT = Path(__file__).resolve().parents[2]


def reachable_folder() -> Path:
    """A new folder that the embedded database's user can reach even where the tests run as root."""
    return room.folder()


class ValetProcess:
    """`valet demo` (or `serve`) with its embedded PostgreSQL, against an emulator that is already there.

    Logs are collected over all starts, at DEBUG. The port and the data folder stay the same. `root` is the
    checkout that runs. Where it is not `fresh` it finds an empty cluster in its folder and need not make one.
    """

    def __init__(
        self, command: str = "demo", root: Path = ROOT, *, fresh: bool = False, **environment: str
    ) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.folder = reachable_folder()
        self.data = self.folder / "data"
        self.logs = self.folder / "logs.txt"
        self.owner_link = ""
        self.banner = ""
        self._command = command
        self._root = root
        self._fresh = fresh
        self.environment_more = environment
        self._process: warm.Copy | subprocess.Popen[str] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What the command sees; nothing of the machine's own settings."""
        inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return {
            **inherited,
            "PUBLIC_URL": self.url,
            "VALET_PORT": str(self.port),
            "VALET_DATA_DIR": str(self.data),
            "VALET_LOG_LEVEL": "DEBUG",
            **self.environment_more,
        }

    def run(self, *arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Another `valet` command beside it, to its end."""
        return warm.run(
            ["-m", "valet", *arguments],
            cwd=self.folder,
            env=self.environment,
            root=self._root,
            timeout=timeout,
        )

    def start(self) -> None:
        """Start it and wait until it says that it is ready."""
        self._furnish()
        with self.logs.open("a") as log:
            self._process = warm.start(
                ["-m", "valet", self._command],
                cwd=self.folder,
                env=self.environment,
                root=self._root,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        assert self._process.stdout is not None
        said = []
        for line in self._process.stdout:
            said.append(line)
            if line.startswith("Ctrl-C"):
                break
        else:
            status = self._process.wait()
            raise AssertionError(f"valet ended with {status}: {self.logs.read_text()[-2000:]}")
        self.banner = "".join(said)
        found = re.search(r"http\S+/owner\?t=\S+", self.banner)
        self.owner_link = found[0] if found else ""

    def _furnish(self) -> None:
        """With a database of its own, unless there is one, or another is named."""
        home = self.data / "demo" if self._command == "demo" else self.data
        elsewhere = {"DATABASE_URL", "VALET_DATA_DIR"} & self.environment_more.keys()
        if not (self._fresh or elsewhere or home.exists()):
            cluster.copy(home)

    def stop(self, number: int = signal.SIGINT) -> int:
        """Ctrl-C, and wait until it is gone. The exit status."""
        if self._process is None:
            return 0
        process, self._process = self._process, None
        process.send_signal(number)
        try:
            return ended(process, 30)
        finally:
            assert process.stdout is not None
            process.stdout.close()

    def restart(self) -> None:
        """Stop everything, the database included, and start again on the same data."""
        assert self.stop() == 0
        self.start()

    def new_owner_link(self) -> str:
        """What `valet link` prints."""
        arguments = ["link", "--demo"] if self._command == "demo" else ["link"]
        ran = self.run(*arguments)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout.strip()

    def close(self) -> None:
        """Stop it and remove its data."""
        try:
            self.stop()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> ValetProcess:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
