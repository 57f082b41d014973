"""docs/providers.md, done word for word in a copy of the project: the third provider works."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.emulator import EmulatorProcess
from tests.support.valet import ROOT, ValetProcess
from valet.browser import Browser
from valet.scenes import Stage, said
from valet.trial import Trial

GUIDE = ROOT / "docs" / "providers.md"
BLOCK = re.compile(r"^```(python|diff) (\S+)\n(.*?)^```$", re.M | re.S)
ROOMS = ("connect", "mcp_server", "providers", "valet", "vault", "tests", "benchmarks")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The project with the guide followed."""
    folder = tmp_path_factory.mktemp("guide") / "valet"
    folder.parent.chmod(0o755)
    for room in ROOMS:
        shutil.copytree(ROOT / room, folder / room)  # what is compiled too: it is valid for the same files
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, folder / name)
    blocks = BLOCK.findall(GUIDE.read_text(encoding="utf-8"))
    assert [kind for kind, _, _ in blocks] == ["python", "diff"] * 3
    for kind, name, text in blocks:
        if kind == "python":
            assert not (folder / name).exists()
            (folder / name).write_text(text, encoding="utf-8")
        else:
            change(folder / name, text)
    yield folder
    shutil.rmtree(folder.parent, ignore_errors=True)


def change(path: Path, diff: str) -> None:
    """Apply a reader's diff: a line with + comes after the one before it, one with - goes."""
    lines = path.read_text(encoding="utf-8").splitlines()
    at = 0
    for line in diff.splitlines():
        sign, text = line[0], line[1:]
        if sign == "+":
            lines.insert(at, text)
            at += 1
            continue
        assert lines.count(text) == 1, f"{path.name} has no single line {text!r}"
        at = lines.index(text)
        if sign == "-":
            del lines[at]
        else:
            at += 1
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def run(copy: Path, *command: str) -> str:
    ran = subprocess.run(
        [sys.executable, *command],
        cwd=copy,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(copy), "HOME": str(copy)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]
    return ran.stdout


def test_it_takes_three_files_and_one_entry_in_three_lists(copy: Path) -> None:
    new, changed = set(), set()
    for path in (path for room in ROOMS[:5] for path in (copy / room).rglob("*.py")):
        before = ROOT / path.relative_to(copy)
        if not before.exists():
            new.add(str(path.relative_to(copy)))
        elif before.read_bytes() != path.read_bytes():
            changed.add(str(path.relative_to(copy)))
    assert new == {"providers/jotter.py", "mcp_server/tools/jotter.py", "providers/emulator/jotter.py"}
    assert changed == {
        "providers/registry.py", "mcp_server/tools/__init__.py", "providers/emulator/upstreams.py",
    }  # fmt: skip


def test_the_rules_hold_for_it(copy: Path) -> None:
    """Lint, types and import rule; what every record and every tool must keep to."""
    if shutil.which("ruff", path=str(Path(sys.executable).parent)) is not None:
        run(copy, "-m", "ruff", "check", "--no-cache", ".")
        run(copy, "-m", "ruff", "format", "--check", "--no-cache", ".")
        run(copy, "-m", "mypy", "--cache-dir", str(copy / "cache"))
        run(copy, "-c", "from importlinter.cli import lint_imports_command as main; main()")
    run(
        copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/providers/test_registry.py",
        "tests/mcp_server/test_toolbox.py", "-k", "jotter or notes or record or shape",
    )  # fmt: skip


@dataclass
class Scene:
    """What a chat does with it."""

    async def play(self, stage: Stage, query: str) -> str:
        listed = await stage.call("notes_list_notes", {}, connect_as="ana")
        assert "“Buy clay”" in said(listed)
        added = await stage.call("notes_add_note", {"text": "Call <b>Tomás</b>"}, connect_as="ana")
        assert said(added) == "Written down: “Call <b>Tomás</b>”"
        notes = await stage.upstream("notes")
        assert notes == {"ana": ["Call <b>Tomás</b>", "Buy clay"], "ben": []}
        rows: list[dict[str, Any]] = (
            (await stage.call("connections_list", {}, connect_as="")).structured_content or {}
        )["connections"]
        assert [(row["provider"], row["label"], row["state"]) for row in rows] == [
            ("jotter", "Ana", "connected")
        ]
        return "done"


async def test_a_chat_connects_it_and_uses_it_today_and_after_a_restart(copy: Path) -> None:
    with (
        EmulatorProcess(root=copy) as emulator,
        ValetProcess(root=copy, VALET_EMULATOR_ORIGIN=emulator.origin) as valet,
    ):
        assert "Jotter" not in valet.banner, "it is set up"
        told: list[str] = []

        def tell(*line: str) -> None:
            told.append(" ".join(line))

        trial = Trial(valet.url, emulator.origin, valet.owner_link, tell)
        assert await trial.run(Scene(), "") == "done"
        assert any("Connect Jotter" in line for line in told)
        assert any("your Spotify, Google and Jotter through" in line for line in told)

        # Its token expires and everything restarts.
        emulator.expire("access")
        valet.restart()
        link = valet.new_owner_link()
        again = Trial(valet.url, emulator.origin, link, lambda *line: None)
        assert await again.run(Later(), "") == "done"
        assert emulator.refreshes() == 1
        assert [grant["ended"] for grant in emulator.tokens("jotter")["grants"]] == ["revoked"]
        assert any(token.startswith("jot-canary") for token in emulator.canaries())
        assert not [token for token in emulator.canaries() if token in valet.logs.read_text()]


async def test_a_person_signs_in_with_it_and_only_whom_the_guest_list_names(copy: Path) -> None:
    with (
        EmulatorProcess(root=copy) as emulator,
        ValetProcess(root=copy, VALET_EMULATOR_ORIGIN=emulator.origin, VALET_ALLOW="jotter:j-ben") as valet,
    ):
        for person, heading in (("ben", "Your keys"), ("ana", "You are not on the guest list")):
            browser = Browser()
            try:
                await browser.open(f"{valet.url}/account")
                await browser.press("Continue with Jotter")
                page = await browser.press("Agree", account=person)
            finally:
                await browser.close()
            assert page.heading.startswith(heading), page.text
        assert not [token for token in emulator.canaries() if token in valet.logs.read_text()]


class Later:
    """The next month, and the end."""

    async def play(self, stage: Stage, query: str) -> str:
        listed = await stage.call("notes_list_notes", {}, connect_as="nobody")
        assert "2 of 2 notes" in said(listed)
        gone = await stage.call("connections_disconnect", {"connection": "Ana"}, connect_as="")
        assert "disconnected" in said(gone)
        return "done"
