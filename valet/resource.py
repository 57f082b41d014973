"""The MCP server of this process: what it stands on, handed over."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version

from mcp_server.app import McpApp
from mcp_server.app import build as whole
from mcp_server.house import House
from mcp_server.tally import Tally
from valet.ground import Ground
from valet.personal import Welcomed
from vault.store.callers import Callers

McpBuilder = Callable[[House], McpApp]


def build(ground: Ground, builder: McpBuilder | None = None) -> McpApp:
    """The app for exactly `/mcp`; `builder` makes it of what it stands on, tests give one of their own."""
    return (builder or whole)(
        House(
            public_url=ground.settings.origin,
            version=version("valet"),
            tokens=Welcomed(Callers(ground.database), ground.admission.recheck),
            vault=ground.vault,
            links=ground.flows,
            files=ground.transfers,
            approvals=ground.approvals,
            directory=ground.registry,
            http=ground.http,
            diary=ground.diary,
            witness=ground.audit,
            tally=Tally(ground.metrics),
            spans=ground.spans,
            request_state_keys=(ground.vault.derive("request-state"),),
            session_key=ground.vault.derive("session-id"),
        )
    )
