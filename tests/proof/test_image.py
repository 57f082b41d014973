"""What the image holds, built and installed by the very lines of the Dockerfile."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from tests.support.image import DOCKERFILE, ROOT, closure, instructions, sources


@pytest.mark.parametrize("extras", ["otel", "otel,aws"])
def test_the_lines_of_the_dockerfile_install_what_is_pinned_and_nothing_else(
    extras: str, tmp_path: Path
) -> None:
    programs, opt = tmp_path / "bin", tmp_path / "opt"
    programs.mkdir()
    (programs / "pip").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pip "$@"\n')
    (programs / "pip").chmod(0o755)
    (programs / "python").symlink_to(Path(sys.base_prefix, "bin/python3"))
    for program in ("sh", "rm", "env"):
        (programs / program).symlink_to(str(shutil.which(program)))
    sources(tmp_path / "src")
    lines = [line for line in instructions("RUN") if "useradd" not in line]
    assert len(lines) == DOCKERFILE.split("\nFROM ")[1].count("\nRUN ") == 2
    for line in lines:
        # pip's cache is this machine's own; a build has none.
        moved = line.replace("/wheels", f"{tmp_path}/wheels").replace("/opt/valet", str(opt))
        ran = subprocess.run(
            ["sh", "-c", moved.replace("--no-cache-dir ", "")],
            cwd=tmp_path / "src",
            # No compiler is to be found.
            env={"PATH": str(programs), "HOME": os.environ.get("HOME", "/"), "EXTRAS": extras, "CC": "false"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-2000:]
    [packages] = opt.glob("lib/python*/site-packages")
    found = {canonicalize_name(each.name): each.version for each in distributions(path=[str(packages)])}
    assert found.pop("valet")
    pins = re.findall(r"^([\w.-]+)==(.+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert found.items() <= {canonicalize_name(name): version for name, version in pins}.items()
    assert found.keys() == closure(extras.split(",")).keys()
    assert {path.name for path in (opt / "bin").iterdir()} >= {"valet", "mcp_server", "connect"}
    before = {path for path in opt.rglob("*") if path.is_file()}
    ran = subprocess.run([opt / "bin/valet", "--help"], env={}, capture_output=True, text=True, check=False)
    assert ran.returncode == 0 and "Usage" in ran.stdout, ran.stderr
    assert {path for path in opt.rglob("*") if path.is_file()} == before, "all bytecode is there"
    print(f"{extras}: {sum(path.stat().st_size for path in before) / 1e6:.0f} MB in {len(before)} files")
