"""A real Docker engine with Compose, of Debian's packages, in namespaces of its own.

    engine = Engine(folder)
    engine.start()
    engine.bring(engine.base, "debian:testing")
    engine.build("nginx:1.30", folder / "nginx.Dockerfile")
    engine.docker("compose", "up", "-d")    # in the engine's /srv/valet
    engine.publish("127.0.0.80", 443)

Its mounts, networks, firewall, cgroups and processes end with it, and no port of this machine is taken but
what is published.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

SUITE = "forky"
"""Debian's release with an engine and a Compose as new as docs/setup.md asks for."""
PACKAGES = ("docker.io", "docker-cli", "docker-compose", "docker-buildx", "iptables", "iproute2", "git")
PROGRAMS = ("debootstrap", "slirp4netns", "unshare", "nsenter", "pivot_root", "ip")
HERE = "10.0.2.2"
"""This machine's loopback, as the engine's containers see it (slirp4netns(1))."""

Visitor = Callable[..., str]
"""Runs a command with words, outside the engine, and gives what it printed."""

_TOGETHER = ("setpriv", "--pdeathsig", "KILL")
"""What begins like this does not outlive the test."""


def require() -> None:
    """Skip, with the reason, where no engine can run."""
    if os.getuid() != 0:
        pytest.skip("NOT VALIDATED: the compose file in a Docker engine, which needs root")
    for name in PROGRAMS:
        if shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin") is None:
            pytest.skip(f"NOT VALIDATED: the compose file in a Docker engine: {name} is missing")
    spaces = subprocess.run(["unshare", "--mount", "--net", "--pid", "--fork", "true"], check=False)
    if spaces.returncode or "overlay" not in Path("/proc/filesystems").read_text():
        pytest.skip("NOT VALIDATED: the compose file in a Docker engine: no namespaces, or no overlayfs here")


def system(folder: Path, suite: str, *packages: str) -> Path:
    """A minimal Debian of that release in a folder: its root."""
    root, log = folder / suite, folder / f"{suite}.log"
    # Releases that came after this machine's debootstrap are made as the unstable one is.
    scripts = folder / f"{suite}.scripts"
    shutil.copytree("/usr/share/debootstrap", scripts, symlinks=True)
    if not (scripts / "scripts" / suite).exists():
        (scripts / "scripts" / suite).symlink_to("sid")
    with log.open("w") as said:
        ran = subprocess.run(
            # What it mounts on the way is nobody else's, and none of its children is left over.
            [
                *_TOGETHER,
                *("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"),
                *("debootstrap", "--variant=minbase", f"--include={','.join(packages)}", suite, str(root)),
            ],
            env={**os.environ, "DEBOOTSTRAP_DIR": str(scripts)},
            stdout=said,
            stderr=said,
            check=False,
        )
    assert ran.returncode == 0, log.read_text()[-2000:]
    # A mirror that is a copy of some weeks ago serves as well here.
    (root / "etc/apt/apt.conf.d/90valid").write_text('Acquire::Check-Valid-Until "false";\n')
    for archive in (root / "var/cache/apt/archives").glob("*.deb"):
        archive.unlink()
    return root


def install(root: Path, *packages: str) -> None:
    """More packages into such a folder."""
    lines = "apt-get -qq update && apt-get -qq install --yes --no-install-recommends"
    ran = subprocess.run(
        ["chroot", str(root), "sh", "-c", f"{lines} {' '.join(packages)}"],
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-1000:] + ran.stderr[-2000:]


class Engine:
    """dockerd from `start` to `stop`. `folder` holds its root; what lies in `project` is its /srv/valet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "dockerd.log"
        self.base = folder
        self._root = folder / "engine"
        self.project = self._root / "srv/valet"
        self._engine: subprocess.Popen[bytes] | None = None
        self._network: subprocess.Popen[bytes] | None = None

    # Life

    def start(self) -> None:
        """Install and start it."""
        self.base = system(self.folder, SUITE, "ca-certificates")
        subprocess.run(["cp", "--archive", str(self.base), str(self._root)], check=True)
        install(self._root, *PACKAGES)
        self.project.mkdir(parents=True)
        script = Path(__file__).with_suffix(".sh")
        spaces = [*_TOGETHER, "unshare", "--mount", "--net", "--pid", "--fork", "--kill-child"]
        with self.log.open("wb") as said:
            self._engine = subprocess.Popen(
                [*spaces, "sh", str(script), str(self._root), self._group], stdout=said, stderr=said
            )
        self._until(lambda: self.docker("info", check=False).returncode == 0)
        daemon = self._daemon()
        command = [*_TOGETHER, "slirp4netns", "--configure", "--mtu=1500", "--api-socket", str(self._ports)]
        with (self.folder / "network.log").open("wb") as said:
            self._network = subprocess.Popen([*command, str(daemon), "tap0"], stdout=said, stderr=said)
        self._until(self._ports.exists)

    def stop(self) -> None:
        """End it and all that runs in it, and take the folder away: an engine is a gigabyte."""
        # The namespaces' first process is gone last, and only then does nobody write any more.
        first = psutil.Process(self._engine.pid).children() if self._engine is not None else []
        for process in (self._engine, self._network):
            if process is not None:
                process.kill()
                process.wait()
        psutil.wait_procs(first, 30)
        shutil.rmtree(self.folder)
        for place in Path("/sys/fs/cgroup").rglob(self._group):
            for group in sorted(filter(Path.is_dir, place.rglob("*")), reverse=True):
                group.rmdir()
            place.rmdir()

    # Use

    def docker(
        self, *words: str, check: bool = True, given: bytes | None = None, seconds: float = 600
    ) -> subprocess.CompletedProcess[str]:
        """`docker WORDS` in the project's folder. Fails where the command does, unless told not to."""
        there = 'cd /srv/valet && exec docker "$@"'
        ran = subprocess.run(
            ["chroot", str(self._root), "sh", "-c", there, "docker", *words],
            env={
                "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                "HOME": "/root",
                "DOCKER_HOST": "unix:///srv/docker.sock",
            },
            input=given,
            stdin=None if given is not None else subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            check=False,
        )
        out, err = (each.decode(errors="replace") for each in (ran.stdout, ran.stderr))
        assert not check or ran.returncode == 0, f"docker {' '.join(words)}: {out[-1500:]}{err[-3000:]}"
        return subprocess.CompletedProcess(ran.args, ran.returncode, out, err)

    def shell(self, line: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """A line of a document that begins with docker."""
        words = shlex.split(line)
        assert words[0] == "docker", line
        return self.docker(*words[1:], check=check)

    def bring(self, root: Path, name: str) -> None:
        """An image of a folder's files."""
        archive = subprocess.run(["tar", "-C", str(root), "-c", "."], capture_output=True, check=True)
        self.docker("import", "-", name, given=archive.stdout)

    def build(self, name: str, dockerfile: Path) -> None:
        """An image of a Dockerfile, with the folder that it lies in."""
        there = self._root / "srv/bases"
        shutil.copytree(dockerfile.parent, there, dirs_exist_ok=True)
        self.docker(
            "build", "--quiet", "--tag", name, "--file", f"/srv/bases/{dockerfile.name}", "/srv/bases"
        )

    def publish(self, address: str, port: int, inside: int | None = None) -> None:
        """A port that the engine publishes (or `inside`) on a loopback address of this machine."""
        wish = {"proto": "tcp", "host_addr": address, "host_port": port, "guest_port": inside or port}
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(str(self._ports))
            line.sendall(json.dumps({"execute": "add_hostfwd", "arguments": wish}).encode())
            line.shutdown(socket.SHUT_WR)
            answer = json.loads(line.recv(65536))
        assert "return" in answer, answer

    @contextmanager
    def visitor(self, ours: Sequence[str], theirs: Sequence[str]) -> Iterator[Visitor]:
        """Somebody outside, on a line of their own: the engine's addresses on it, and theirs."""
        alone = subprocess.Popen([*_TOGETHER, "unshare", "--net", "sleep", "infinity"])
        try:
            engine, visitor = str(self._daemon()), str(alone.pid)
            here = Path("/proc/self/ns/net").readlink()
            self._until(lambda: Path(f"/proc/{visitor}/ns/net").readlink() != here)
            pair = ("link", "add", "line", "netns", engine, "type", "veth", "peer", "name", "line")
            subprocess.run(["ip", *pair, "netns", visitor], check=True)
            for end, addresses in ((engine, ours), (visitor, theirs)):
                into = ["nsenter", "--target", end, "--net", "ip"]
                for address in addresses:
                    more = ["nodad"] if ":" in address else []
                    subprocess.run([*into, "addr", "add", address, "dev", "line", *more], check=True)
                subprocess.run([*into, "link", "set", "line", "up"], check=True)
            yield (
                lambda *words: (
                    subprocess.run(
                        ["nsenter", "--target", visitor, "--net", *words],
                        capture_output=True,
                        text=True,
                        check=True,
                    ).stdout
                )
            )
        finally:
            alone.kill()
            alone.wait()

    @property
    def _group(self) -> str:
        """Under which the containers' cgroups are, which outlive a namespace."""
        return f"valet-proof-{os.getpid()}"

    @property
    def _ports(self) -> Path:
        return self.folder / "ports.sock"

    def _daemon(self) -> int:
        """The pid of what `unshare` forked, which lives in the namespaces."""
        assert self._engine is not None
        [child] = psutil.Process(self._engine.pid).children()
        return int(child.pid)

    def _until(self, holds: Callable[[], object]) -> None:
        assert self._engine is not None
        end = time.monotonic() + 60
        while not holds():
            assert self._engine.poll() is None and time.monotonic() < end, self.log.read_text()[-3000:]
            time.sleep(0.1)
