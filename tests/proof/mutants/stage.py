"""Which modules are mutated and by which tests; the copy of the project in which that is done."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
ROOMS = ("valet", "mcp_server", "connect", "vault", "providers")
CHILDREN = 6
"""Tests of what waits spend their time waiting: more of them than there are cores."""


@dataclass(frozen=True, slots=True)
class Group:
    """Modules that are mutated together, the tests that are to notice, and tests that look at the source."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]
    not_these: tuple[str, ...] = ()


GROUPS = {
    "keys": Group(
        ("vault/envelope.py", "vault/keyring.py", "vault/rings/file.py", "vault/rings/ringfile.py"),
        (
            "tests/vault/test_envelope.py",
            "tests/vault/test_vectors.py",
            "tests/vault/test_keyring.py",
            "tests/vault/test_ringfile.py",
            "tests/vault/test_sentences.py",
        ),
        ("tests/vault/test_envelope.py::test_imports_nothing_of_ours",),
    ),
    "access": Group(
        ("vault/rings/access.py",),
        ("tests/vault/test_access.py", "tests/vault/test_keyring.py"),
    ),
    "leases": Group(("vault/lessee.py",), ("tests/vault/test_lessee.py",)),
    "swap": Group(
        ("vault/store/leases.py", "vault/proceeds.py"),
        ("tests/vault/test_leases.py", "tests/vault/test_proceeds.py"),
    ),
}


def lay(folder: Path, group: Group) -> None:
    """Copy the project into `folder`, with mutmut's settings for the group."""
    unwanted = shutil.ignore_patterns("__pycache__", "clients", "node_modules")
    for name in (*ROOMS, "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=unwanted)
    settings = {
        "source_paths": list(ROOMS),
        "only_mutate": list(group.modules),
        "pytest_add_cli_args": [
            *("-p", "no:cacheprovider", "-p", "no:xdist"),
            *(f"--deselect={test}" for test in group.not_these),
        ],
        "pytest_add_cli_args_test_selection": list(group.tests),
        "timeout_multiplier": 3.0,
        "timeout_constant": 20.0,
    }
    lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
    lines += ["use_git_change_detection = false", "use_setproctitle = false"]
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (folder / "pyproject.toml").write_text(
        project + "\n[tool.mutmut]\n" + "\n".join(lines) + "\n", encoding="utf-8"
    )
    fixtures = folder / "tests/vault/conftest.py"
    shared = "from tests.proof.mutants.shared import database_url as database_url\n"
    fixtures.write_text(fixtures.read_text(encoding="utf-8") + shared, encoding="utf-8")


def run(folder: Path, server_url: str, databases: list[str]) -> list[dict[str, str]]:
    """Mutate and test in `folder`; every mutant with what became of it."""
    if importlib.util.find_spec("mutmut") is None:
        raise RuntimeError("mutmut is not installed here: run `make proof`, which installs it")
    given = {"VALET_TEST_DATABASE_URL": server_url, "VALET_MUTANT_DATABASES": "\n".join(databases)}
    with (folder / "mutmut.log").open("wb") as log:
        done = subprocess.run(
            [sys.executable, "-m", "tests.proof.mutants.run", "results.json"],
            cwd=folder,
            env={**os.environ, **given},
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        tail = (folder / "mutmut.log").read_bytes()[-4000:].decode(errors="replace")
        raise RuntimeError(f"mutmut came to no end: {tail}")
    found: list[dict[str, str]] = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    return found
