"""Who reaches whom, as NetworkPolicies say it.

kubernetes.io/docs/concepts/services-networking/network-policies
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.support.kustomize import Resource


@dataclass(frozen=True)
class Peer:
    """A pod with its labels, or, without a namespace, an address outside; `ports` are its named ones."""

    labels: dict[str, str] = field(default_factory=dict)
    namespace: str = "valet"
    address: str = "10.244.3.7"
    ports: dict[str, int] = field(default_factory=dict)


class Policies:
    """The policies of one namespace."""

    def __init__(self, found: Iterable[Resource], namespace: str = "valet") -> None:
        self._all = [each["spec"] for each in found if each["kind"] == "NetworkPolicy"]
        self._namespace = namespace

    def lets(self, source: Peer, target: Peer, port: int, protocol: str = "TCP") -> bool:
        """Whether that connection is let out of the one and into the other."""
        return self._one_way("Egress", source, target, target, port, protocol) and self._one_way(
            "Ingress", target, source, target, port, protocol
        )

    def _one_way(self, way: str, whose: Peer, other: Peer, target: Peer, port: int, protocol: str) -> bool:
        if whose.namespace != self._namespace:
            return True
        met = [
            spec
            for spec in self._all
            if way in spec["policyTypes"] and selects(spec["podSelector"], whose.labels)
        ]
        key = "to" if way == "Egress" else "from"
        rules = [rule for spec in met for rule in spec.get(way.lower(), [])]
        return not met or any(
            self._ports(rule, target, port, protocol)
            and (key not in rule or any(self._is(peer, other) for peer in rule[key]))
            for rule in rules
        )

    @staticmethod
    def _ports(rule: Resource, target: Peer, port: int, protocol: str) -> bool:
        if "ports" not in rule:
            return True
        return any(
            each["protocol"] == protocol and target.ports.get(str(each["port"]), each["port"]) == port
            for each in rule["ports"]
        )

    def _is(self, peer: Resource, other: Peer) -> bool:
        if "ipBlock" in peer:
            address = ipaddress.ip_address(other.address)
            inside = address in ipaddress.ip_network(peer["ipBlock"]["cidr"])
            return inside and not any(
                address in ipaddress.ip_network(each) for each in peer["ipBlock"].get("except", [])
            )
        if not other.namespace:
            return False
        space = {"kubernetes.io/metadata.name": other.namespace}
        at_home = other.namespace == self._namespace
        there = selects(peer["namespaceSelector"], space) if "namespaceSelector" in peer else at_home
        return there and selects(peer.get("podSelector", {}), other.labels)


def selects(selector: Resource, labels: dict[str, str]) -> bool:
    """Whether a label selector meets these labels."""
    assert set(selector) <= {"matchLabels", "matchExpressions"}, selector
    for key, value in selector.get("matchLabels", {}).items():
        if labels.get(key) != value:
            return False
    for each in selector.get("matchExpressions", []):
        held = labels.get(each["key"])
        if each["operator"] == "In":
            if held not in each["values"]:
                return False
        elif each["operator"] == "DoesNotExist":
            if held is not None:
                return False
        else:
            raise AssertionError(each)
    return True
