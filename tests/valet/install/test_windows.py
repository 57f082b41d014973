"""`valet install` on Windows, where Valet serves nobody: our own lines, without what only Unix has.

There is no Windows here. What others wrote is loaded as this system has it; then its modules and names that
Windows lacks are taken away, the system says that it is Windows, and all of ours is loaded anew.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from packaging.requirements import Requirement

from valet import cli
from valet.refusal import UNSERVED

ROOT = Path(__file__).resolve().parents[3]
URL = "https://valet.example.org/mcp"
AS_ON_WINDOWS = """
import os, signal, sys

import typer.rich_utils
import valet.cli
import valet.serve

OURS = {"valet", "connect", "mcp_server", "vault", "providers"}
for name in [name for name in sys.modules if name.partition(".")[0] in OURS]:
    del sys.modules[name]
for name in ("fcntl", "grp", "pty", "pwd", "readline", "resource", "syslog", "termios", "tty", "uvloop"):
    sys.modules[name] = None
for name in (
    "chown", "fchown", "fchmod", "fork", "getegid", "geteuid", "getgid", "getgroups", "getpgid", "getuid",
    "killpg", "major", "minor", "mkfifo", "pread", "setsid", "uname", "O_CLOEXEC", "O_DIRECTORY", "O_NOCTTY",
    "O_NOFOLLOW", "O_NONBLOCK", "WNOHANG",
):
    delattr(os, name)
for name in ("SIGALRM", "SIGCHLD", "SIGHUP", "SIGKILL", "SIGQUIT", "SIGUSR1", "SIGUSR2", "pthread_sigmask"):
    delattr(signal, name)


def kill(pid, number):
    raise AssertionError("os.kill(pid, 0) is Ctrl-C to the whole console there")


os.kill = kill
sys.platform = "win32"

from valet.command import main

"""
TYPED = "main()"
EACH = """
import json, traceback
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO

for words in json.loads(sys.argv.pop()):
    sys.argv[1:], status, said = words, None, StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        try:
            main()
        except SystemExit as end:
            status = end.code
        except BaseException:
            traceback.print_exc()
    print(json.dumps([words, status, said.getvalue()]))
"""


def typed(home: Path, *words: str, how: str = TYPED) -> subprocess.CompletedProcess[str]:
    environment = {
        "HOME": str(home),
        "APPDATA": str(home / "AppData" / "Roaming"),
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "COLUMNS": "200",
        "PYTHONPATH": str(ROOT),
    }
    return subprocess.run(
        [sys.executable, "-c", AS_ON_WINDOWS + how, *words],
        cwd=home,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "words", [["--help"], ["install", "--help"], ["install", "claude-desktop", "--help"]]
)
def test_help_is_given(words: list[str], tmp_path: Path) -> None:
    ran = typed(tmp_path, *words)
    assert ran.returncode == 0, ran.stderr
    assert "Usage:" in ran.stdout and "install" in ran.stdout


def test_an_entry_is_put_in_and_taken_out_again(tmp_path: Path) -> None:
    file = tmp_path / "AppData/Roaming/Claude/claude_desktop_config.json"
    file.parent.mkdir(parents=True)
    before = '{"mcpServers": {"a": {"command": "x"}}}\n'
    file.write_text(before)
    ran = typed(tmp_path, "install", "claude-desktop", "--url", URL)
    assert ran.returncode == 0, ran.stderr
    assert URL in json.loads(file.read_text())["mcpServers"]["valet"]["args"]
    [backup] = file.parent.glob("*.bak")
    assert backup.read_text() == before
    ran = typed(tmp_path, "install", "claude-desktop", "--remove")
    assert ran.returncode == 0, ran.stderr
    assert json.loads(file.read_text()) == json.loads(before)


def test_without_an_address_it_is_the_one_of_the_settings(tmp_path: Path) -> None:
    """A note of a Valet that runs is looked for, and of what it names nothing is asked by a signal."""
    for mode in (tmp_path, tmp_path / "demo"):
        mode.mkdir(exist_ok=True)
        note = {"public_url": "http://127.0.0.1:9", "pid": os.getpid(), "emulator_origin": None}
        (mode / "running.json").write_text(json.dumps(note))
    (tmp_path / ".env").write_text(f"PUBLIC_URL=http://127.0.0.1:8555\nVALET_DATA_DIR={tmp_path}\n")
    ran = typed(tmp_path, "install", "cursor")
    assert ran.returncode == 0, ran.stderr
    entry = json.loads((tmp_path / ".cursor/mcp.json").read_text())["mcpServers"]["valet"]
    assert entry["url"] == "http://127.0.0.1:8555/mcp"


@pytest.mark.parametrize("command", ["serve", "demo", "connect"])
def test_whoever_would_serve_there_is_told_where_it_can_be_done(command: str, tmp_path: Path) -> None:
    ran = typed(tmp_path, command)
    assert ran.returncode == 2 and "Valet serves on Linux and macOS" in ran.stderr, ran.stderr
    assert "Traceback" not in ran.stderr


def commands(group: Any, *before: str) -> Iterator[list[str]]:
    """Each command of `valet`, with a word for each argument that it needs."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, *before, name)
        else:
            needed = [each for each in command.params if each.param_type_name == "argument" and each.required]
            yield [*before, name, *("x" for _ in needed)]


def test_every_other_command_ends_there_with_the_same_sentence(tmp_path: Path) -> None:
    """Also where a database is named: what speaks to one needs calls that Windows lacks."""
    (tmp_path / ".env").write_text("DATABASE_URL=postgresql://x@127.0.0.1:9/x\n")
    others = [
        words for words in commands(typer.main.get_command(cli.app)) if words[0] not in {"install", "healthy"}
    ]
    assert ["keys", "backup", "x"] in others and ["db", "dump", "x"] in others and len(others) > 20
    asked = [*others, *([*words, "--help"] for words in others)]
    ran = typed(tmp_path, json.dumps(asked), how=EACH)
    told = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [words for words, _, _ in told] == asked, ran.stderr
    for words, status, said in told:
        if "--help" in words:
            assert status == 0 and "Usage:" in said, (words, said)
        else:
            assert status == 2 and said.count("\n") == 1 and said.startswith(f"valet: {UNSERVED}"), (
                words,
                said,
            )
    assert [each.name for each in tmp_path.iterdir()] == [".env"], "and nothing is made"


def test_what_windows_has_no_wheel_of_is_not_asked_for_there() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    [uvloop] = [each for each in map(Requirement, project["dependencies"]) if each.name == "uvloop"]
    assert uvloop.marker is not None
    assert not uvloop.marker.evaluate({"sys_platform": "win32"})
    assert all(uvloop.marker.evaluate({"sys_platform": each}) for each in ("linux", "darwin"))
