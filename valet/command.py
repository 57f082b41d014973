"""The `valet` command. The one that is started every few seconds is not made to wait for the others."""

from __future__ import annotations

import sys


def main() -> None:
    """Entry point: `valet healthy` by itself, everything else by `valet.cli`."""
    if sys.argv[1:] == ["healthy"]:
        from valet.healthy import main as healthy

        sys.exit(healthy())
    from valet.cli import main as whole

    whole()
