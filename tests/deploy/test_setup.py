"""docs/setup.md is held to what it speaks of. Docker's commands are read, not run: there is no engine."""

from __future__ import annotations

import re
import shlex
from fnmatch import fnmatch
from pathlib import Path

import pytest
import typer

from providers.registry import PROVIDERS
from tests.deploy.test_compose import ROOT, SERVICES, volumes
from valet.cli import app
from valet.settings import load

PAGE = (ROOT / "docs/setup.md").read_text(encoding="utf-8")
DOCUMENTS = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"]
WHEN_ASKED = {"restore"}


def commands(document: Path) -> list[list[str]]:
    """The words of each `docker compose` command of a document, without those two."""
    text = document.read_text(encoding="utf-8")
    blocks = "".join(re.findall(r"^```(?:sh|console)?\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
    lines = re.findall(r"^docker compose (.+)$", blocks, re.MULTILINE)
    lines += re.findall(r"`docker compose ([^`]+)`", text)
    return [shlex.split(line, comments=True) for line in lines]


ALL = [(document.name, words) for document in DOCUMENTS for words in commands(document)]


@pytest.mark.parametrize(
    ("name", "words"), ALL, ids=[f"{name}-{number}" for number, (name, _) in enumerate(ALL)]
)
def test_a_command_for_docker_names_services_scripts_and_commands_that_are_there(
    name: str, words: list[str]
) -> None:
    verb, *rest = words
    options = {"--detach", "--force-recreate", "-d", "--rm", "--no-deps", "--wait", "--follow", "-f", "-T"}
    mounted: list[str] = []
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        if option in {"--volume", "-v"}:
            mounted.append(rest.pop(0).split(":")[1])
        elif option == "--entrypoint":
            rest.pop(0)
        else:
            assert option in options, option
    if verb in {"up", "stop", "logs", "restart", "build", "down", "ps"}:
        assert set(rest) <= set(SERVICES)
        return
    if verb == "cp":
        service, path = rest[0].split(":")
        assert any(path.startswith(target) for target in volumes(service)), path
        return
    assert verb in {"exec", "run"}, verb
    service, *command = rest
    assert service in SERVICES
    if verb == "run" and SERVICES[service].get("entrypoint"):
        held = [*mounted, *volumes(service)]
        assert all(any(word.startswith(each) for each in held) for word in command if word.startswith("/"))
    elif command[:1] == ["valet"]:
        found = typer.main.get_command(app)
        for word in command[1:]:
            if not hasattr(found, "commands") or word.startswith("-"):
                break
            found = found.commands[word]
    elif service == "postgres":
        assert command[0] in {"psql", "dropdb"}, command
    else:
        assert not command


def test_the_lines_of_env_are_settings_that_a_start_takes() -> None:
    blocks = re.findall(r"^```ini\n(PUBLIC_URL.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        values = dict(line.split("=", 1) for line in block.splitlines())
        assert values.keys() <= set(
            re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
        )
        assert load({**values, "VALET_HOST": "0.0.0.0"}, PROVIDERS).origin == "https://valet.example.org"


def test_what_to_click_is_what_the_setup_pages_say() -> None:
    plain = " ".join(PAGE.split())
    for provider in PROVIDERS:
        if provider.dashboard is not None:
            assert provider.dashboard.url in PAGE
            assert f"https://valet.example.org/callback/{provider.name}" in PAGE
            for number, step in enumerate(provider.dashboard.steps, 1):
                assert f"{number}. {step}" in plain


def test_every_volume_is_explained() -> None:
    named = set(re.findall(r"`([a-z-]+)`", "".join(re.findall(r"^\| (`[a-z].*?) \|", PAGE, re.MULTILINE))))
    assert named == {s for name in SERVICES for s, _ in volumes(name).values() if "/" not in s}
    assert "**It has to outlive the container**" in PAGE


def test_git_sees_no_backup_key_ring_or_certificate_that_the_page_has_one_put_beside_the_file() -> None:
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    words = [word for each in commands(ROOT / "docs/setup.md") for word in each]
    beside = {word.split(":")[0] for word in words if word.startswith("./")}
    assert {"./backups", "./keyring-backups", "./keyring.json", "./valet.pem"} <= beside
    for name in beside:
        path = name.removeprefix(".")
        assert any(fnmatch(path, each) or f"{path}/" == each for each in ignored), name
