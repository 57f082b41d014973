"""What several tests ask of deploy/kubernetes: an operator's copy, resources by name, who reaches whom."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Collection, Mapping
from pathlib import Path

import jsonschema
import kubernetes_validate

from tests.deploy.policies import Peer, Policies
from tests.deploy.shapes import SPECS
from tests.support.kustomize import Resource, pod

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / "deploy" / "kubernetes"
DOORS = ("mcp-server", "connect")


def copied(folder: Path, instead: str = "") -> Path:
    """An operator's own copy, made by the commands that the overlay shows.

    `instead` is a component in the load balancer's place.
    """
    commands = re.findall(
        r"^#   (cp .*)$", (HERE / "overlays/example/kustomization.yaml").read_text(encoding="utf-8"), re.M
    )
    assert len(commands) == 2
    (folder / "deploy").symlink_to(ROOT / "deploy")
    (folder / "nginx.conf").symlink_to(ROOT / "nginx.conf")
    for command in commands:
        subprocess.run(command.split(), cwd=folder, check=True)
    overlay = folder / "my-valet" / "overlays" / "example"
    if instead:
        text = (overlay / "kustomization.yaml").read_text(encoding="utf-8")
        line = f"- ../../components/{instead}\n"
        assert text.count(f"  # {line}") == 1
        (overlay / "kustomization.yaml").write_text(
            text.replace(f"  # {line}", f"  {line}"), encoding="utf-8"
        )
    return overlay


def one(found: list[Resource], kind: str, name: str) -> Resource:
    [resource] = [each for each in found if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    return resource


def of(found: list[Resource], kind: str) -> dict[str, Resource]:
    return {each["metadata"]["name"]: each for each in found if each["kind"] == kind}


def labels(resource: Resource) -> dict[str, str]:
    """Of the pods that it makes."""
    worn: dict[str, str] = resource["spec"]["template"]["metadata"]["labels"]
    return worn


def fault(resource: Resource) -> str | None:
    """What a schema says against it."""
    known = SPECS.get((resource["apiVersion"], resource["kind"]))
    try:
        if known is not None:
            assert set(resource) == {"apiVersion", "kind", "metadata", "spec"}
            jsonschema.validate(resource["spec"], known)
        else:
            kubernetes_validate.validate(resource, kubernetes_validate.latest_version(), strict=True)
    except (jsonschema.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
        return f"{resource['kind']} {resource['metadata']['name']}: {error.message}"
    return None


def makers(found: list[Resource]) -> list[Resource]:
    return [each for each in found if pod(each)]


def environment(found: list[Resource], resource: Resource) -> dict[str, str]:
    """What its first container sees."""
    container = (pod(resource) or {})["containers"][0]
    values: dict[str, str] = {}
    for source in container.get("envFrom", []):
        values |= one(found, "ConfigMap", source["configMapRef"]["name"])["data"]
    own = {}
    for each in container["env"]:
        key = each.get("valueFrom", {}).get("configMapKeyRef")
        own[each["name"]] = one(found, "ConfigMap", key["name"])["data"][key["key"]] if key else each["value"]
    assert not set(own) & set(values), "a ConfigMap must not decide what belongs to the pod"
    return values | own


PEERS = {
    "the internet": Peer(namespace="", address="203.0.113.9"),
    "the internet by IPv6": Peer(namespace="", address="2001:db8::9"),
    "another machine of ours": Peer(namespace="", address="10.0.0.5"),
    "the cloud's metadata": Peer(namespace="", address="169.254.169.254"),
    "another pod here": Peer({"app": "other"}),
    "a pod elsewhere": Peer(
        {"app.kubernetes.io/name": "valet", "app.kubernetes.io/component": "front"}, "other"
    ),
    "prometheus": Peer({"app.kubernetes.io/name": "prometheus"}, "monitoring"),
    "another of monitoring": Peer({"app": "grafana"}, "monitoring"),
    "the operator": Peer({"app.kubernetes.io/name": "cloudnative-pg"}, "cnpg-system"),
    "dns": Peer({"k8s-app": "kube-dns"}, "kube-system"),
    "pooler": Peer({"cnpg.io/cluster": "valet-db", "cnpg.io/poolerName": "valet-pooler"}),
    "database": Peer({"cnpg.io/cluster": "valet-db", "cnpg.io/podRole": "instance"}),
}
OURS = ("front", "mcp-server", "connect", "prepare")
ELSEWHERE = [name for name, peer in PEERS.items() if peer.namespace != "valet"]
WITHIN = {
    ("front", "mcp-server", 8420), ("front", "connect", 8420),
    ("prometheus", "mcp-server", 9464), ("prometheus", "connect", 9464),
    ("prometheus", "pooler", 9127), ("prometheus", "database", 9187),
    ("mcp-server", "pooler", 5432), ("connect", "pooler", 5432),
    ("prepare", "database", 5432), ("pooler", "database", 5432),
    ("database", "database", 5432), ("database", "database", 8000),
    ("the operator", "database", 5432), ("the operator", "database", 8000),
    ("mcp-server", "the internet", 443), ("connect", "the internet", 443),
    ("mcp-server", "the internet by IPv6", 443), ("connect", "the internet by IPv6", 443),
    # Kubernetes itself, whose address differs from cluster to cluster, and the object store.
    *((whose, where, port) for whose in ("pooler", "database") for where in ELSEWHERE
      for port in (443, 6443)),
    *((whose, "dns", 53) for whose in (*OURS, "pooler", "database", "another pod here")),
}  # fmt: skip
"""Every connection over TCP that is let through and does not lead to nginx, however people come to that."""


def let_through(
    found: list[Resource], ports: Collection[int], more: Mapping[str, Peer] | None = None
) -> set[tuple[str, str, int]]:
    """Who reaches whom at which of these ports, and of some that are nobody's; `more` are further peers."""
    policies = Policies(found)
    peers = PEERS | dict(more or {})
    for name in OURS:
        [resource] = [each for each in makers(found) if each["metadata"]["name"] == name]
        named = (pod(resource) or {})["containers"][0].get("ports", [])
        peers[name] = Peer(labels(resource), ports={port["name"]: port["containerPort"] for port in named})
    inside = {name for name, peer in peers.items() if peer.namespace == "valet"}
    return {
        (source, target, port)
        for source in peers
        for target in peers
        for port in {*ports, 22, 80, 10250}
        if {source, target} & inside and policies.lets(peers[source], peers[target], port)
    }
