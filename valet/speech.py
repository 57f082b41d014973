"""How the command line speaks: the options that commands share. How it refuses: `valet/refusal.py`."""

from __future__ import annotations

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]
Demo = Annotated[bool, typer.Option("--demo", help="Of the demo instead of the real server.")]
