"""Ready-to-paste entries for chat clients.

Sources: support.claude.com article 11503834 and the MCP guide "connect remote servers" (Claude Desktop
takes only a command, hence mcp-remote), code.claude.com/docs/en/mcp, and
code.visualstudio.com/docs/copilot/customization/mcp-servers.
"""

from __future__ import annotations

import json


def claude_desktop(url: str) -> str:
    """The entry for claude_desktop_config.json. Needs Node, because the file takes only a command."""
    bridge = {"command": "npx", "args": ["-y", "mcp-remote", url, "--transport", "http-only"]}
    return json.dumps({"mcpServers": {"valet": bridge}})


def claude_code(url: str) -> str:
    """The command that adds the server to Claude Code."""
    return f"claude mcp add --transport http valet {url}"


def shown(url: str) -> tuple[tuple[str, str], ...]:
    """Every entry with the name of its chat program."""
    return (
        ("Claude Code", claude_code(url)),
        ("VS Code, .vscode/mcp.json", vs_code(url)),
        ("Claude Desktop, claude_desktop_config.json (this one needs Node.js for npx)", claude_desktop(url)),
    )


def vs_code(url: str) -> str:
    """The content of .vscode/mcp.json."""
    return json.dumps({"servers": {"valet": {"type": "http", "url": url}}})
