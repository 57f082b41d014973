"""The figures as docs/observability.md has them in its table, and as a process exports them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry

DOCUMENT = Path(__file__).parents[2] / "docs" / "observability.md"
_ROW = re.compile(r"^\| `(valet_\w+)` \| (counter|gauge|histogram) \| ((?:`\w+`(?:, )?)*|) ?\| .+ \|$", re.M)


@dataclass(frozen=True, order=True)
class Figure:
    """A name as Prometheus stores it, its type, and its labels."""

    name: str
    kind: str
    labels: frozenset[str]

    @property
    def series(self) -> frozenset[str]:
        """The names of its samples."""
        if self.kind != "histogram":
            return frozenset({self.name})
        return frozenset(f"{self.name}_{each}" for each in ("bucket", "count", "sum"))

    @classmethod
    def documented(cls) -> list[Figure]:
        """The rows of the table."""
        rows = _ROW.findall(explained())
        return [cls(name, kind, frozenset(re.findall(r"\w+", labels))) for name, kind, labels in rows]

    @classmethod
    def exported(cls, registry: CollectorRegistry) -> list[Figure]:
        """What this process has of ours, whether or not it has counted anything yet."""
        found = {}
        for family in registry.collect():
            if family.name.startswith("valet_"):
                name = f"{family.name}_total" if family.type == "counter" else family.name
                found[name] = (family.type, _labels(sample.labels for sample in family.samples))
        for collector in list(registry._collector_to_names):
            names = getattr(collector, "_labelnames", None)
            if names is not None and (found_name := _named(collector, found)):
                found[found_name] = (found[found_name][0], frozenset(names))
        return [cls(name, kind, labels) for name, (kind, labels) in found.items()]


def explained() -> str:
    """The document."""
    return DOCUMENT.read_text(encoding="utf-8")


def _labels(samples: Iterable[dict[str, str]]) -> frozenset[str]:
    return frozenset(name for sample in samples for name in sample if name != "le")


def _named(collector: object, found: dict[str, tuple[str, frozenset[str]]]) -> str | None:
    name = str(getattr(collector, "_name", ""))
    return next((each for each in (name, f"{name}_total") if each in found), None)
