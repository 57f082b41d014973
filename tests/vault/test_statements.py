"""Every statement of the project is text of our own: values travel as parameters, never inside it.

What is executed must be made of string literals. A name counts where all it can be is literals: a module's
constant that is assigned once, here or in the module of the store that it is taken from, the variable of a
loop over literals, or a parameter that every caller gives literals for.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STORE_OF = ROOT / "vault" / "store"
STORE = sorted(STORE_OF.glob("*.py"))
EXECUTES = {"execute", "executemany", "copy"}
Function = ast.FunctionDef | ast.AsyncFunctionDef

# Runs our own migration files, and names a role that the operator's settings name, by psycopg.sql.Identifier.
COMPOSED = {"migrate.py": 1, "roles.py": 5}


@dataclass
class Module:
    """One module of the store, taken apart."""

    tree: ast.Module
    parents: dict[ast.AST, ast.AST] = field(default_factory=dict)

    @classmethod
    def of(cls, path: Path) -> Module:
        module = cls(ast.parse(path.read_text(encoding="utf-8")))
        for node in ast.walk(module.tree):
            for child in ast.iter_child_nodes(node):
                module.parents[child] = node
        return module

    def statements(self) -> Iterator[ast.expr]:
        """What every `execute` is given."""
        for call in self.calls(EXECUTES):
            given = call.args[:1] + [word.value for word in call.keywords if word.arg == "query"]
            assert given, f"line {call.lineno}: what is executed?"
            yield given[0]

    def calls(self, names: set[str]) -> Iterator[ast.Call]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call) and _called(node.func) in names:
                yield node

    def literal(self, node: ast.expr) -> bool:
        """Whether an expression can be nothing but string literals put together."""
        if isinstance(node, ast.Constant):
            return isinstance(node.value, str)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return self.literal(node.left) and self.literal(node.right)
        return isinstance(node, ast.Name) and self._name(node)

    def _name(self, node: ast.Name) -> bool:
        inside = self._functions(node)
        for function in inside:
            if node.id in {each.arg for each in _parameters(function)}:
                return self._parameter(function, node.id)
            values = list(_assigned(function, node.id))
            if values:
                return all(self.literal(value) for value in values)
        return self.constant(node.id)

    def constant(self, name: str) -> bool:
        """Whether a name of the module is assigned once, and a literal; or is taken from where it is."""
        values = list(_assigned(self.tree, name, top=True))
        if values:
            return len(values) == 1 and self.literal(values[0])
        home = [
            STORE_OF / f"{node.module.rpartition('.')[2]}.py"
            for node in self.tree.body
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("vault.store.")
            if name in {each.asname or each.name for each in node.names if each.asname is None}
        ]
        return len(home) == 1 and Module.of(home[0]).constant(name)

    def _functions(self, node: ast.AST) -> list[Function]:
        found = []
        while node in self.parents:
            node = self.parents[node]
            if isinstance(node, Function):
                found.append(node)
        return found

    def _parameter(self, function: Function, name: str) -> bool:
        """Whether every caller gives a literal. A function that is not private has callers elsewhere."""
        calls = list(self.calls({function.name}))
        if not function.name.startswith("_") or not calls:
            return False
        names = [each.arg for each in _parameters(function)]
        at = names.index(name) - ("self" in names)
        given = [
            next((word.value for word in call.keywords if word.arg == name), None)
            or (call.args[at] if len(call.args) > at else None)
            for call in calls
        ]
        return all(value is not None and self.literal(value) for value in given)


def _called(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _parameters(function: Function) -> list[ast.arg]:
    return [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]


def _assigned(scope: ast.AST, name: str, *, top: bool = False) -> Iterator[ast.expr]:
    """Whatever a name is given in a scope; of a loop each item."""
    for node in ast.iter_child_nodes(scope) if top else ast.walk(scope):
        if isinstance(node, ast.Assign) and any(_is(target, name) for target in node.targets):
            yield node.value
        elif isinstance(node, ast.AnnAssign | ast.AugAssign | ast.NamedExpr) and _is(node.target, name):
            yield node.value or node.target
        elif isinstance(node, ast.For | ast.AsyncFor) and _is(node.target, name):
            yield from node.iter.elts if isinstance(node.iter, ast.Tuple) else [node.iter]


def _is(target: ast.expr, name: str) -> bool:
    return isinstance(target, ast.Name) and target.id == name


def loose(path: Path) -> list[int]:
    """Lines of statements that are more than literals."""
    module = Module.of(path)
    return [statement.lineno for statement in module.statements() if not module.literal(statement)]


@pytest.mark.parametrize("path", STORE, ids=lambda p: p.name)
def test_statements_are_literals(path: Path) -> None:
    assert len(loose(path)) == COMPOSED.get(path.name, 0)


def test_the_walk_sees_every_statement() -> None:
    assert sum(len(list(Module.of(path).statements())) for path in STORE) > 60


@pytest.mark.parametrize(
    "body",
    [
        'await link.execute(f"SELECT {name}")',
        'await link.execute("SELECT " + name)',
        'await link.execute("SELECT %s" % name)',
        'await link.execute("SELECT {}".format(name))',
        "await link.execute(name)",
        'await link.execute(query="SELECT " + name)',
        '_q = "SELECT " + name; await link.execute(_q)',
        '_q = f"{name}"; await link.execute("SELECT " + _q)',
        'q = "SELECT 1"; q += name; await link.execute(q)',
        "if (q := name): await link.execute(q)",
        "for q in ('SELECT 1', name): await link.execute(q)",
        "for q in name: await link.execute(q)",
        "await link.execute(_TWICE)",
        "await link.execute(_MADE)",
        "await link.execute(LIMITS)",
        "await link.execute(Database)",
        "await link.executemany(name, [])",
        "await _helper(link, name)",
        "await _helper(link, where=name)",
    ],
)
def test_it_would_see_a_loose_one(tmp_path: Path, body: str) -> None:
    bad = tmp_path / "bad.py"
    helper = "async def _helper(link, where: LiteralString):\n    await link.execute('SELECT 1 ' + where)\n"
    module = '_TWICE = "a"\n_TWICE = input()\n_MADE = "a".upper()\n'
    module += "from vault.store.roles import LIMITS\nfrom vault.store.database import Database\n"
    bad.write_text(f"{module}{helper if '_helper' in body else ''}async def f(link, name):\n    {body}\n")
    assert loose(bad), body


def test_it_lets_what_is_literal_pass(tmp_path: Path) -> None:
    good = tmp_path / "good.py"
    good.write_text(
        "from vault.store.connections import SEALED\n"
        '_SEEN: LiteralString = "SELECT 1" + SEALED\n_ALL = _SEEN + " WHERE x"\n'
        "async def _read(link, where: LiteralString):\n    await link.execute(_ALL + where)\n"
        "async def f(link):\n    await _read(link, ' AND y')\n    await _read(link, where=' AND ' + _SEEN)\n"
        "    for q in ('SELECT 1', _SEEN):\n        await link.execute(q)\n"
    )
    assert loose(good) == []


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
