"""The few formulas that are worked out: sums, averages and arithmetic over cells of the same sheet."""

from __future__ import annotations

import ast
import operator
import re
from typing import Any

from providers.emulator.google.sheets.a1 import column

Json = dict[str, Any]
CELL = re.compile(r"\b([A-Z]{1,2})([0-9]{1,7})\b")
RANGE = re.compile(r"\b(SUM|AVERAGE|COUNT)\(([A-Z]{1,2})([0-9]{1,5}):([A-Z]{1,2})([0-9]{1,5})\)")
ACTS: dict[type[ast.operator], Any] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
}  # fmt: skip


def worked_out(sheet: Json, formula: str) -> Any:
    """The value of a formula, or the error that stands in the cell."""
    text = formula[1:].upper()
    try:
        text = RANGE.sub(lambda found: repr(_whole(sheet, found)), text)
        text = CELL.sub(lambda found: repr(_value(sheet, int(found[2]) - 1, column(found[1]))), text)
        return _reckoned(ast.parse(text, mode="eval").body)
    except ZeroDivisionError:
        return "#DIV/0!"
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return "#NAME?"


def again(sheet: Json) -> None:
    """Work out every formula of a sheet anew, after a cell has changed."""
    formulas = [cell for cell in sheet["cells"].values() if "f" in cell]
    for _ in range(3):  # one that leans on another is right after it
        for cell in formulas:
            cell["v"] = worked_out(sheet, cell["f"])


def _value(sheet: Json, row: int, col: int) -> float:
    value = sheet["cells"].get(f"{row}:{col}", {}).get("v", 0)
    return float(value) if isinstance(value, (int, float)) else 0.0


def _whole(sheet: Json, found: re.Match[str]) -> float:
    name, left, top, right, bottom = found.groups()
    values = [
        float(cell["v"])
        for key, cell in sheet["cells"].items()
        if isinstance(cell.get("v"), (int, float)) and not isinstance(cell["v"], bool)
        for row, col in [map(int, key.split(":"))]
        if int(top) - 1 <= row < int(bottom) and column(left) <= col <= column(right)
    ]
    if name == "COUNT":
        return float(len(values))
    return sum(values) / (len(values) if name == "AVERAGE" else 1)


def _reckoned(node: ast.expr) -> float:
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        return float(node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_reckoned(node.operand)
    if isinstance(node, ast.BinOp) and type(node.op) in ACTS:
        return float(ACTS[type(node.op)](_reckoned(node.left), _reckoned(node.right)))
    raise ValueError
