"""compose.yaml as far as it can be judged without a Docker engine: by its schema, and by rules of our own."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from providers.registry import PROVIDERS
from valet.settings import Settings

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "compose.yaml").read_text(encoding="utf-8")
FILE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = FILE["services"]
DOORS = ("mcp-1", "mcp-2", "connect")
ROOTED = {"init": {"CHOWN", "DAC_OVERRIDE", "FOWNER"}, "restore": {"DAC_READ_SEARCH"}}
"""Who is root, and what of a root's rights is left to it; neither is there while Valet serves."""


def volumes(name: str) -> dict[str, tuple[str, bool]]:
    """Where a service has a volume or file: its source, and whether it may write there."""
    found = {}
    for entry in SERVICES[name].get("volumes", ()):
        source, target, *mode = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", entry).split(":")
        found[target] = (source, mode != ["ro"])
    return found


def mounted(source: str) -> set[str]:
    """Which services have a volume."""
    return {name for name in SERVICES if source in {each for each, _ in volumes(name).values()}}


def networks(name: str) -> set[str]:
    return set(SERVICES[name].get("networks", ()))


def test_it_is_what_the_compose_specification_allows() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_service_has_as_little_as_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert set(service.get("cap_add", ())) == ROOTED.get(name, set())
    forbidden = {"privileged", "pid", "ipc", "devices", "userns_mode", "cgroup", "env_file", "extra_hosts"}
    assert not forbidden & set(service)
    assert "/var/run/docker.sock" not in str(service)
    assert {"mem_limit", "pids_limit", "logging"} <= set(service)
    assert set(service["logging"]["options"]) == {"max-size", "max-file"}
    image_sets_it = "valet" in service["image"] and "user" not in service
    user = "10001:10001" if image_sets_it else service["user"]
    assert (user.split(":")[0] == "0") is (name in ROOTED)
    assert service["restart"] == "no" or service["stop_grace_period"]
    assert service["restart"] in {"no", "unless-stopped"}, (
        "on-failure does not outlive a restart of the server"
    )


def test_images_are_pinned_and_valets_is_this_release() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    for name, service in SERVICES.items():
        tag = service["image"].partition(":")[2]
        assert re.match(r"v?\d+\.\d+", tag), name
        if "build" in service:
            assert service["image"] == f"valet:{version}"
    assert len({s["image"] for s in SERVICES.values() if "postgres" in s["image"]}) == 1, (
        "pg_dump's is the server's"
    )


def test_only_nginx_is_reached_from_outside_and_only_by_https_or_for_it() -> None:
    assert {name: service["ports"] for name, service in SERVICES.items() if "ports" in service} == {
        "nginx": ["80:80", "443:443"]
    }
    assert SERVICES["nginx"]["environment"]["PROXY_PORT"].startswith("127.0.0.1:"), "other containers do not"


def test_nginx_reaches_no_database_and_the_database_reaches_nothing() -> None:
    assert not networks("nginx") & networks("postgres")
    for name in ("postgres", "roles", "backup", "restore"):
        assert networks(name) == {"data"}
    for name in ("data", "inside"):
        assert FILE["networks"][name]["internal"] is True
    assert FILE["networks"]["edge"]["driver_opts"] == {
        "com.docker.network.bridge.enable_ip_masquerade": "false"
    }
    out = {name for name in SERVICES if "outside" in networks(name)}
    assert out == {*DOORS, "prepare", "certbot"}, "prepare asks the key service, where there is one"
    for name in ("init", "certificate", "backup-keyring"):
        assert SERVICES[name]["network_mode"] == "none"


def test_nginx_asks_the_doors_and_the_doors_believe_nginx_alone() -> None:
    def address(name: str) -> str:
        return str(SERVICES[name]["networks"]["inside"]["ipv4_address"])

    asked = SERVICES["nginx"]["environment"]
    assert asked["MCP_1"] == f"{address('mcp-1')}:8420"
    assert asked["MCP_2"] == f"{address('mcp-2')}:8420"
    assert asked["CONNECT_1"] == asked["CONNECT_2"] == f"{address('connect')}:8420"
    for door in DOORS:
        assert SERVICES[door]["environment"]["VALET_TRUSTED_PROXIES"] == address("nginx")
    held = [name for name in SERVICES if "inside" in networks(name)]
    assert len({address(name) for name in held}) == len(held), "fixed, so that no other container gets one"


def test_the_template_of_nginx_gets_what_it_asks_for() -> None:
    asked = set(re.findall(r"\$\{([A-Z0-9_]+)\}", (ROOT / "nginx.conf").read_text()))
    assert asked <= set(SERVICES["nginx"]["environment"])


def test_everything_that_is_mounted_is_there() -> None:
    used = {source for name in SERVICES for source, _ in volumes(name).values()}
    assert {source for source in used if "/" not in source} == set(FILE["volumes"])
    for source in used:
        assert "/" not in source or (ROOT / source).is_file(), source
    secrets = {secret for service in SERVICES.values() for secret in service.get("secrets", ())}
    assert secrets == set(FILE["secrets"]) == {"settings"}
    assert {name for name, service in SERVICES.items() if "secrets" in service} == {"init"}
    assert {network for name in SERVICES for network in networks(name)} == set(FILE["networks"])
    for name in SERVICES:
        for value in SERVICES[name].get("environment", {}).values():
            if str(value).startswith("/"):
                assert any(str(value).startswith(target) for target in volumes(name)) or "secrets" in str(
                    value
                )


def test_database_and_key_ring_are_backed_up_apart() -> None:
    """Only the doors hold both, and the steps before them; the two copies meet where they are made, only."""
    assert mounted("backups") == {"init", "backup", "restore"}
    assert mounted("keyring-backups") == {"init", "backup-keyring"}
    assert mounted("keyring") == {"init", "prepare", *DOORS, "backup-keyring"}
    assert mounted("database") == {"postgres"}
    assert mounted("owner") == {"init", "prepare", "backup"}, "who serves has no way to the owner's password"
    assert mounted("postgres") == {"init", "postgres", "roles", "restore"}
    writers = {n for n in mounted("keyring") if volumes(n)["/var/lib/valet/keyring"] == ("keyring", True)}
    assert writers == {"init", "prepare"}


def test_each_starts_after_what_it_needs_is_done_or_well() -> None:
    order: list[str] = []

    def visit(name: str, above: tuple[str, ...] = ()) -> None:
        assert name not in above, "a circle"
        for other, needed in SERVICES[name].get("depends_on", {}).items():
            once = SERVICES[other]["restart"] == "no"
            assert needed == {"condition": "service_completed_successfully" if once else "service_healthy"}
            own = SERVICES[other].get("healthcheck", {})
            assert once or "test" in own or ("build" in SERVICES[other] and not own), "the image has one"
            visit(other, (*above, name))
        if name not in order:
            order.append(name)

    for name in SERVICES:
        visit(name)
    wanted = ["init", "postgres", "roles", "prepare", "connect", "nginx", "certbot"]
    assert [name for name in order if name in wanted] == wanted


ELSEWHERE = {
    # The image's: where to listen.
    "VALET_HOST",
    "VALET_PORT",
    "VALET_OPS_HOST",
    "VALET_OPS_PORT",
    "VALET_DATA_DIR",
    # nginx goes to the other worker at once.
    "VALET_DRAIN_SECONDS",
    # Without a meaning here: no embedded database, no emulator.
    "VALET_DB_USER",
    "VALET_EMULATOR_ORIGIN",
}


def test_every_setting_reaches_the_doors_and_none_that_is_secret_by_the_environment() -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    above = re.split(r"^# --- On a server", example, flags=re.MULTILINE)[0]
    settings = set(re.findall(r"^([A-Z_]+)=", above, re.MULTILINE)) - ELSEWHERE
    whole = SERVICES["connect"]["environment"]
    given = {name: value for name, value in whole.items() if not name.startswith("OTEL_")}
    assert {name.removesuffix("_FILE") for name in given} == settings - {"MIGRATION_DATABASE_URL"}
    fields = {str(field.alias) for field in Settings.model_fields.values()}
    clients = {
        setting for each in PROVIDERS for setting in (each.client_id_setting, each.client_secret_setting)
    }
    oidc = {"OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET"}
    assert {name.removesuffix("_FILE") for name in given} <= fields | clients | oidc
    for name, value in given.items():
        assert ("SECRET" in name or "DATABASE" in name) is name.endswith("_FILE")
        assert not name.endswith("_FILE") or str(value).startswith("/run/valet/app/")
    for door in DOORS:
        assert SERVICES[door]["environment"] == whole
    assert SERVICES["prepare"]["environment"].items() >= given.items()


def test_every_script_is_one_that_a_shell_reads() -> None:
    scripts = sorted((ROOT / "deploy/compose").glob("*.sh"))
    assert scripts
    for script in scripts:
        subprocess.run(["sh", "-n", str(script)], check=True)
        assert f"./{script.relative_to(ROOT)}" in TEXT, "nothing here is for nobody"
