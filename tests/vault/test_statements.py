"""Every statement of the project is text of our own: values travel as parameters, never inside it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STORE = sorted((ROOT / "vault" / "store").glob("*.py"))

# Runs our own migration files, and names a role that the operator's settings name: both through psycopg.sql.
COMPOSED = {"migrate.py"}


def statements(path: Path) -> list[tuple[ast.expr, dict[str, ast.expr]]]:
    """The first argument of every `execute`, and the module's constants that it may use."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    constants: dict[str, ast.expr] = {}
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            constants[node.target.id] = node.value
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            constants[node.targets[0].id] = node.value
    calls = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"execute", "executemany", "copy"}
    ]
    return [(call.args[0], constants) for call in calls]


def literal(node: ast.expr, names: dict[str, ast.expr]) -> bool:
    """Whether an expression is made of string literals only."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str)
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, ast.Add) and literal(node.left, names) and literal(node.right, names)
    if isinstance(node, ast.Name):
        return node.id in names and literal(names[node.id], names)
    return False


def loose(path: Path) -> list[int]:
    """Lines of statements that are more than literals."""
    found = []
    for statement, constants in statements(path):
        if not literal(statement, constants) and not _passed_on(path, statement):
            found.append(statement.lineno)
    return found


def _passed_on(path: Path, statement: ast.expr) -> bool:
    """A private helper's own parameter or loop variable, where every caller or item is a literal."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {each.id for each in ast.walk(statement) if isinstance(each, ast.Name)}
    for function in ast.walk(tree):
        if not isinstance(function, ast.AsyncFunctionDef) or statement.lineno not in range(
            function.lineno, (function.end_lineno or 0) + 1
        ):
            continue
        typed = {
            each.arg
            for each in [*function.args.args, *function.args.kwonlyargs]
            if each.annotation is not None and ast.unparse(each.annotation) == "LiteralString"
        }
        looped = {
            each.target.id
            for each in ast.walk(function)
            if isinstance(each, ast.For)
            and isinstance(each.target, ast.Name)
            and isinstance(each.iter, ast.Tuple)
            and all(literal(item, {}) for item in each.iter.elts)
        }
        constants = {name for name in names if name.startswith("_")}
        if names and names <= typed | looped | constants:
            return True
    return False


@pytest.mark.parametrize("path", [p for p in STORE if p.name not in COMPOSED], ids=lambda p: p.name)
def test_statements_are_literals(path: Path) -> None:
    assert loose(path) == []


def test_the_walk_sees_every_statement_and_would_see_a_loose_one(tmp_path: Path) -> None:
    assert sum(len(statements(path)) for path in STORE) > 50
    bad = tmp_path / "bad.py"
    for line in (
        'link.execute(f"SELECT {name}")',
        'link.execute("SELECT " + name)',
        'link.execute("SELECT %s" % name)',
        'link.execute("SELECT {}".format(name))',
        "link.execute(statement)",
    ):
        bad.write_text(f"async def f(link, name, statement):\n    await {line}\n")
        assert loose(bad) == [2], line


def test_sql_lives_in_the_store_only() -> None:
    elsewhere = []
    for room in ("valet", "mcp_server", "connect", "vault", "providers"):
        for path in (ROOT / room).rglob("*.py"):
            # The embedded cluster's roles and database are made before there is a schema.
            if path.parent.name in {"store", "embedded"}:
                continue
            if any("execute(" in line and "def " not in line for line in path.read_text().splitlines()):
                elsewhere.append(path.name)
    assert elsewhere == []
