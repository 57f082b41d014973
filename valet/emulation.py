"""The emulator as a child process of `valet demo`. It never outlives us: it ends when its stdin closes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from providers.registry import PROVIDERS
from valet.oidc import DEMO, known

DEMO_ORIGIN = "http://localhost:9009"
DEMO_CLIENT_SECRET = "emulator-secret"  # noqa: S105 - the emulator's, worth nothing elsewhere


def demo_client_id(provider: str) -> str:
    """The app that the emulator knows at the provider of that name."""
    return f"emulator-{provider}"


def as_demo(values: Mapping[str, str]) -> dict[str, str]:
    """Settings as the demo has them: the emulator's apps and OpenID provider, whatever else is set."""
    demo = {**values, **DEMO}
    for provider in known(PROVIDERS, demo):
        demo[provider.client_id_setting] = demo_client_id(provider.name)
        demo[provider.client_secret_setting] = DEMO_CLIENT_SECRET
    demo["VALET_EMULATOR_ORIGIN"] = values.get("VALET_EMULATOR_ORIGIN") or DEMO_ORIGIN
    return demo


class EmulatorFailed(Exception):
    """The emulator did not start; the text says why."""


class Emulator:
    """`python -m providers.emulator` on a fixed port, its state kept in a file of the demo's folder."""

    def __init__(self, state: Path) -> None:
        port = DEMO_ORIGIN.rpartition(":")[2]
        self._command = [
            sys.executable,
            "-m",
            "providers.emulator",
            "--port",
            port,
            "--state",
            str(state),
            "--exit-with-stdin",
        ]
        self._log = state.with_suffix(".log")
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Launch it; `wait` says when it listens."""
        self._child = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # A file, not a pipe: nobody reads while the demo runs, and a full pipe would stop the emulator.
            stderr=self._log.open("wb"),
            # Ctrl-C goes to the whole group; we stop it ourselves, after the sidecar has answered.
            start_new_session=True,
        )

    def wait(self) -> None:
        """Return once it listens. Raises EmulatorFailed."""
        child = self._child
        assert child is not None
        if _pipe(child.stdout).readline():
            return
        self.stop()
        words = self._log.read_text(errors="replace").strip().splitlines()
        raise EmulatorFailed(words[-1] if words else "the emulator ended without a word")

    def stop(self) -> None:
        """End it and wait until it is gone."""
        if self._child is None:
            return
        _pipe(self._child.stdin).close()
        try:
            self._child.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        _pipe(self._child.stdout).close()
        self._child = None


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe
