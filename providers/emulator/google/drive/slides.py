"""A presentation, as far as Drive itself knows one: the text of its slides, which it exports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from providers.emulator.google.drive.model import SLIDES
from providers.emulator.google.drive.office import pdf
from providers.emulator.google.drive.paper import Paper

Json = dict[str, Any]


def _text(body: Mapping[str, Any]) -> str:
    return "\r\n\r\n".join("\r\n".join(slide) for slide in body.get("slides", []))


PAPER = Paper(
    kind=SLIDES,
    blank=lambda: {"slides": [[""]]},
    imports={},
    exports={
        "text/plain": lambda body: _text(body).encode(),
        "application/pdf": lambda body: pdf(_text(body).splitlines()),
    },
    words=_text,
)
