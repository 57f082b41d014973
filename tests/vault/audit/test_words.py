"""docs/audit.md, the closed list, and every place that writes say the same."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from connect.limits import RULES
from vault.audit.events import DENIALS, EVENTS, LATER, denied, later
from vault.store.tokens import Refusal

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs/audit.md").read_text(encoding="utf-8")
ROOMS = ("valet", "mcp_server", "connect", "vault")


def table() -> dict[str, set[str]]:
    """Event → details, as the page says."""
    found: dict[str, set[str]] = {}
    for line in PAGE.splitlines():
        if line.startswith("| `"):
            events, _, details = (cell.strip() for cell in line.strip("|").split("|"))
            for event in re.findall(r"`(\w+)`", events):
                assert event not in found, event
                found[event] = set(re.findall(r"`(\w+)`", details))
    return found


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield node


def texts(node: ast.expr | None) -> Iterator[str]:
    """Every text that an expression may be made of: both ends of a condition too."""
    for part in ast.walk(node) if node is not None else ():
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value


def said() -> Iterator[tuple[str, set[str]]]:
    """Every event that is noted, and the details that it is noted with where they are literal."""
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            for call in calls(ast.parse(path.read_text(encoding="utf-8"))):
                words = {word.arg: word.value for word in call.keywords}
                name = (
                    call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
                )
                if "denied" in words and isinstance(words["denied"], ast.Tuple):
                    event, why = words["denied"].elts
                    yield next(texts(event)), set(texts(why))
                elif name in {"note", "_note", "Entry"} and (first := _event(call, name)) is not None:
                    for event in texts(first):
                        yield event, set(texts(words.get("detail")))


def _event(call: ast.Call, name: str) -> ast.expr | None:
    words = {word.arg: word.value for word in call.keywords}
    if "action" in words:  # what is noted for its person; a tool's name is no event
        return words["action"] if isinstance(words["action"], ast.Constant | ast.IfExp) else None
    at = 1 if name in {"_note", "Entry"} else 0
    return call.args[at] if len(call.args) > at else None


def test_the_page_lists_every_event_and_no_other() -> None:
    assert set(table()) == EVENTS


def test_every_event_is_written_somewhere_and_nothing_else_is() -> None:
    # Those that a function of its own writes: by the outcome of a refresh, of a call, of a prune.
    elsewhere = {"pruned"}
    words = {event for event, _ in said() if re.fullmatch(r"[a-z_]+", event)}
    assert words - {"other"} <= EVENTS
    assert words | elsewhere >= EVENTS


def test_the_page_lists_every_detail() -> None:
    listed = table()
    for event, details in said():
        assert {each for each in details if re.fullmatch(r"[a-z_]+", each)} - {"code_"} <= listed.get(
            event, set()
        ), event
    refusals = {f"code_{each.value}" for each in Refusal} | {"unknown", "replayed", "not_allowed", "client"}
    assert listed["tokens_refused"] == refusals
    assert "limits.md" in PAGE and {"calls"} == listed["rate_limited"]
    assert all(re.fullmatch(r"[a-z_]+", rule.name) for rule in RULES)


def test_the_kinds_are_of_the_list() -> None:
    assert DENIALS | LATER <= EVENTS
    assert not DENIALS & LATER
    for event in EVENTS:
        assert not (denied(event, "ok") and event not in DENIALS)
        assert later(event, "ok") == (event in LATER)
    assert denied("tool_called", "not_allowed")
    assert not later("tool_called", "not_allowed")


@pytest.mark.parametrize(
    "figure", ["5,000 rows", "two seconds at most", "ten seconds", "200 different", "five more"]
)
def test_the_figures_are_those_of_the_code(figure: str) -> None:
    from vault.audit import audit
    from vault.audit.entry import Repeats

    repeats = Repeats(lambda: 0.0)
    values = {
        "5,000 rows": audit._MOST == 5000,
        "two seconds at most": audit.PATIENCE == 2,
        "ten seconds": repeats._window == 10,
        "200 different": repeats._burst == 200,
        "five more": repeats._per_second == 5,
    }
    assert values[figure] and figure in re.sub(r"\s+", " ", PAGE)


def test_get_args_sees_the_whole_list() -> None:
    from vault.audit.events import Event

    assert set(get_args(Event)) == EVENTS and len(EVENTS) > 30
