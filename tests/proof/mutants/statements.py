"""Mutants of SQL: what mutmut, which knows strings only, cannot think of.

Upper and lower case make no other statement, and letters put around one make none at all. What matters is a
guard that is left out, a comparison that is turned round, a column that is not written. Each of those is one
mutant here, of every statement of a module:

    a condition, or one part of it, is always true (in an OR, never)
    AND is OR, OR is AND, a comparison is another one, IS NULL is IS NOT NULL
    a column is not set; one is taken off where one is added; another branch of `coalesce`,
    `greatest` and `least`; a number is one more
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

WORD = re.compile(
    r"%\(\w+\)s(?:::\w+)?|'[^']*'|::\w+|=>|<>|<=|>=|[=<>(),+*-]|\d+(?:\.\d+)?|[A-Za-z_][\w.]*|\s+|."
)
STATEMENT = re.compile(r"\s*(SELECT|UPDATE|INSERT|DELETE|WITH)\b")
CLAUSES = {"WHERE", "SET", "FROM", "RETURNING", "SELECT", "UPDATE", "ON", "VALUES"}
OTHERS = {
    "=": ("<>",),
    "<>": ("=",),
    "<": ("<=", ">"),
    "<=": ("<", ">"),
    ">": (">=", "<"),
    ">=": (">", "<"),
    "AND": ("OR",),
    "OR": ("AND",),
    "+": ("-",),
    "-": ("+",),
    "*": ("/",),
    "least": ("greatest",),
    "greatest": ("least",),
    "true": ("false",),
    "false": ("true",),
}


def is_statement(text: str) -> bool:
    return STATEMENT.match(text) is not None


def mutants(statement: str) -> Iterator[str]:
    """Every mutant of a statement, each once."""
    seen = {statement}
    words = WORD.findall(statement)
    assert "".join(words) == statement
    for mutated in (*_exchanged(words), *_conditions(words), *_assignments(words), *_choices(words)):
        text = "".join(mutated)
        if text not in seen:
            seen.add(text)
            yield text


def _exchanged(words: list[str]) -> Iterator[list[str]]:
    clauses = _clauses(words)
    for at, word in enumerate(words):
        for other in OTHERS.get(word, ()):
            # In SET an equals sign gives a value, and there is no other one to give.
            if not (word == "=" and clauses[at] == ("SET", 0)):
                yield [*words[:at], other, *words[at + 1 :]]
        if word.replace(".", "", 1).isdigit():
            yield [*words[:at], str(float(word) + 1).removesuffix(".0"), *words[at + 1 :]]
        if word == "IS":
            negated = _next(words, at)
            if words[negated] == "NOT":
                yield [*words[:negated], *words[negated + 2 :]]
            else:
                yield [*words[: at + 1], " NOT", *words[at + 1 :]]


def _conditions(words: list[str]) -> Iterator[list[str]]:
    """Each operand of AND, OR and WHERE is no condition any more."""
    for start, end in _operands(words):
        inside = {words[start - 1].upper() if start else "", words[end].upper() if end < len(words) else ""}
        nothing = ["true"]
        if "WHEN" in inside:
            nothing = ["true", "false"]
        elif "OR" in inside and "AND" not in inside:
            nothing = ["false"]
        for value in nothing:
            yield [*words[:start], f" {value} ", *words[end:]]


def _operands(words: list[str]) -> Iterator[tuple[int, int]]:
    """(start, end) of what stands between boolean words, at every depth of parentheses."""
    bounds = {"WHERE", "AND", "OR", "ON", "WHEN"}
    for at, word in enumerate(words):
        opens = word in bounds or (word == "(" and _holds_boolean(words, at))
        if opens:
            end = _end(words, at + 1)
            if "".join(words[at + 1 : end]).strip():
                yield at + 1, end


def _holds_boolean(words: list[str], at: int) -> bool:
    depth = 0
    for word in words[at:]:
        depth += (word == "(") - (word == ")")
        if depth == 0:
            return False
        if depth == 1 and word in {"AND", "OR"}:
            return True
    return False


def _end(words: list[str], start: int) -> int:
    depth = 0
    for at in range(start, len(words)):
        word = words[at]
        depth += (word == "(") - (word == ")")
        if depth < 0 or (depth == 0 and word in {"AND", "OR", "RETURNING", "THEN", "ORDER", "LIMIT", "FOR"}):
            return at
    return len(words)


def _assignments(words: list[str]) -> Iterator[list[str]]:
    """Each column of SET is left out."""
    for at, word in enumerate(words):
        if word != "SET":
            continue
        starts, depth, end = [at + 1], 0, len(words)
        for here in range(at + 1, len(words)):
            depth += (words[here] == "(") - (words[here] == ")")
            if depth == 0 and words[here] == ",":
                starts.append(here + 1)
            if depth == 0 and words[here] in {"WHERE", "FROM"}:
                end = here
                break
        parts = [
            words[start:stop] for start, stop in zip(starts, [s - 1 for s in starts[1:]] + [end], strict=True)
        ]
        for left_out in range(len(parts) if len(parts) > 1 else 0):
            kept = [",".join("".join(part) for i, part in enumerate(parts) if i != left_out), " "]
            yield [*words[: at + 1], *kept, *words[end:]]


def _choices(words: list[str]) -> Iterator[list[str]]:
    """`coalesce(a, b)` is a, and is b; so is `greatest`."""
    for at, word in enumerate(words):
        if word not in {"coalesce", "greatest", "least"}:
            continue
        depth, commas, end = 0, [], len(words)
        for here in range(at + 1, len(words)):
            depth += (words[here] == "(") - (words[here] == ")")
            if depth == 1 and words[here] == ",":
                commas.append(here)
            if depth == 0:
                end = here
                break
        bounds = [at + 1, *commas, end]
        for start, stop in pairwise(bounds):
            yield [*words[:at], *words[start + 1 : stop], *words[end + 1 :]]


def _clauses(words: list[str]) -> list[tuple[str, int]]:
    """The clause that each word stands in, and how deep in parentheses since it began."""
    stack, found = [("", 0)], []
    for word in words:
        if word == "(":
            stack.append((stack[-1][0], stack[-1][1] + 1))
        elif word == ")" and len(stack) > 1:
            stack.pop()
        elif word == "CASE":
            stack.append((word, 0))
        elif word == "END" and len(stack) > 1:
            stack.pop()
        elif word in CLAUSES:
            stack[-1] = (word, 0)
        found.append(stack[-1])
    return found


def _next(words: list[str], at: int) -> int:
    """The next word that is no white space."""
    return next(here for here in range(at + 1, len(words)) if words[here].strip())
