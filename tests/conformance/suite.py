"""The official conformance suite as a process, and what it found."""

from __future__ import annotations

import asyncio
import json
import re
from collections import defaultdict
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.support.node import environment, node_path, package

Findings = dict[str, dict[str, str]]
"""By scenario and check: the worst status that the check had."""

_WORST = ("FAILURE", "WARNING", "SKIPPED", "INFO", "SUCCESS")
_LISTED = re.compile(r"^  - (\S+) \[(\S+)\]$", re.M)


async def offered(kind: str) -> dict[str, frozenset[str]]:
    """Every scenario of a kind (server, authorization), and the revisions (or "extension") it is for."""
    printed = await _run("list", f"--{kind}")
    return {name: frozenset(revisions.split(",")) for name, revisions in _LISTED.findall(printed)}


async def server(url: str, revision: str, folder: Path) -> Findings:
    """Run all server scenarios of a revision against `url`."""
    await _run("server", "--url", url, "--suite", "all", "--spec-version", revision, "-o", str(folder))
    return _findings(folder, "server-")


async def authorization(
    issuer: str,
    client_id: str,
    port: int,
    revision: str,
    folder: Path,
    visit: Callable[[str], Awaitable[None]],
) -> Findings:
    """Run the authorization server scenarios; `visit` follows the address that a person is to open."""
    await _run(
        "authorization",
        *("--url", issuer, "--client-id", client_id, "--resource", f"{issuer}/mcp"),
        *("--port", str(port), "--spec-version", revision, "-o", str(folder)),
        visit=visit,
    )
    return _findings(folder, "authorization-server-")


async def _run(*arguments: str, visit: Callable[[str], Awaitable[None]] | None = None) -> str:
    """The suite's output. Its exit status says no more than the findings do."""
    script = package("@modelcontextprotocol/conformance") / "dist" / "index.js"
    process = await asyncio.create_subprocess_exec(
        node_path(),
        script,
        *arguments,
        env=environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        limit=2**20,
    )
    assert process.stdout is not None
    said = []
    try:
        async with asyncio.timeout(300):
            async for raw in process.stdout:
                said.append(line := raw.decode())
                if visit is not None and line.startswith("http"):
                    await visit(line.strip())
            await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return "".join(said)


def _findings(folder: Path, prefix: str) -> Findings:
    found: Findings = defaultdict(dict)
    for file in sorted(folder.glob("*/checks.json")):
        scenario = re.sub(r"-\d{4}-\d\d-\d\dT[\d-]+Z$", "", file.parent.name).removeprefix(prefix)
        for check in json.loads(file.read_text()):
            checks = found[scenario]
            checks[check["id"]] = min(check["status"], checks.get(check["id"], "SUCCESS"), key=_WORST.index)
    return dict(found)
