"""The tools. One line per module; the order is the order in which a model sees them."""

from __future__ import annotations

from types import ModuleType

from mcp_server.tools import connections
from mcp_server.tools.spotify import player, search

MODULES: tuple[ModuleType, ...] = (
    connections,
    search,
    player,
)
