"""The manifests of deploy/kubernetes: valid, complete, closed, and true of the programs that they start.

There is no cluster here. What the schemas of Kubernetes say is judged by `kubernetes-validate`, offline; what
they don't say by the rules below; and the programs are started for real, with the manifests' environment.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import psycopg
import pytest
import yaml
from prometheus_client import CollectorRegistry
from psycopg import sql
from psycopg.conninfo import make_conninfo

from mcp_server.reading.child import MEMORY
from providers.registry import PROVIDERS
from tests.deploy.cluster import (
    DOORS,
    ELSEWHERE,
    HERE,
    PEERS,
    ROOT,
    WITHIN,
    copied,
    environment,
    fault,
    labels,
    let_through,
    makers,
    of,
    one,
)  # fmt: skip
from tests.deploy.guide import manifests
from tests.deploy.policies import Peer, Policies, selects
from tests.deploy.shapes import PGBOUNCER
from tests.support.doors import DoorProcess, run
from tests.support.kustomize import Resource, build, documents, pod
from tests.support.ports import free_port
from valet.settings import Settings
from vault.alarms import Alarms
from vault.audit.audit import Audit
from vault.cache import DekCache
from vault.operator import load_operator
from vault.rings.file import FileKeyRing
from vault.store.audit import AuditRows
from vault.store.database import Database
from vault.store.deks import Deks

pytestmark = pytest.mark.usefixtures("read_once")
WORKER = 120 * 1024 * 1024
"""Bytes that a worker may take at most, as the benchmarks hold it to."""


@pytest.fixture(scope="module")
def overlay(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied(tmp_path_factory.mktemp("kubernetes"))


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with the Gateway in place of the load balancer."""
    return copied(tmp_path_factory.mktemp("gateway"), "gateway")


@pytest.fixture(scope="module")
def ingress(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same behind an ingress controller."""
    return copied(tmp_path_factory.mktemp("ingress"), "ingress")


@pytest.fixture(scope="module")
def found(overlay: Path) -> list[Resource]:
    return build(overlay)


def test_every_manifest_is_valid(found: list[Resource], gateway: Path, ingress: Path) -> None:
    every = [*found, *build(gateway), *build(ingress)]
    assert [said for each in every if (said := fault(each))] == []


@pytest.mark.parametrize(
    ("kind", "name", "path"),
    [
        ("Deployment", "mcp-server", "spec template spec containers 0 readOnly"),
        ("NetworkPolicy", "doors", "spec ingres"),
        ("Cluster", "valet-db", "spec postgresql parameter"),
        ("Pooler", "valet-pooler", "spec pgbouncer pool_mode"),
    ],
    ids=lambda value: value.split()[-1],
)
def test_a_mistyped_field_is_found(found: list[Resource], kind: str, name: str, path: str) -> None:
    resource = yaml.safe_load(yaml.safe_dump(one(found, kind, name)))
    *way, last = path.split()
    at: Any = resource
    for part in way:
        at = at[int(part) if part.isdigit() else part]
    at[last] = {}
    assert last in (fault(resource) or "")


@pytest.mark.parametrize("variant", ["overlay", "gateway", "ingress"])
def test_kubectl_builds_the_same(variant: str, request: pytest.FixtureRequest) -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("NOT VALIDATED: that kubectl builds deploy/kubernetes as the tests do, for it is missing")
    folder = request.getfixturevalue(variant)
    ran = subprocess.run([kubectl, "kustomize", folder], capture_output=True, text=True, check=False)
    assert ran.returncode == 0 and not ran.stderr, ran.stderr
    theirs = list(yaml.safe_load_all(ran.stdout))
    by_name = lambda each: (each["kind"], each["metadata"]["name"])  # noqa: E731
    assert sorted(theirs, key=by_name) == sorted(build(folder), key=by_name)


def test_every_file_is_part_of_a_kustomization_and_none_holds_a_secret() -> None:
    listed = set()
    for path in HERE.rglob("kustomization.yaml"):
        [text] = documents(path)
        listed |= {(path.parent / name).resolve() for name in text.get("resources", [])}
    for path in HERE.rglob("*"):
        if path.is_file() and path.name != "kustomization.yaml":
            assert path in listed, f"{path} is in no kustomization"
            assert all(each["kind"] != "Secret" for each in documents(path)), path


# --- What names what ----------------------------------------------------------------------------------


def test_every_name_leads_to_something(found: list[Resource]) -> None:
    accounts, maps = of(found, "ServiceAccount"), of(found, "ConfigMap")
    for each in makers(found):
        spec = pod(each)
        assert spec is not None
        assert spec["serviceAccountName"] in accounts
        volumes = {volume["name"] for volume in spec["volumes"]}
        for volume in spec["volumes"]:
            if "configMap" in volume:
                held = maps[volume["configMap"]["name"]]["data"]
                assert held
        for container in spec["containers"]:
            assert {mount["name"] for mount in container["volumeMounts"]} == volumes
            assert all(source["configMapRef"]["name"] in maps for source in container.get("envFrom", []))
            ports = {port["name"] for port in container.get("ports", [])}
            for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
                if probe := container.get(kind):
                    assert (probe.get("httpGet") or probe["tcpSocket"])["port"] in ports
    clusters, stores = of(found, "Cluster"), of(found, "ObjectStore")
    for kind in ("Pooler", "DatabaseRole", "ScheduledBackup"):
        assert all(each["spec"]["cluster"]["name"] in clusters for each in of(found, kind).values())
    for cluster in clusters.values():
        assert all(each["parameters"]["barmanObjectName"] in stores for each in cluster["spec"]["plugins"])


def test_every_selector_meets_the_pods_that_it_is_for(found: list[Resource]) -> None:
    deployments = of(found, "Deployment")
    for name, each in deployments.items():
        assert selects(each["spec"]["selector"], labels(each))
        others = [labels(other) for other in makers(found) if other is not each]
        assert not any(selects(each["spec"]["selector"], other) for other in others), "no other's pods"
        for spread in (pod(each) or {})["topologySpreadConstraints"]:
            assert selects(spread["labelSelector"], labels(each))
        service = one(found, "Service", name)["spec"]
        met = [
            key
            for key, other in deployments.items()
            if selects({"matchLabels": service["selector"]}, labels(other))
        ]
        assert met == [name]
        named = {port["name"]: port["containerPort"] for port in (pod(each) or {})["containers"][0]["ports"]}
        assert all(port["targetPort"] in named for port in service["ports"])
        budget = one(found, "PodDisruptionBudget", name)["spec"]
        assert selects(budget["selector"], labels(each))


def test_every_deployment_has_two_pods_at_least_and_lets_a_node_be_drained(found: list[Resource]) -> None:
    scalers = {
        each["spec"]["scaleTargetRef"]["name"]: each["spec"]
        for each in of(found, "HorizontalPodAutoscaler").values()
    }
    assert set(scalers) == set(DOORS)
    for name, each in of(found, "Deployment").items():
        # With a scaler the number is its own alone; else a re-apply would throw it back.
        assert ("replicas" in each["spec"]) == (name not in scalers), name
        least = scalers[name]["minReplicas"] if name in scalers else each["spec"]["replicas"]
        budget = one(found, "PodDisruptionBudget", name)["spec"]
        assert least >= 2 and budget["maxUnavailable"] == 1 and "minAvailable" not in budget
        assert each["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
        target = scalers.get(name, {}).get("scaleTargetRef")
        assert target is None or (target["apiVersion"], target["kind"]) == ("apps/v1", "Deployment")


def is_setting(name: str) -> bool:
    """True for what Valet reads (.env.example), and for the file of it."""
    known = {field.alias for field in Settings.model_fields.values()}
    for provider in PROVIDERS:
        known |= {provider.client_id_setting, provider.client_secret_setting}
    known |= {"OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET"}
    return name in known or name.removesuffix("_FILE") in known


def test_every_variable_is_a_setting_and_every_file_is_mounted(found: list[Resource]) -> None:
    for each in makers(found):
        container = (pod(each) or {})["containers"][0]
        values = environment(found, each)
        mounts = [mount["mountPath"] for mount in container["volumeMounts"]]
        for name, value in values.items():
            if each["metadata"]["name"] != "front":
                assert is_setting(name), name
            if value.startswith("/"):
                assert any(value.startswith(f"{mount}/") for mount in mounts), (
                    f"{name}={value} is mounted nowhere"
                )


# --- What a pod may, and has --------------------------------------------------------------------------


def test_nginx_is_given_each_variable_of_its_template_and_no_other(found: list[Resource]) -> None:
    front = one(found, "Deployment", "front")
    wanted = set(re.findall(r"\$\{([A-Z_0-9]+)\}", (ROOT / "nginx.conf").read_text(encoding="utf-8")))
    given = environment(found, front)
    assert set(given) == wanted
    [command] = (pod(front) or {})["containers"]
    [rules] = [each for each in command["volumeMounts"] if each["name"] == "rules"]
    [volume] = [each for each in (pod(front) or {})["volumes"] if each["name"] == "rules"]
    held = one(found, "ConfigMap", volume["configMap"]["name"])["data"]
    assert command["command"][0] == "sh"
    assert [path.removeprefix(rules["mountPath"]) for path in command["command"][1:]] == [
        f"/{name}" for name in held
    ][::-1]
    assert held["nginx.conf"] == (ROOT / "nginx.conf").read_text(encoding="utf-8")
    compose = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    assert f"image: {command['image']}\n" in compose, "the same nginx on one host and in a cluster"
    services = {name: each["spec"]["ports"][0]["port"] for name, each in of(found, "Service").items()}
    for name in ("MCP_1", "MCP_2", "CONNECT_1", "CONNECT_2"):
        service, port = given[name].split(":")
        assert services[service] == int(port) and service == {"M": "mcp-server", "C": "connect"}[name[0]]
    ports = {port["name"]: str(port["containerPort"]) for port in command["ports"]}
    assert ports == {"http": given["HTTP_PORT"], "https": given["HTTPS_PORT"]}


def test_every_pod_is_of_the_restricted_standard(found: list[Resource]) -> None:
    """kubernetes.io/docs/concepts/security/pod-security-standards, and a read-only root with it."""
    space = one(found, "Namespace", "valet")["metadata"]["labels"]
    assert {space[f"pod-security.kubernetes.io/{mode}"] for mode in ("enforce", "audit", "warn")} == {
        "restricted"
    }
    for each in makers(found):
        spec = pod(each)
        assert spec is not None
        assert not set(spec) & {"hostNetwork", "hostPID", "hostIPC", "hostUsers", "initContainers"}
        assert spec["automountServiceAccountToken"] is False and spec["enableServiceLinks"] is False
        context = spec["securityContext"]
        assert context["runAsNonRoot"] is True and context["runAsUser"] > 0
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        kinds = {kind for volume in spec["volumes"] for kind in volume if kind != "name"}
        assert kinds <= {"emptyDir", "secret", "configMap"}
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert all("hostPort" not in port for port in container.get("ports", []))
            writable = {mount["name"] for mount in container["volumeMounts"] if not mount.get("readOnly")}
            assert writable <= {volume["name"] for volume in spec["volumes"] if "emptyDir" in volume}
        for volume in spec["volumes"]:
            assert volume.get("secret", {}).get("defaultMode", 0o440) == 0o440, (
                "docs/rings.md: a group may read it"
            )
            assert "emptyDir" not in volume or "sizeLimit" in volume["emptyDir"]


SIZES = {"Mi": 1 << 20, "Gi": 1 << 30}


def size(text: str) -> int:
    return int(text[:-2]) * SIZES[text[-2:]]


def test_memory_fits_what_was_measured(found: list[Resource]) -> None:
    """A worker, and on top two readers of PDF and Office files, or two attachments (docs/limits.md)."""
    room = {"mcp-server": WORKER + 2 * MEMORY, "connect": WORKER + 2 * 26_214_400, "prepare": WORKER}
    for each in makers(found):
        resources = (pod(each) or {})["containers"][0]["resources"]
        least, most = (size(resources[part]["memory"]) for part in ("requests", "limits"))
        assert least <= most and "cpu" in resources["requests"] and "cpu" not in resources["limits"]
        name = each["metadata"]["name"]
        assert most >= room.get(name, 0) and (name == "front" or least >= WORKER), name


def test_a_pod_that_ends_has_the_time_that_it_needs(found: list[Resource]) -> None:
    told = re.search(r"kill after (\d+) s", (ROOT / "docs/architecture.md").read_text(encoding="utf-8"))
    assert told is not None
    for name in DOORS:
        deployment = one(found, "Deployment", name)
        drain = int(environment(found, deployment)["VALET_DRAIN_SECONDS"])
        assert drain > 0, "its Service hears of the end later than it does"
        assert (pod(deployment) or {})["terminationGracePeriodSeconds"] >= drain + int(told[1])


def test_the_image_is_of_this_release(found: list[Resource]) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    for each in makers(found):
        image = (pod(each) or {})["containers"][0]["image"]
        if each["metadata"]["name"] != "front":
            assert image == f"registry.example.org/valet:{version}"


def test_pgbouncer_gets_only_what_the_operator_lets_be_set(found: list[Resource]) -> None:
    [pooler] = of(found, "Pooler").values()
    assert set(pooler["spec"]["pgbouncer"]["parameters"]) <= PGBOUNCER
    assert (pooler["spec"]["type"], pooler["spec"]["pgbouncer"]["poolMode"]) == ("rw", "transaction")


# --- Who reaches whom ---------------------------------------------------------------------------------

WAYS = {*WITHIN, *((whose, "front", port) for whose in (*ELSEWHERE, "connect") for port in (8080, 8443))}
"""Every connection over TCP that is let through, and no other.

`valet doctor` in a pod of the sidecar asks at the public address: the cluster leads it to nginx's pods.
"""


def test_who_reaches_whom(found: list[Resource]) -> None:
    let = let_through(found, {port for _, _, port in WAYS})
    assert let - WAYS == set(), "let through, and not meant"
    assert WAYS - let == set(), "meant, and not let through"
    policies = Policies(found)
    for each in makers(found):
        assert policies.lets(Peer(labels(each)), PEERS["dns"], 53, "UDP"), each["metadata"]["name"]


# --- The programs themselves --------------------------------------------------------------------------


@dataclass
class Installed:
    """A database as the Cluster makes it, and where the pods' files are."""

    folder: Path
    urls: dict[str, str]

    def environment(self, found: list[Resource], resource: Resource) -> dict[str, str]:
        """As the manifest has it, but for this machine's ports and places."""
        ports = {"VALET_PORT": "0", "VALET_OPS_PORT": str(free_port())}
        values = environment(found, resource)
        assert set(ports) <= set(values) or resource["kind"] == "Job"
        moved = {
            name: str(self.folder / value.removeprefix("/")) if value.startswith("/") else value
            for name, value in values.items()
        }
        hosts = {name: "127.0.0.1" for name in ("VALET_HOST", "VALET_OPS_HOST") if name in values}
        return moved | hosts | {name: value for name, value in ports.items() if name in values}


@pytest.fixture(scope="module")
def installed(
    server_url: str, found: list[Resource], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installed]:
    """By the SQL of the Cluster, under names of the test's own."""
    made = one(found, "Cluster", "valet-db")["spec"]["bootstrap"]["initdb"]
    mark = f"x{uuid4().hex[:10]}"
    name = f"{made['database']}_{mark}"

    def renamed(text: str) -> str:
        text = re.sub(r"\bvalet_(app|owner)\b", rf"valet_{mark}_\1", text)
        return re.sub(r"\bDATABASE valet\b", f"DATABASE {name}", text)

    folder = tmp_path_factory.mktemp("pod")
    owner, app = (sql.Identifier(f"valet_{mark}_{which}") for which in ("owner", "app"))
    with psycopg.connect(server_url, autocommit=True) as link:
        link.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'one'").format(owner))
        link.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), owner))
        for statement in made["postInitSQL"]:
            link.execute(renamed(statement))
        link.execute(sql.SQL("ALTER ROLE {} PASSWORD 'two'").format(app))  # as the operator does
    with psycopg.connect(make_conninfo(server_url, dbname=name), autocommit=True) as link:
        for statement in made["postInitApplicationSQL"]:
            link.execute(renamed(statement))
    urls = {
        which: make_conninfo(server_url, dbname=name, user=f"valet_{mark}_{which}", password=password)
        for which, password in (("owner", "one"), ("app", "two"))
    }
    files = {
        "run/database/url": urls["app"],
        "run/database/direct-url": urls["app"],
        "run/migration/url": urls["owner"],
        "run/apps/google-client-secret": "canary-client-secret",
    }
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content)
    (folder / "run/keyring").mkdir()
    FileKeyRing.create(folder / "run/keyring/keyring.json")  # made beforehand, elsewhere
    yield Installed(folder, urls)
    with psycopg.connect(server_url, autocommit=True) as link:
        link.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
        link.execute(sql.SQL("DROP ROLE {}").format(app))
        link.execute(sql.SQL("DROP ROLE {}").format(owner))


@pytest.fixture(scope="module")
def prepared(installed: Installed, found: list[Resource]) -> Installed:
    job = one(found, "Job", "prepare")
    command = (pod(job) or {})["containers"][0]["command"]
    assert command[0] == "valet"
    ran = run(*command[1:], given=installed.environment(found, job), folder=installed.folder)
    assert ran.returncode == 0, ran.stderr
    return installed


def test_nobody_but_the_two_roles_may_connect_to_the_database(installed: Installed) -> None:
    with psycopg.connect(installed.urls["app"]) as link:
        [held] = link.execute(
            "SELECT has_database_privilege('pg_monitor', current_database(), 'CONNECT'),"
            " has_database_privilege(current_database(), 'CONNECT'),"
            " has_database_privilege(current_database(), 'TEMP, CREATE')"
        ).fetchall()
    assert held == (False, True, False)


async def an_old_worker(installed: Installed) -> None:
    """Which wrote three rows years ago: that it began, that it refused somebody, that it ended."""
    database = Database(installed.urls["app"])
    await database.open()
    ring = FileKeyRing(installed.folder / "run/keyring/keyring.json")
    operator = await load_operator(Deks(database), DekCache(ring, Alarms(CollectorRegistry())))
    audit = Audit(AuditRows(database), gather=0, now=lambda: datetime(2024, 5, 1, tzinfo=UTC))
    audit.begin(operator)
    with audit.visit("192.0.2.1"):
        audit.note("bearer_refused", outcome="refused", detail="unknown")
    await audit.close()
    await database.close()


def test_the_job_of_the_guide_is_one_like_prepare_and_removes_what_is_old(
    prepared: Installed, found: list[Resource]
) -> None:
    """docs/operations.md, "Shorten the audit": but for its command, without settings and apps."""
    [job] = manifests()
    assert fault(job) is None
    ours, theirs = pod(job), pod(one(found, "Job", "prepare"))
    assert ours is not None and theirs is not None
    assert labels(job) == labels(one(found, "Job", "prepare")), "the policies go by them"
    [container], [like] = ours["containers"], theirs["containers"]
    command = container["command"]
    assert command[:4] == ["valet", "audit", "prune", "--before"]
    for mine, wanted in ((ours, theirs), (container, like)):
        for field in set(mine) | set(wanted):
            if field in {"volumes", "volumeMounts"}:
                assert mine[field] == [each for each in wanted[field] if each["name"] != "apps"]
            elif field not in {"containers", "name", "command", "envFrom"}:
                assert mine[field] == wanted[field], field
    asyncio.run(an_old_worker(prepared))
    given = prepared.environment(found, job)
    as_the_app = {name: value for name, value in given.items() if not name.startswith("MIGRATION")}
    refused = run(*command[1:], given=as_the_app, folder=prepared.folder)
    assert refused.returncode == 2 and "the role that Valet works as may remove nothing" in refused.stderr
    ran = run(*command[1:], given=given, folder=prepared.folder)
    assert ran.returncode == 0 and "removed 3 rows" in ran.stdout, ran.stderr


@pytest.mark.parametrize("door", DOORS)
def test_the_program_of_the_manifest_answers_its_probes(
    door: str, prepared: Installed, found: list[Resource]
) -> None:
    deployment = one(found, "Deployment", door)
    container = (pod(deployment) or {})["containers"][0]
    [command] = container["command"]
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    assert scripts[command] == f"valet.command:{command}"
    values = prepared.environment(found, deployment) | {"VALET_DRAIN_SECONDS": "0"}
    del values["VALET_PORT"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert {str(port) for port in ports.values()} == {
        environment(found, deployment)[name] for name in ("VALET_PORT", "VALET_OPS_PORT")
    }
    with DoorProcess(command, values, prepared.folder) as running:
        for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
            probe = container[kind]["httpGet"]
            assert probe["port"] == "ops"
            answer = httpx2.get(f"http://127.0.0.1:{values['VALET_OPS_PORT']}{probe['path']}")
            assert answer.status_code == 200, (kind, answer.text)
        public = values["PUBLIC_URL"].removeprefix("https://")
        answer = httpx2.get(f"http://{running.address}/mcp", headers={"Host": public})
        assert (answer.status_code == 421) == (door == "connect"), answer.status_code
        monitored = one(found, "PodMonitor", "valet")["spec"]
        assert selects(monitored["selector"], labels(deployment))
        [endpoint] = monitored["podMetricsEndpoints"]
        assert endpoint["port"] == "ops"
        metrics = httpx2.get(f"http://127.0.0.1:{values['VALET_OPS_PORT']}{endpoint['path']}")
        assert metrics.status_code == 200 and "# TYPE valet_" in metrics.text
        logs = running.logs.read_text()
    assert "canary" not in logs and "role_may_too_much" not in logs


def test_the_overlay_needs_only_what_is_marked(overlay: Path) -> None:
    text = (overlay / "kustomization.yaml").read_text(encoding="utf-8")
    for mark in ("example.org", "newTag", "_CLIENT_ID", "TRUSTED_PROXIES"):
        assert mark in text
    assert text.count("# CHANGE") == 3
    assert os.path.exists(overlay / "nginx.conf")
