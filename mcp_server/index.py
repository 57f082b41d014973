"""What the tools are called, and which services ask first: read from their source, which is not run for it.

The sidecar shows tools by their titles. It calls none, and what tools are made of, the SDK among it, is half
of a worker's memory and of its start. So their decorators are read as text; `tests/mcp_server/test_index.py`
holds this to what `mcp_server/toolbox.py` says of the tools themselves.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

_TOOLS = Path(__file__).parent / "tools"


def titles() -> dict[str, str]:
    """What every tool is called by people, by its name."""
    return {name: said["title"] for name, said in _decorated()}


def asking() -> frozenset[str]:
    """The services with tools that ask first where that is switched on."""
    return frozenset(said["service"] for _, said in _decorated() if said.get("asks") and said["service"])


@cache
def _decorated() -> tuple[tuple[str, dict[str, Any]], ...]:
    """Each tool's name, and the arguments of its decorator that are plain values. Read once."""
    return tuple(_read())


def _read() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted(_TOOLS.rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        if "@tool(" not in source:
            continue
        for node in ast.parse(source).body:
            if not isinstance(node, ast.AsyncFunctionDef):
                continue
            for call in node.decorator_list:
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "tool":
                    plain = {
                        each.arg: each.value.value
                        for each in call.keywords
                        if each.arg and isinstance(each.value, ast.Constant)
                    }
                    yield node.name, plain
