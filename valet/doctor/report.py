"""How findings are told: lines for a person, JSON for a script."""

from __future__ import annotations

import json
from collections.abc import Sequence

import typer

from valet.doctor.finding import Finding, Level, status

_LOOK: dict[Level, tuple[str, str | None]] = {
    "ok": ("ok", "green"),
    "note": ("note", None),
    "warning": ("warning", "yellow"),
    "fault": ("FAULT", "red"),
}


def lines(findings: Sequence[Finding]) -> list[str]:
    """A line for each finding, its fix beneath it, and the sum at the end. Colours on a terminal."""
    said, before = [], ""
    for each in findings:
        name, colour = _LOOK[each.level]
        about = each.about if each.about != before else ""
        said.append(f"{about:>12}  {typer.style(f'{name:<7}', fg=colour)}  {_plain(each.text)}")
        said += [f"{'':>12}  {'':7}  → {_plain(line)}" for line in each.fix.splitlines()]
        before = each.about
    count = {level: sum(each.level == level for each in findings) for level in ("fault", "warning")}
    said += ["", f"{_counted(count['fault'], 'fault')}, {_counted(count['warning'], 'warning')}"]
    return said


def document(findings: Sequence[Finding]) -> str:
    """The same for a script."""
    return json.dumps({"status": status(findings), "findings": [each.json() for each in findings]})


def _counted(number: int, what: str) -> str:
    return f"{number or 'no'} {what}" + ("" if number == 1 else "s")


def _plain(text: str) -> str:
    """What came from elsewhere must not drive a terminal."""
    return "".join(each if each.isprintable() else "?" for each in text)
