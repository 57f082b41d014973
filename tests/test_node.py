"""What is missing for a Node program is said loudly, and fails where it may not be missing."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support import node


def test_node_is_the_one_from_the_wheel_and_new_enough() -> None:
    ran = subprocess.run(
        ["node", "--version"], env=node.environment(), capture_output=True, text=True, check=True
    )
    assert int(ran.stdout.lstrip("v").split(".")[0]) >= 22


@pytest.mark.parametrize(("required", "outcome"), [("", pytest.skip), ("1", pytest.fail)])
def test_a_missing_package_skips_or_fails(
    required: str, outcome: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node, "FOLDER", tmp_path)
    monkeypatch.setenv("VALET_REQUIRE_NODE", required)
    with pytest.raises(outcome.Exception, match=r"needs the npm package @modelcontextprotocol/conformance"):
        node.package("@modelcontextprotocol/conformance")


def test_packages_of_an_older_list_are_installed_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node, "FOLDER", tmp_path)
    monkeypatch.setenv("VALET_REQUIRE_NODE", "1")
    (tmp_path / "node_modules" / "some-package").mkdir(parents=True)
    (tmp_path / "installed.json").write_bytes(node.WANTED.read_bytes())
    assert node.package("some-package").is_dir()
    (tmp_path / "installed.json").write_text('{"dependencies": {}}')
    with pytest.raises(pytest.fail.Exception):
        node.package("some-package")
