"""What `kubectl kustomize` makes of a folder, for the part of it that deploy/kubernetes uses.

What is not understood is an error. tests/deploy/test_kubernetes.py compares it with kubectl.
"""

from __future__ import annotations

import copy
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import yaml

Resource = dict[str, Any]

_KEYS = {
    "apiVersion", "kind", "namespace", "resources", "components", "images", "configMapGenerator", "patches",
}  # fmt: skip
_API = {"Kustomization": "kustomize.config.k8s.io/v1beta1", "Component": "kustomize.config.k8s.io/v1alpha1"}
_CLUSTERWIDE = {"Namespace"}


def build(folder: Path) -> list[Resource]:
    """The resources of a kustomization, names of generated ConfigMaps with the hash of their content."""
    found: list[Resource] = []
    generated: dict[str, dict[str, str]] = {}
    _accumulate(folder, found, generated, "Kustomization")
    space = _read(folder).get("namespace")
    for name, data in generated.items():
        found.append({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data})
    names = {name: f"{name}-{_hash(data)}" for name, data in generated.items()}
    for each in found:
        if space and each["kind"] not in _CLUSTERWIDE:
            each["metadata"]["namespace"] = space
        if each["kind"] == "ConfigMap":
            each["metadata"]["name"] = names[each["metadata"]["name"]]
        spec = pod(each)
        if spec:
            _rename(spec, names)
    return found


def pod(resource: Resource) -> Resource | None:
    """The pod's spec that a Deployment or a Job makes; None for what makes none."""
    if resource["kind"] not in {"Deployment", "Job"}:
        return None
    spec: Resource = resource["spec"]["template"]["spec"]
    return spec


def documents(path: Path) -> list[Resource]:
    """The resources of a file."""
    return [each for each in yaml.safe_load_all(path.read_text(encoding="utf-8")) if each]


def _read(folder: Path) -> Resource:
    [text] = documents(folder / "kustomization.yaml")
    assert set(text) <= _KEYS, f"{folder}: {set(text) - _KEYS} is not understood here"
    return text


def _accumulate(folder: Path, found: list[Resource], generated: dict[str, dict[str, str]], kind: str) -> None:
    text = _read(folder)
    assert (text["kind"], text["apiVersion"]) == (kind, _API[kind]), folder
    for name in text.get("resources", []):
        path = folder / name
        if path.is_dir():
            _accumulate(path, found, generated, "Kustomization")
        else:
            assert path.parent == folder, f"{path}: only a file beside its kustomization may be read"
            found.extend(documents(path))
    for name in text.get("components", []):
        _accumulate(folder / name, found, generated, "Component")
    for each in text.get("configMapGenerator", []):
        _generate(folder, each, generated)
    for patch in text.get("patches", []):
        _patch(found, patch)
    for image in text.get("images", []):
        _retag(found, image)


def _generate(folder: Path, each: Resource, generated: dict[str, dict[str, str]]) -> None:
    assert set(each) <= {"name", "behavior", "literals", "files"}, each
    data = dict(literal.split("=", 1) for literal in each.get("literals", []))
    for name in each.get("files", []):
        data[name] = (folder / name).read_text(encoding="utf-8")
    if each.get("behavior", "create") == "merge":
        data = generated[each["name"]] | data
    else:
        assert each["name"] not in generated, f"{each['name']} is made twice"
    generated[each["name"]] = data


def _patch(found: list[Resource], patch: Resource) -> None:
    assert set(patch) == {"target", "patch"}, patch
    kind, name = patch["target"]["kind"], patch["target"]["name"]
    met = [each for each in found if each["kind"] == kind and re.fullmatch(name, each["metadata"]["name"])]
    assert met, f"nothing is called {kind} {name}"
    for each in met:
        for step in yaml.safe_load(patch["patch"]):
            _step(each, copy.deepcopy(step))


def _step(resource: Resource, step: Resource) -> None:
    """One operation of RFC 6902."""
    *path, last = step["path"].removeprefix("/").split("/")
    at: Any = resource
    for part in path:
        at = at[int(part)] if isinstance(at, list) else at[part]
    match step["op"]:
        case "add" if isinstance(at, list) and last == "-":
            at.append(step["value"])
        case "add" if isinstance(at, dict):
            at[last] = step["value"]
        case "replace":
            assert last in at
            at[last] = step["value"]
        case "remove":
            del at[last]
        case other:
            raise AssertionError(f"{other} at {step['path']} is not understood here")


def _retag(found: list[Resource], image: Resource) -> None:
    assert set(image) == {"name", "newName", "newTag"}, image
    for each in found:
        for container in (pod(each) or {}).get("containers", []):
            if container["image"] == image["name"]:
                container["image"] = f"{image['newName']}:{image['newTag']}"


def _rename(spec: Resource, names: dict[str, str]) -> None:
    for volume in spec.get("volumes", []):
        if "configMap" in volume:
            volume["configMap"]["name"] = names[volume["configMap"]["name"]]
    for container in spec["containers"]:
        for source in container.get("envFrom", []):
            source["configMapRef"]["name"] = names[source["configMapRef"]["name"]]
        for each in container.get("env", []):
            if "valueFrom" in each:
                key = each["valueFrom"]["configMapKeyRef"]
                key["name"] = names[key["name"]]


def _hash(data: dict[str, str]) -> str:
    """As kustomize 5 computes it: ten digits of SHA-256 over JSON without the name, some digits replaced."""
    text = json.dumps(
        {"data": data, "kind": "ConfigMap", "name": ""},
        sort_keys=True, separators=(",", ":"), ensure_ascii=False,
    )  # fmt: skip
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return hashlib.sha256(text.encode()).hexdigest()[:10].translate(str.maketrans("013ae", "ghkmt"))
