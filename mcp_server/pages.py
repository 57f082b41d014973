"""The pages that a chat program may render beside an answer: MCP Apps (ext-apps 2026-01-26).

Each is one HTML file of `mcp_server/apps`: the same for everybody, holding no data and asking nothing of
the network, so it names no domain for a content policy. What it shows comes from tools, through the chat
program, and so only what the chat's own grant allows.
"""

from __future__ import annotations

from importlib.resources import files

from mcp.server.apps import Apps
from mcp.server.caching import CacheHint

PLAYER = "ui://valet/spotify-player.html"
CONNECT = "ui://valet/connect.html"

KEPT = CacheHint(ttl_ms=600_000, scope="public")
"""How long a chat program may keep list and pages, for all its people. A page is to fit the tools of its
release, so not for long.
"""

_PAGES = (
    (PLAYER, "player.html", "Spotify player", "What plays on Spotify, with its controls."),
    (CONNECT, "connect.html", "Connect an account", "The link that connects an account, as a button."),
)


def pages() -> Apps:
    """`io.modelcontextprotocol/ui` with its pages. Raises FileNotFoundError where one is missing."""
    apps = Apps()
    for uri, file, title, description in _PAGES:
        html = files("mcp_server").joinpath("apps", file).read_text(encoding="utf-8")
        apps.add_html_resource(
            uri, html, name=uri.rpartition("/")[2], title=title, description=description, prefers_border=False
        )
    return apps
