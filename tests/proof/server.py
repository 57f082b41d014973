"""The server of docs/setup.md: compose.yaml in a real engine, in a world with providers and an ACME server.

Images of a registry are stood in for by Debian's programs (tests/proof/base). The world is one more file for
Compose: Spotify's and Google's own names lead to the emulator, by TLS, and valet.example.org to nginx.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

import yaml
from cryptography import x509

from tests.connect.tlshost import Authority
from tests.support.emulator import EmulatorProcess
from tests.support.engine import HERE, Engine, system
from tests.support.ports import free_port
from tests.support.site import until as holds_within

ROOT = Path(__file__).resolve().parents[2]
BASES = Path(__file__).parent / "base"
NAME = "valet.example.org"
URL = f"https://{NAME}"
FRONT, WORLD = "127.0.0.80", "127.0.0.81"
"""Where this machine finds nginx, and the providers."""
PROVIDERS = (
    "accounts.google.com",
    "oauth2.googleapis.com",
    "openidconnect.googleapis.com",
    "www.googleapis.com",
    "accounts.spotify.com",
    "api.spotify.com",
)
CANARY = "canary-client-secret-of-this-server"
APPS = {"spotify": "an-app-at-spotify", "google": "an-app-at-google"}
until = partial(holds_within, seconds=120)
DOORS = ("mcp-1", "mcp-2", "connect")

_NGINX = """pid /tmp/world.pid;
events {}
http {
    access_log off;
    server {
        listen 443 ssl;
        ssl_certificate /etc/world/accounts.google.com.pem;
        ssl_certificate_key /etc/world/accounts.google.com.pem;
        location / {
            proxy_pass http://EMULATOR/$host$request_uri;
            proxy_set_header Host localhost;
        }
    }
}
"""
_PEBBLE = {
    "listenAddress": "0.0.0.0:14000",
    "managementListenAddress": "0.0.0.0:15000",
    "certificate": "/etc/world/pebble.pem",
    "privateKey": "/etc/world/pebble.pem",
    "httpPort": 80,
    "tlsPort": 443,
    "ocspResponderURL": "",
}


def world(nginx: str) -> dict[str, Any]:
    """What Compose is told beside the file: names that lead elsewhere than in the world, and who is there."""
    mounted = ["/srv/world:/etc/world:ro"]
    return {
        "services": {
            "world": {
                "image": nginx,
                "command": ["nginx", "-c", "/etc/world/nginx.conf", "-g", "daemon off;"],
                "volumes": mounted,
                "ports": ["8443:443"],
                "networks": {"outside": {"aliases": list(PROVIDERS)}},
            },
            "pebble": {
                "image": "pebble",
                "command": ["pebble", "-config", "/etc/world/pebble.json"],
                "environment": {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0"},
                "volumes": mounted,
                "networks": ["outside", "edge"],
            },
            "nginx": {"networks": {net: {"aliases": [NAME]} for net in ("edge", "inside")}},
            "certbot": {
                "environment": {"REQUESTS_CA_BUNDLE": "/etc/world/authority.pem"},
                "volumes": mounted,
                "depends_on": {"pebble": {"condition": "service_started"}},
            },
        }
    }


class Server:
    """The machine with the engine. `typed` are the lines of documents that were run on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.engine = Engine(folder)
        self.emulator = EmulatorProcess()
        self.authority = Authority()
        self.file: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
        self.image = str(self.file["services"]["mcp-1"]["image"])
        self.typed: set[str] = set()

    # Life

    def start(self) -> None:
        """The engine, its images and the files that a server has; nothing of Valet's runs yet."""
        with ThreadPoolExecutor() as pool:
            older = pool.submit(system, self.folder, "bookworm", "ca-certificates")
            self.engine.start()
            self.engine.bring(older.result(), "debian:bookworm")
        self.engine.bring(self.engine.base, "debian:testing")
        self._images()
        port = free_port()
        self.emulator.start(port)
        for name, app in APPS.items():
            redirects = [f"{URL}/callback/{name}"]
            self.emulator.client(app, upstream=name, new=True, secret=CANARY, redirects=redirects)
        self._files(f"{HERE}:{port}")
        self.engine.publish(FRONT, 80)
        self.engine.publish(FRONT, 443)
        self.engine.publish(WORLD, 443, 8443)

    def stop(self) -> None:
        try:
            self.emulator.stop()
        finally:
            self.engine.stop()

    def __enter__(self) -> Server:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _images(self) -> None:
        bases = self.folder / "bases"
        shutil.copytree(BASES, bases)
        (bases / "world.crt").write_text(self.authority.pem)
        shutil.copy("/etc/ssl/certs/ca-certificates.crt", bases / "trusted.pem")
        index = os.environ.get("PIP_INDEX_URL")
        lines = ["[global]", "cert = /etc/trusted.pem", *([f"index_url = {index}"] if index else [])]
        (bases / "pip.conf").write_text("\n".join(lines) + "\n")
        [python] = re.findall(r"^ARG BASE=(\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
        images = {python, "pebble", *(service["image"] for service in self.file["services"].values())}
        for image in sorted(images - {self.image}):
            sort = image.partition(":")[0].rpartition("/")[2]
            self.engine.build(image, bases / f"{sort}.Dockerfile")

    def _files(self, emulator: str) -> None:
        there = self.engine.project
        listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], capture_output=True, check=True)
        for name in filter(None, listed.stdout.decode().split("\0")):
            if (ROOT / name).is_file():
                (there / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, there / name)
        shutil.copy(there / ".env.example", there / ".env")
        (there / ".env").chmod(0o600)
        self.settings(
            PUBLIC_URL=URL,
            VALET_ALLOW="ana.duarte@gmail.com",
            VALET_ACME_EMAIL="ana@example.org",
            VALET_ACME_SERVER="https://pebble:14000/dir",
            **{f"{name.upper()}_CLIENT_ID": app for name, app in APPS.items()},
            **dict.fromkeys((f"{name.upper()}_CLIENT_SECRET" for name in APPS), CANARY),
        )
        here = there.parent / "world"
        here.mkdir()
        self.authority.certify(here, *PROVIDERS)
        self.authority.certify(here, "pebble")
        for pem in here.glob("*.pem"):
            pem.chmod(0o644)
        (here / "authority.pem").write_text(self.authority.pem)
        (here / "nginx.conf").write_text(_NGINX.replace("EMULATOR", emulator))
        (here / "pebble.json").write_text(json.dumps({"pebble": _PEBBLE}))
        nginx = self.file["services"]["nginx"]["image"]
        (there / "compose.override.yaml").write_text(yaml.safe_dump(world(nginx)))

    def settings(self, **values: str) -> None:
        """Lines of .env: changed where they are, added where not."""
        path = self.engine.project / ".env"
        text = path.read_text()
        for name, value in values.items():
            line = f"{name}={value}"
            text, found = re.subn(rf"^#? ?{name}=.*$", line, text, flags=re.MULTILINE)
            text += "" if found else f"{line}\n"
        path.write_text(text)

    # What somebody types, and sees

    def type(self, line: str, moved: Mapping[str, str] | None = None, *, check: bool = True) -> str:
        """A line of a document, with what `moved` puts in the place of its examples. What it printed."""
        self.typed.add(line)
        for example, here in (moved or {}).items():
            assert example in line, line
            line = line.replace(example, here)
        ran = self.engine.shell(line, check=check)
        return ran.stdout + ran.stderr

    def compose(self, *words: str, check: bool = True) -> str:
        """`docker compose WORDS`. What it printed."""
        return self.engine.docker("compose", *words, check=check).stdout

    def inspect(self, service: str, what: str = "") -> Any:
        """What the engine knows of a service's container."""
        found = self.engine.docker("inspect", f"valet-{service}-1", "--format", f"{{{{json .{what}}}}}")
        return json.loads(found.stdout)

    def health(self, service: str) -> str:
        """healthy, unhealthy or starting."""
        return str(self.inspect(service, "State")["Health"]["Status"])

    def ready(self) -> float:
        """Seconds from the start of mcp-1's container to its word that it is ready."""
        begun = datetime.fromisoformat(self.inspect("mcp-1", "State")["StartedAt"][:26])
        said = self.engine.docker("logs", "--timestamps", "valet-mcp-1-1").stdout
        words = [line for line in said.splitlines() if "The MCP server is ready" in line]
        return (datetime.fromisoformat(words[-1].split()[0][:26]) - begun).total_seconds()

    def inside(self, service: str, *words: str) -> subprocess.CompletedProcess[str]:
        """A command in the container of a service that runs; how it ends is the caller's."""
        return self.engine.docker("exec", f"valet-{service}-1", *words, check=False)


def documented(page: str, heading: str) -> list[str]:
    """The lines for Docker in the block, or blocks, under a heading."""
    whole = (ROOT / page).read_text(encoding="utf-8")
    [section] = re.findall(rf"^##+ {re.escape(heading)}\n(.*?)(?=^##)", whole, re.MULTILINE | re.DOTALL)
    blocks = re.findall(r"^```sh\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    lines = [re.sub(r"\s+# .*", "", line) for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.startswith("docker ")]


def every() -> set[str]:
    """All lines for Docker in the documents that somebody is to type."""
    pages = ["README.md", *(str(path.relative_to(ROOT)) for path in ROOT.glob("docs/*.md"))]
    found = set()
    for page in pages:
        whole = (ROOT / page).read_text(encoding="utf-8")
        for block in re.findall(r"^```sh\n(.*?)^```", whole, re.MULTILINE | re.DOTALL):
            found |= {re.sub(r"\s+# .*", "", line) for line in block.splitlines()}
        found |= set(re.findall(r"`(docker (?:compose|exec|run|build) [^`\n]+)`", whole.replace("\n", " ")))
    return {line for line in found if line.startswith("docker ")}


def shown() -> x509.Certificate:
    """What nginx shows to whoever asks for the name."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    line = socket.create_connection((FRONT, 443), 10)
    with context.wrap_socket(line, server_hostname=NAME) as tls:
        return x509.load_der_x509_certificate(tls.getpeercert(binary_form=True) or b"")
