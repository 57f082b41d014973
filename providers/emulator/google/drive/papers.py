"""The kinds of file whose bodies belong to other APIs, one line each; what they are is said there."""

from __future__ import annotations

from collections.abc import Mapping

from providers.emulator.google.docs.paper import PAPER as DOCS
from providers.emulator.google.drive import slides
from providers.emulator.google.drive.paper import Paper
from providers.emulator.google.sheets.paper import PAPER as SHEETS

_ALL: tuple[Paper, ...] = (DOCS, SHEETS, slides.PAPER)

PAPERS: Mapping[str, Paper] = {paper.kind: paper for paper in _ALL}
