"""Chat programs whose entries are in a file: where that is on each system, and what the entry looks like.

Another one is a line of PROGRAMS and its entry in `valet/entries.py`. Sources stand in `docs/clients.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from valet import entries

NAME = "valet"
"""What the entry is called."""


@dataclass(frozen=True, slots=True)
class Machine:
    """Whose files they are: the system (`sys.platform`), the environment, and the home folder."""

    system: str
    environment: Mapping[str, str]
    home: Path

    @property
    def programs(self) -> Path:
        """Where programs keep what is a person's own."""
        if self.system == "darwin":
            return self.home / "Library" / "Application Support"
        if self.system == "win32":
            given = self.environment.get("APPDATA")
            return Path(given) if given else self.home / "AppData" / "Roaming"
        given = self.environment.get("XDG_CONFIG_HOME")
        return Path(given) if given else self.home / ".config"


@dataclass(frozen=True, slots=True)
class Program:
    """`file` is a person's own, `project` the one of a folder of theirs (none: there is none).

    `comments`: whether the program reads comments in it. `after` is what to do then.
    """

    name: str
    title: str
    section: str
    entry: Callable[[str], Mapping[str, object]]
    file: Callable[[Machine], Path]
    project: str | None
    comments: bool
    after: str

    def path(self, machine: Machine, folder: Path | None) -> Path:
        """The file that is meant; `folder` is a project's. Raises ValueError where there is none."""
        if folder is None:
            return self.file(machine)
        if self.project is None:
            raise ValueError(f"{self.title} has no entries of a project")
        return folder / self.project

    def ours(self, value: object) -> bool:
        """Whether an entry is one that was made here, for whatever address."""
        if not isinstance(value, dict):
            return False
        texts = [*value.values(), *(value.get("args") or [] if isinstance(value.get("args"), list) else [])]
        urls = [each for each in texts if isinstance(each, str) and each.endswith("/mcp")]
        return any(value == self.entry(url) for url in urls)


PROGRAMS = (
    Program(
        "claude-desktop", "Claude Desktop", "mcpServers", entries.claude_desktop_entry,
        lambda at: at.programs / "Claude" / "claude_desktop_config.json", None, False,
        "Quit Claude Desktop altogether and start it again; the first time it opens the browser.",
    ),
    Program(
        "claude-code", "Claude Code", "mcpServers", entries.claude_code_entry,
        lambda at: Path(at.environment.get("CLAUDE_CONFIG_DIR") or at.home) / ".claude.json",
        ".mcp.json", False,
        "In Claude Code: /mcp, then valet, then Authenticate.",
    ),
    Program(
        "vscode", "VS Code", "servers", entries.vs_code_entry,
        lambda at: at.programs / "Code" / "User" / "mcp.json", ".vscode/mcp.json", True,
        "In VS Code: Start, above the entry in that file; it opens the browser.",
    ),
    Program(
        "cursor", "Cursor", "mcpServers", entries.cursor_entry,
        lambda at: at.home / ".cursor" / "mcp.json", ".cursor/mcp.json", True,
        "In Cursor: Customize, MCPs; switch valet on and sign in.",
    ),
)  # fmt: skip
