"""The commands. What is started every few seconds, or serves, is not made to wait for the other commands."""

from __future__ import annotations

import gc
import sys


def main() -> None:
    """Entry point of `valet`: `healthy` and what serves by themselves, everything else by `valet.cli`."""
    match sys.argv[1:]:
        case ["healthy"]:
            from valet.healthy import main as healthy

            sys.exit(healthy())
        case ["mcp-server" | "connect" | "serve" as name]:
            # Before anything is loaded: what is loaded stays, so looking through it finds nothing.
            gc.disable()
            from valet import start

            if name == "serve":
                start.both()
            else:
                start.door(start.DOORS[name])
        case _:
            gc.disable()
            from valet.cli import main as whole

            gc.freeze()
            gc.enable()
            whole()


def mcp_server() -> None:
    """Entry point of the command `mcp_server`: `valet mcp-server`."""
    sys.argv[1:1] = ["mcp-server"]
    main()


def connect() -> None:
    """Entry point of the command `connect`: `valet connect`."""
    sys.argv[1:1] = ["connect"]
    main()
