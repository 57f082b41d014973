"""nginx.conf as a file: nginx takes it as it is, and a checker of configurations finds nothing in it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.nginx import CONF, Nginx, fill


def at(folder: Path, **values: str) -> Nginx:
    return Nginx(folder, **{"MCP_1": "127.0.0.1:1", "CONNECT_1": "127.0.0.1:2", **values})


def checked(nginx: Nginx) -> str:
    """What `nginx -t` says."""
    ran = subprocess.run([*nginx.prepare(), "-t"], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stderr


def test_nginx_takes_it_without_a_warning(tmp_path: Path) -> None:
    assert "[warn]" not in checked(at(tmp_path))


def test_one_worker_may_be_named_twice_and_workers_by_name(tmp_path: Path) -> None:
    checked(at(tmp_path, MCP_2="localhost:8420", CONNECT_2="localhost:8420"))


def test_a_whole_port_may_be_listened_on(tmp_path: Path) -> None:
    checked(at(tmp_path, HTTP_PORT="8080", HTTPS_PORT="8443"))


def test_the_official_images_envsubst_fills_it_in_as_well(tmp_path: Path) -> None:
    """It puts values in the place of names, and nothing more: with one network that is the same file."""
    nginx = at(tmp_path, TRUSTED_PROXY="10.0.0.0/8")
    checked(nginx)
    assert nginx.file.read_text() == re.sub(
        r"\$\{([A-Z0-9_]+)\}", lambda name: nginx.values[name[1]], CONF.read_text()
    )


@pytest.mark.parametrize("name", sorted(set(re.findall(r"\$\{([A-Z0-9_]+)\}", CONF.read_text()))))
def test_what_is_not_filled_in_is_an_error_and_not_an_empty_value(name: str, tmp_path: Path) -> None:
    nginx = at(tmp_path)
    nginx.prepare()
    nginx.file.unlink()
    ran = fill(CONF, nginx.folder, {key: value for key, value in nginx.values.items() if key != name})
    assert ran.returncode == 2 and f"{name}: is not set" in ran.stderr and not nginx.file.exists()


def findings(file: Path) -> list[str]:
    command = [sys.executable, "-m", "gixy.cli", "-f", "json", str(file)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.stdout, ran.stderr
    return [found["plugin"] for found in json.loads(ran.stdout)]


def test_gixy_finds_nothing(tmp_path: Path) -> None:
    nginx = at(tmp_path)
    nginx.prepare()
    assert findings(nginx.file) == []


def test_gixy_would_find_something(tmp_path: Path) -> None:
    """What it is trusted with: a Host that a stranger chose, and headers that a location takes away."""
    careless = {
        "proxy_set_header Host $our_authority;": "proxy_set_header Host $http_host;",
        "            proxy_buffering on;\n": "            add_header X-More 1;\n",
    }
    nginx = Nginx(tmp_path, careless, MCP_1="127.0.0.1:1", CONNECT_1="127.0.0.1:2")
    nginx.prepare()
    assert {"host_spoofing", "add_header_redefinition"} <= set(findings(nginx.file))


def test_it_needs_no_right_and_writes_below_its_prefix_only() -> None:
    text = CONF.read_text()
    written = [
        line.split() for line in text.splitlines() if line.strip().startswith("pid ") or "_temp_path" in line
    ]
    assert len(written) == 6 and not any(words[1].startswith("/") for words in written)
    assert "\nuser " not in text
