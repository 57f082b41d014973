"""docs/operations.md as somebody types it: its sections, their blocks of commands, and what runs them."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import yaml
from typer.testing import CliRunner

from valet.cli import app

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs" / "operations.md"
_BLOCK = re.compile(r"^```(sh|sql)\n(.*?)^```$", re.M | re.S)
_STATUS = re.compile(r" +# ends with status (\d): .*$")
ANY = frozenset({"doctor", "connections"})
"""Commands whose status says how the site is, not whether they worked."""


def sections() -> dict[str, list[tuple[str, str]]]:
    """By heading, the blocks under it: their language, and what stands in them."""
    parts = re.split(r"^#{2,3} (.+)$", GUIDE.read_text(encoding="utf-8"), flags=re.M)
    intro = {"": parts[0]}
    return {
        heading: found
        for heading, text in (intro | dict(zip(parts[1::2], parts[2::2], strict=True))).items()
        if (found := _BLOCK.findall(text))
    }


def manifests() -> list[dict[str, Any]]:
    """What the page has somebody write into a file for kubectl."""
    found = re.findall(r"^```yaml\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"), re.M | re.S)
    return [yaml.safe_load(text) for text in found]


@dataclass
class Terminal:
    """Where the commands are typed: what they see, and where /elsewhere is.

    `valet` runs in this process, as the command line does. `moved` are further places by what stands in the
    document. `told` hears what kubectl and docker are told, word by word.
    """

    folder: Path
    environment: dict[str, str]
    moved: dict[str, str] = field(default_factory=dict)
    told: Callable[[list[str], Terminal], None] = lambda words, terminal: None
    said: list[str] = field(default_factory=list)
    skipped: frozenset[str] = ANY

    @property
    def elsewhere(self) -> Path:
        """The safe place of the document."""
        return self.folder / "elsewhere"

    def type(self, block: str) -> str:
        """Run each line of a block. What they printed."""
        begin = len(self.said)
        for line in block.splitlines():
            self._line(line)
        return "".join(self.said[begin:])

    def _line(self, line: str) -> None:
        wanted = int(found[1]) if (found := _STATUS.search(line)) else 0
        line = _STATUS.sub("", line)
        if line.startswith(("kubectl ", "docker ")):
            self.told(parsed(line), self)
            return
        line = self.placed(line)
        words = shlex.split(line.replace("$VALET_KEYRING", self.environment["VALET_KEYRING"]))
        given = {}
        while "=" in words[0]:
            name, _, value = words.pop(0).partition("=")
            given[name] = value
        if words[0] == "valet":
            self.valet(words[1:], wanted, given)
            return
        ran = self.shell(line)
        assert ran.returncode == wanted, f"{line}: {ran.stderr}"

    def valet(self, words: list[str], wanted: int = 0, given: dict[str, str] | None = None) -> str:
        """One command of ours."""
        if words[0] in self.skipped:
            return ""
        environment = {**self.environment, **(given or {})}
        with patch.dict(os.environ, environment, clear=True), contextlib.chdir(self.folder):
            ran = CliRunner().invoke(app, words)
        assert ran.exception is None or isinstance(ran.exception, SystemExit), (words, ran.exception)
        assert words[0] in ANY or ran.exit_code == wanted, f"valet {shlex.join(words)}: {ran.output}"
        self.said.append(ran.stdout)
        return ran.stdout

    def shell(self, script: str) -> subprocess.CompletedProcess[str]:
        """By sh, where `valet` is ours."""
        ours = f'valet() {{ "{sys.executable}" -m valet "$@"; }}\n'
        return subprocess.run(
            ["sh", "-c", ours + script],
            cwd=self.folder,
            env={**self.environment, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )

    def placed(self, text: str) -> str:
        """The same text with the places of this test."""
        for place, here in {"/elsewhere": str(self.elsewhere), **self.moved}.items():
            text = text.replace(place, here)
        return text


def parsed(line: str) -> list[str]:
    """A line of shell as words; pipes and redirections are words of their own."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|>")
    lexer.whitespace_split = True
    return list(lexer)
