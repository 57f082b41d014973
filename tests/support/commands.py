"""Commands as a document has them, run as they are written."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.support.ports import free_port

ROOT = Path(__file__).resolve().parents[2]


def blocks(document: str, section: str) -> str:
    """The commands of a section of a document."""
    text = (ROOT / document).read_text(encoding="utf-8")
    part = re.search(rf"^## {section}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert part is not None, section
    return "".join(re.findall(r"^```sh\n(.*?)^```$", part[1], re.MULTILINE | re.DOTALL))


def sh(commands: str, data: Path, **places: Path) -> subprocess.CompletedProcess[str]:
    """Run commands as they are written, but for where things are."""
    for name, place in places.items():
        commands = commands.replace(f"/{name}", str(place))
    script = f'set -e\nvalet() {{ "{sys.executable}" -m valet "$@"; }}\n{commands}'
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    ours = {"VALET_DATA_DIR": str(data), "VALET_PORT": str(free_port()), "PYTHONPATH": str(ROOT)}
    environment = {**inherited, **ours}
    return subprocess.run(
        ["sh", "-c", script], cwd=data.parent, env=environment, capture_output=True, text=True, check=False
    )
