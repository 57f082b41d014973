"""Ready-to-paste entries for chat clients.

Sources: support.claude.com article 11503834 and the MCP guide "connect remote servers" (Claude Desktop
takes only a command, hence mcp-remote), code.claude.com/docs/en/mcp, and
code.visualstudio.com/docs/copilot/customization/mcp-servers.
"""

from __future__ import annotations

import json


def claude_desktop_entry(url: str) -> dict[str, object]:
    """The server in claude_desktop_config.json. Needs Node, because the file takes only a command."""
    return {"command": "npx", "args": ["-y", "mcp-remote", url, "--transport", "http-only"]}


def claude_code_entry(url: str) -> dict[str, object]:
    """The server in .claude.json or .mcp.json."""
    return {"type": "http", "url": url}


def vs_code_entry(url: str) -> dict[str, object]:
    """The server in mcp.json of VS Code."""
    return {"type": "http", "url": url}


def cursor_entry(url: str) -> dict[str, object]:
    """The server in .cursor/mcp.json."""
    return {"url": url}


def claude_desktop(url: str) -> str:
    """The content of claude_desktop_config.json."""
    return json.dumps({"mcpServers": {"valet": claude_desktop_entry(url)}})


def claude_code(url: str) -> str:
    """The command that adds the server to Claude Code."""
    return f"claude mcp add --transport http valet {url}"


def vs_code(url: str) -> str:
    """The content of .vscode/mcp.json."""
    return json.dumps({"servers": {"valet": vs_code_entry(url)}})


def cursor(url: str) -> str:
    """The content of .cursor/mcp.json."""
    return json.dumps({"mcpServers": {"valet": cursor_entry(url)}})


def shown(url: str) -> tuple[tuple[str, str], ...]:
    """Every entry that the terminal and the setup page show, with the name of its chat program."""
    return (
        ("Claude Code", claude_code(url)),
        ("VS Code, .vscode/mcp.json", vs_code(url)),
        ("Claude Desktop, claude_desktop_config.json (this one needs Node.js for npx)", claude_desktop(url)),
    )
