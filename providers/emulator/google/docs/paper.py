"""What Drive asks of documents: a blank one, and what is taken in and given out."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

from providers.emulator.google.docs import marks, model
from providers.emulator.google.drive.model import DOC
from providers.emulator.google.drive.office import docx, pdf
from providers.emulator.google.drive.paper import Paper

Json = dict[str, Any]
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def _lines(body: Json) -> list[str]:
    return marks.to_text(body).split("\n")


def _html(data: bytes) -> Json:
    text = re.sub(r"(?i)<(br|/p|/h[1-6]|/li|/tr)[^>]*>", "\n", data.decode())
    return marks.from_text(unescape(re.sub(r"<[^>]*>", "", text)))


PAPER = Paper(
    kind=DOC,
    blank=model.document,
    imports={
        "text/html": _html,
        "text/markdown": lambda data: marks.from_markdown(data.decode("utf-8-sig")),
        "text/plain": lambda data: marks.from_text(data.decode("utf-8-sig")),
    },
    exports={
        "application/pdf": lambda body: pdf(_lines(body)),
        "text/html": lambda body: marks.to_html(body).encode(),
        "text/markdown": lambda body: marks.to_markdown(body).encode(),
        "text/plain": lambda body: b"\xef\xbb\xbf" + "\r\n".join(_lines(body)).encode(),
        DOCX: lambda body: docx(_lines(body)),
    },
    words=marks.to_text,
)
