"""The note of a running Valet, as another command finds it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from valet import running
from valet.running import Running


def test_a_note_of_a_process_of_somebody_else_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    note = Running("http://127.0.0.1:8420", os.getpid())
    running.write(tmp_path, note)
    assert running.read(tmp_path) == note

    def forbidden(pid: int, number: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", forbidden)
    assert running.read(tmp_path) == note


def test_a_folder_that_is_closed_to_us_has_no_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(path: Path, **_: object) -> str:
        raise PermissionError

    monkeypatch.setattr(Path, "read_text", closed)
    assert running.read(tmp_path) is None
