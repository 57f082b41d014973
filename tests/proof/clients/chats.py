"""The chat clients, each as its people start it, behind one face."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import sys
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from tests.proof.clients.line import Ended, Line
from tests.support import node

HOSTS = Path(__file__).parent / "hosts"


class Chat(ABC):
    """One client with its own state in `folder`, and with `environment` and nothing of this machine's."""

    def __init__(self, url: str, folder: Path, environment: dict[str, str]) -> None:
        self.url = url
        self.folder = folder
        self.environment = {"HOME": str(folder), "LANG": "C.UTF-8", **environment}
        self.log = folder / "stderr.txt"
        self.line: Line | None = None

    @abstractmethod
    async def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """The result of an MCP request. Raises Ended where there is none."""

    async def close(self) -> None:
        """End its process, if one runs. The next request starts it anew, with what it kept."""
        if self.line is not None:
            line, self.line = self.line, None
            await line.stop()

    async def kill(self) -> None:
        """End it in the midst of whatever it does."""
        if self.line is not None:
            line, self.line = self.line, None
            await line.kill()

    def forget(self, *what: str) -> None:
        """Let it forget its `tokens` or its `client` registration, as when the server is removed from it."""
        raise AssertionError(f"{type(self).__name__} has no way to forget")

    async def log_out(self) -> None:
        """Let it give its tokens back, where it has a way to."""
        raise AssertionError(f"{type(self).__name__} has no way to log out")

    async def tools(self) -> set[str]:
        listed = await self.ask("tools/list", {})
        return {tool["name"] for tool in listed["tools"]}

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        return await self.ask("tools/call", {"name": tool, "arguments": arguments})


class Scripted(Chat):
    """An SDK with a program of ours around it (`hosts/`)."""

    def __init__(self, url: str, folder: Path, environment: dict[str, str], *command: str | Path) -> None:
        super().__init__(url, folder, environment)
        self._command = command

    async def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        if self.line is None:
            self.line = Line(self._command, self.environment, self.log)
            await self.line.start()
        return await self.line.ask(method=method, params=params)

    async def log_out(self) -> None:
        await self.ask("logout", {})

    def forget(self, *what: str) -> None:
        path = self.folder / "kept.json"
        kept = json.loads(path.read_text())
        path.write_text(json.dumps({name: value for name, value in kept.items() if name not in what}))


def present(url: str, folder: Path, environment: dict[str, str], mode: str) -> Chat:
    """The Python SDK that Valet itself stands on."""
    program = HOSTS / "present.py"
    return Scripted(url, folder, environment, sys.executable, program, url, folder / "kept.json", mode)


def earlier(url: str, folder: Path, environment: dict[str, str], python: Path) -> Chat:
    """A Python SDK 1.x in the environment of `python`."""
    return Scripted(url, folder, environment, python, HOSTS / "earlier.py", url, folder / "kept.json")


def typescript(url: str, folder: Path, environment: dict[str, str], flavour: str, mode: str) -> Chat:
    """`client`: @modelcontextprotocol/client; `sdk`: @modelcontextprotocol/sdk."""
    modules = node.package(f"@modelcontextprotocol/{flavour}").parents[1]
    command = (node.node_path(), HOSTS / "typescript.mjs", modules, flavour, url, folder / "kept.json", mode)
    return Scripted(url, folder, environment, *command)


class Remote(Chat):
    """A Claude Desktop that starts the entry of its claude_desktop_config.json: `npx -y mcp-remote …`."""

    def __init__(self, entry: str, url: str, folder: Path, environment: dict[str, str]) -> None:
        super().__init__(url, folder, environment)
        [bridge] = json.loads(entry)["mcpServers"].values()
        self._command = [bridge["command"], *bridge["args"]]
        self.environment["MCP_REMOTE_CONFIG_DIR"] = str(folder / "mcp-auth")
        # npx takes mcp-remote from here and asks no registry, so the version is the pinned one.
        (folder / "node_modules").symlink_to(node.package("mcp-remote").parent)
        self.environment["npm_config_offline"] = "true"
        path = os.pathsep.join(
            (self.environment["PATH"], str(_npx(folder).parent), os.environ.get("PATH", ""))
        )
        self.environment["PATH"] = path

    async def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        if self.line is None:
            self.line = Line(self._command, self.environment, self.log)
            await self.line.start()
            hello = {
                "protocolVersion": "2025-11-25",
                "capabilities": {},
                "clientInfo": {"name": "claude-ai", "version": "0.1.0"},
            }
            await self.line.ask(jsonrpc="2.0", method="initialize", params=hello)
            self.line.tell(jsonrpc="2.0", method="notifications/initialized")
        return await self.line.ask(jsonrpc="2.0", method=method, params=params)


def _npx(folder: Path) -> Path:
    """The command `npx` of the tests' Node, in a folder of its own."""
    program = folder / "bin" / "npx"
    program.parent.mkdir()
    cli = node.node_path().parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npx-cli.js"
    program.write_text(f'#!/bin/sh\nexec {shlex.join([str(node.node_path()), str(cli)])} "$@"\n')
    program.chmod(0o755)
    (program.parent / "node").symlink_to(node.node_path())
    return program


class Inspector(Chat):
    """Inspector's command line: one process for each request, with its tokens under HOME.

    `options` are further ones of every command.
    """

    def __init__(self, url: str, folder: Path, environment: dict[str, str], *options: str) -> None:
        # Without a terminal it opens no browser, and without a keychain it keeps no token, unless told to.
        told = {"MCP_AUTO_OPEN_ENABLED": "true", "MCP_INSPECTOR_SECRET_STORE": "file"}
        super().__init__(url, folder, {**environment, **told})
        launcher = (
            node.package("@modelcontextprotocol/inspector") / "clients" / "launcher" / "build" / "index.js"
        )
        self._command = [str(node.node_path()), str(launcher), "--cli", url, "--transport", "http", *options]

    async def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        more = []
        if method == "tools/call":
            more = ["--tool-name", params["name"], "--tool-args-json", json.dumps(params["arguments"])]
        return await self._run("--method", method, *more)

    async def log_out(self) -> None:
        """Its `--relogin`, which also logs in again at once.

        It would revoke; but after a login of its own it does not find the revocation endpoint that it keeps.
        """
        await self._run("--method", "tools/list", "--relogin")

    async def _run(self, *more: str) -> dict[str, Any]:
        with self.log.open("a") as log:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                *more,
                "--format",
                "json",
                env=self.environment,
                cwd=self.folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
            )
            said, _ = await process.communicate()
        try:
            return dict(json.loads(said)["result"])
        except (ValueError, KeyError):
            raise Ended(f"{process.returncode}: {said[-500:]!r} {self.log.read_text()[-2000:]}") from None
