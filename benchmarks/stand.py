"""What tool calls are measured on: a database, people, an upstream, and the processes that serve.

The one that is measured has a core of its own; the load, the upstream and PostgreSQL share the other one.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.people import ORIGIN, settle
from tests.support.doors import DoorProcess
from valet.embedded import Supervisor
from vault.store.migrate import migrate

HERE = Path(__file__).parent
PATH = "/api.spotify.com/v1/me/player?additional_types=track%2Cepisode"
MODERN, BEFORE = "2026-07-28", "2025-11-25"
CORES = sorted(os.sched_getaffinity(0))
SERVING, OTHER = CORES[0], CORES[-1]
# A process is measured from its first line on, not as a copy of one that has loaded everything.
os.environ["VALET_TEST_COLD"] = "1"


def cpu(pid: int) -> float:
    """Seconds of CPU that a process has used, all threads, from the scheduler's nanoseconds."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def resident(pid: int) -> float:
    """MB of memory that a process holds."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


def request(token: str, tool: str, arguments: dict[str, Any], era: str) -> str:
    """One call as a chat program sends it."""
    params: dict[str, Any] = {"name": tool, "arguments": arguments}
    named = {}
    if era == MODERN:
        params["_meta"] = {
            "io.modelcontextprotocol/protocolVersion": era,
            "io.modelcontextprotocol/clientCapabilities": {},
        }
        named = {"Mcp-Method": "tools/call", "Mcp-Name": tool}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
    headers = {
        "Host": ORIGIN.partition("://")[2],
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": era,
        "Authorization": f"Bearer {token}",
        "Content-Length": str(len(body)),
        **named,
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST /mcp HTTP/1.1\r\n{head}\r\n{body}"


@dataclass
class Served:
    """A process that answers calls, and the calls for it."""

    pid: int
    port: int
    requests: Sequence[str]


@dataclass
class Load:
    """What came of some calls."""

    calls: int
    seconds: float
    micros: list[int]
    cpu: float = 0.0
    """Of the processes that served them, in seconds."""

    @property
    def each(self) -> float:
        """CPU milliseconds of one call."""
        return self.cpu * 1000 / self.calls


def load(served: Sequence[Served], calls: int, lines: int = 8) -> Load:
    """So many calls, dealt out to these processes."""
    plan = {
        "ports": [each.port for each in served],
        "requests": served[0].requests,
        "calls": calls,
        "lines": lines,
        "must": '"isError":false',
    }
    before = sum(cpu(each.pid) for each in served)
    ran = subprocess.run(
        [sys.executable, str(HERE / "load.py")],
        input=json.dumps(plan),
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: os.sched_setaffinity(0, {OTHER}),
    )
    if ran.returncode:
        raise RuntimeError(ran.stderr[-2000:])
    said = json.loads(ran.stdout)
    return Load(calls, said["seconds"], said["micros"], sum(cpu(each.pid) for each in served) - before)


@dataclass
class Stand:
    """Everything that runs, and how to start more; `stack` ends it."""

    folder: Path
    owner: str
    url: str
    upstream: int
    tokens: list[str]
    stack: ExitStack = field(repr=False)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PUBLIC_URL": ORIGIN,
            "DATABASE_URL": self.url,
            "VALET_KEYRING": str(self.folder / "keyring.json"),
            "SPOTIFY_CLIENT_ID": "emulator-spotify",
            "VALET_EMULATOR_ORIGIN": f"http://localhost:{self.upstream}",
            "VALET_LOG_LEVEL": "INFO",
            "VALET_LOG_FORMAT": "json",
        }

    @property
    def given(self) -> dict[str, Any]:
        """What `rivals.py` is told."""
        return {
            "upstream": f"http://localhost:{self.upstream}{PATH}",
            "database": self.url,
            "token": self.tokens[0],
            "http": "auto",
            "lines": 8,
        }

    def door(self, door: str) -> tuple[DoorProcess, float, float]:
        """A process of ours; CPU and time until it was ready, in seconds."""
        process = DoorProcess(door, self.environment, self.folder)
        began = time.perf_counter()
        self.stack.enter_context(process)
        took = time.perf_counter() - began
        return process, cpu(process.pid), took

    def calls(self, tool: str, arguments: dict[str, Any], era: str, tokens: Sequence[str] = ()) -> list[str]:
        return [request(token, tool, arguments, era) for token in tokens or self.tokens]

    def rival(self, name: str, tool: str, arguments: dict[str, Any], era: str) -> Served:
        """One of `rivals.py`, serving."""
        own = self.folder / f"{name}.json"
        process = subprocess.Popen(
            [sys.executable, str(HERE / "rivals.py"), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.stack.callback(_ended(process))
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(json.dumps({**self.given, "tokens": str(own)}))
        process.stdin.close()
        port = int(process.stdout.readline())
        tokens = json.loads(own.read_text()) if own.exists() else ()
        os.sched_setaffinity(process.pid, {SERVING})
        return Served(process.pid, port, self.calls(tool, arguments, era, tokens))

    def parts(self, calls: int) -> list[float]:
        """CPU milliseconds of one httpx2 request and of one indexed SELECT."""
        ran = subprocess.run(
            [sys.executable, str(HERE / "rivals.py"), "parts"],
            input=json.dumps({**self.given, "calls": calls}),
            capture_output=True,
            text=True,
            check=True,
            preexec_fn=lambda: os.sched_setaffinity(0, {SERVING}),
        )
        return [float(each) for each in json.loads(ran.stdout)]


def _ended(process: subprocess.Popen[str]) -> Callable[[], None]:
    def end() -> None:
        process.terminate()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()

    return end


@contextmanager
def stand(people: int) -> Iterator[Stand]:
    """A database with so many people in it, and the upstream."""
    folder = Path(tempfile.mkdtemp(prefix="valet-bench-"))
    folder.chmod(0o755)
    os.environ["VALET_TEST_COLD"] = "1"  # each process starts by itself, as it does in production
    os.sched_setaffinity(0, {OTHER})  # PostgreSQL and the rest inherit it; who is measured gets its own
    with ExitStack() as stack:
        stack.callback(os.sched_setaffinity, 0, set(CORES))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        urls = stack.enter_context(Supervisor(folder))
        app = urls.app.get_secret_value()
        migrate(urls.owner.get_secret_value(), app_role="valet_app")
        tokens = asyncio.run(settle(app, folder / "keyring.json", people))
        upstream = subprocess.Popen(
            [sys.executable, str(HERE / "upstream.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        stack.callback(upstream.wait)
        assert upstream.stdin is not None and upstream.stdout is not None
        stack.callback(upstream.stdin.close)
        os.sched_setaffinity(upstream.pid, {OTHER})
        owner = urls.owner.get_secret_value()
        yield Stand(folder, owner, app, int(upstream.stdout.readline()), tokens, stack)
