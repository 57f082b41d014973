"""Every command that a document gives to type is run by a test, or stands in a closed list with its judge.

A command is what stands in a block of `sh` or `console`, and what a sentence has between backticks and begins
with the name of a program of ours, make, docker or kubectl. What cannot run here needs a Docker engine or a
cluster: then the programs of ours within it are held to the same rule, the services that it names to
compose.yaml, and the rest is what the named tests bring up by other means.
"""

from __future__ import annotations

import functools
import itertools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from tests.support.commands import blocks as commands_of
from valet.cli import app

ROOT = Path(__file__).parents[1]
OURS = {"valet": (), "mcp_server": ("mcp-server",), "connect": ("connect",)}
"""A program of the package, and the command of `valet` that it is."""
MADE = {
    "run": "tests/flows/test_readme.py",
    "try": "tests/flows/test_readme.py",
    "test": ".ci/run",
    "check": ".ci/run",
    "proof": "tests/proof/conftest.py",  # the whole folder is what it runs
    "bench": "tests/proof/test_benchmark.py",
    "calls": "tests/proof/test_benchmark.py",
}
ELSEWHERE = {
    # program: the file that does the same here without what it needs
    "docker": "tests/deploy/test_site.py",  # the engine: the services of compose.yaml come up in sandboxes
    "kubectl": "tests/deploy/test_kubernetes.py",  # a cluster: manifests are judged, and what they start runs
    "claude": "tests/valet/test_command.py",  # the chat program: the banner prints the same line
    "npx": "tests/proof/test_clients.py",  # the registry: what it would fetch, installed beforehand
}
UNTRIED = {"codex", "gemini"}
"""Chat programs that nothing here starts: docs/clients.md says from where it has their commands."""
PLAIN = {
    "cat",
    "cd",
    "chmod",
    "cp",
    "curl",
    "export",
    "git",
    "mkdir",
    "mv",
    "openssl",
    "printf",
    "rm",
    "tr",
    "umask",
}
"""Of the machine, nothing of ours."""
PROSE = ("make ", "valet ", "mcp_server ", "docker ", "kubectl ")


def documents() -> list[str]:
    every = ["README.md", "CONTRIBUTING.md", "SECURITY.md", *sorted(map(str, ROOT.glob("docs/**/*.md")))]
    return [str(ROOT / each) for each in every]


def blocks(text: str) -> Iterator[str]:
    """The lines of the blocks of commands, each whole and without its comment."""
    for sort, inside in re.findall(r"^ *```(\w*)\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL):
        if sort in ("sh", "bash", "shell", "console"):
            for line in inside.replace("\\\n", " ").splitlines():
                bare = re.sub(r"(^|\s)#.*", "", line).strip().removeprefix("$ ")
                if bare:
                    yield bare


def sentences(text: str) -> Iterator[str]:
    """What stands between backticks outside blocks and is a command."""
    for words in re.findall(r"`([^`\n]+)`", re.sub(r"^ *```.*?^ *```", "", text, flags=re.M | re.S)):
        bare = words.removeprefix(".venv/bin/")
        if bare.startswith(PROSE) and "→" not in bare and not bare.endswith("…"):
            yield bare


def commands() -> list[tuple[str, str]]:
    """Each command once for each document that has it."""
    found = []
    for name in documents():
        text = Path(name).read_text(encoding="utf-8")
        found += [(str(Path(name).relative_to(ROOT)), each) for each in (*blocks(text), *sentences(text))]
    return sorted(set(found))


def parts(command: str) -> list[list[str]]:
    """The programs of a line with their words: each of a pipe, and what `docker … valet …` runs inside."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    found: list[list[str]] = [[]]
    for word in lexer:
        if set(word) <= set("|&;"):
            found.append([])
        elif found[-1] or not re.fullmatch(r"[A-Z_]+=.*", word):
            found[-1].append(word)
    whole = []
    for words in (each for each in found if each):
        whole.append(words)
        inner = within(words)
        if inner[:2] == ["sh", "-c"]:
            whole += parts(inner[2])
        elif inner:
            whole.append(inner)
    return whole


def within(words: list[str]) -> list[str]:
    """What a docker or kubectl command runs in a container, as far as it is ours or a shell's."""
    if words[0] == "kubectl":
        return words[words.index("--") + 1 :] if "--" in words else []
    if words[0] != "docker" or not {"exec", "run"} & set(words[1:3]):
        return []
    pairs = enumerate(itertools.pairwise(words))
    starts = [at + 1 for at, (before, word) in pairs if word == "valet" and not before.startswith("-")]
    return words[starts[-1] :] if starts and words[starts[-1] + 1 :] else []


@functools.cache
def sources() -> str:
    """What the tests and scripts say, but for this file; and what they take from a document, as it stands."""
    files = [path for path in ROOT.glob("tests/**/*.py") if path != Path(__file__)]
    files += [ROOT / "compose.yaml", *(ROOT / "deploy").rglob("*.sh"), *(ROOT / "deploy").rglob("*.yaml")]
    said = "\n".join(path.read_text(encoding="utf-8") for path in files)
    taken = re.findall(r"\bblocks\(\"([\w./]+)\", \"([^\"]+)\"\)", said)
    return "\n".join([said, *(commands_of(document, section) for document, section in taken)])


def is_run(*words: str) -> bool:
    """A test starts it: the words one after the other, each quoted or after `valet`."""
    if len(words) == 1:
        return re.search(rf"[\"']{words[0]}[\"']|\bvalet {words[0]}\b", sources()) is not None
    return re.search(rf"\b{words[0]}\W{{1,6}}{words[1]}\b", sources()) is not None


def of_valet(words: list[str]) -> str | None:
    """What is wrong with a command of ours, None where nothing is."""
    words = [*OURS[words[0]], *words[1:]]
    command: Any = typer.main.get_command(app)
    way: list[str] = []
    while words and (inner := getattr(command, "commands", {}).get(words[0])) is not None:
        command, way, words = inner, [*way, words[0]], words[1:]
    if not way:
        return "valet has no such command"
    if not words and getattr(command, "commands", None):
        return None  # a sentence about all of them
    if words and getattr(command, "commands", None):
        return f"valet {' '.join(way)} has no {words[0]}"
    known = {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
    strange = [word for word in words if word.startswith("-") and word.partition("=")[0] not in known]
    if strange:
        return f"valet {' '.join(way)} takes no {strange[0]}"
    return None if is_run(*way) else f"no test runs valet {' '.join(way)}"


def of_docker(words: list[str]) -> str | None:
    """The services of `docker compose` are those of the file."""
    if words[1:2] != ["compose"]:
        return None
    services = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]
    rest = [word for word in words[2:] if not word.startswith("-")]
    named = rest[1:2] if rest[:1] in (["exec"], ["logs"], ["stop"], ["restart"]) else []
    named += [word.partition(":")[0] for word in rest if rest[:1] == ["cp"] and ":" in word]
    return next((f"compose.yaml has no {each}" for each in named if each not in services), None)


def wrong(words: list[str]) -> str | None:
    program = words[0].removeprefix(".venv/bin/")
    if program in OURS:
        return of_valet([program, *words[1:]])
    if program == "make":
        return None if not words[1:] or words[1] in MADE else f"no test or script runs make {words[1]}"
    if program == "docker":
        return of_docker(words)
    if program in ELSEWHERE or program in PLAIN or program in UNTRIED:
        return None
    return f"{program} is in no list of tests/test_commands.py, and no test is said to run it"


@pytest.mark.parametrize(("document", "command"), commands())
def test_a_command_in_the_documents_is_run_or_judged(document: str, command: str) -> None:
    for words in parts(command):
        assert wrong(words) is None, f"{document}, `{command}`: {wrong(words)}"


def test_no_command_hides_in_a_block_without_a_language() -> None:
    known = {*OURS, *ELSEWHERE, *UNTRIED, *PLAIN, "make"}
    for name in documents():
        for sort, inside in re.findall(
            r"^ *```(\w*)\n(.*?)^ *```", Path(name).read_text(encoding="utf-8"), re.M | re.S
        ):
            for line in inside.splitlines() if not sort else ():
                assert line.removeprefix("$ ").partition(" ")[0] not in known, f"{name}: {line}"


def test_whoever_runs_them_is_there() -> None:
    for file in (*MADE.values(), *ELSEWHERE.values()):
        assert (ROOT / file).exists(), file
    ran = (ROOT / ".ci/run").read_text(encoding="utf-8")
    assert "make test" in ran and "make check" in ran
    readme = (ROOT / "tests/flows/test_readme.py").read_text(encoding="utf-8")
    assert '["make", "run"]' in readme and '["make", "try"]' in readme


@pytest.mark.parametrize(
    "command",
    ["valet no-such", "valet keys no-such", "valet keys verify --no-such", "make no-such", "no-such thing",
     "docker compose exec no-such valet setup", "docker compose exec connect valet no-such",
     "kubectl exec deploy/connect -- sh -c 'umask 077 && valet keys no-such'"],
)  # fmt: skip
def test_a_command_that_nothing_runs_is_found(command: str) -> None:
    assert any(wrong(words) for words in parts(command))
