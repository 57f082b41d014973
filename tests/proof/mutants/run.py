"""Runs mutmut on the copy of the project in the working directory, and writes what came of it.

    python -m tests.proof.mutants.run RESULTS.json

mutmut's own mutants, but for strings of SQL: those have mutants of their own (`statements.py`).
"""

from __future__ import annotations

import ast
import difflib
import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import libcst as cst
from mutmut.__main__ import _run, collect_source_file_mutation_data
from mutmut.mutation import mutators
from mutmut.mutation.data import MutantLineSpans
from mutmut.stats import status_by_exit_code

from tests.proof.mutants import statements
from tests.proof.mutants.stage import CHILDREN


class Strings:
    """Mutants of string literals: a statement's own, and mutmut's of whatever is no line of a statement."""

    def __init__(self) -> None:
        # A statement is visited before the lines it is put together from.
        self._lines: dict[int, cst.CSTNode] = {}

    def __call__(self, node: cst.BaseString) -> Iterable[cst.BaseString]:
        text = node.evaluated_value if isinstance(node, cst.SimpleString | cst.ConcatenatedString) else None
        if isinstance(text, str) and statements.is_statement(text):
            self._note(node)
            for mutated in statements.mutants(text):
                yield cst.SimpleString(repr(mutated))
        elif id(node) not in self._lines:
            yield from mutators.operator_string(node)

    def _note(self, node: cst.CSTNode) -> None:
        self._lines[id(node)] = node
        for child in node.children:
            self._note(child)


def prepare() -> None:
    operators: Any = mutators.mutation_operators
    at = operators.index((cst.BaseString, mutators.operator_string))
    operators[at] = (cst.BaseString, Strings())


def outcomes() -> list[dict[str, str]]:
    """Every mutant: its function, what became of it, and for one that was not killed the difference."""
    found = []
    mutants, _ = collect_source_file_mutation_data(mutant_names=())
    for data, name, code in mutants:
        module, _, mangled = name.rpartition(".")
        function = mangled.partition("__mutmut")[0].removeprefix("x_").strip("ǁ")
        function = function.removeprefix("xǁ").replace("ǁ", ".")
        entry = {"module": module, "function": function, "outcome": status_by_exit_code[code]}
        if entry["outcome"] != "killed":
            spans = MutantLineSpans.load(data.path)
            assert spans is not None
            original = mangled.rpartition("__mutmut_")[0] + "__mutmut_orig"
            entry |= difference(*spans.read_function_sources([original, mangled]))
        found.append(entry)
    return found


def difference(was: str, became: str) -> dict[str, str]:
    """What a mutant changed: the lines, or of a statement the words, with a few on either side."""
    lines = [line for line in difflib.ndiff(body(was), body(became)) if line[0] in "+-"]
    before = "\n".join(line[2:].strip() for line in lines if line[0] == "-")
    after = "\n".join(line[2:].strip() for line in lines if line[0] == "+")
    texts = [_literal(before), _literal(after)]
    if texts[0] is not None and texts[1] is not None and statements.is_statement(texts[0]):
        before, after = _words(texts[0], texts[1])
    return {"was": before, "became": after}


def _literal(lines: str) -> str | None:
    try:
        text = ast.literal_eval(f"({lines.rstrip(',')})")
    except (ValueError, SyntaxError):
        return None
    return text if isinstance(text, str) else None


def _words(was: str, became: str) -> tuple[str, str]:
    one, two = (re.findall(r"\w+|\s+|.", text) for text in (was, became))
    start, end, least = 0, 0, min(len(one), len(two))
    while start < least and one[start] == two[start]:
        start += 1
    while end < least - start and one[-1 - end] == two[-1 - end]:
        end += 1
    head, tail = "".join(one[max(0, start - 8) : start]), "".join(one[len(one) - end :][:8])
    inner = ("".join(one[start : len(one) - end]), "".join(two[start : len(two) - end]))
    return f"{head}[{inner[0]}]{tail}".strip(), f"{head}[{inner[1]}]{tail}".strip()


def body(source: str) -> list[str]:
    lines = source.strip().splitlines()
    first = next(number for number, line in enumerate(lines) if "def " in line and "__mutmut" in line)
    head, _, rest = lines[first].partition("__mutmut")
    return [*lines[:first], head + "(" + rest.partition("(")[2], *lines[first + 1 :]]


if __name__ == "__main__":
    prepare()
    _run((), CHILDREN)
    Path(sys.argv[1]).write_text(json.dumps(outcomes(), indent=1), encoding="utf-8")
