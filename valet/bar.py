"""Progress of long work: a bar on a terminal, elsewhere a line for each tenth. All of it on stderr."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

import typer


class Bar:
    """Call it with how many are done, and of how many; the latter may change on the way."""

    def __init__(self, label: str) -> None:
        self.done = 0
        self._label = label
        self._tenth = 0
        self._bar: Any = None

    def __call__(self, done: int, total: int) -> None:
        """Show it."""
        step, self.done = done - self.done, done
        if not sys.stderr.isatty():
            tenth = 10 * done // max(1, total)
            if tenth > self._tenth:
                self._tenth = tenth
                typer.echo(f"{self._label}: {done} of {total}", err=True)
            return
        if self._bar is None:
            self._bar = typer.progressbar(length=total, label=self._label, show_pos=True, file=sys.stderr)
            self._bar.__enter__()
        self._bar.length = total
        self._bar.update(step)

    def __enter__(self) -> Bar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.__exit__(kind, error, trace)
