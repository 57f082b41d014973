"""The image of the Dockerfile on this machine: its files, environment and user, on a read-only root.

There is no engine to build it with. What would be in /opt/valet is put together from a wheel of this tree and
the packages that are installed here, which are those of constraints.txt; `tests/proof/test_image.py` runs the
very lines of the Dockerfile instead. bubblewrap gives each process the mounts of a container, setpriv its
user and capabilities.
"""

from __future__ import annotations

import compileall
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from configparser import ConfigParser
from contextlib import suppress
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.ending import ended

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
PEOPLE = {"root": 0, "nginx": 101, "postgres": 999, "valet": 10001}
"""Who is in the /etc/passwd of the images."""


def instructions(word: str) -> list[str]:
    """What the Dockerfile says by one word (RUN, ENV …), line ends removed, in order."""
    joined = re.sub(r"\\\n\s*", " ", re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE))
    return re.findall(rf"^{word} (.*)$", joined, re.MULTILINE)


def environment() -> dict[str, str]:
    """ENV of the image, PATH included."""
    [line] = instructions("ENV")
    pairs = dict(pair.split("=", 1) for pair in line.split())
    return {**pairs, "PATH": pairs["PATH"].replace("$PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin")}


def closure(extras: Iterable[str]) -> dict[str, Distribution]:
    """Every package that `valet[extras]` brings along, by its name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"]]
    wanted += [each for extra in extras for each in project["optional-dependencies"][extra]]
    found: dict[str, Distribution] = {}
    seen: set[tuple[str, str]] = set()
    waiting = [(Requirement(each), extra) for each in wanted for extra in ("", *Requirement(each).extras)]
    while waiting:
        requirement, extra = waiting.pop()
        name = canonicalize_name(requirement.name)
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        found[name] = distribution(name)
        for line in found[name].requires or ():
            inner = Requirement(line)
            if inner.marker is None or inner.marker.evaluate({"extra": extra}):
                waiting += [(inner, each) for each in ("", *inner.extras)]
    return found


def sources(folder: Path) -> None:
    """The files of this tree that .dockerignore lets into a build."""
    folder.mkdir(parents=True)
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if not line.startswith("!"):
            continue
        path = ROOT / line[1:]
        if path.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.py[cod]")
            shutil.copytree(path, folder / path.name, ignore=ignored)
        else:
            shutil.copy(path, folder)


def wheel(folder: Path) -> Path:
    """The wheel of this tree, by the Dockerfile's own line."""
    sources(folder / "src")
    [build, *_] = instructions("RUN")
    line = build.replace("/wheels", str(folder / "wheels")).replace("--no-cache-dir ", "")
    line = line.replace("pip ", f'"{sys.executable}" -m pip --disable-pip-version-check --quiet ', 1)
    subprocess.run(["sh", "-c", line], cwd=folder / "src", check=True)
    [made] = (folder / "wheels").glob("*.whl")
    return made


def prefix(folder: Path) -> Path:
    """What the image has in /opt/valet."""
    [default] = re.findall(r"^ARG EXTRAS=(.*)$", DOCKERFILE, re.MULTILINE)
    made = folder / "opt"
    packages = made / f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
    packages.mkdir(parents=True)
    with zipfile.ZipFile(wheel(folder)) as archive:
        archive.extractall(packages)
    compileall.compile_dir(str(packages), quiet=1, workers=1)
    for each in closure(default.split(",")).values():
        for file in each.files or ():
            if ".." not in file.parts:
                _link(Path(str(each.locate_file(file))), packages / file)
    (made / "bin").mkdir()
    base = Path(sys.base_prefix, "bin")
    (made / "bin/python").symlink_to(base / f"python{sys.version_info[0]}.{sys.version_info[1]}")
    (made / "pyvenv.cfg").write_text(f"home = {base}\ninclude-system-site-packages = false\n")
    [entries] = packages.glob("valet-*.dist-info/entry_points.txt")
    scripts = ConfigParser()
    scripts.optionxform = str  # type: ignore[assignment,method-assign]
    scripts.read(entries)
    for name, value in scripts["console_scripts"].items():
        module, function = value.split(":")
        script = made / "bin" / name
        script.write_text(
            f"#!/opt/valet/bin/python\nimport sys\nfrom {module} import {function}\nsys.exit({function}())\n"
        )
        script.chmod(0o755)
    return made


def _link(source: Path, target: Path) -> None:
    if not source.is_file():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        return
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _python() -> list[str]:
    """Lets every user reach this Python, where its folder is somebody's home."""
    base = Path(sys.base_prefix)
    closed = [each for each in reversed(base.parents) if not each.stat().st_mode & 0o001]
    if not closed:
        return []
    between = [
        each for each in reversed(base.parents) if each.is_relative_to(closed[0]) and each != closed[0]
    ]
    way = [word for each in between for word in ("--perms", "0755", "--dir", str(each))]
    return ["--perms", "0755", "--tmpfs", str(closed[0]), *way, "--ro-bind", str(base), str(base)]


def require() -> None:
    """Skip, loudly, where a container can't be had; fail where a Debian package only has to be installed."""
    if shutil.which("bwrap") is None or shutil.which("setpriv") is None:
        if os.environ.get("VALET_REQUIRE_TOWN"):
            pytest.fail("bubblewrap is missing: run tests/prerequisites.sh as root.")
        pytest.skip("NOT VALIDATED: the image under a read-only root, for bubblewrap is missing")
    if os.geteuid() != 0:
        pytest.skip("NOT VALIDATED: the image under its own users, for that takes root")
    if subprocess.run(["bwrap", "--ro-bind", "/", "/", "--tmpfs", "/run", "true"], check=False).returncode:
        pytest.skip("NOT VALIDATED: the image under a read-only root, for no file system may be mounted here")


class Container:
    """One container: `opt` is what it has in /opt/valet, `folder` is for its own small files.

    `mounts` are (folder here, path there, may it be written to). `user` is uid:gid, `capabilities` what of
    root's rights is left. Its root file system cannot be written to; /tmp is in memory.
    """

    def __init__(
        self,
        opt: Path,
        folder: Path,
        *,
        user: str,
        mounts: Sequence[tuple[Path, str, bool]],
        given: Mapping[str, str],
        capabilities: Iterable[str] = (),
    ) -> None:
        uid, gid = user.split(":")
        people = folder / "passwd"
        people.write_text("".join(f"{name}:x:{n}:{n}::/nonexistent:/bin/sh\n" for name, n in PEOPLE.items()))
        self.command = ["bwrap", "--die-with-parent", "--ro-bind", "/", "/", "--dev", "/dev"]
        for place in ("/run", "/var/lib", "/opt"):
            self.command += ["--tmpfs", place]
        self.command += ["--perms", "1777", "--tmpfs", "/tmp"]
        self.command += [*_python(), "--ro-bind", str(opt), "/opt/valet"]
        self.command += ["--ro-bind", str(people), "/etc/passwd", "--dir", "/var/lib/valet"]
        # Folders that bubblewrap makes for a mount are its owner's alone.
        self.command += ["--perms", "0755", "--dir", "/run/valet"]
        for source, target, writes in mounts:
            self.command += ["--bind" if writes else "--ro-bind", str(source), target]
        self.command += ["--remount-ro", "/run", "--remount-ro", "/var/lib", "--remount-ro", "/opt"]
        self.command += ["--chdir", "/var/lib/valet", "--clearenv"]
        for name, value in given.items():
            self.command += ["--setenv", name, value]
        held = "".join(f",+{name.lower()}" for name in capabilities)
        self.command += ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", "--no-new-privs"]
        self.command += [f"--bounding-set=-all{held}", f"--inh-caps=-all{held}", "--"]

    def run(self, *command: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """A command in it, to its end."""
        return subprocess.run(
            [*self.command, *command], capture_output=True, text=True, timeout=timeout, check=False
        )

    def start(self, log: Path, *command: str) -> Running:
        """A command in it, which goes on."""
        told, tell = os.pipe()
        head, rest = self.command[:1], self.command[1:]
        log.touch()
        log.chmod(0o666)  # an engine gives a container's user what is behind its /dev/stdout
        with log.open("ab") as output:
            process = subprocess.Popen(
                [*head, "--info-fd", str(tell), *rest, *command],
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=(tell,),
                start_new_session=True,
            )
        os.close(tell)
        with os.fdopen(told) as said:
            pid = json.loads(said.read())["child-pid"]
        return Running(process, pid, log)


class Running:
    """A command that goes on in a container."""

    def __init__(self, process: subprocess.Popen[bytes], pid: int, log: Path) -> None:
        self._process = process
        self.pid = pid
        """Of the command itself."""
        self.log = log

    @property
    def ended(self) -> bool:
        """Whether it has ended by itself."""
        return self._process.poll() is not None

    def stop(self, number: int) -> int:
        """Tell it to end, and wait until it has. The exit status."""
        if self._process.poll() is None:
            os.kill(self.pid, number)
        try:
            return ended(self._process)
        finally:
            # An engine ends what a container's first process leaves behind.
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
