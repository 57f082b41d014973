"""`valet install` in a home of its own: where each program keeps its file, and what becomes of that file."""

from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
from pathlib import Path

import pytest

from tests.support import warm
from valet import entries
from valet.install.file import edit
from valet.install.programs import PROGRAMS, Machine
from valet.install.text import NotEdited

URL = "https://valet.example.org/mcp"
NAMED = {each.name: each for each in PROGRAMS}


def install(home: Path, *arguments: str, path: str = "") -> subprocess.CompletedProcess[str]:
    environment = {
        "HOME": str(home),
        "PATH": path or "/usr/bin:/bin",
        "LANG": "C.UTF-8",
    }
    return warm.run(["-m", "valet", "install", *arguments], cwd=home, env=environment)


@pytest.mark.parametrize(
    ("system", "environment", "where"),
    [
        ("linux", {}, [".config/Claude/claude_desktop_config.json", ".claude.json",
                       ".config/Code/User/mcp.json", ".cursor/mcp.json"]),
        ("darwin", {}, ["Library/Application Support/Claude/claude_desktop_config.json", ".claude.json",
                        "Library/Application Support/Code/User/mcp.json", ".cursor/mcp.json"]),
        ("win32", {"APPDATA": "/h/AppData/Roaming"}, ["AppData/Roaming/Claude/claude_desktop_config.json",
         ".claude.json", "AppData/Roaming/Code/User/mcp.json", ".cursor/mcp.json"]),
        ("linux", {"XDG_CONFIG_HOME": "/h/x", "CLAUDE_CONFIG_DIR": "/h/c"},
         ["x/Claude/claude_desktop_config.json", "c/.claude.json", "x/Code/User/mcp.json",
          ".cursor/mcp.json"]),
    ],
    ids=["linux", "macos", "windows", "moved"],
)  # fmt: skip
def test_each_program_has_its_file_on_each_system(
    system: str, environment: dict[str, str], where: list[str]
) -> None:
    machine = Machine(system, environment, Path("/h"))
    assert [each.path(machine, None) for each in PROGRAMS] == [Path("/h") / each for each in where]


def test_a_projects_file_is_another_and_not_every_program_has_one() -> None:
    machine, here = Machine("linux", {}, Path("/h")), Path("/p")
    assert NAMED["vscode"].path(machine, here) == here / ".vscode/mcp.json"
    assert NAMED["claude-code"].path(machine, here) == here / ".mcp.json"
    with pytest.raises(ValueError, match="no entries of a project"):
        NAMED["claude-desktop"].path(machine, here)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda each: each.name)
def test_an_entry_that_was_made_here_is_known_again(program: object) -> None:
    assert program in PROGRAMS
    made = NAMED[program.name].entry(URL)  # type: ignore[attr-defined]
    assert NAMED[program.name].ours(made)  # type: ignore[attr-defined]
    for strange in ({}, [], 1, {**made, "env": {}}, {"url": 5}, {"args": 5}, {"url": "https://x/sse"}):
        assert not NAMED[program.name].ours(strange)  # type: ignore[attr-defined]


def test_a_file_is_changed_with_a_backup_and_its_mode_and_link_stay(tmp_path: Path) -> None:
    real, link = tmp_path / "dotfiles.json", tmp_path / ".cursor" / "mcp.json"
    link.parent.mkdir()
    before = '{\n  // mine\n  "mcpServers": {"a": {"command": "x"}}\n}\n'
    real.write_text(before)
    real.chmod(0o640)
    link.symlink_to(real)
    ran = install(tmp_path, "cursor", "--url", URL)
    assert ran.returncode == 0, ran.stderr
    assert link.is_symlink() and stat.S_IMODE(real.stat().st_mode) == 0o640
    assert "// mine" in real.read_text() and f'{{"url": "{URL}"}}' in real.read_text()
    [backup] = tmp_path.glob("dotfiles.json.20*.bak")
    assert backup.read_text() == before and str(backup) in ran.stdout
    again = install(tmp_path, "cursor", "--url", URL)
    assert "nothing had to be done" in again.stdout and len(list(tmp_path.glob("*.bak"))) == 1
    out = install(tmp_path, "cursor", "--remove")
    assert out.returncode == 0 and json.loads(real.read_text().replace("// mine", ""))["mcpServers"] == {
        "a": {"command": "x"}
    }
    assert not [each for each in tmp_path.iterdir() if each.name.startswith(".dotfiles")], "no draft is left"


def test_a_file_that_is_not_there_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    ran = install(tmp_path, "claude-desktop", "--url", URL)
    assert ran.returncode == 0, ran.stderr
    made = tmp_path / ".config/Claude/claude_desktop_config.json"
    assert json.loads(made.read_text()) == json.loads(entries.claude_desktop(URL))
    assert stat.S_IMODE(made.stat().st_mode) == 0o600


@pytest.mark.parametrize("client", ["cursor", "claude-code"])
@pytest.mark.parametrize("arguments", [("--url", URL), ("--remove",)], ids=["put", "remove"])
def test_a_pipe_in_the_place_of_the_file_is_refused_at_once(
    client: str, arguments: tuple[str, ...], tmp_path: Path
) -> None:
    """Also where Claude Code is there, which would be asked to write to it."""
    claude = tmp_path / "bin" / "claude"
    claude.parent.mkdir()
    claude.write_text(f"#!/bin/sh\necho asked >{tmp_path}/asked\n")
    claude.chmod(0o755)
    pipe = tmp_path / (".cursor/mcp.json" if client == "cursor" else ".claude.json")
    pipe.parent.mkdir(exist_ok=True)
    os.mkfifo(pipe)
    ran = install(tmp_path, client, *arguments, path=f"{claude.parent}:/usr/bin:/bin")
    assert ran.returncode == 2 and "stays as it is: it is a pipe or a device" in ran.stderr
    assert stat.S_ISFIFO(pipe.stat().st_mode) and not (tmp_path / "asked").exists()


def test_a_broken_file_is_left_alone_and_the_entry_is_shown(tmp_path: Path) -> None:
    broken = tmp_path / ".claude.json"
    broken.write_text('{"mcpServers": {}')
    ran = install(tmp_path, "claude-code", "--url", URL)
    assert ran.returncode == 2 and "line 1" in ran.stderr and URL in ran.stderr
    assert broken.read_text() == '{"mcpServers": {}' and list(tmp_path.glob("*.bak")) == []


def test_anothers_server_of_that_name_is_replaced_only_when_asked(tmp_path: Path) -> None:
    file = tmp_path / ".vscode" / "mcp.json"
    file.parent.mkdir()
    file.write_text('{"servers": {"valet": {"command": "theirs"}}}')
    ran = install(tmp_path, "vscode", "--url", URL, "--project", str(tmp_path))
    assert ran.returncode == 2 and "--replace" in ran.stderr
    assert install(tmp_path, "vscode", "--remove", "--project", str(tmp_path)).returncode == 2
    assert "theirs" in file.read_text()
    ran = install(tmp_path, "vscode", "--url", URL, "--replace", "--project", str(tmp_path))
    assert ran.returncode == 0 and json.loads(file.read_text()) == json.loads(entries.vs_code(URL))


def test_a_folder_that_is_not_there_is_no_project(tmp_path: Path) -> None:
    ran = install(tmp_path, "cursor", "--url", URL, "--project", str(tmp_path / "mistyped"))
    assert ran.returncode == 2 and "there is no folder" in ran.stderr
    assert not (tmp_path / "mistyped").exists()


def test_claude_code_writes_its_own_file_where_it_is_there(tmp_path: Path) -> None:
    """A program of that name that does what the real one does; the real one is not part of `make test`."""
    programs = tmp_path / "bin"
    programs.mkdir()
    claude = programs / "claude"
    written = json.dumps({"mcpServers": {"valet": entries.claude_code_entry(URL)}, "theirs": 1})
    claude.write_text(
        f"#!/bin/sh\necho \"$@\" > '{tmp_path}/said'\nprintf '%s' '{written}' > \"$HOME/.claude.json\"\n"
    )
    claude.chmod(0o755)
    (tmp_path / ".claude.json").write_text('{"theirs": 1}')
    ran = install(tmp_path, "claude-code", "--url", URL, path=f"{programs}:/usr/bin:/bin")
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "said").read_text() == f"mcp add --transport http --scope user valet {URL}\n"
    [backup] = tmp_path.glob(".claude.json.*.bak")
    assert backup.read_text() == '{"theirs": 1}'
    again = install(tmp_path, "claude-code", "--url", URL, path=f"{programs}:/usr/bin:/bin")
    assert "nothing had to be done" in again.stdout


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda each: each.name)
def test_what_is_printed_is_what_would_be_written(program: object, tmp_path: Path) -> None:
    name = program.name  # type: ignore[attr-defined]
    ran = install(tmp_path, name, "--print", "--url", URL)
    assert ran.returncode == 0 and list(tmp_path.iterdir()) == []
    wanted = {"claude-desktop": entries.claude_desktop(URL), "vscode": entries.vs_code(URL),
              "cursor": entries.cursor(URL)}.get(name)  # fmt: skip
    if wanted is not None:
        assert json.loads(ran.stdout) == json.loads(wanted)


@pytest.mark.parametrize("url", ["valet.example.org", "https://x/", "https://u:p@x/mcp", "https://x/mcp?a=1"])
def test_an_address_that_is_none_is_refused(url: str, tmp_path: Path) -> None:
    ran = install(tmp_path, "cursor", "--url", url)
    assert ran.returncode == 2 and "--url" in ran.stderr and list(tmp_path.iterdir()) == []


def test_what_changed_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text("{}")

    def change(text: str) -> str:
        file.write_text('{"new": 1}')
        return "{} "

    with pytest.raises(NotEdited, match="another program"):
        edit(file, change)
    assert file.read_text() == '{"new": 1}'


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotEdited):
        edit(tmp_path, str.upper)
    odd = tmp_path / "odd"
    odd.write_bytes(b"\xff{}")
    with pytest.raises(NotEdited, match="UTF-8"):
        edit(odd, str.upper)
    marked = tmp_path / "marked"
    marked.write_bytes(b"\xef\xbb\xbf{}")
    edit(marked, lambda text: text + "\n")
    assert marked.read_bytes() == b"\xef\xbb\xbf{}\n"
    if os.geteuid():
        odd.chmod(0)
        with pytest.raises(NotEdited):
            edit(odd, str.upper)


def test_a_backup_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk fills up while it is written."""

    def full(fd: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    file = tmp_path / "mcp.json"
    file.write_text("{}")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(NotEdited, match="No space left"):
        edit(file, lambda text: "changed")
    assert [path.name for path in tmp_path.iterdir()] == ["mcp.json"] and file.read_text() == "{}"


def test_what_somebody_left_who_was_killed_is_removed_and_what_is_at_work_is_not(tmp_path: Path) -> None:
    file, left, at_work = (
        tmp_path / name for name in ("mcp.json", f".mcp.json.{'a' * 16}", f".mcp.json.{'b' * 16}")
    )
    for path in (file, left, at_work):
        path.write_text("{}")
    os.utime(left, (0, 0))
    assert edit(file, lambda text: "changed") is not None
    assert not left.exists() and at_work.exists() and file.read_text() == "changed"
