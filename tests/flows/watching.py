"""What whoever runs Valet sees of a story, held to what may be seen."""

from __future__ import annotations

import ast
import json
import re
from functools import cache
from pathlib import Path
from typing import get_args

from prometheus_client.parser import text_string_to_metric_families

from connect.metadata import RESOURCE_PATHS, SERVER_PATHS
from mcp_server.tally import OUTCOMES as CALLS
from mcp_server.toolbox import Toolbox
from mcp_server.tools import MODULES
from providers.registry import PROVIDERS
from providers.spans import Attribute
from providers.upstreams import OUTCOMES as EXCHANGES
from tests.support.collector import Collector
from valet.record import METHODS, OTHER
from vault.audit.events import EVENTS
from vault.health import WORDS
from vault.outcomes import Outcome

ROOT = Path(__file__).parents[2]
ROOMS = ("valet", "mcp_server", "connect", "vault", "providers")


@cache
def words() -> frozenset[str]:
    """Every string that stands in our source: what is none of them was made of something else."""
    found: set[str] = set()
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            if "emulator" not in path.parts:
                tree = ast.parse(path.read_text(encoding="utf-8"))
                found |= {
                    node.value
                    for node in ast.walk(tree)
                    if isinstance(node, ast.Constant) and isinstance(node.value, str)
                }
    return frozenset(found)


@cache
def templates() -> frozenset[str]:
    """Every route template, as it stands in the source."""
    found = {re.sub(r"\{(\w+):\w+\}", r"{\1}", word) for word in words() if word.startswith("/")}
    return frozenset({*found, *SERVER_PATHS, *RESOURCE_PATHS, "/static/{path}", OTHER})


def allowed(templates: frozenset[str]) -> dict[str, frozenset[str]]:
    """Each label and the closed list that its values are of."""
    providers = frozenset({provider.name for provider in PROVIDERS} | {"oidc"})
    return {
        "door": frozenset({"mcp_server", "connect"}),
        "doors": frozenset({"mcp_server", "connect", "both"}),
        "route": templates,
        "method": METHODS | {OTHER},
        "status": frozenset({"2xx", "3xx", "4xx", "5xx", "none"}),
        "tool": frozenset(spec.name for spec in Toolbox(MODULES).tools),
        "provider": providers,
        "operation": words(),
        "health": frozenset(WORDS),
        "event": EVENTS | {"other"},
        "reason": frozenset({"database", "schema", "key_ring", "draining"}),
        "rule": words(),
        "place": words(),
        "kind": frozenset({"tampered", "unknown_key", "malformed"}),
        "outcome": frozenset({*CALLS, *EXCHANGES, *get_args(Outcome), *words()}),
    }


def held_to_the_lists(metrics: str, templates: frozenset[str]) -> dict[str, float]:
    """Fail for a label, or a value of one, that is on no list. Every sample by its name and labels."""
    lists, found = allowed(templates), {}
    for family in text_string_to_metric_families(metrics):
        for sample in family.samples:
            for label, value in sample.labels.items():
                if label in {"le", "version"}:
                    continue
                assert value in lists[label], f"{sample.name}: {label} is {value!r}"
            found[f"{sample.name}{json.dumps(sample.labels, sort_keys=True)}"] = sample.value
    return found


def spans_are_closed(collector: Collector, templates: frozenset[str]) -> None:
    """Fail for an attribute that is on no list, a free text, and an event: those quote exceptions."""
    lists = allowed(templates)
    tools = lists["tool"]
    by_name = {
        "http.route": templates,
        "http.request.method": lists["method"] | {"GET", "PUT", "PATCH", "DELETE"},
        "db.system.name": frozenset({"postgresql"}),
        "valet.tool": tools,
        "valet.provider": lists["provider"],
        "valet.operation": words(),
        "valet.outcome": CALLS,
        "valet.door": lists["door"],
    }
    assert collector.spans
    for span in collector.spans:
        assert set(span.attributes) <= set(get_args(Attribute)), span
        assert span.events == 0 and span.status == "", span
        for name, value in span.attributes.items():
            if name in by_name:
                assert value in by_name[name], f"{span.name}: {name} is {value!r}"
