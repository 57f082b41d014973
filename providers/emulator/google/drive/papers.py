"""The kinds of file whose bodies belong to other APIs, one line each; what they are is said there."""

from __future__ import annotations

from collections.abc import Mapping

from providers.emulator.google.drive import slides
from providers.emulator.google.drive.paper import Paper

_ALL: tuple[Paper, ...] = (slides.PAPER,)

PAPERS: Mapping[str, Paper] = {paper.kind: paper for paper in _ALL}
