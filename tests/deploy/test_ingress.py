"""deploy/kubernetes/components/ingress: all of the public name to nginx, by the controller's pods alone."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path

import pytest
import yaml

from tests.deploy.cluster import (
    ELSEWHERE,
    HERE,
    ROOT,
    WITHIN,
    copied,
    environment,
    fault,
    let_through,
    of,
    one,
)  # fmt: skip
from tests.deploy.policies import Peer
from tests.support.kustomize import Resource, build, pod

pytestmark = pytest.mark.usefixtures("read_once")
COMPONENT = HERE / "components" / "ingress"
CONTROLLER = Peer({"app.kubernetes.io/name": "traefik"}, "traefik")
NOBODY = "255.255.255.255"


@pytest.fixture(scope="module")
def overlay(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied(tmp_path_factory.mktemp("ingress"), "ingress")


@pytest.fixture(scope="module")
def found(overlay: Path) -> list[Resource]:
    return build(overlay)


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory) -> list[Resource]:
    return build(copied(tmp_path_factory.mktemp("without")))


def led_to(found: list[Resource], **changed: str) -> str:
    """The variable of nginx.conf that says where what the Ingress passes on arrives."""
    [rule] = one(found, "Ingress", "valet")["spec"]["rules"]
    [path] = rule["http"]["paths"]
    assert (path["path"], path["pathType"]) == ("/", "Prefix")
    backend = path["backend"]["service"]
    [port] = [
        each
        for each in one(found, "Service", backend["name"])["spec"]["ports"]
        if each["name"] == changed.get("port", backend["port"]["name"])
    ]
    front = one(found, "Deployment", backend["name"])
    [container] = (pod(front) or {})["containers"]
    [number] = [each["containerPort"] for each in container["ports"] if each["name"] == port["targetPort"]]
    given = environment(found, front)
    [name] = [name for name in ("HTTP_PORT", "HTTPS_PORT", "PROXY_PORT") if given[name] == str(number)]
    return name


def test_all_of_the_public_name_goes_to_the_listener_for_proxies(found: list[Resource]) -> None:
    ingress = one(found, "Ingress", "valet")
    assert fault(ingress) is None and "annotations" not in ingress["metadata"]
    public = environment(found, one(found, "Deployment", "connect"))["PUBLIC_URL"]
    [rule] = ingress["spec"]["rules"]
    assert f"https://{rule['host']}" == public
    assert led_to(found) == "PROXY_PORT" and led_to(found, port="https") == "HTTPS_PORT"
    assert "defaultBackend" not in ingress["spec"], "other names are not ours"


def test_tls_ends_by_the_certificate_that_nginx_has(found: list[Resource]) -> None:
    ingress = one(found, "Ingress", "valet")["spec"]
    [tls] = ingress["tls"]
    assert tls["hosts"] == [rule["host"] for rule in ingress["rules"]]
    volumes = (pod(one(found, "Deployment", "front")) or {})["volumes"]
    assert tls["secretName"] in [each["secret"]["secretName"] for each in volumes if "secret" in each]


def test_nginx_has_no_address_of_its_own_any_more(found: list[Resource], without: list[Resource]) -> None:
    service, before = (one(each, "Service", "front")["spec"] for each in (found, without))
    assert (before["type"], service["type"]) == ("LoadBalancer", "ClusterIP")
    assert "externalTrafficPolicy" not in service, "no field of a ClusterIP"
    ports = {each["name"]: each for each in service["ports"]}
    assert {name: each["port"] for name, each in ports.items()} == {"http": 80, "https": 443, "proxied": 8081}
    # Traefik takes a port for TLS by its number 443, or by a name that begins with https.
    assert ports["proxied"]["appProtocol"] == "http" and not ports["proxied"]["name"].startswith("https")
    assert ports["https"]["appProtocol"] == "https" and "appProtocol" not in ports["http"]


def test_nobody_is_believed_until_the_operator_names_somebody(
    overlay: Path, found: list[Resource], without: list[Resource]
) -> None:
    def given(resources: list[Resource]) -> dict[str, str]:
        return environment(resources, one(resources, "Deployment", "front"))

    assert given(found)["TRUSTED_PROXY"] == given(without)["TRUSTED_PROXY"] == NOBODY
    listening = ipaddress.ip_address(given(without)["PROXY_PORT"].partition(":")[0])
    assert listening.is_loopback, "without a controller nobody outside the pod reaches that port"
    text = (overlay / "kustomization.yaml").read_text(encoding="utf-8")
    begin = "configMapGenerator:\n"
    pods = "10.244.0.0/16,fd00:10:244::/56"
    own = f'{begin}  - {{name: valet-front, behavior: merge, literals: ["TRUSTED_PROXY={pods}"]}}\n'
    assert begin in text
    (overlay / "kustomization.yaml").write_text(text.replace(begin, own), encoding="utf-8")
    filled = given(build(overlay))
    (overlay / "kustomization.yaml").write_text(text, encoding="utf-8")
    assert (filled["TRUSTED_PROXY"], filled["PROXY_PORT"]) == (pods, "8081")


def test_the_controller_alone_reaches_nginx_and_the_doctor_reaches_the_controller(
    found: list[Resource],
) -> None:
    ports = {port for _, _, port in WITHIN} | {80, 8000, 8080, 8081, 8443}
    let = let_through(found, ports, {"controller": CONTROLLER})
    meant = {
        *WITHIN,
        *(("controller", "front", port) for port in (8081, 8443)),
        *(("connect", "controller", port) for port in (*ports, 22, 80, 10250)),
        *((whose, "controller", port) for whose in ("pooler", "database") for port in (443, 6443)),
    }
    assert let - meant == set(), "let through, and not meant"
    assert meant - let == set(), "meant, and not let through"
    assert "the internet" in ELSEWHERE, "so it is among those who do not reach nginx"


def test_nothing_but_what_was_said_differs(found: list[Resource], without: list[Resource]) -> None:
    def named(resources: list[Resource]) -> dict[tuple[str, str], Resource]:
        return {(each["kind"], each["metadata"]["name"]): each for each in resources}

    ours, before = named(found), named(without)
    config = {kind for kind, _ in set(before) - set(ours)}
    assert config == {"ConfigMap"}, "by its content, which ends its name"
    changed = {key for key in set(ours) & set(before) if ours[key] != before[key]}
    assert changed == {
        ("Service", "front"), ("Deployment", "front"),
        ("NetworkPolicy", "front"), ("NetworkPolicy", "doctor"),
    }  # fmt: skip
    assert {key for key in set(ours) - set(before) if key[0] != "ConfigMap"} == {
        ("Ingress", "valet"),
        ("NetworkPolicy", "controller-to-front"), ("NetworkPolicy", "doctor-to-controller"),
    }  # fmt: skip
    assert of(found, "Deployment").keys() == of(without, "Deployment").keys()


# --- What the guide says ------------------------------------------------------------------------------


def guide() -> str:
    return (ROOT / "docs" / "ingress.md").read_text(encoding="utf-8")


def test_the_guide_names_what_is_marked_and_what_a_policy_needs() -> None:
    said = guide()
    marks = sum((COMPONENT / name).read_text(encoding="utf-8").count("# CHANGE") for name in
                ("ingress.yaml", "network.yaml", "kustomization.yaml"))  # fmt: skip
    assert marks == 6
    for word in ("TRUSTED_PROXY", "ingressClassName", "namespace", "X-Forwarded-Proto", "26 MB", "130"):
        assert word in said, word


def test_the_patches_of_the_guide_fit_what_is_built(overlay: Path) -> None:
    """Each block of YAML there is a kustomization's part, and what it makes is valid."""
    blocks = re.findall(r"^```yaml\n(.*?)^```$", guide(), re.M | re.S)
    assert blocks
    text = (overlay / "kustomization.yaml").read_text(encoding="utf-8")
    try:
        for block in blocks:
            assert set(yaml.safe_load(block)) == {"patches"}
            (overlay / "kustomization.yaml").write_text(text + block, encoding="utf-8")
            patched = build(overlay)
            assert [said for each in patched if (said := fault(each))] == []
            assert led_to(patched) == "HTTPS_PORT"
    finally:
        (overlay / "kustomization.yaml").write_text(text, encoding="utf-8")
