"""What is left of a key in a process's memory: read from outside, by the process that started it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest

from vault.keyring import wrap_context
from vault.rings.file import FileKeyRing

ROOT = Path(__file__).parents[2]
OWNER = UUID(int=7)
# Python's allocator writes a pointer over the first bytes of what is freed: the other half is looked for.
HALF = slice(16, None)

# Tells its wrapped key, and goes on by a line on stdin: never the key itself, which its reader unwraps.
WORKER = """
import asyncio, json, sys
import structlog
from pathlib import Path
from uuid import UUID
from prometheus_client import CollectorRegistry
from vault import envelope
from vault.alarms import Alarms
from vault.cache import DekCache
from vault.errors import Tampered
from vault.rings.file import FileKeyRing

structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))

def tell(**what):
    print(json.dumps(what), flush=True)
    sys.stdin.readline()

async def main():
    place = envelope.Context(UUID(int=7), "connection.tokens", UUID(int=9), 1)
    ring = FileKeyRing(Path(sys.argv[1]))
    makes, opens = DekCache(ring, Alarms(CollectorRegistry())), DekCache(ring, Alarms(CollectorRegistry()))
    rows, lasting = [await makes.fresh(UUID(int=7), "connection") for _ in range(100)], []
    for row in rows:
        sealed = await makes.seal(row, place, b"tokens")
        assert await opens.open(row, place, sealed) == b"tokens"
        try:
            await opens.open(row, place, sealed[:-1] + bytes([sealed[-1] ^ 1]))
        except Tampered:
            pass
        lasting.append(await opens.lasting(row))
        lasting[-1].derive("purpose")
    tell(rows=[(str(row.id), row.kek_ref, row.wrapped.hex()) for row in rows])
    makes.wipe(), opens.wipe(), [key.wipe() for key in lasting]
    tell(wiped=True)

asyncio.run(main())
"""


def memory(pid: int) -> bytes:
    """All memory that a process can write to, but its stack.

    On the stack OpenSSL leaves what it hashed last, until the next call: nothing of ours reaches that.
    """
    found = []
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            begin, end, mode, where = re.match(r"(\w+)-(\w+) (\S+) \S+ \S+ \S+ *(.*)", line).groups()  # type: ignore[union-attr]
            if mode.startswith("rw") and where not in {"[stack]", "[vvar]", "[vdso]"}:
                memory.seek(int(begin, 16))
                found.append(memory.read(int(end, 16) - int(begin, 16)))
    return b"".join(found)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_no_copy_of_a_data_key_is_left_once_it_is_wiped(tmp_path: Path) -> None:
    ring = FileKeyRing.create(tmp_path / "ring.json")
    command = [sys.executable, "-c", WORKER, str(tmp_path / "ring.json")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, text=True, cwd=ROOT, **pipes) as worker:  # type: ignore[call-overload]
        try:
            rows = json.loads(worker.stdout.readline())["rows"]
            places = [wrap_context(OWNER, "connection", UUID(dek)) for dek, _, _ in rows]
            deks = [
                await ring.unwrap(ref, bytes.fromhex(blob), place)
                for (_, ref, blob), place in zip(rows, places, strict=True)
            ]
            before = memory(worker.pid)
            # One in each cache and one that lasts; nothing on the way to them kept another.
            assert {before.count(dek[HALF]) for dek in deks} == {3}
            worker.stdin.write("\n")
            worker.stdin.flush()
            assert json.loads(worker.stdout.readline()) == {"wiped": True}
            after = memory(worker.pid)
            assert sum(after.count(dek[HALF]) for dek in deks) == 0
        finally:
            worker.kill()
