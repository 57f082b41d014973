"""What is read of the tools' source is what they are; a process of one door loads nothing of the other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mcp_server import index, toolbox
from mcp_server.tools import MODULES

ROOT = Path(__file__).resolve().parents[2]
LOADED = "import sys, valet.start, valet.banner, valet.serve, {}; print(*sys.modules)"

OTHERS = (
    "typer",
    "rich",
    "valet.cli",
    "valet.doctor",
    "valet.users",
    "boto3",
    "pypdf",
    "mammoth",
    "selectolax",
    "authlib.integrations.httpx_client",
)
"""What only other commands, the child that reads files, or the first that needs it has any use for."""


def test_titles_and_who_asks_are_those_of_the_tools_themselves() -> None:
    assert index.titles() == toolbox.titles(MODULES)
    assert index.asking() == toolbox.asking(MODULES)


@pytest.mark.parametrize(
    ("part", "absent", "most"),
    [
        ("valet.sidecar", ("mcp", "mcp_types", "mcp_server.toolbox", "mcp_server.tools"), 1100),
        ("valet.resource", ("jinja2", "connect.app", "connect.account"), 1300),
    ],
    ids=["connect", "mcp_server"],
)
def test_a_process_of_one_door_loads_nothing_of_the_other(
    part: str, absent: tuple[str, ...], most: int
) -> None:
    code = LOADED.format(part)
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = said.stdout.split()
    assert not {*absent, *OTHERS} & set(loaded)
    assert len(loaded) <= most, len(loaded)
