"""The documents are held to the code."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import subprocess
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import typer

import connect
import mcp_server
import providers
import valet
import vault
from connect.limits import RULES
from mcp_server.buckets import BURST, PER_SECOND
from mcp_server.toolbox import Toolbox
from mcp_server.tools import MODULES
from providers.google import GOOGLE
from providers.registry import PROVIDERS
from valet import entries
from valet.cli import app
from valet.install.programs import PROGRAMS

# support.google.com/cloud/answer/13464325: all of Gmail but sending and labels, all of Drive but drive.file.
RESTRICTED = re.compile(r"gmail\.(?!send|labels)\w+|drive(?!\.file|\.appdata)[\w.]*")
ROOT = Path(__file__).resolve().parents[1]
ROOMS = (valet, mcp_server, connect, vault, providers)


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_every_file_that_a_document_names_is_there() -> None:
    for document in ["README.md", "CONTRIBUTING.md", "SECURITY.md", *map(str, ROOT.glob("docs/**/*.md"))]:
        named = re.findall(r"`([\w./-]+/[\w./-]*|(?!__)[\w-]+\.(?:md|py|yaml|toml))`", read(document))
        for name in named:
            folder, _, rest = name.partition("/")
            # One that begins with a slash is a path of our pages.
            if not rest or (folder and (ROOT / folder).is_dir()):
                assert (ROOT / name).exists(), f"{document} names {name}"


def test_every_link_within_the_project_leads_to_a_page_and_to_a_heading_of_it() -> None:
    for document in [*map(ROOT.joinpath, ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")),
                     *ROOT.glob("docs/**/*.md")]:  # fmt: skip
        for target in re.findall(r"\]\((?!\w+:)([^)\s]+)\)", document.read_text(encoding="utf-8")):
            path, _, anchor = target.partition("#")
            page = document.parent / path if path else document
            assert page.exists(), f"{document.name} leads to {target}"
            headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.M) if anchor else []
            slugs = {re.sub(r"[^\w\s-]", "", each.strip().lower()).replace(" ", "-") for each in headings}
            assert not anchor or anchor in slugs, f"{document.name} leads to {target}"


def test_the_readme_shows_the_entries_that_are_printed() -> None:
    url = "http://127.0.0.1:8420/mcp"
    for entry in (entries.claude_code(url), entries.vs_code(url), entries.claude_desktop(url)):
        assert entry in read("README.md")


def test_the_readme_lists_every_tool_and_no_other() -> None:
    rows = re.findall(r"^\| (`\w+_\w+`(?:, `\w+`)*) \|", read("README.md"), re.M)
    listed = {name for row in rows for name in re.findall(r"\w+", row)}
    assert listed == {spec.name for spec in Toolbox(MODULES).tools}


def test_every_provider_is_explained_to_the_operator() -> None:
    for provider in PROVIDERS:
        for name in (provider.client_id_setting, provider.client_secret_setting):
            assert re.search(rf"^{name}=$", read(".env.example"), re.M)
        assert f"PUBLIC_URL/callback/{provider.name}" in read(".env.example")
        assert provider.title in read("README.md")
        assert provider.title in read("CHANGELOG.md")


def test_every_attack_of_the_threat_model_names_tests_that_exist() -> None:
    rows = [row for row in read("docs/threat-model.md").splitlines() if row.startswith("| ")][1:]
    assert rows
    for row in rows:
        named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", row.rpartition("|")[0].rpartition("|")[2])
        assert named, f"no test shows: {row}"
        for file, test in named:
            assert re.search(rf"^(async )?def {test}\(", read(file), re.M), f"{file} has no {test}"


def test_every_command_that_a_document_names_is_there() -> None:
    root = typer.main.get_command(app)
    for document in ("README.md", ".env.example", "CHANGELOG.md", *map(str, ROOT.glob("docs/**/*.md"))):
        for name, sub in re.findall(r"`(?:\.venv/bin/)?valet ([a-z-]+)((?: [a-z]+)?)", read(document)):
            command = root.commands.get(name)
            assert command is not None, f"{document} names valet {name}"
            assert not sub or sub.strip() in getattr(command, "commands", {sub.strip()}), (
                f"{document}: {name}{sub}"
            )


def test_decisions_are_numbered_without_a_gap() -> None:
    files = sorted((ROOT / "docs/decisions").glob("*.md"))
    numbers = [int(path.name[:4]) for path in files]
    assert numbers == list(range(1, len(files) + 1))
    for number, path in zip(numbers, files, strict=True):
        assert read(str(path)).startswith(f"# {number}. "), path.name


def test_the_limits_are_the_ones_that_are_documented() -> None:
    rows = re.findall(r"^\| .* \| (an address|a person|a person and a client) \| (\d+) \| (\d+) s \|$",
                      read("docs/limits.md"), re.M)  # fmt: skip
    assert [(int(burst), float(seconds)) for _, burst, seconds in rows] == [
        (rule.burst, rule.seconds) for rule in RULES
    ]
    assert f"{BURST} requests at once, and {PER_SECOND:.0f} come back every second" in read("docs/limits.md")


def test_the_readmes_commands_are_targets_of_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z]+):", read("Makefile"), re.MULTILINE))
    used = {a or b for a, b in re.findall(r"^make ([a-z]+)|`make ([a-z]+)", read("README.md"), re.M)}
    assert used >= {"run", "try", "test", "check"}
    assert used <= targets


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.__name__)
def test_every_package_says_what_it_owns_and_what_it_refuses(room: object) -> None:
    packages = [room.__name__]  # type: ignore[attr-defined]
    path = room.__path__  # type: ignore[attr-defined]
    packages += [m.name for m in pkgutil.walk_packages(path, f"{packages[0]}.") if m.ispkg]
    for name in packages:
        said = importlib.import_module(name).__doc__ or ""
        assert 3 <= len(said.strip().splitlines()) <= 8, name
        assert "own" in said, name
        assert "refuse" in said, name


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def test_nothing_committed_names_a_registry_or_one_machine() -> None:
    hosts = "|".join(("pypi\\.org/simple", "files\\.pythonhosted", "registry\\.npmjs", "deb\\.debian\\.org"))
    for path in tracked():
        text = path.read_bytes().decode("utf-8", errors="ignore")
        assert not re.search(hosts, text) or path.name == "test_docs.py", path
        assert not re.search(r"/(?:root|home)/\w+/", text) or path.name == "test_docs.py", path


def test_every_package_that_is_imported_is_named() -> None:
    """In pyproject, and not only brought along by another package."""
    project = tomllib.loads(read("pyproject.toml"))["project"]
    optional = [each for extra in project["optional-dependencies"].values() for each in extra]
    named: set[str] = set()
    for each in (*project["dependencies"], *optional):
        name, *extras = re.findall(r"[\w-]+", re.split(r"[<>=]", each)[0].lower())
        named |= {name, *(f"{name}-{extra}" for extra in extras)}
    holders = packages_distributions()
    for room in ROOMS:
        for path in Path(str(room.__file__)).parent.rglob("*.py"):
            for top in imported(path) & holders.keys() - {room.__name__ for room in ROOMS}:
                spelled = {each.lower().replace("_", "-") for each in holders[top]}
                assert named & spelled, f"{path} imports {top}"


def imported(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    names = [each.name for node in nodes if isinstance(node, ast.Import) for each in node.names]
    names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    return {name.partition(".")[0] for name in names}


def test_files_and_functions_stay_small() -> None:
    for path in tracked():
        if path.suffix != ".py" or path.is_relative_to(ROOT / "tests"):
            continue
        source = path.read_text(encoding="utf-8")
        assert source.count("\n") <= 400, path
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno is not None
                assert node.end_lineno - node.lineno < 60, f"{path}: {node.name}"


def test_what_is_asked_of_google_is_what_its_page_says() -> None:
    """docs/google.md, "What is asked for, and when": each service's scopes; the restricted ones are bold."""
    page, scope = read("docs/google.md"), re.compile(r"`([\w.]+)`")
    rows = re.findall(r"^\| (Google \w+|Gmail|YouTube) \| (.*) \| (.*) \| ?(.*) ?\|$", page, re.M)
    named = {title: [set(scope.findall(cell)) for cell in cells] for title, *cells in rows}
    everything = set().union(*(names for cells in named.values() for names in cells))
    for service in GOOGLE.services:
        later = frozenset().union(*(more.scopes for more in service.later))
        asked = (service.read.scopes, service.write.scopes, later)
        assert named.pop(service.title) == [{each.rsplit("/", 1)[1] for each in scopes} for scopes in asked]
    assert not named
    bold = set(re.findall(r"\*\*`([\w.]+)`\*\*", page))
    assert bold == {name for name in everything if RESTRICTED.fullmatch(name)}


def test_the_page_of_clients_shows_the_entries_that_are_installed() -> None:
    url, page = "https://valet.example.org/mcp", read("docs/clients.md")
    for entry in (entries.claude_code, entries.claude_desktop, entries.vs_code, entries.cursor):
        assert entry(url) in page
    for program in PROGRAMS:
        assert f"valet install {program.name}" in page
