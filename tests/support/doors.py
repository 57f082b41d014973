"""One door of Valet in a process of its own, as a container of a larger installation runs it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from tests.support import warm
from tests.support.ending import ended
from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]


class DoorProcess:
    """`mcp_server` or `connect`: started until it says that it is ready; `port` stays over a restart.

    `environment` is all it sees but the path to programs. `root` is the source tree that it runs.
    """

    def __init__(
        self, door: str, environment: Mapping[str, str], folder: Path, *, root: Path = ROOT, port: int = 0
    ) -> None:
        self.door = door
        self.port = port or free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.logs = folder / f"{door}-{self.port}.log"
        self.said = ""
        self.root = root
        self._environment = dict(environment)
        self._folder = folder
        self._process: warm.Copy | subprocess.Popen[str] | None = None

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self._process is not None
        return self._process.pid

    @property
    def owner_link(self) -> str:
        """What the sidecar said at its start."""
        found = re.search(r"http\S+/owner\?t=\S+", self.said)
        assert found, self.said
        return found[0]

    def start(self) -> None:
        """Start it and wait until it says that it is ready; its log in the error where it ends instead."""
        self.begin()
        self.wait_ready()

    def begin(self) -> None:
        """Start it, and wait for nothing."""
        with self.logs.open("a") as log:
            self._process = warm.start(
                ["-m", "valet", self.door.replace("_", "-")],
                cwd=self._folder,
                env={**environment(self._environment), "VALET_PORT": str(self.port)},
                root=self.root,
                stdout=subprocess.PIPE,
                stderr=log,
            )

    def wait_ready(self) -> None:
        """Until it says that it is ready."""
        assert self._process is not None and self._process.stdout is not None
        self.said = ""
        for line in self._process.stdout:
            self.said += line
            if " is ready at " in line:
                return
        status = self._process.wait()
        raise AssertionError(f"{self.door} ended with {status}: {self.logs.read_text()[-2000:]}")

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Tell it to end, and wait until it has. The exit status."""
        if self._process is None:
            return 0
        process, self._process = self._process, None
        process.send_signal(number)
        try:
            return ended(process)
        finally:
            assert process.stdout is not None
            process.stdout.close()

    def restart(self) -> None:
        """In order, on the same port."""
        assert self.stop() == 0, self.logs.read_text()[-2000:]
        self.start()

    def __enter__(self) -> DoorProcess:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """What a process of ours sees: nothing of the machine's own settings."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**inherited, "VALET_LOG_LEVEL": "DEBUG", **given}


def run(
    *arguments: str, given: Mapping[str, str], folder: Path, root: Path = ROOT, timeout: float = 60
) -> subprocess.CompletedProcess[str]:
    """A `valet` command, to its end."""
    return warm.run(
        ["-m", "valet", *arguments], cwd=folder, env=environment(given), root=root, timeout=timeout
    )
